//! The verdicts under a policy, with the faces of the heads that passed.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;

use super::super::Catalog;
use super::super::binds::Binds;
use super::super::detections::GIVEN;
use super::super::scan::{Cells, scan};
use super::super::verdicts::{DUPLICATE, PER_ARTIST, PER_PICTURE, of_policy};
use super::pictures::Pictures;
use crate::digests::Digests;

/// A face of a picture, and so its head: of the current detector under the current crop rule, or imported.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FaceKey {
    pub(super) picture: u32,
    pub(super) given: bool,
    pub(super) ordinal: i64,
}

impl FaceKey {
    /// Of a row that begins with picture, detector and ordinal; none where the picture is not stored.
    pub(super) fn of(cells: &Cells<'_>, pictures: &Pictures) -> anyhow::Result<Option<Self>> {
        let Some(picture) = pictures.number(cells.text(0)?) else {
            return Ok(None);
        };
        Ok(Some(Self {
            picture,
            given: cells.text(1)? == GIVEN,
            ordinal: cells.number(2)?,
        }))
    }

    /// The condition on the detector and the crop rule of a row.
    pub(super) fn condition(digests: &Digests, binds: &mut Binds) -> String {
        let (detector, crop) = (binds.text(&digests.detector), binds.text(&digests.crop));
        let given = binds.text(GIVEN);
        format!("(detector = {given} OR (detector = {detector} AND crop = {crop}))")
    }
}

/// What was decided of a head.
pub(super) enum Verdict {
    /// A number of [`Verdicts::reasons`].
    Refused(u16),
    /// A number of [`Verdicts::passed`].
    Passed(u32),
}

/// A head that passed every filter of single heads.
pub(super) struct Passed {
    /// A number of [`Verdicts::reasons`].
    pub(super) reason: u16,
    /// Above the number allowed of its picture or artist.
    pub(super) capped: bool,
    /// Kept by hand.
    pub(super) kept: bool,
    /// Edges and score.
    pub(super) face: Option<[f64; 5]>,
}

#[derive(Default)]
pub(super) struct Verdicts {
    pub(super) of: HashMap<FaceKey, Verdict>,
    /// Why heads were refused; empty for those that were not, duplicates among them.
    pub(super) reasons: Vec<String>,
    pub(super) passed: Vec<Passed>,
}

impl Verdicts {
    pub(super) async fn load(catalog: &Catalog, digests: &Digests, pictures: Arc<Pictures>) -> anyhow::Result<Self> {
        let mut binds = Binds::default();
        let (current, policy) = (FaceKey::condition(digests, &mut binds), binds.text(&digests.policy));
        let of_policy = of_policy(&policy);
        let sql = format!(
            "SELECT image, detector, ordinal, accepted, reason, kept FROM verdicts AS v WHERE {of_policy} AND {current}"
        );
        let stored = Arc::clone(&pictures);
        let verdicts = scan(
            catalog,
            sql,
            binds,
            Self::default(),
            move |verdicts, cells| match FaceKey::of(cells, &stored)? {
                Some(key) => verdicts.push(key, cells),
                None => Ok(()),
            },
        );
        let verdicts = verdicts.await.context("cannot read the verdicts")?;
        let mut binds = Binds::default();
        let detectors = binds.texts(&[&digests.detector, GIVEN]);
        let sql = format!(
            "SELECT image, detector, ordinal, x0, y0, x1, y1, score FROM faces WHERE detector IN ({detectors})"
        );
        let verdicts = scan(catalog, sql, binds, verdicts, move |verdicts, cells| {
            let key = FaceKey::of(cells, &pictures)?;
            if let Some(Verdict::Passed(passed)) = key.and_then(|key| verdicts.of.get(&key)) {
                let [x0, y0, x1, y1] = [cells.real(3)?, cells.real(4)?, cells.real(5)?, cells.real(6)?];
                verdicts.passed[*passed as usize].face = Some([x0, y0, x1, y1, cells.real(7)?]);
            }
            Ok(())
        });
        verdicts.await.context("cannot read the faces")
    }

    /// Takes the verdict of a row in.
    fn push(&mut self, key: FaceKey, cells: &Cells<'_>) -> anyhow::Result<()> {
        let accepted = cells.number(3)? == 1;
        let refused = cells.text_or_none(4)?.filter(|_| !accepted).unwrap_or_default();
        let capped = matches!(refused, PER_PICTURE | PER_ARTIST);
        let passed = accepted || capped || refused == DUPLICATE;
        let reason = self.reason(if refused == DUPLICATE { "" } else { refused });
        let verdict = match passed {
            true => Verdict::Passed(self.passed.len() as u32),
            false => Verdict::Refused(reason),
        };
        if passed {
            self.passed.push(Passed {
                reason,
                capped,
                kept: cells.number(5)? == 1,
                face: None,
            });
        }
        self.of.insert(key, verdict);
        Ok(())
    }

    /// The number of a reason: there are a dozen.
    fn reason(&mut self, reason: &str) -> u16 {
        let known = self.reasons.iter().position(|known| known == reason);
        let at = known.unwrap_or_else(|| {
            self.reasons.push(reason.into());
            self.reasons.len() - 1
        });
        at as u16
    }
}
