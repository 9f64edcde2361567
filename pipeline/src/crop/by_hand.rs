//! Boxes that a hand makes, moves and takes away in one picture: the heads of new ones are cut at once, by the rule
//! that cuts all heads.

use anyhow::Context;
use dataset::Store;
use dataset::failure::Usage;
use dataset::keys::check_hash;
use vision::picture::decode;

use super::picture::{cut_all, store_heads};
use crate::catalog::boxes::{self, Boxes, Edges};
use crate::catalog::detections::Face;
use crate::catalog::{Catalog, images};
use crate::settings::CropSettings;

/// Shortest side of a box in pixels.
const LEAST: f64 = 2.0;
/// Most boxes of a picture.
const MOST: usize = 1000;

/// What a hand says of a picture, and what it saw when it said so.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What was recorded: another hand's change in between is not undone unseen.
    pub before: Boxes,
    /// What takes its place.
    pub boxes: Boxes,
}

/// Records a change of a picture's boxes; gives what is recorded then. The heads' bytes come first, then the rows,
/// all of them or none.
///
/// # Errors
/// [`Usage`] for a picture or box that cannot be meant, and where another change came in between; else what the
/// store or the database met.
pub async fn record(
    catalog: &Catalog,
    store: &Store,
    crop: &CropSettings,
    image: &str,
    change: Change,
) -> anyhow::Result<Boxes> {
    check_hash(image).map_err(|error| Usage(error.to_string()))?;
    let known = images::size_of(catalog, image).await?;
    let size = known.ok_or_else(|| Usage(format!("there is no picture {image}")))?;
    if boxes::is_imported_head(catalog, image).await? {
        return Err(Usage(format!("{image} was imported as a head: it has no boxes")).into());
    }
    let now = boxes::of(catalog.pool(), image).await?;
    let (before, boxes) = (settled(change.before, size)?, settled(change.boxes, size)?);
    if before != now {
        let why = format!("the boxes of {image} were changed in the meantime: open it again");
        return Err(Usage(why).into());
    }
    let new = boxes.made.iter().filter(|edges| !now.made.contains(edges));
    let new: Vec<Face> = new.map(|edges| boxes::face(0, *edges)).collect();
    let mut heads = Vec::new();
    if !new.is_empty() {
        let Some((key, _)) = images::object_of(catalog, image).await? else {
            let why = format!("{image} was dropped from the store after its heads were cut: no head can be cut of it");
            return Err(Usage(why).into());
        };
        let (store, rule, limits, digest) = (store.clone(), crop.rule(), crop.limits(), crop.crop_digest());
        let cut = tokio::task::spawn_blocking(move || {
            let picture = decode(&store.read_blocking(&key)?, &limits)?;
            store_heads(&store, cut_all(&picture, &new, &rule, &digest)?)
        });
        heads = cut.await.context("cutting a head failed")??;
    }
    let mut write = catalog.write().await?;
    boxes::record(&mut write, image, &boxes, heads).await?;
    write.commit().await?;
    Ok(boxes)
}

/// Boxes to a hundredth of a pixel within the picture, each once.
fn settled(boxes: Boxes, size: [i64; 2]) -> Result<Boxes, Usage> {
    let all = |list: Vec<Edges>| -> Result<Vec<Edges>, Usage> {
        let mut settled: Vec<Edges> = Vec::with_capacity(list.len());
        for edges in list {
            let edges = within(edges, size)?;
            if !settled.contains(&edges) {
                settled.push(edges);
            }
        }
        match settled.len() {
            0..=MOST => Ok(settled),
            count => Err(Usage(format!(
                "{count} boxes: at most {MOST} of a picture are expected"
            ))),
        }
    };
    Ok(Boxes {
        made: all(boxes.made)?,
        deleted: all(boxes.deleted)?,
        checked: boxes.checked.map(all).transpose()?,
    })
}

fn within(edges: Edges, [width, height]: [i64; 2]) -> Result<Edges, Usage> {
    let bound = |edge: f64, most: i64| (edge.clamp(0.0, most as f64) * 100.0).round() / 100.0;
    let [x0, y0, x1, y1] = edges;
    let inside = [bound(x0, width), bound(y0, height), bound(x1, width), bound(y1, height)];
    let [left, top, right, bottom] = inside;
    match edges.iter().all(|edge| edge.is_finite()) && right - left >= LEAST && bottom - top >= LEAST {
        true => Ok(inside),
        false => Err(Usage(format!(
            "{x0},{y0},{x1},{y1} is no box: left, upper, right and lower edge of {LEAST} pixels or more \
             within the picture's {width} x {height} are expected"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_settled_within_the_picture_and_others_are_told() {
        let given = Boxes {
            made: vec![[-3.0, 1.004, 20.0, 400.0], [0.0, 1.0, 20.0, 300.0]],
            ..Boxes::default()
        };
        let settled = super::settled(given, [200, 300]).expect("is one");
        assert_eq!(settled.made, [[0.0, 1.0, 20.0, 300.0]]);
        for edges in [
            [5.0, 5.0, 6.0, 50.0],
            [50.0, 5.0, 40.0, 50.0],
            [300.0, 0.0, 400.0, 50.0],
            [f64::NAN, 0.0, 40.0, 50.0],
        ] {
            let error = within(edges, [200, 300]).expect_err("is none").to_string();
            assert!(error.contains("200 x 300"), "{error}");
        }
    }
}
