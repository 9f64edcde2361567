//! Heads, each with what was found of its picture and face before.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use dataset::{ManifestRow, Split};

use super::super::Catalog;
use super::super::binds::Binds;
use super::super::scan::{Cells, scan};
use super::super::splits::Groups;
use super::pictures::{Looked, Pictures};
use super::verdicts::{FaceKey, Passed, Verdict, Verdicts};
use crate::digests::Digests;

/// A head of a selected picture that passed every filter of single heads.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Which picture, as [`super::Post`] has it.
    pub picture: u32,
    /// What the manifest says of it; the post's part of the row is empty, and the split not yet found.
    pub row: ManifestRow,
    /// How good a copy it is, as `heads.detail`.
    pub detail: f64,
    /// Whether it was kept by hand.
    pub kept: bool,
    /// Whether it is above the number allowed of its picture or artist: it is none to freeze, and neither
    /// is a copy of it.
    pub capped: bool,
    /// The split of its group of several heads, where one of them has one.
    pub group_split: Option<Split>,
}

/// What is known before the heads are read.
pub(super) struct Table {
    pub(super) pictures: Arc<Pictures>,
    /// By picture.
    pub(super) selected: Vec<bool>,
    /// By picture.
    pub(super) looked: Vec<Looked>,
    pub(super) verdicts: Verdicts,
    pub(super) groups: Groups,
}

/// How many heads there are.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) unjudged: u64,
    /// By the reason of refusal, empty for those that passed.
    pub(super) judged: BTreeMap<String, u64>,
}

/// Tells every selected head that passed. Counts all of the selected pictures.
pub(super) async fn each<State: Send + 'static>(
    catalog: &Catalog,
    digests: &Digests,
    table: Table,
    state: State,
    mut take: impl FnMut(&mut State, Head) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<(Counts, State)> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT image, detector, ordinal, head, pixels, side, sharpness, perceptual, detail FROM heads WHERE {}",
        FaceKey::condition(digests, &mut binds)
    );
    let told = scan(
        catalog,
        sql,
        binds,
        (Counts::default(), state),
        move |(counts, state), cells| {
            let Some(key) = table.current(cells)? else {
                return Ok(());
            };
            match table.verdicts.of.get(&key) {
                None => counts.unjudged += 1,
                Some(Verdict::Refused(reason)) => table.count(counts, *reason),
                Some(Verdict::Passed(passed)) => {
                    let passed = &table.verdicts.passed[*passed as usize];
                    table.count(counts, passed.reason);
                    if let Some(face) = passed.face {
                        take(state, table.head(key, passed, face, cells)?)?;
                    }
                }
            }
            Ok(())
        },
    );
    told.await.context("cannot read the heads")
}

impl Table {
    /// Which head of a selected picture a row is. A picture that was imported as a head is that head alone,
    /// whatever a detector sees in it.
    fn current(&self, cells: &Cells<'_>) -> anyhow::Result<Option<FaceKey>> {
        let key = FaceKey::of(cells, &self.pictures)?;
        Ok(key.filter(|key| {
            let picture = key.picture as usize;
            self.selected[picture] && (key.given || !self.looked[picture].given)
        }))
    }

    fn count(&self, counts: &mut Counts, reason: u16) {
        let reason = &self.verdicts.reasons[usize::from(reason)];
        match counts.judged.get_mut(reason) {
            Some(count) => *count += 1,
            None => drop(counts.judged.insert(reason.clone(), 1)),
        }
    }

    fn head(&self, key: FaceKey, passed: &Passed, face: [f64; 5], cells: &Cells<'_>) -> anyhow::Result<Head> {
        let [x0, y0, x1, y1, score] = face;
        let (image_width, image_height) = self.pictures.sizes[key.picture as usize];
        let pixels = cells.text(4)?;
        let group = self.groups.of(pixels);
        let row = ManifestRow {
            image: cells.text(0)?.to_string(),
            image_width,
            image_height,
            detector: cells.text(1)?.to_string(),
            ordinal: key.ordinal,
            x0,
            y0,
            x1,
            y1,
            score,
            head: cells.text(3)?.to_string(),
            pixels: pixels.to_string(),
            side: cells.number(5)?,
            sharpness: cells.real(6)?,
            perceptual: Some(cells.text(7)?.to_string()).filter(|hash| !hash.is_empty()),
            duplicate_group: group.to_string(),
            ..ManifestRow::default()
        };
        Ok(Head {
            picture: key.picture,
            group_split: self.groups.split(group),
            detail: cells.real(8)?,
            kept: passed.kept,
            capped: passed.capped,
            row,
        })
    }
}
