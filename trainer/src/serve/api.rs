//! What the page asks beside heads: what is drawn from, uploads, completions.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use dataset::failure::Usage;
use serde::Deserialize;
use serde_json::{Value, json};
use vision::letterbox::resize;
use vision::picture::{Limits, decode};

use super::complete::{LOOK, Progress};
use super::model::Model;
use super::task::Task;
use super::{Refusal, Stopped, Studio, locked, monitor};
use crate::gan::framing::Framing;
use crate::show::blend::Blend;
use crate::show::search::{self, Search};

/// What an uploaded picture may cost: a large illustration, and a third of a gigabyte while it is decoded.
const LIMITS: Limits = Limits {
    pixels: 40_000_000,
    side: 12_000,
    memory: 320 << 20,
};

/// What is drawn from, and what else there is.
pub(super) async fn state(State(studio): State<Arc<Studio>>) -> Result<Json<Value>, Refusal> {
    let about = studio.about();
    Ok(Json(json!({
        "source": about.source.to_string(),
        "run": about.source.run,
        "step": about.source.step,
        "newer": studio.newer(),
        "side": about.side,
        "sides": about.sides,
        "detector": about.has_detector,
        "colourless": about.colourless,
        "seed": studio.sample.seed,
        "runs": monitor::runs(&studio.data)?,
    })))
}

/// Goes on with the newest checkpoint.
pub(super) async fn newest(State(studio): State<Arc<Studio>>) -> Result<Json<Value>, Refusal> {
    let (data, run, detector) = (studio.data.clone(), studio.run.clone(), studio.detector.clone());
    let completions = Arc::clone(&studio.completions);
    let about = studio.queue.run(move |model| {
        if !completions.are_idle() {
            return Err(Stopped::Meanwhile("a completion is under way: cancel it, or wait for it").into());
        }
        *model = Model::load(&data, &run, &detector)?;
        Ok(model.about())
    });
    let about = about.await?;
    *studio.about.write().unwrap_or_else(PoisonError::into_inner) = about;
    state(State(studio)).await
}

/// Takes a picture in, cut to a head: round its best face as `pipeline crop` does, or its middle square.
pub(super) async fn upload(State(studio): State<Arc<Studio>>, file: Bytes) -> Result<Json<Value>, Refusal> {
    let decoded = tokio::task::spawn_blocking(move || decode(&file, &LIMITS)).await?;
    let picture = decoded.map_err(|error| Usage(format!("this picture cannot be read: {error}")))?;
    let (width, height) = picture.dimensions();
    let has_detector = studio.about().has_detector;
    let cut = studio.queue.run(move |model| {
        let faces = match has_detector {
            true => model.detector()?.detect(&picture)?,
            false => Vec::new(),
        };
        let rule = Framing::from(&model.trained.file.config).rule();
        Ok(match faces.first() {
            Some(face) => (rule.cut(&picture, rule.region(&face.bbox, width, height)), "face"),
            None => {
                let side = width.min(height);
                let (x, y) = ((width - side) / 2, (height - side) / 2);
                (
                    image::imageops::crop_imm(&picture, x, y, side, side).to_image(),
                    "middle",
                )
            }
        })
    });
    let (head, by) = cut.await?;
    let side = studio.about().side;
    let number = locked(&studio.uploads).keep(resize(&head, side, side));
    Ok(Json(json!({ "picture": number, "by": by })))
}

/// What is to be completed, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Complete {
    /// The head that was touched …
    head: Option<String>,
    /// … or the uploaded picture.
    picture: Option<u64>,
    #[serde(default = "usual_steps")]
    steps: u64,
    #[serde(default = "usual_tries")]
    tries: i64,
    /// Weight of the discriminator's score.
    #[serde(default = "usual_weight")]
    lambda: f64,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    plain: bool,
}

fn usual_weight() -> f64 {
    search::WEIGHT
}

fn usual_steps() -> u64 {
    100
}

fn usual_tries() -> i64 {
    4
}

/// Noise that the address of a head that was found can tell: hundredths in a byte.
const ADDRESSED: f64 = 1.27;

/// Takes a completion on. The body is the touched picture, RGBA row by row.
pub(super) async fn complete(
    State(studio): State<Arc<Studio>>,
    Query(asked): Query<Complete>,
    touched: Bytes,
) -> Result<Json<Value>, Refusal> {
    if !(1..=5000).contains(&asked.steps) || !(1..=32).contains(&asked.tries) {
        return Err(Usage("steps are 1 to 5000, tries 1 to 32".into()).into());
    }
    if !(0.0..=1e6).contains(&asked.lambda) {
        return Err(Usage("lambda is 0 to 1000000".into()).into());
    }
    let picture = match (&asked.head, asked.picture) {
        (Some(head), None) => studio.picture(head).await?,
        (None, Some(number)) => locked(&studio.uploads).picture(number)?,
        _ => return Err(Usage("a head or a picture is expected, one of both".into()).into()),
    };
    let how = Search {
        steps: asked.steps,
        rate: search::RATE,
        weight: asked.lambda,
        clip: ADDRESSED,
        tries: asked.tries,
        seed: asked.seed,
        every: LOOK,
    };
    let blend = if asked.plain { Blend::Plain } else { Blend::Poisson };
    let number = studio.completions.add(Task::new(picture, &touched, how, blend)?)?;
    studio.queue.wake();
    Ok(Json(json!({ "completion": number })))
}

/// How far all completions are.
pub(super) async fn completions(State(studio): State<Arc<Studio>>) -> Json<Vec<Progress>> {
    Json(studio.completions.list())
}

/// How far one is.
pub(super) async fn completion(
    State(studio): State<Arc<Studio>>,
    Path(number): Path<u64>,
) -> Result<Json<Progress>, Refusal> {
    let gone = || Stopped::Gone(format!("there is no completion {number}, or it is forgotten"));
    Ok(Json(studio.completions.progress(number).ok_or_else(gone)?))
}

/// Takes one back.
pub(super) async fn cancel(
    State(studio): State<Arc<Studio>>,
    Path(number): Path<u64>,
) -> Result<Json<Progress>, Refusal> {
    studio.completions.cancel(number);
    completion(State(studio), Path(number)).await
}
