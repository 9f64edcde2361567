//! Tags by other names: the searches take them for the tag they mean, as on the sites, and each site that
//! tells has its own answer for which that is.

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::call::{Call, Shared};
use crate::respond;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/tag_aliases.json", get(danbooru))
        .route("/tag/related.json", get(related))
        .route("/tag_alias.json", get(moebooru))
        .route("/tag.json", get(tag))
}

/// The tag that a name means.
fn meant<'a>(call: &'a Call, name: &'a str) -> &'a str {
    let aliases = &call.shared.setup.aliases;
    aliases
        .iter()
        .find(|(alias, _)| alias == name)
        .map_or(name, |(_, tag)| tag)
}

/// A request with the tags in its `tags` that are meant; `None` where it has no such.
pub(crate) fn resolved(uri: &Uri, aliases: &[(String, String)]) -> Option<Uri> {
    let term = |term: &str| {
        let (dash, name) = term.strip_prefix('-').map_or(("", term), |name| ("-", name));
        let tag = aliases
            .iter()
            .find(|(alias, _)| alias == name)
            .map_or(name, |(_, tag)| tag);
        format!("{dash}{tag}")
    };
    let pair = |pair: &str| match pair.strip_prefix("tags=") {
        Some(tags) => format!("tags={}", tags.split('+').map(term).collect::<Vec<_>>().join("+")),
        None => pair.to_string(),
    };
    let pairs: Vec<String> = uri.query()?.split('&').map(pair).collect();
    format!("{}?{}", uri.path(), pairs.join("&")).parse().ok()
}

/// The aliases of one name, newest first, among them one that was taken back.
async fn danbooru(call: Call) -> Response {
    let name = call.text("search[antecedent_name]");
    let row = |tag: &str, status: &str| json!({ "id": 1, "antecedent_name": name, "consequent_name": tag, "status": status, "reason": "" });
    let tag = meant(&call, name);
    let rows: Vec<Value> = match tag == name {
        true => Vec::new(),
        false => vec![row("another", "deleted"), row(tag, "active")],
    };
    respond::json(json!(rows).to_string())
}

/// Tags that stand beside one, under the name that is meant.
async fn related(call: Call) -> Response {
    let tag = meant(&call, call.text("tags")).to_string();
    let mut related = serde_json::Map::new();
    related.insert(tag.clone(), json!([[tag, "9"]]));
    respond::json(Value::from(related).to_string())
}

/// Aliases that hold a text, each with the number of its tag.
async fn moebooru(call: Call) -> Response {
    let aliases = call.shared.setup.aliases.iter().enumerate();
    let rows: Vec<Value> = aliases
        .filter(|(_, (name, _))| name.contains(call.text("query")))
        .map(|(number, (name, _))| json!({ "id": number, "name": name, "alias_id": number, "pending": false }))
        .collect();
    respond::json(json!(rows).to_string())
}

/// A tag by its number.
async fn tag(call: Call) -> Response {
    let number: Option<usize> = call.text("id").parse().ok();
    let alias = number.and_then(|number| call.shared.setup.aliases.get(number));
    let rows: Vec<Value> = alias
        .map(|(_, tag)| json!({ "id": number, "name": tag, "count": 9, "type": 4, "ambiguous": false }))
        .into_iter()
        .collect();
    respond::json(json!(rows).to_string())
}

/// What gelbooru's API tells of a tag.
pub(crate) fn gelbooru(call: &Call) -> Response {
    let row = json!({ "id": 1, "name": meant(call, call.text("name")), "count": 9, "type": 4, "ambiguous": 0 });
    respond::json(json!({ "@attributes": { "limit": 100, "offset": 0, "count": 1 }, "tag": [row] }).to_string())
}
