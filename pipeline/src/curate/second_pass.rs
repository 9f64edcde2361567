//! The second pass: the detector is shown the head alone. Where the crop rule put the face, it must find
//! one again; what looked like a face in its surroundings, a knee or a flower, does not last.

use std::collections::HashMap;
use std::sync::Arc;

use dataset::failure::Interrupted;
use dataset::{Key, Store};
use rayon::prelude::*;
use vision::crop::CropRule;
use vision::picture::Limits;
use vision::{BBox, Detector, iou};

use super::blocking;
use crate::catalog::facts::Facts;
use crate::catalog::pictures::{FoundBy, Hash};
use crate::catalog::{Catalog, second_passes};
use crate::decide::{Policy, decide_alone};
use crate::head::load;
use crate::progress;
use crate::stop::Stop;

/// Overlap (intersection over union) with the place of the face from which a box is that face.
const OVERLAP: f32 = 0.3;

/// Heads of one call of the network.
const BATCH: usize = 16;

/// Heads of one transaction.
const COMMIT: usize = 256;

/// Fills in the scores that are recorded, and takes those of the heads that pass all other filters of single
/// heads. Imported heads and those that a hand decided have none, nor one whose file is missing.
///
/// # Errors
/// `Interrupted`; where the store vanished, the network fails, or the database refuses.
pub(super) async fn run(
    catalog: &Catalog,
    store: &Store,
    detector: Detector,
    policy: &Policy<'_>,
    facts: &mut Facts,
    stop: &Stop,
) -> anyhow::Result<()> {
    let (side, rule) = (detector.side_for_heads(), policy.rule);
    let network = network(&detector, rule);
    second_passes::fill(catalog, &network, facts).await?;
    let mut due: Vec<(Hash, usize)> = Vec::new();
    for (at, verdict) in decide_alone(facts, policy).iter().enumerate() {
        let (key, head) = &facts.heads.rows[at];
        if verdict.reason.is_none()
            && key.found_by == FoundBy::Detector
            && head.decision.is_none()
            && head.second_score.is_none()
        {
            due.push((head.head, at));
        }
    }
    due.sort_unstable();
    let (bar, detector) = (progress::bar(due.len() as u64, "second pass"), Arc::new(detector));
    let mut scores: HashMap<Hash, f64> = HashMap::new();
    let mut last = None;
    for some in due.chunks(COMMIT) {
        if stop.requested() {
            return Err(Interrupted.into());
        }
        // Of equal files one is taken.
        let mut heads: Vec<Placed> = Vec::new();
        for (head, at) in some {
            if last.replace(*head) != Some(*head) {
                let (key, row) = &facts.heads.rows[*at];
                let picture = facts.picture(*key);
                let place = rule.place(&facts.face(row).bbox(), picture.width, picture.height);
                heads.push((*head, place));
            }
        }
        let (store, detector) = (store.clone(), Arc::clone(&detector));
        let taken = blocking("the second pass failed", move || {
            let batches = heads.chunks(BATCH);
            let scored = batches.map(|batch| score(&store, &detector, side, batch));
            anyhow::Ok(scored.collect::<anyhow::Result<Vec<_>>>()?.concat())
        });
        let taken = taken.await?;
        let mut write = catalog.write().await?;
        second_passes::record(&mut write, &network, &taken).await?;
        write.commit().await?;
        scores.extend(taken);
        bar.inc(some.len() as u64);
    }
    bar.finish_and_clear();
    second_passes::give(facts, &scores);
    Ok(())
}

/// Names all that decides a score.
pub fn network(detector: &Detector, rule: CropRule) -> String {
    format!(
        "{} side={} overlap={OVERLAP} margin={} centre_y={}",
        detector.digest(),
        detector.side_for_heads(),
        rule.margin,
        rule.centre_y
    )
}

/// A head and where its face is, as [`vision::crop::CropRule::place`] says.
type Placed = (Hash, [f64; 3]);

/// One call of the network.
fn score(store: &Store, detector: &Detector, side: u32, heads: &[Placed]) -> anyhow::Result<Vec<(Hash, f64)>> {
    let limits = Limits::default();
    let read = heads
        .par_iter()
        .map(|placed| Ok(load(store, &Key::head(&hex::encode(placed.0))?, &limits)?.map(|picture| (placed, picture))));
    let read: Vec<_> = store.in_parallel(|| read.collect::<anyhow::Result<Vec<_>>>())?;
    let (names, pictures): (Vec<_>, Vec<_>) = read.into_iter().flatten().unzip();
    let found = detector.detect_at_side(&pictures, side)?;
    let scores = names
        .into_iter()
        .zip(&pictures)
        .zip(found)
        .map(|(((head, [across, down, size]), picture), found)| {
            let side = f64::from(picture.width());
            let [x, y, size] = [across, down, size].map(|share| (side * share) as f32);
            let place = BBox::from_centre(x, y, size, size);
            let there = found.iter().filter(|face| iou(&face.bbox, &place) >= OVERLAP);
            let best = there.map(|face| f64::from(face.score)).fold(0.0, f64::max);
            (head, best)
        });
    Ok(scores.collect())
}
