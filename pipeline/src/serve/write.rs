//! What the page changes, each under the lock that commands take: a run under way is shown, not waited for. A
//! change that was begun is ended, whether the page still waits for it or not.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::State;
use dataset::failure::Usage;
use dataset::keys::check_hash;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bounds::{self, Change};
use super::filters::{ByHand, Filters};
use super::gallery::Snapshot;
use super::{Desk, Now, Refusal};
use crate::access::Access;
use crate::catalog::decisions;
use crate::catalog::pictures::{Hash, hash_of};
use crate::context::AppContext;
use crate::reporter::Reporter;
use crate::settings::Settings;

impl Desk {
    /// The data folder to write to, with the settings as they are in the file now.
    pub(super) async fn to_write(&self) -> anyhow::Result<AppContext> {
        let settings = Settings::load(&self.config)?;
        let context = &self.context;
        let (data, stop) = (context.data.clone(), context.stop.clone());
        AppContext::to_write(settings, data, "serve", Access::Heads, stop).await
    }

    /// Brings verdicts and snapshot up to date.
    async fn refresh(&self, context: &AppContext) -> anyhow::Result<()> {
        context.curate().await?;
        self.reload(context).await
    }

    /// Reads what the catalog holds now. Decisions whose heads have no verdict yet still wait for one.
    async fn reload(&self, context: &AppContext) -> anyhow::Result<()> {
        let before = self.now();
        let snapshot = Snapshot::load(context, before.snapshot.number + 1).await?;
        let undecided = snapshot.undecided();
        let fresh = before.fresh.iter().filter(|(head, _)| undecided.contains(*head));
        let now = Now {
            fresh: Arc::new(fresh.map(|(head, choice)| (*head, *choice)).collect()),
            snapshot: Arc::new(snapshot),
        };
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// Heads by their hash as the gallery shows them, those that there are.
    fn tiles(&self, heads: &[String]) -> Vec<Value> {
        let Now { snapshot, fresh } = self.now();
        let known = snapshot.known_heads(&heads.iter().map(|head| hash_of(head)).collect());
        known.values().map(|at| snapshot.tile(*at, &fresh)).collect()
    }
}

/// Does what was begun to its end.
pub(super) async fn to_the_end(
    work: impl Future<Output = anyhow::Result<Value>> + Send + 'static,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(tokio::spawn(work).await??))
}

/// Decisions about heads, by the hash of their file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decisions {
    decisions: Vec<(String, ByHand)>,
    #[serde(default)]
    because: String,
}

/// Records decisions, all of them or none; says why those were taken that they replace, as far as they were given a
/// reason.
pub(super) async fn decide(
    State(desk): State<Arc<Desk>>,
    Json(asked): Json<Decisions>,
) -> Result<Json<Value>, Refusal> {
    let heads: HashSet<Hash> = asked.decisions.iter().map(|(head, _)| hash_of(head)).collect();
    let Now { snapshot, fresh } = desk.now();
    let known = snapshot.known_heads(&heads);
    for (head, _) in &asked.decisions {
        check_hash(head).map_err(|error| Usage(error.to_string()))?;
        if !known.contains_key(&hash_of(head)) {
            return Err(Usage(format!("there is no head {head} under the current settings")).into());
        }
    }
    // What was decided since has no reason of its own.
    let had = known.iter().filter(|(head, _)| !fresh.contains_key(*head));
    let had = had.filter_map(|(head, at)| {
        let decision = snapshot.facts.heads.rows[*at as usize].1.decision.as_ref()?;
        (!decision.because.is_empty()).then(|| (hex::encode(head), decision.because.clone()))
    });
    let had: Vec<(String, String)> = had.collect();
    to_the_end(async move {
        let _turn = desk.writing.lock().await;
        let context = desk.to_write().await?;
        let mut write = context.catalog.write().await?;
        for (head, decided) in &asked.decisions {
            match decided.choice() {
                Some(choice) => decisions::record(&mut write, head, choice, &asked.because).await?,
                None => drop(decisions::undo(&mut write, head).await?),
            }
        }
        write.commit().await?;
        let mut now = desk.now.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = Arc::make_mut(&mut now.fresh);
        fresh.extend(
            asked
                .decisions
                .iter()
                .map(|(head, decided)| (hash_of(head), decided.choice())),
        );
        Ok(json!({ "recorded": asked.decisions.len(), "had": had }))
    })
    .await
}

/// The heads that a page shows, by the hash of their file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    #[serde(default)]
    shown: Vec<String>,
}

/// Decides all heads anew by what was recorded, as `pipeline curate` does; the heads shown come back as they are
/// then.
pub(super) async fn curate(State(desk): State<Arc<Desk>>, Json(asked): Json<Shown>) -> Result<Json<Value>, Refusal> {
    to_the_end(async move {
        let _turn = desk.writing.lock().await;
        let context = desk.to_write().await?;
        desk.refresh(&context).await?;
        Ok(json!({ "snapshot": desk.now().snapshot.number, "heads": desk.tiles(&asked.shown) }))
    })
    .await
}

/// Shows what commands have recorded since; it waits for none that is under way.
pub(super) async fn reload(State(desk): State<Arc<Desk>>) -> Result<Json<Value>, Refusal> {
    to_the_end(async move {
        let _turn = desk.writing.lock().await;
        let (settings, context) = (Settings::load(&desk.config)?, &desk.context);
        let context = AppContext::to_read(settings, context.data.clone(), context.stop.clone()).await?;
        desk.reload(&context).await?;
        Ok(json!({ "snapshot": desk.now().snapshot.number }))
    })
    .await
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
    let changes: Vec<Change> = asked
        .bounds
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, Usage>>()?;
    to_the_end(async move {
        let _turn = desk.writing.lock().await;
        // The lock first: where a command is under way, the file stays as it is.
        let mut context = desk.to_write().await?;
        bounds::save(&desk.config, &changes)?;
        context.settings = Settings::load(&desk.config)?;
        desk.refresh(&context).await?;
        let saved: Vec<&str> = changes.iter().map(|change| change.name).collect();
        Ok(json!({ "saved": saved, "snapshot": desk.now().snapshot.number }))
    })
    .await
}

/// A version to freeze: its name, and the filters of posts in the gallery's address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Version {
    name: String,
    filters: Vec<(String, String)>,
}

/// Freezes the accepted heads of the posts that the filters select.
pub(super) async fn freeze(State(desk): State<Arc<Desk>>, Json(asked): Json<Version>) -> Result<Json<Value>, Refusal> {
    let selection = Filters::read(&asked.filters)?.select.resolve()?;
    to_the_end(async move {
        let _turn = desk.writing.lock().await;
        let context = desk.to_write().await?;
        desk.refresh(&context).await?;
        let frozen = context
            .freeze(Some(&asked.name), &selection, &Reporter::default())
            .await?;
        let manifest = &frozen.manifest;
        Ok(json!({ "name": manifest.name, "heads": manifest.rows, "id": manifest.id }))
    })
    .await
}
