//! A difference in numbers, as text and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use dataset::ManifestRow;
use dataset::manifest::{Change, ManifestBody, Opened};
use serde::Serialize;
use serde_json::json;

/// Digits of a head's hash that name it to people.
const SHORT: usize = 10;

/// One of the two versions.
#[derive(Debug, Serialize)]
struct Version {
    name: String,
    id: String,
    rows: u64,
}

/// Rows by reason.
#[derive(Debug, Default, Serialize)]
struct Counted {
    rows: u64,
    reasons: BTreeMap<String, u64>,
}

impl Counted {
    fn add(&mut self, reason: String) {
        self.rows += 1;
        *self.reasons.entry(reason).or_default() += 1;
    }
}

/// A setting or count that differs; none where a version has none.
#[derive(Debug, PartialEq, Serialize)]
struct Differs<T> {
    what: String,
    before: Option<T>,
    after: Option<T>,
}

/// All that changed.
#[derive(Debug, Serialize)]
pub struct Report {
    before: Version,
    after: Version,
    /// Rows that are the same in both.
    pub same: u64,
    added: Counted,
    removed: Counted,
    /// Rows in both, by the columns that differ.
    changed: Counted,
    /// Of the changed: rows of another split. A group never moves, so there is none between versions of
    /// one catalog.
    other_split: u64,
    settings: Vec<Differs<String>>,
    funnel: Vec<Differs<u64>>,
}

impl Report {
    pub(super) fn of(before: &Opened, after: &Opened) -> Self {
        let version = |opened: &Opened| Version {
            name: opened.name.clone(),
            id: opened.id.clone(),
            rows: opened.rows,
        };
        Self {
            before: version(before),
            after: version(after),
            same: 0,
            added: Counted::default(),
            removed: Counted::default(),
            changed: Counted::default(),
            other_split: 0,
            settings: differing(&settings(&before.body), &settings(&after.body)),
            funnel: differing(&funnel(&before.body), &funnel(&after.body)),
        }
    }

    pub(super) fn count(&mut self, change: &Change, reason: String) {
        match change {
            Change::Added(_) => self.added.add(reason),
            Change::Removed(_) => self.removed.add(reason),
            Change::Changed(rows) => {
                self.other_split += u64::from(rows.0.split != rows.1.split);
                self.changed.add(reason);
            }
        }
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut lines = vec![format!(
            "{} ({} rows) -> {} ({} rows): {} the same",
            self.before.name, self.before.rows, self.after.name, self.after.rows, self.same
        )];
        for (word, counted) in [
            ("added", &self.added),
            ("removed", &self.removed),
            ("changed", &self.changed),
        ] {
            lines.push(format!("{word:<10} {:>9}", counted.rows));
            let reasons = counted
                .reasons
                .iter()
                .map(|(reason, rows)| format!("  {rows:>9}  {reason}"));
            lines.extend(reasons);
        }
        if self.other_split > 0 {
            lines.push(format!("{} rows moved between train and validation", self.other_split));
        }
        if !self.settings.is_empty() {
            lines.push("settings".into());
            lines.extend(self.settings.iter().map(|differs| differs.line()));
        }
        if !self.funnel.is_empty() {
            lines.push("funnel".into());
            lines.extend(self.funnel.iter().map(|differs| differs.line()));
        }
        lines.join("\n")
    }
}

impl<T: ToString> Differs<T> {
    fn line(&self) -> String {
        let shown = |value: &Option<T>| value.as_ref().map_or("-".into(), T::to_string);
        format!("  {}: {} -> {}", self.what, shown(&self.before), shown(&self.after))
    }
}

/// One row as a line.
pub(super) fn row(change: &Change, reason: &str, as_json: bool) -> String {
    let (word, sign, row): (_, _, &ManifestRow) = match change {
        Change::Added(row) => ("added", '+', row),
        Change::Removed(row) => ("removed", '-', row),
        Change::Changed(rows) => ("changed", '~', &rows.1),
    };
    if as_json {
        return json!({"change": word, "reason": reason, "row": row}).to_string();
    }
    let head = row.head.get(..SHORT).unwrap_or(&row.head);
    format!(
        "{sign} {head} {}/{} page {} face {}: {reason}",
        row.source, row.post, row.page, row.ordinal
    )
}

/// All that a body says but counts, in order.
fn settings(body: &ManifestBody) -> Vec<(String, String)> {
    let mut settings = vec![
        ("sources".to_string(), body.sources.join(", ")),
        ("filters".to_string(), body.filters.join(" ")),
        ("detectors".to_string(), body.detectors.join(", ")),
        ("crop rule".to_string(), body.crop.clone()),
        ("policy".to_string(), body.policy.clone()),
        ("split seed".to_string(), body.split.seed.to_string()),
        ("validation share".to_string(), body.split.validation.to_string()),
    ];
    settings.extend(
        body.popularity
            .iter()
            .map(|(source, likes)| (format!("likes of {source}"), likes.clone())),
    );
    settings.extend(body.settings.clone());
    settings
}

fn funnel(body: &ManifestBody) -> Vec<(String, u64)> {
    body.funnel.iter().map(|step| (step.step.clone(), step.count)).collect()
}

/// What differs, in the order of the first list, then of the second.
fn differing<T: Clone + PartialEq>(before: &[(String, T)], after: &[(String, T)]) -> Vec<Differs<T>> {
    let find = |list: &[(String, T)], what: &str| {
        let found = list.iter().find(|(key, _)| key == what);
        found.map(|(_, value)| value.clone())
    };
    let mut seen = BTreeSet::new();
    let keys = before
        .iter()
        .chain(after)
        .map(|(key, _)| key)
        .filter(|key| seen.insert(*key));
    keys.map(|what| Differs {
        what: what.clone(),
        before: find(before, what),
        after: find(after, what),
    })
    .filter(|differs| differs.before != differs.after)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_has_differs_too() {
        let list = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
            pairs.iter().map(|(key, value)| (key.to_string(), *value)).collect()
        };
        let lines: Vec<String> = differing(
            &list(&[("a", 1), ("b", 2), ("c", 3)]),
            &list(&[("b", 2), ("c", 4), ("d", 5)]),
        )
        .iter()
        .map(Differs::line)
        .collect();
        assert_eq!(lines, ["  a: 1 -> -", "  c: 3 -> 4", "  d: - -> 5"]);
    }
}
