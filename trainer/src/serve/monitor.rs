//! Runs as they are on the disk: losses, scores, rates, grids. Files are read and nothing else, so that a run which
//! trains is never held up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use axum::Json;
use axum::extract::{Path as Segment, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::answer;
use super::{Refusal, Stopped, Studio};
use crate::engine::metrics;
use crate::eval::record::{self, Score};
use crate::gan::folder::RunFolder;
use crate::gan::metrics::Metrics;
use crate::gan::plot::thinned;
use crate::show::progress::grids;

/// The curves: a name, and what it is of a line.
type Curve = (&'static str, fn(&Metrics) -> Option<f64>);
const CURVES: [Curve; 8] = [
    ("loss_d", |line| line.loss_d),
    ("loss_g", |line| line.loss_g),
    ("d_real", |line| line.d_real),
    ("d_fake", |line| line.d_fake),
    ("spread", |line| line.spread),
    ("spread_real", |line| line.spread_real),
    ("rate_d", |line| Some(line.rate_d)),
    ("rate_g", |line| Some(line.rate_g)),
];

/// The measures of a score, as `trainer compare` shows them.
type Measure = (&'static str, fn(&Score) -> f64);
const MEASURES: [Measure; 5] = [
    ("kid", |score| 1000.0 * score.kid.value),
    ("fid", |score| score.fid),
    ("precision", |score| score.neighbourhoods.precision),
    ("recall", |score| score.neighbourhoods.recall),
    ("faces", |score| score.faces.found),
];

/// The names of the runs of a data folder.
///
/// # Errors
/// Where it cannot be listed.
pub(super) fn runs(data: &Path) -> Result<Vec<String>> {
    let folder = data.join("runs");
    let paths = dataset::files::sorted_entries(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let runs = paths.into_iter().filter(|path| path.join("run.json").is_file());
    Ok(runs
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect())
}

impl Studio {
    /// The folder of a run by its name: one of those there are, or the one that is drawn from.
    fn watched(&self, run: &str) -> Result<RunFolder> {
        let about = self.about();
        let known = runs(&self.data)?;
        let folder = match known.iter().find(|known| *known == run) {
            Some(known) => self.data.join("runs").join(known),
            None if run == about.source.run => about.folder,
            None => {
                return Err(Stopped::Gone(format!("there is no run `{run}` (there are: {})", known.join(", "))).into());
            }
        };
        Ok(RunFolder::new(folder))
    }
}

/// What the page has already.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    #[serde(default)]
    stamp: String,
}

/// A run's curves, scores and grids; only that nothing changed where the page has them by their stamp.
pub(super) async fn run(
    State(studio): State<Arc<Studio>>,
    Segment(run): Segment<String>,
    Query(seen): Query<Seen>,
) -> Result<Json<Value>, Refusal> {
    let folder = studio.watched(&run)?;
    let told = tokio::task::spawn_blocking(move || -> Result<Value> {
        let (stamp, age) = stamp(&folder);
        match stamp == seen.stamp {
            true => Ok(json!({ "run": run, "stamp": stamp, "age": age, "same": true })),
            false => read(&run, &folder, &stamp, age),
        }
    });
    Ok(Json(told.await??))
}

fn read(run: &str, folder: &RunFolder, stamp: &str, age: Option<u64>) -> Result<Value> {
    let file = folder
        .read()?
        .with_context(|| format!("the run `{run}` has no run.json any more"))?;
    let lines: Vec<Metrics> = metrics::read(&folder.metrics())?;
    let points = |value: fn(&Metrics) -> Option<f64>| {
        thinned(lines.iter().filter_map(|line| Some((line.images as f64, value(line)?))))
    };
    let curves: serde_json::Map<String, Value> = CURVES
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(points(*value))))
        .collect();
    let scores = record::read(folder.path())?;
    let measured = scores.iter().map(|score| {
        let values = MEASURES
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value(score))));
        let mut told: serde_json::Map<String, Value> = values.collect();
        told.insert("images".into(), json!(score.images));
        Value::Object(told)
    });
    let last = lines.last();
    let notes = lines
        .iter()
        .flat_map(|line| line.notes.iter().map(|note| json!([line.images, note])));
    let notes: Vec<Value> = notes.collect();
    Ok(json!({
        "run": run,
        "stamp": stamp,
        "age": age,
        "side": file.config.side,
        "preset": file.config.preset,
        "heads": file.heads,
        "manifest": file.manifest,
        "images": last.map(|line| line.images),
        "epoch": last.map(|line| line.epoch),
        "seconds": last.map(|line| line.seconds),
        "speed": speed(&lines),
        "curves": curves,
        "scores": measured.collect::<Vec<Value>>(),
        "grids": grids(&folder.path().join("grids"))?.iter().map(|(epoch, _)| *epoch).collect::<Vec<u64>>(),
        "notes": notes[notes.len().saturating_sub(20)..],
    }))
}

/// Images a second over the last lines of one sitting.
fn speed(lines: &[Metrics]) -> Option<f64> {
    let some = &lines[lines.len().saturating_sub(10)..];
    let (first, last) = (some.first()?, some.last()?);
    let seconds = last.seconds - first.seconds;
    (seconds > 0.0).then(|| (last.images.saturating_sub(first.images)) as f64 / seconds)
}

/// What changes with the files, and the seconds since the last line of metrics was written.
fn stamp(folder: &RunFolder) -> (String, Option<u64>) {
    let about = |path: PathBuf| path.metadata().ok();
    let seen = [
        folder.metrics(),
        record::path(folder.path()),
        folder.path().join("grids"),
    ]
    .map(|path| {
        about(path).map_or_else(String::new, |about| {
            let time = about
                .modified()
                .ok()
                .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
            format!("{}.{}", about.len(), time.unwrap_or_default().as_nanos())
        })
    });
    let written = about(folder.metrics()).and_then(|about| about.modified().ok()?.elapsed().ok());
    (seen.join("-"), written.map(|age| age.as_secs()))
}

/// The grid of an epoch.
pub(super) async fn grid(
    State(studio): State<Arc<Studio>>,
    Segment((run, epoch)): Segment<(String, u64)>,
) -> Result<Response, Refusal> {
    let path = studio.watched(&run)?.grid(epoch);
    let gone = |_| Stopped::Gone(format!("there is no grid of epoch {epoch} any more"));
    let bytes = tokio::task::spawn_blocking(move || std::fs::read(path))
        .await?
        .map_err(gone)?;
    Ok(answer("image/png", "no-cache", bytes))
}
