//! The page: one file that needs nothing beside it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use dataset::manifest::FunnelStep;
use serde_json::json;

use super::chart;
use super::gather::{Bins, Cell, Figures};
use super::html::{escape, grouped, percent, script_json};
use super::tiles::{Tile, gallery};
use crate::catalog::samples::Shown;

/// A gallery of the page.
pub(super) struct Section<'run> {
    pub(super) title: String,
    pub(super) about: String,
    pub(super) sheets: Vec<String>,
    pub(super) tiles: Vec<Tile<'run>>,
}

/// What the page says beside its figures.
pub(super) struct Words {
    /// The filters, one each; empty where all posts count.
    pub(super) filters: Vec<String>,
    /// What the current settings are, as text.
    pub(super) settings: BTreeMap<String, String>,
}

/// Steps of the funnel that are drawn as its main line, with their words.
const STEPS: [(&str, &str); 7] = [
    ("posts", "posts listed"),
    ("posts selected", "posts after filters"),
    ("pictures stored", "pictures stored"),
    ("pictures looked at", "pictures looked at"),
    ("pictures with a face", "pictures with a face"),
    ("heads", "heads cut"),
    ("accepted", "heads accepted"),
];

/// The whole page.
pub(super) fn page(
    figures: &Figures,
    words: &Words,
    sections: &[Section<'_>],
    shown: &HashMap<String, Shown>,
) -> anyhow::Result<String> {
    let mut body = String::new();
    header(&mut body, figures, words);
    funnel(&mut body, figures);
    charts(&mut body, figures);
    years(&mut body, figures);
    for (number, section) in sections.iter().enumerate() {
        let _ = write!(
            body,
            "<section id=\"gallery{number}\"><h2>{}</h2><p class=\"about\">{} {}</p>{}</section>",
            escape(&section.title),
            escape(&section.about),
            links(&section.sheets),
            gallery(&section.tiles, shown)?
        );
    }
    settings(&mut body, words);
    let navigation: String = sections
        .iter()
        .enumerate()
        .map(|(number, section)| format!("<a href=\"#gallery{number}\">{}</a>", escape(&section.title)))
        .collect();
    Ok(include_str!("page.html")
        .replace("{{style}}", web::STYLE)
        .replace("{{script}}", include_str!("script.js"))
        .replace("{{data}}", &script_json(&data(figures)))
        .replace("{{navigation}}", &navigation)
        // Last, since it holds texts of others.
        .replace("{{body}}", &body))
}

/// To the contact sheets, which lie beside the page.
fn links(sheets: &[String]) -> String {
    let link = |name: &String| format!("<a href=\"{0}\">{0}</a>", escape(name));
    sheets.iter().map(link).collect::<Vec<_>>().join(" ")
}

fn count(steps: &[FunnelStep], word: &str) -> u64 {
    steps.iter().find(|step| step.step == word).map_or(0, |step| step.count)
}

fn header(body: &mut String, figures: &Figures, words: &Words) {
    let (heads, accepted) = (count(&figures.funnel, "heads"), count(&figures.funnel, "accepted"));
    let filters = match words.filters.is_empty() {
        true => "all posts".into(),
        false => words
            .filters
            .iter()
            .map(|line| format!("<code>{}</code>", escape(line)))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let _ = write!(
        body,
        "<header><h1>Heads: what was found, kept and refused</h1><p class=\"about\">Of {filters}.</p><ul class=\"figures\">\
         <li><b>{}</b><span>posts</span></li><li><b>{}</b><span>pictures stored</span></li>\
         <li><b>{}</b><span>heads cut</span></li><li class=\"accent\"><b>{}</b><span>accepted ({} of heads)</span></li></ul></header>",
        grouped(count(&figures.funnel, "posts selected")),
        grouped(count(&figures.funnel, "pictures stored")),
        grouped(heads),
        grouped(accepted),
        percent(accepted, heads),
    );
}

fn funnel(body: &mut String, figures: &Figures) {
    let most = STEPS
        .iter()
        .map(|(word, _)| count(&figures.funnel, word))
        .max()
        .unwrap_or(0)
        .max(1);
    body.push_str("<section id=\"funnel\"><h2>Funnel</h2><div class=\"scroll\"><table class=\"bars\"><thead><tr><th>step</th><th>left</th><th>of the step before</th><th></th></tr></thead><tbody>");
    let mut before = None;
    let row = |body: &mut String, class: &str, label: &str, number: u64, of: Option<u64>| {
        let _ = write!(
            body,
            "<tr class=\"{class}\"><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"bar\"><i style=\"width:{:.2}%\"></i></td></tr>",
            escape(label),
            grouped(number),
            of.map_or(String::new(), |of| percent(number, of)),
            100.0 * number as f64 / most as f64
        );
    };
    for (word, label) in STEPS {
        let number = count(&figures.funnel, word);
        if word == "accepted" {
            let heads = count(&figures.funnel, "heads");
            for step in &figures.funnel {
                if let Some(reason) = step.step.strip_prefix("refused: ") {
                    row(body, "out", &format!("refused: {reason}"), step.count, Some(heads));
                }
            }
            let twins = count(&figures.funnel, "passed every filter").saturating_sub(number);
            if twins > 0 {
                row(body, "out", "set aside: duplicates and caps", twins, Some(heads));
            }
        }
        row(body, "step", label, number, before);
        before = Some(number);
    }
    body.push_str("</tbody></table></div>");
    by_source(body, figures);
    body.push_str("</section>");
}

fn by_source(body: &mut String, figures: &Figures) {
    if figures.funnels.len() < 2 {
        return;
    }
    body.push_str("<h3>By source</h3><div class=\"scroll\"><table><thead><tr><th>source</th>");
    for (_, label) in STEPS {
        let _ = write!(body, "<th>{label}</th>");
    }
    body.push_str("</tr></thead><tbody>");
    for (source, steps) in &figures.funnels {
        let _ = write!(body, "<tr><th scope=\"row\">{}</th>", escape(source));
        for (word, _) in STEPS {
            let _ = write!(body, "<td>{}</td>", grouped(count(steps, word)));
        }
        body.push_str("</tr>");
    }
    body.push_str("</tbody></table></div>");
}

/// The sum over all sources and years.
fn total(counts: &BTreeMap<super::gather::Origin, Bins>, bins: usize) -> Bins {
    let mut sum: Bins = vec![[0; 2]; bins];
    for found in counts.values() {
        for (into, [accepted, refused]) in sum.iter_mut().zip(found) {
            into[0] += accepted;
            into[1] += refused;
        }
    }
    sum
}

fn charts(body: &mut String, figures: &Figures) {
    let options = |words: Vec<String>| -> String {
        words
            .iter()
            .map(|word| format!("<option value=\"{0}\">{0}</option>", escape(word)))
            .collect()
    };
    let mut sources: Vec<String> = figures.cells.keys().map(|(source, _)| source.clone()).collect();
    sources.dedup();
    let mut years: Vec<String> = figures.cells.keys().map(|(_, year)| year.to_string()).collect();
    years.sort_unstable();
    years.dedup();
    let _ = write!(
        body,
        "<section id=\"charts\"><h2>Heads by value</h2><p class=\"about\">Each head once for each post that shows it. \
         <span class=\"key accepted\"></span> accepted <span class=\"key refused\"></span> refused</p>\
         <p class=\"controls\"><label>source <select id=\"source\"><option value=\"\">all</option>{}</select></label> \
         <label>year <select id=\"year\"><option value=\"\">all</option>{}</select></label></p><div class=\"charts\">",
        options(sources),
        options(years)
    );
    for (scale, counts) in figures
        .scales
        .iter()
        .zip(&figures.counts)
        .filter(|(_, counts)| !counts.is_empty())
    {
        let _ = write!(
            body,
            "<figure><figcaption><b>{}</b> <span>{}{}</span></figcaption>{}</figure>",
            escape(scale.title),
            escape(&scale.about),
            spread(figures, scale.key),
            chart::histogram(scale, &total(counts, scale.edges.len()))
        );
    }
    body.push_str("</div></section>");
}

/// Mean and deviation of the charts of places, which are the same for all origins.
fn spread(figures: &Figures, key: &str) -> String {
    let at = ["across", "down", "size"].iter().position(|known| *known == key);
    at.map_or(String::new(), |at| {
        let place = &figures.places[at];
        format!("; accepted {:.4} ± {:.4}", place.mean(), place.deviation())
    })
}

fn years(body: &mut String, figures: &Figures) {
    let mut sources: Vec<&str> = figures.cells.keys().map(|(source, _)| source.as_str()).collect();
    sources.dedup();
    body.push_str("<section id=\"years\"><h2>Years of upload</h2><div class=\"scroll\"><table><thead><tr><th>source</th><th>year</th><th>posts</th><th>stored</th><th>heads</th><th>accepted</th><th>of heads</th><th></th></tr></thead><tbody>");
    let most = figures
        .cells
        .values()
        .map(|cell| cell.accepted)
        .max()
        .unwrap_or(0)
        .max(1);
    for ((source, year), cell) in &figures.cells {
        let Cell {
            posts,
            stored,
            heads,
            accepted,
        } = *cell;
        let _ = write!(
            body,
            "<tr><th scope=\"row\">{}</th><td>{year}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"bar\"><i style=\"width:{:.2}%\"></i></td></tr>",
            escape(source),
            grouped(posts),
            grouped(stored),
            grouped(heads),
            grouped(accepted),
            percent(accepted, heads),
            100.0 * accepted as f64 / most as f64
        );
    }
    body.push_str("</tbody></table></div></section>");
}

fn settings(body: &mut String, words: &Words) {
    body.push_str("<section id=\"settings\"><h2>Settings</h2><dl>");
    for (key, value) in &words.settings {
        let _ = write!(body, "<div><dt>{}</dt><dd>{}</dd></div>", escape(key), escape(value));
    }
    body.push_str("</dl></section>");
}

/// The counts for the page's script: for each chart its labels and, by `source|year`, its bins.
fn data(figures: &Figures) -> serde_json::Value {
    let charts = figures.scales.iter().zip(&figures.counts).map(|(scale, counts)| {
        let by_origin: serde_json::Map<String, serde_json::Value> = counts
            .iter()
            .map(|((source, year), bins)| (format!("{source}|{year}"), json!(bins)))
            .collect();
        let ranges: Vec<String> = (0..scale.edges.len()).map(|bin| scale.range(bin)).collect();
        (scale.key.to_string(), json!({"ranges": ranges, "bins": by_origin}))
    });
    serde_json::Value::Object(charts.collect())
}
