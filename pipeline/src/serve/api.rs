//! What the page asks for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dataset::Key;
use dataset::failure::Usage;
use dataset::keys::check_hash;
use serde::Deserialize;
use serde_json::{Value, json};
use vision::letterbox::resize;
use vision::picture::{Format, Limits, decode};
use web::error;

use super::filters::{Filters, MEASURES, list_name};
use super::gallery::{NO_FACE, SCORE, chosen};
use super::{Desk, Now, Refusal, pictures};
use crate::catalog::gallery;
use crate::catalog::images::object_of;
use crate::catalog::pictures::{FoundBy, hash_of};
use crate::{decide, progress};

/// Files are named by their hash: they never change.
const FOREVER: &str = "private, max-age=31536000, immutable";

/// Counts, words and versions: what the page's controls offer.
pub(super) async fn state(State(desk): State<Arc<Desk>>) -> Result<Json<Value>, Refusal> {
    let Now { snapshot, fresh } = desk.now();
    Ok(Json(json!({
        "snapshot": snapshot.number,
        "fresh": fresh.len(),
        "heads": snapshot.facts.heads.rows.len(),
        "verdicts": snapshot.counts,
        "reasons": decide::REASONS,
        "measures": MEASURES.map(|(name, about, _)| json!({ "name": name, "about": about })),
        "sources": snapshot.sources,
        "versions": dataset::manifest::list(&desk.context.manifests())?,
    })))
}

/// How far the work is that a change began; empty where nothing is counted.
pub(super) async fn progress() -> Json<Value> {
    Json(match progress::under_way() {
        Some((work, done, total)) => json!({ "work": work, "done": done, "total": total }),
        None => json!({}),
    })
}

/// A page of the heads that the address's filters let through.
pub(super) async fn heads(
    State(desk): State<Arc<Desk>>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Refusal> {
    let (filters, name) = (Filters::read(&pairs)?, list_name(&pairs));
    let Now { snapshot, fresh } = desk.now();
    let list = match snapshot.known(&name) {
        Some(list) => list,
        None => {
            let chosen = chosen(&desk.context, &filters, &snapshot.facts).await?;
            let (snapshot, filters) = (Arc::clone(&snapshot), filters.clone());
            let listed = tokio::task::spawn_blocking(move || snapshot.list(name, &filters, &chosen));
            listed.await??
        }
    };
    let shown = list.iter().skip(filters.from).take(filters.count);
    Ok(Json(json!({
        "snapshot": snapshot.number,
        "total": list.len(),
        "from": filters.from,
        "heads": shown.map(|at| snapshot.tile(*at, &fresh)).collect::<Vec<Value>>(),
    })))
}

/// All that is known of one head.
pub(super) async fn head(State(desk): State<Arc<Desk>>, Path(hash): Path<String>) -> Result<Json<Value>, Refusal> {
    let Now { snapshot, fresh } = desk.now();
    check_hash(&hash).map_err(|error| Usage(error.to_string()))?;
    let wanted = hash_of(&hash);
    let found = {
        let snapshot = Arc::clone(&snapshot);
        tokio::task::spawn_blocking(move || {
            let at = *snapshot.known_heads(&[wanted].into()).get(&wanted)?;
            let group = snapshot.group(&snapshot.facts.heads.rows[at as usize].1.group);
            Some((at, group))
        })
        .await?
    };
    let (at, group) = found.ok_or_else(|| Usage(format!("there is no head {hash} under the current settings")))?;
    let (key, row) = &snapshot.facts.heads.rows[at as usize];
    let (catalog, image) = (&desk.context.catalog, snapshot.facts.image(*key));
    let detail = gallery::detail(catalog, &snapshot.digests, &snapshot.facts, *key).await?;
    let filters: Vec<Value> = decide::explain(&snapshot.facts, at as usize, &snapshot.policy())
        .into_iter()
        .map(|(reason, why)| match reason {
            // The second pass is not asked again: what it said is recorded.
            NO_FACE => {
                let refused = detail.as_ref().filter(|_| snapshot.verdict(*key) == NO_FACE);
                json!({ "reason": reason, "refused": refused, "asked": key.found_by != FoundBy::Hand })
            }
            _ => json!({ "reason": reason, "refused": why, "asked": reason != SCORE || key.found_by != FoundBy::Hand }),
        })
        .collect();
    let face = snapshot.facts.face(row);
    let mut picture = pictures::describe(catalog, &snapshot, &image).await?;
    picture["face"] = json!((!key.imported()).then_some([face.x0, face.y0, face.x1, face.y1]));
    // What was decided since has no reason of its own.
    let decision = row.decision.as_ref().filter(|_| !fresh.contains_key(&wanted));
    Ok(Json(json!({
        "head": snapshot.tile(at, &fresh),
        "detail": detail,
        "because": decision.map(|decision| decision.because.clone()),
        "measures": snapshot.measures(at),
        "filters": filters,
        "by_hand": key.found_by == FoundBy::Hand,
        "posts": picture["posts"].take(),
        "picture": picture,
        "group": hex::encode(row.group),
        "copies": group.iter().filter(|other| **other != at).map(|other| snapshot.tile(*other, &fresh)).collect::<Vec<_>>(),
    })))
}

/// The bounds of `[curate]`, and what moving those that the address names would do.
pub(super) async fn bounds(
    State(desk): State<Arc<Desk>>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Refusal> {
    let filters = Filters::read(&pairs)?;
    let snapshot = desk.now().snapshot;
    let told = tokio::task::spawn_blocking(move || {
        let effect = snapshot.effect(&filters.bound);
        let controls = match filters.bound.is_empty() {
            true => super::bounds::controls(&snapshot, &snapshot.settings),
            false => Vec::new(),
        };
        json!({ "bounds": controls, "in": effect.incoming.len(), "out": effect.outgoing.len() })
    });
    Ok(Json(told.await?))
}

/// The versions of the dataset.
pub(super) async fn versions(State(desk): State<Arc<Desk>>) -> Result<Json<Value>, Refusal> {
    let folder = desk.context.manifests();
    let versions: Vec<Value> = dataset::manifest::list(&folder)?
        .into_iter()
        .map(|name| match crate::manifest::open(&folder, &name) {
            Ok(opened) => {
                json!({ "name": name, "heads": opened.rows, "id": opened.id, "filters": opened.body.filters })
            }
            Err(error) => json!({ "name": name, "error": error.to_string() }),
        })
        .collect();
    Ok(Json(json!({ "versions": versions })))
}

/// A stored head.
pub(super) async fn head_file(State(desk): State<Arc<Desk>>, Path(hash): Path<String>) -> Result<Response, Refusal> {
    let key = Key::head(&hash).map_err(|error| Usage(error.to_string()))?;
    let Some(bytes) = read(&desk, key).await? else {
        return Ok(error(StatusCode::NOT_FOUND, "this head's file is not there"));
    };
    Ok(file("image/png", bytes))
}

/// How large a picture is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    /// Its longer side in pixels; as it is where none is named.
    side: Option<u32>,
}

/// A stored picture; as PNG where browsers do not know its format, or where it is to be smaller.
pub(super) async fn picture_file(
    State(desk): State<Arc<Desk>>,
    Path(hash): Path<String>,
    Query(Size { side }): Query<Size>,
) -> Result<Response, Refusal> {
    check_hash(&hash).map_err(|error| Usage(error.to_string()))?;
    let key = object_of(&desk.context.catalog, &hash).await?.map(|(key, _)| key);
    let bytes = match key {
        Some(key) => read(&desk, key).await?,
        None => None,
    };
    let Some(bytes) = bytes else {
        return Ok(error(
            StatusCode::NOT_FOUND,
            "this picture's file is not there: it was dropped, or never stored",
        ));
    };
    let known = Format::sniff(&bytes).and_then(|format| match format.word() {
        "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "webp" => Some("image/webp"),
        "gif" => Some("image/gif"),
        "avif" => Some("image/avif"),
        _ => None,
    });
    match known.filter(|_| side.is_none()) {
        Some(kind) => Ok(file(kind, bytes)),
        None => {
            let limits = desk.context.settings.crop.limits();
            let drawn = tokio::task::spawn_blocking(move || png(&bytes, &limits, side)).await??;
            Ok(file("image/png", drawn))
        }
    }
}

fn png(bytes: &[u8], limits: &Limits, side: Option<u32>) -> anyhow::Result<Vec<u8>> {
    let mut picture = decode(bytes, limits)?;
    let longest = picture.width().max(picture.height());
    if let Some(side) = side.map(|side| side.max(1)).filter(|side| *side < longest) {
        let scaled = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longest)).max(1) as u32;
        picture = resize(&picture, scaled(picture.width()), scaled(picture.height()));
    }
    Ok(vision::picture::png(&picture)?)
}

/// An object's bytes; none where it is missing.
async fn read(desk: &Desk, key: Key) -> anyhow::Result<Option<Vec<u8>>> {
    let store = desk.context.store.clone();
    match tokio::task::spawn_blocking(move || store.read_blocking(&key)).await? {
        Ok(bytes) => Ok(Some(bytes)),
        Err(dataset::StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn file(kind: &'static str, bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOREVER)], bytes).into_response()
}
