//! Whole pictures with their boxes: what is known of one, lists of them, and the changes that a hand makes.

use std::sync::Arc;

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, Query, State};
use dataset::failure::Usage;
use dataset::keys::check_hash;
use serde_json::{Value, json};

use super::filters::Filters;
use super::gallery::Snapshot;
use super::write::to_the_end;
use super::{Desk, Refusal};
use crate::catalog::boxes::{self, Wanted};
use crate::catalog::detections::HAND;
use crate::catalog::images::{object_of, size_of};
use crate::catalog::{Catalog, gallery, samples};
use crate::crop::by_hand::{self, Change};

/// What is known of a picture: its faces with their verdicts as they are recorded now, and what a hand says of it.
pub(super) async fn describe(catalog: &Catalog, snapshot: &Snapshot, image: &str) -> anyhow::Result<Value> {
    let size = size_of(catalog, image).await?;
    let [width, height] = size.ok_or_else(|| Usage(format!("there is no picture {image}")))?;
    let faces: Vec<Value> = samples::faces(catalog, &snapshot.digests, image)
        .await?
        .into_iter()
        .map(|face| {
            let by_hand = face.detector == HAND;
            json!({
                "box": face.edges(),
                "score": (!by_hand).then_some(face.score),
                "by_hand": by_hand,
                "verdict": face.verdict,
                "head": face.head,
            })
        })
        .collect();
    Ok(json!({
        "image": image,
        "kept": object_of(catalog, image).await?.is_some(),
        "imported": boxes::is_imported_head(catalog, image).await?,
        "width": width,
        "height": height,
        "min_score": snapshot.settings.min_score,
        "faces": faces,
        "boxes": boxes::of(catalog.pool(), image).await?,
        "posts": gallery::posts(catalog, image).await?,
    }))
}

/// All that is known of one picture.
pub(super) async fn picture(State(desk): State<Arc<Desk>>, Path(hash): Path<String>) -> Result<Json<Value>, Refusal> {
    check_hash(&hash).map_err(|error| Usage(error.to_string()))?;
    let snapshot = desk.now().snapshot;
    Ok(Json(describe(&desk.context.catalog, &snapshot, &hash).await?))
}

/// A page of the pictures of the posts that the address names.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Refusal> {
    let filters = Filters::read(&pairs)?;
    let (context, snapshot) = (&desk.context, desk.now().snapshot);
    let wanted = Wanted {
        selection: &context.settled(&filters.select.resolve()?).await?,
        checked: filters.checked.map(|wanted| wanted.is_yes()),
        accepted: filters.heads.map(|wanted| wanted.is_some()),
    };
    let (total, pictures) = boxes::list(
        &context.catalog,
        &snapshot.digests,
        wanted,
        (filters.from, filters.count),
    )
    .await?;
    Ok(Json(
        json!({ "total": total, "from": filters.from, "pictures": pictures }),
    ))
}

/// Records a change of a picture's boxes; the picture comes back as it is then.
pub(super) async fn change(
    State(desk): State<Arc<Desk>>,
    Path(hash): Path<String>,
    Json(change): Json<Change>,
) -> Result<Json<Value>, Refusal> {
    to_the_end(async move {
        let _turn = desk.writing.lock().await;
        let context = desk.to_write().await?;
        let (catalog, store, crop) = (&context.catalog, &context.store, &context.settings.crop);
        by_hand::record(catalog, store, crop, &hash, change)
            .await
            .with_context(|| format!("the boxes of {hash} stay as they were"))?;
        describe(catalog, &desk.now().snapshot, &hash).await
    })
    .await
}
