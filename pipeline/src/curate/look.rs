//! The second look: the detector is shown the head alone. Where the crop rule put the face, it must find
//! one again; what looked like a face in its surroundings, a knee or a flower, does not last.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use dataset::Store;
use rayon::prelude::*;
use vision::crop::CropRule;
use vision::picture::Limits;
use vision::{BBox, Detector, iou};

use super::CurateSettings;
use super::measure::read;
use crate::catalog::{Catalog, looks};

/// Overlap (intersection over union) with the place of the face from which a box is that face.
const OVERLAP: f32 = 0.3;

/// Heads of one call of the network.
const BATCH: usize = 16;

/// Heads of one transaction.
const COMMIT: usize = 256;

/// What looks at heads.
pub(super) struct Looker {
    detector: Arc<Detector>,
    side: u32,
    /// Names all that decides a score.
    network: String,
}

impl Looker {
    /// None where no second look is asked for, or there is no detector since all heads are imported.
    pub(super) fn new(detector: Option<Detector>, settings: &CurateSettings, rule: CropRule) -> Option<Self> {
        let detector = Arc::new(detector.filter(|_| settings.min_second_score > 0.0)?);
        let side = detector.side_for_heads();
        let network = format!(
            "{} side={side} overlap={OVERLAP} margin={} centre_y={}",
            detector.digest(),
            rule.margin,
            rule.centre_y
        );
        Some(Self {
            detector,
            side,
            network,
        })
    }

    /// The scores of heads, by their hash: those that are recorded, and the others once they are. With each
    /// comes where its face is, as [`CropRule::place`] says. A head whose file is missing has none.
    ///
    /// # Errors
    /// Where the store vanished, the network fails, or the database refuses.
    pub(super) async fn scores(
        &self,
        catalog: &Catalog,
        store: &Store,
        heads: &[(&str, [f64; 3])],
    ) -> anyhow::Result<HashMap<String, f64>> {
        let names: Vec<&str> = heads.iter().map(|(head, _)| *head).collect();
        let mut known = looks::known(catalog, &self.network, &names).await?;
        let mut new: Vec<Placed> = heads.iter().map(|(head, place)| (head.to_string(), *place)).collect();
        new.retain(|(head, _)| !known.contains_key(head));
        new.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        new.dedup_by(|a, b| a.0 == b.0);
        for some in new.chunks(COMMIT) {
            let (store, detector, heads) = (store.clone(), Arc::clone(&self.detector), some.to_vec());
            let side = self.side;
            let looked = tokio::task::spawn_blocking(move || {
                let batches: Vec<_> = heads.chunks(BATCH).collect();
                let looked = batches.into_iter().map(|batch| look(&store, &detector, side, batch));
                looked.collect::<anyhow::Result<Vec<_>>>()
            });
            let looked: Vec<(String, f64)> = looked.await.context("the second look failed")??.concat();
            let mut write = catalog.write().await?;
            looks::record(&mut write, &self.network, &looked).await?;
            write.commit().await?;
            known.extend(looked);
        }
        Ok(known)
    }
}

/// A head and where its face is.
type Placed = (String, [f64; 3]);

/// One call of the network.
fn look(store: &Store, detector: &Detector, side: u32, heads: &[Placed]) -> anyhow::Result<Vec<(String, f64)>> {
    let limits = Limits::default();
    let read = heads
        .par_iter()
        .map(|placed| Ok(read(store, &placed.0, &limits)?.map(|picture| (placed, picture))));
    let read: Vec<_> = read.collect::<anyhow::Result<Vec<_>>>()?;
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
            (head.clone(), best)
        });
    Ok(scores.collect())
}
