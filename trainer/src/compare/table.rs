//! The comparison of runs, row by row.

use serde_json::{Value, json};

use super::Entry;
use crate::engine::network::Network;
use crate::eval::record::Score;

/// Letters of the first column.
const NAMES: usize = 26;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it tells.
    pub name: String,
    /// The value of each run.
    pub values: Vec<String>,
    /// The runs whose value is best; none where no value is better than another.
    pub best: Vec<usize>,
}

/// Which of two values is better.
#[derive(Clone, Copy, PartialEq)]
enum Better {
    Lower,
    Higher,
    Neither,
}

/// How far each run is, the settings that differ, and the scores of those that were measured.
pub fn rows(entries: &[Entry], scores: &[Option<&Score>]) -> Vec<Row> {
    let mut rows = vec![
        plain("steps", entries, |entry| entry.trained.state.step.to_string()),
        plain("images seen", entries, |entry| {
            (entry.trained.state.step * entry.trained.file.config.batch as u64).to_string()
        }),
        plain("minutes trained", entries, |entry| {
            format!("{:.1}", entry.trained.state.seconds / 60.0)
        }),
        plain("heads trained on", entries, |entry| {
            entry.trained.file.heads.to_string()
        }),
        plain("M parameters of G / D", entries, |entry| {
            let millions = |network: &Network| network.plan.parameter_count() as f64 / 1e6;
            let (g, d) = (&entry.trained.generator, &entry.trained.gan.discriminator);
            format!("{:.2} / {:.2}", millions(g), millions(d))
        }),
    ];
    rows.extend(settings(entries));
    if scores.iter().any(Option::is_some) {
        rows.extend(measured(scores));
    }
    rows
}

fn plain(name: &str, entries: &[Entry], value: impl Fn(&Entry) -> String) -> Row {
    Row {
        name: name.into(),
        values: entries.iter().map(value).collect(),
        best: Vec::new(),
    }
}

/// The settings in which the runs differ.
fn settings(entries: &[Entry]) -> Vec<Row> {
    let config = |entry: &Entry| serde_json::to_value(&entry.trained.file.config).unwrap_or_default();
    let configs: Vec<Value> = entries.iter().map(config).collect();
    let Some(keys) = configs.first().and_then(Value::as_object).map(|config| config.keys()) else {
        return Vec::new();
    };
    let word = |value: &Value| {
        value
            .to_string()
            .replace(['"', '[', ']', '{', '}'], "")
            .replace(',', " ")
    };
    let differing = keys.filter(|key| configs.iter().any(|config| config[*key] != configs[0][*key]));
    differing
        .map(|key| Row {
            name: key.replace('_', " "),
            values: configs.iter().map(|config| word(&config[key])).collect(),
            best: Vec::new(),
        })
        .collect()
}

/// The scores.
fn measured(scores: &[Option<&Score>]) -> Vec<Row> {
    use Better::{Higher, Lower, Neither};
    let row = |name: &str, better: Better, value: &dyn Fn(&Score) -> Option<f64>, digits: usize| {
        let values: Vec<Option<f64>> = scores.iter().map(|score| score.and_then(value)).collect();
        Row {
            name: name.into(),
            values: values
                .iter()
                .map(|value| value.map_or("-".into(), |value| format!("{value:.digits$}")))
                .collect(),
            best: best(&values, better),
        }
    };
    let mut kid = row("KID x 1000", Lower, &|score| Some(1000.0 * score.kid.value), 1);
    for (text, score) in kid.values.iter_mut().zip(scores) {
        if let Some(score) = score {
            text.push_str(&format!(" +- {:.1}", 1000.0 * score.kid.error));
        }
    }
    vec![
        row("measured at step", Neither, &|score| Some(score.step as f64), 0),
        kid,
        apart(scores),
        row("FID", Lower, &|score| Some(score.fid), 1),
        row("precision", Higher, &|score| Some(score.neighbourhoods.precision), 3),
        row("recall", Higher, &|score| Some(score.neighbourhoods.recall), 3),
        row("density", Higher, &|score| Some(score.neighbourhoods.density), 3),
        row("coverage", Higher, &|score| Some(score.neighbourhoods.coverage), 3),
        row("faces found (AFD)", Higher, &|score| Some(score.faces.found), 3),
        row("AFD of reals", Neither, &|score| Some(score.faces_of_reals.found), 3),
        row("eye colour distance", Neither, &|score| score.faces.eye_distance, 1),
        row("eyes of two colours", Neither, &|score| score.faces.two_coloured, 3),
        row(
            "nearest training head",
            Neither,
            &|score| Some(score.memorisation?.ratio()),
            2,
        ),
        row(
            "closer than reals' 1 %",
            Lower,
            &|score| Some(score.memorisation?.copies),
            3,
        ),
        row(
            "D(training) - D(unseen)",
            Neither,
            &|score| score.discriminator_scores.map(|scores| scores.trained - scores.unseen),
            3,
        ),
    ]
}

/// The distance of each KID from the first one, over the root of the sum of both squared errors.
fn apart(scores: &[Option<&Score>]) -> Row {
    let first = scores.iter().flatten().next();
    let value = |score: &Option<&Score>| {
        let (first, score) = (first?.kid, (*score)?.kid);
        (first != score).then(|| (score.value - first.value) / first.error.hypot(score.error))
    };
    Row {
        name: "KID off, std errors".into(),
        values: scores
            .iter()
            .map(|score| value(score).map_or("-".into(), |errors| format!("{errors:+.1}")))
            .collect(),
        best: Vec::new(),
    }
}

fn best(values: &[Option<f64>], better: Better) -> Vec<usize> {
    let known = || values.iter().flatten();
    let wanted = match better {
        Better::Lower => known().copied().reduce(f64::min),
        Better::Higher => known().copied().reduce(f64::max),
        Better::Neither => None,
    };
    match wanted {
        Some(wanted) if known().any(|value| *value != wanted) => (0..values.len())
            .filter(|place| values[*place] == Some(wanted))
            .collect(),
        _ => Vec::new(),
    }
}

/// The table for a terminal; it is Markdown as well. Best values carry a star.
pub fn text(entries: &[Entry], rows: &[Row]) -> String {
    let cell = |row: &Row, place: usize| match row.best.contains(&place) {
        true => format!("{} *", row.values[place]),
        false => row.values[place].clone(),
    };
    let widths: Vec<usize> = (0..entries.len())
        .map(|place| {
            let cells = rows.iter().map(|row| cell(row, place).len());
            cells.chain([entries[place].name.len()]).max().unwrap_or(0)
        })
        .collect();
    let line = |name: &str, cells: Vec<String>| {
        let cells = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!(" {cell:>width$} |"));
        format!("| {name:NAMES$} |{}\n", cells.collect::<String>())
    };
    let mut text = line("", entries.iter().map(|entry| entry.name.clone()).collect());
    text.push_str(&format!("|{}|", "-".repeat(NAMES + 2)));
    text.extend(widths.iter().map(|width| format!("{}:|", "-".repeat(width + 1))));
    text.push('\n');
    for row in rows {
        text.push_str(&line(
            &row.name,
            (0..entries.len()).map(|place| cell(row, place)).collect(),
        ));
    }
    text
}

/// The same as one object a run.
pub fn json(entries: &[Entry], rows: &[Row]) -> Value {
    let of = |place: usize| {
        let cells = rows.iter().map(|row| (row.name.clone(), json!(row.values[place])));
        cells.collect::<serde_json::Map<_, _>>()
    };
    let runs = entries.iter().enumerate();
    Value::Object(
        runs.map(|(place, entry)| (entry.name.clone(), Value::Object(of(place))))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_value_is_marked_and_equal_ones_are_not() {
        assert_eq!(best(&[Some(3.0), None, Some(1.0), Some(1.0)], Better::Lower), [2, 3]);
        assert_eq!(best(&[Some(3.0), Some(1.0)], Better::Higher), [0]);
        assert!(best(&[Some(3.0), Some(3.0)], Better::Higher).is_empty());
        assert!(best(&[Some(3.0), Some(1.0)], Better::Neither).is_empty());
    }
}
