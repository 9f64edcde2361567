//! What the page changes, each under the lock that commands take: a run under way is shown, not waited for.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::State;
use dataset::failure::Usage;
use dataset::keys::check_hash;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bounds::{self, Change};
use super::filters::Filters;
use super::gallery::Snapshot;
use super::{Desk, Refusal};
use crate::catalog::decisions::{self, Choice};
use crate::catalog::pictures::{Hash, hash_of};
use crate::context::AppContext;
use crate::reporter::Reporter;
use crate::settings::Settings;

impl Desk {
    /// The data folder to write to, with the settings as they are in the file now.
    async fn to_write(&self) -> anyhow::Result<AppContext> {
        let settings = Settings::load(&self.config)?;
        let context = &self.context;
        AppContext::to_write(settings, context.data.clone(), "serve", context.stop.clone()).await
    }

    /// Decisions that the snapshot does not know yet.
    pub(super) fn fresh(&self) -> HashMap<Hash, Option<Choice>> {
        self.fresh.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Brings verdicts and snapshot up to date.
    async fn refresh(&self, context: &AppContext) -> anyhow::Result<()> {
        context.curate().await?;
        let number = self.snapshot().number + 1;
        let snapshot = Arc::new(Snapshot::load(context, number).await?);
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        self.fresh.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

/// What is decided of a head.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decided {
    /// It stays, whatever the filters say.
    Keep,
    /// It goes.
    Reject,
    /// What was decided is forgotten.
    None,
}

/// Decisions about heads, by the hash of their file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decisions {
    decisions: Vec<(String, Decided)>,
    #[serde(default)]
    because: String,
}

/// Records decisions, all of them or none.
pub(super) async fn decide(
    State(desk): State<Arc<Desk>>,
    Json(asked): Json<Decisions>,
) -> Result<Json<Value>, Refusal> {
    for (head, _) in &asked.decisions {
        check_hash(head).map_err(|error| Usage(error.to_string()))?;
    }
    let _turn = desk.writing.lock().await;
    let context = desk.to_write().await?;
    let mut write = context.catalog.write().await?;
    for (head, decided) in &asked.decisions {
        match decided {
            Decided::Keep => decisions::record(&mut write, head, Choice::Keep, &asked.because).await?,
            Decided::Reject => decisions::record(&mut write, head, Choice::Reject, &asked.because).await?,
            Decided::None => drop(decisions::undo(&mut write, head).await?),
        }
    }
    write.commit().await?;
    let mut fresh = desk.fresh.write().unwrap_or_else(PoisonError::into_inner);
    fresh.extend(asked.decisions.iter().map(|(head, decided)| {
        let choice = match decided {
            Decided::Keep => Some(Choice::Keep),
            Decided::Reject => Some(Choice::Reject),
            Decided::None => None,
        };
        (hash_of(head), choice)
    }));
    Ok(Json(json!({ "recorded": asked.decisions.len() })))
}

/// Decides all heads anew by what was recorded, as `pipeline curate` does.
pub(super) async fn curate(State(desk): State<Arc<Desk>>) -> Result<Json<Value>, Refusal> {
    let _turn = desk.writing.lock().await;
    let context = desk.to_write().await?;
    desk.refresh(&context).await?;
    Ok(Json(json!({ "snapshot": desk.snapshot().number })))
}

/// Bounds to write into the settings file, each as `NAME=VALUE`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moved {
    bounds: Vec<String>,
}

/// Writes bounds into the settings file, and decides all heads anew by them.
pub(super) async fn save_bounds(
    State(desk): State<Arc<Desk>>,
    Json(asked): Json<Moved>,
) -> Result<Json<Value>, Refusal> {
    let changes = asked
        .bounds
        .iter()
        .map(|text| text.parse())
        .collect::<Result<Vec<Change>, Usage>>()?;
    let _turn = desk.writing.lock().await;
    // Taken before the file is touched: where a command is under way, nothing changes.
    drop(desk.to_write().await?);
    let saved = bounds::save(&desk.config, &changes)?;
    let context = desk.to_write().await?;
    desk.refresh(&context).await?;
    Ok(Json(json!({ "saved": saved, "snapshot": desk.snapshot().number })))
}

/// A version to freeze: its name, and the address of the gallery.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Version {
    name: String,
    filters: Vec<(String, String)>,
}

/// Freezes the accepted heads of the posts that the filters select.
pub(super) async fn freeze(State(desk): State<Arc<Desk>>, Json(asked): Json<Version>) -> Result<Json<Value>, Refusal> {
    let selection = Filters::read(&asked.filters)?.select.resolve()?;
    let _turn = desk.writing.lock().await;
    let context = desk.to_write().await?;
    desk.refresh(&context).await?;
    let creation = context
        .freeze(Some(&asked.name), &selection, &Reporter::default())
        .await?;
    let manifest = &creation.manifest;
    Ok(Json(
        json!({ "name": manifest.name, "heads": manifest.rows, "id": manifest.id }),
    ))
}
