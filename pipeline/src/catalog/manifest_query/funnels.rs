//! How many posts, pictures and heads were left on the way to the heads that passed.

use std::collections::BTreeMap;

use anyhow::Context;
use dataset::manifest::FunnelStep;

use super::super::Catalog;
use super::super::binds::Binds;
use super::super::verdicts::DUPLICATE;
use super::heads::Reasons;
use crate::selection::Selection;

/// What detectors have said of a picture.
#[derive(Clone, Copy, Default)]
pub(super) struct Detected {
    /// The current one or a hand has seen it, or it was imported as a head.
    pub(super) at_all: bool,
    /// There is a face in it.
    pub(super) face: bool,
    /// It was imported as a head.
    pub(super) given: bool,
}

/// What is counted of all tables, read once, so that the funnel of each source comes of it.
pub struct Funnels {
    /// Posts of each source, and how many of them are selected.
    pub(super) posts: BTreeMap<String, [u64; 2]>,
    /// The stored pictures of the selected posts of each source; several posts may show one.
    pub(super) shown: BTreeMap<String, Vec<u32>>,
    /// By picture.
    pub(super) detected: Vec<Detected>,
    pub(super) reasons: Reasons,
}

impl Funnels {
    /// The sources that have a selected post.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let selected = self.posts.iter().filter(|(_, [_, selected])| *selected > 0);
        selected.map(|(source, _)| source.as_str())
    }

    /// How many were left after each step, up to the filters' verdicts, and how many heads are accepted in the
    /// end; of one source, or of all.
    pub fn of(&self, source: Option<&str>) -> (Vec<FunnelStep>, u64) {
        let posts = |which: usize| -> u64 {
            let counts = self
                .posts
                .iter()
                .filter(|(of, _)| source.is_none_or(|source| source == *of));
            counts.map(|(_, counts)| counts[which]).sum()
        };
        let selected = self.selected(source);
        let pictures = |passes: fn(&Detected) -> bool| {
            let selected = selected.iter().zip(&self.detected).filter(|(selected, _)| **selected);
            selected.filter(|(_, detected)| passes(detected)).count() as u64
        };
        let mut steps = vec![
            FunnelStep::new("posts", posts(0)),
            FunnelStep::new("posts selected", posts(1)),
            FunnelStep::new("pictures stored", pictures(|_| true)),
            FunnelStep::new("pictures looked at", pictures(|detected| detected.at_all)),
            FunnelStep::new("pictures with a face", pictures(|detected| detected.face)),
        ];
        let (undecided, mut decided) = self.reasons.count(|picture, given| self.has(&selected, picture, given));
        steps.push(FunnelStep::new("heads", undecided + decided.values().sum::<u64>()));
        let [accepted, duplicates] = ["", DUPLICATE].map(|word| decided.remove(word).unwrap_or(0));
        let refused = decided.iter().rev();
        steps.extend(refused.map(|(reason, count)| FunnelStep::new(&format!("refused: {reason}"), *count)));
        if accepted + duplicates > 0 {
            steps.push(FunnelStep::new("passed every filter", accepted + duplicates));
        }
        (steps, accepted)
    }

    /// By picture, whether a selected post shows it.
    pub(super) fn selected(&self, source: Option<&str>) -> Vec<bool> {
        let mut selected = vec![false; self.detected.len()];
        for (of, pictures) in &self.shown {
            if source.is_none_or(|source| source == of) {
                pictures.iter().for_each(|picture| selected[*picture as usize] = true);
            }
        }
        selected
    }

    /// Whether a head counts, by its picture and whether it was imported: a picture that was imported as a head is
    /// that head alone, whatever a detector sees in it.
    pub(super) fn has(&self, selected: &[bool], picture: u32, given: bool) -> bool {
        selected[picture as usize] && (given || !self.detected[picture as usize].given)
    }
}

/// Posts of each source, and how many of them are selected.
pub(super) async fn count_posts(
    catalog: &Catalog,
    selection: &Selection,
) -> anyhow::Result<BTreeMap<String, [u64; 2]>> {
    let everything = Selection {
        source: selection.source.clone(),
        ..Selection::default()
    };
    let mut counts: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (which, selection) in [&everything, selection].into_iter().enumerate() {
        let mut binds = Binds::default();
        let posts = binds.posts(selection);
        let sql = format!("SELECT p.source, COUNT(*) FROM posts AS p WHERE {posts} GROUP BY p.source");
        let rows: Vec<(String, i64)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot count the posts")?;
        for (source, count) in rows {
            counts.entry(source).or_default()[which] = count.unsigned_abs();
        }
    }
    Ok(counts)
}
