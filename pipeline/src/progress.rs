//! Progress bars: drawn on a terminal, silent elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `total` items with rate and remaining time. `indicatif` draws on standard error,
/// and only where that is a terminal.
pub fn bar(total: u64, label: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:10} {wide_bar} {human_pos}/{human_len} {per_sec} eta {eta}");
    let bar = ProgressBar::new(total).with_message(label);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
