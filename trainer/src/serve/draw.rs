//! Which heads are drawn: of a seed, near another, mixed of two. Each answer names heads by their addresses; their
//! pictures are then asked for as files.

use std::sync::Arc;

use anyhow::Result;
use axum::Json;
use axum::extract::{Path, Query, State};
use dataset::failure::Usage;
use dataset::train_settings::Rank;
use serde::Deserialize;
use serde_json::{Value, json};

use super::head::{Address, Amount, Edit, Head, MOST};
use super::{Refusal, Stopped, Studio};
use crate::gan::sample::parse_truncation;

/// Most heads of an answer, and most drawn for it.
const MOST_HEADS: usize = 64;
const MOST_DRAWN: usize = 256;
/// How far two heads are apart where they are mixed by moving one towards the other.
const SHARES: [f64; 3] = [0.25, 0.5, 0.75];

impl Studio {
    /// The head of an address, which the checkpoint in memory must be able to draw.
    ///
    /// # Errors
    /// [`Usage`] where it is no address; [`Stopped::Gone`] where it is of another checkpoint.
    pub(super) fn known(&self, address: &str) -> Result<Head> {
        let address: Address = address.parse()?;
        let ours = self.about().source;
        let (theirs, run) = (&address.source, &address.source.run);
        if (theirs.step, theirs.digest) == (ours.step, ours.digest) {
            return Ok(address.head);
        }
        let what = match *run == ours.run {
            true => format!(
                "this head is of step {} of the run `{run}`, and the studio draws from step {}: that checkpoint is gone, \
                 or was replaced; a kept picture of it stays among the favourites",
                theirs.step, ours.step
            ),
            false => format!(
                "this head is of the run `{run}`, and the studio draws from `{}`: open it with `trainer serve {run}`, as \
                 long as its step {} is the newest there",
                ours.run, theirs.step
            ),
        };
        Err(Stopped::Gone(what).into())
    }

    /// Addresses as the page gets them.
    fn named(&self, heads: Vec<Head>) -> Vec<Value> {
        let source = self.about().source;
        let named = heads.into_iter().map(|head| Address {
            source: source.clone(),
            head,
        });
        named.map(|address| json!({ "head": address.to_string() })).collect()
    }
}

/// Heads of a seed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draw {
    seed: u64,
    #[serde(default)]
    from: usize,
    count: usize,
    /// Standard deviations at which the noise's tails are cut off.
    truncation: Option<f64>,
    /// Keeps the best of so many for each head shown.
    #[serde(default = "one_of")]
    of: usize,
    /// By whom; both where the detector is at hand.
    rank: Option<Rank>,
}

fn one_of() -> usize {
    1
}

impl Draw {
    fn heads(&self) -> Result<Vec<Head>> {
        let drawn = self.count.saturating_mul(self.of);
        if !(1..=MOST_HEADS).contains(&self.count) || self.of == 0 || drawn > MOST_DRAWN {
            return Err(Usage(format!(
                "count is 1 to {MOST_HEADS}, and count times of at most {MOST_DRAWN}"
            ))
            .into());
        }
        if self.from.saturating_add(drawn) > MOST + 1 {
            return Err(Usage(format!("a seed has {} heads here: take another seed", MOST + 1)).into());
        }
        let truncation = self.truncation.map(|limit| Edit::Truncate(Amount::of(limit)));
        if let Some(limit) = self.truncation {
            parse_truncation(&limit.to_string()).map_err(|why| Usage(format!("truncation: {why}")))?;
        }
        let head = |number| match &truncation {
            Some(edit) => Head::sample(self.seed, number).with(edit.clone()),
            None => Head::sample(self.seed, number),
        };
        Ok((self.from..self.from + drawn).map(head).collect())
    }
}

/// The next heads of a seed, or the best of the next ones.
pub(super) async fn draw(State(studio): State<Arc<Studio>>, Query(asked): Query<Draw>) -> Result<Json<Value>, Refusal> {
    let heads = asked.heads()?;
    let next = asked.from + heads.len();
    if asked.of == 1 {
        return Ok(Json(json!({ "heads": studio.named(heads), "next": next })));
    }
    let rank = asked.rank.unwrap_or_else(|| match studio.about().has_detector {
        true => Rank::Both,
        false => Rank::D,
    });
    let mut best = Vec::new();
    // Head by head, so that others get their turn between them.
    for some in heads.chunks(asked.of) {
        let some = some.to_vec();
        let kept = studio.queue.run(move |model| {
            let scores = model.scored(&some, rank)?;
            let place = scores.best(rank, 1)[0];
            let address = model.address(some[place].clone()).to_string();
            let face = scores.faces.as_ref().map(|faces| faces[place]);
            let told = json!({ "head": address, "d": scores.discriminator[place], "face": face });
            Ok((address, told, scores.pictures[place].clone()))
        });
        let (address, told, picture) = kept.await?;
        studio.remember(address, &picture)?;
        best.push(told);
    }
    Ok(Json(json!({ "heads": best, "next": next })))
}

/// Heads near one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Near {
    head: String,
    /// How far, 0 to 1: the share of the way to a head that has nothing to do with it.
    far: f64,
    seed: u64,
    #[serde(default)]
    from: usize,
    count: usize,
}

/// Heads that lie some of the way towards others of a seed.
pub(super) async fn near(State(studio): State<Arc<Studio>>, Query(asked): Query<Near>) -> Result<Json<Value>, Refusal> {
    let head = studio.known(&asked.head)?;
    if !(1..=MOST_HEADS).contains(&asked.count) || !(0.0..=1.0).contains(&asked.far) {
        return Err(Usage(format!("count is 1 to {MOST_HEADS}, and far is 0 to 1")).into());
    }
    let others = asked.from..asked.from.saturating_add(asked.count).min(MOST + 1);
    let towards = |number| {
        let other = Head::sample(asked.seed, number);
        let other = match head.truncation() {
            Some(limit) => other.with(Edit::Truncate(limit)),
            None => other,
        };
        head.clone().with(Edit::Between(Box::new(other), Amount::of(asked.far)))
    };
    Ok(Json(
        json!({ "next": others.end, "heads": studio.named(others.map(towards).collect()) }),
    ))
}

/// Two heads to mix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mix {
    head: String,
    other: String,
}

/// One head with the fine parts of another, from each size of map on; where the generator's noise goes in at the
/// front alone, on the way from one to the other.
pub(super) async fn mix(State(studio): State<Arc<Studio>>, Query(asked): Query<Mix>) -> Result<Json<Value>, Refusal> {
    let (head, other) = (studio.known(&asked.head)?, Box::new(studio.known(&asked.other)?));
    let sides = studio.about().sides;
    let (edits, by): (Vec<Edit>, &str) = match sides.is_empty() {
        false => (
            sides.iter().map(|side| Edit::Mix(other.clone(), *side)).collect(),
            "side",
        ),
        true => {
            let between = |share| Edit::Between(other.clone(), Amount::of(share));
            (SHARES.map(between).into(), "share")
        }
    };
    let mut named = studio.named(edits.into_iter().map(|edit| head.clone().with(edit)).collect());
    for (place, value) in named.iter_mut().enumerate() {
        value[by] = match sides.get(place) {
            Some(side) => json!(side),
            None => json!(SHARES[place]),
        };
    }
    Ok(Json(json!({ "heads": named, "by": by })))
}

/// Whether an address can be drawn here, and what it says.
pub(super) async fn one(
    State(studio): State<Arc<Studio>>,
    Path(address): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let head = studio.known(&address)?;
    studio
        .queue
        .run({
            let head = head.clone();
            move |model| model.rows(&head).map(|_| ())
        })
        .await?;
    Ok(Json(
        json!({ "head": address, "truncation": head.truncation().map(Amount::value) }),
    ))
}
