//! Bars as SVG: drawn once for all heads; the page's script redraws them for a source or year.

use std::fmt::Write;

use super::gather::Bins;
use super::histogram::Scale;
use super::html::{escape, grouped};

/// Size of a chart in its own units.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 150.0;
/// Room under the bars for labels.
const FOOT: f64 = 22.0;

/// A histogram of accepted heads on refused ones.
pub(super) fn histogram(scale: &Scale, bins: &Bins) -> String {
    let count = scale.edges.len();
    let step = WIDTH / count as f64;
    let most = bins
        .iter()
        .map(|[accepted, refused]| accepted + refused)
        .max()
        .unwrap_or(0)
        .max(1);
    let total: u64 = bins.iter().flatten().sum();
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}: {} heads in {count} bins\" data-chart=\"{}\">",
        HEIGHT + FOOT,
        escape(scale.title),
        grouped(total),
        scale.key
    );
    for (bin, [accepted, refused]) in bins.iter().enumerate() {
        let height = |heads: u64| HEIGHT * heads as f64 / most as f64;
        let (low, high) = (height(*accepted), height(*refused));
        let x = bin as f64 * step + step * 0.08;
        let title = format!(
            "{}: {} accepted, {} refused",
            scale.range(bin),
            grouped(*accepted),
            grouped(*refused)
        );
        let _ = write!(
            svg,
            "<g><title>{}</title><rect class=\"hit\" x=\"{:.1}\" y=\"0\" width=\"{step:.1}\" height=\"{HEIGHT}\"/>\
             <rect class=\"refused\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{high:.1}\"/>\
             <rect class=\"accepted\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{low:.1}\"/></g>",
            escape(&title),
            bin as f64 * step,
            HEIGHT - low - high,
            step * 0.84,
            HEIGHT - low,
            step * 0.84
        );
    }
    let _ = write!(
        svg,
        "<line class=\"axis\" x1=\"0\" y1=\"{HEIGHT}\" x2=\"{WIDTH}\" y2=\"{HEIGHT}\"/>"
    );
    // As many labels as fit side by side.
    let every = count.div_ceil(8).max(1);
    for bin in (0..count).step_by(every) {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\">{}</text>",
            bin as f64 * step + step * 0.08,
            HEIGHT + 16.0,
            escape(&scale.label(bin))
        );
    }
    svg.push_str("</svg>");
    svg
}
