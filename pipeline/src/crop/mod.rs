//! From stored pictures to heads: decode, detect, cut, record. Each picture is decoded once, on one
//! thread from its bytes to its heads, so that every core is busy whatever the share of decoding in the
//! work; a budget of memory bounds the pictures under way.

pub mod by_hand;
mod originals;
mod picture;
mod select;
mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use dataset::failure::Interrupted;
use dataset::{Key, Store};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vision::DetectorError;

use crate::catalog::detections::{self, CropKey, DetectionOutcome, HAND, PendingPicture};
use crate::catalog::{Catalog, heads};
use crate::progress;
use crate::selection::{Selection, SelectionArgs};
use crate::settings::CropSettings;
use crate::stop::Stop;
use crate::summary::Summary;
use picture::{Done, Job, Workbench};
use workers::{Budget, Detectors};

/// Pictures asked for at once; a page holds hashes alone.
const PAGE: i64 = 500;
/// Results of one transaction at most; it takes those that came while the last one was written.
const COMMIT: usize = 64;

/// Finds the faces in stored pictures and cuts out their heads
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline crop --min-likes 500 --since 2022")]
pub struct Args {
    /// Which posts' pictures
    #[command(flatten)]
    pub select: SelectionArgs,
    /// At most so many pictures
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// What one run is asked to do.
#[derive(Clone, Debug, Default)]
pub struct CropRequest {
    /// Which posts' pictures.
    pub selection: Selection,
    /// At most so many pictures.
    pub limit: Option<u64>,
    /// Whether pictures are dropped from the store once their heads are in it.
    pub drop_originals: bool,
}

impl Args {
    /// The request behind the arguments.
    ///
    /// # Errors
    /// `Usage` where a date or tag is none.
    pub fn resolve(&self) -> anyhow::Result<CropRequest> {
        Ok(CropRequest {
            selection: self.select.resolve()?,
            limit: self.limit,
            drop_originals: false,
        })
    }
}

/// Detects and cuts in every selected picture that lacks a result of this detector and crop rule.
///
/// # Errors
/// `Usage` where nothing is selected; `Interrupted`; otherwise what stopped the stage: weights
/// missing, the store vanished, a full disk, the database gone.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    settings: &CropSettings,
    request: &CropRequest,
    stop: &Stop,
) -> anyhow::Result<Summary> {
    let first = settings.load_detector(1)?;
    let key = settings.key(&first);
    let (pending, selected) = detections::count(catalog, &request.selection, &key).await?;
    if selected == 0 {
        return Err(select::nothing_selected(catalog, &request.selection).await?);
    }
    let lost = detections::count_lost(catalog, &request.selection, &key).await?;
    let place = store.clone();
    let there = tokio::task::spawn_blocking(move || place.contents("heads")).await??;
    let is_there = move |head: &Key| there.holds(head, None);
    let mut again = detections::with_lost_heads(catalog, &request.selection, &key, is_there).await?;
    let limit = request.limit.unwrap_or(u64::MAX);
    let pending_now = limit.min(pending + again.len() as u64);
    let mut summary = Summary {
        skipped: selected.saturating_sub(pending + lost + again.len() as u64),
        ..Summary::default()
    };
    summary.line("pictures selected", selected);
    if !again.is_empty() {
        summary.line("pictures with heads gone from the store", again.len() as u64);
    }
    again.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let bench = Arc::new(Workbench {
        store: store.clone(),
        rule: settings.rule(),
        limits: settings.limits(),
        key: key.clone(),
        memory: Budget::new(settings.memory()),
        bytes_per_pixel: first.bytes_per_pixel(),
    });
    let workers = settings.workers().min(pending_now as usize);
    let detectors = Arc::new(Detectors::of(first));
    let others = load_others(settings, workers, &detectors);

    let (jobs, waiting) = mpsc::channel(workers.max(1));
    let (done, results) = mpsc::channel(COMMIT);
    let threads = workers::start(workers, &detectors, &bench, waiting, &done);
    drop(done);
    let (fed, recorded) = tokio::join!(
        feed(catalog, request, &key, again, jobs, stop),
        record(catalog, &key, results, pending_now)
    );
    for thread in threads {
        thread.await.context("a crop worker failed")?;
    }
    others.await.context("loading a detector failed")??;
    let counts = recorded?;
    fed?;
    if stop.requested() {
        return Err(Interrupted.into());
    }
    counts.fill(&mut summary);
    if lost > 0 {
        summary.line("dropped pictures that cannot be looked at again", lost);
    }
    if request.drop_originals {
        let (dropped, bytes) = originals::drop_all(catalog, store, &key, stop).await?;
        summary.line("originals dropped", dropped);
        summary.line("bytes dropped", bytes);
    }
    Ok(summary)
}

/// Loads a detector for every worker but the first, which works meanwhile.
fn load_others(
    settings: &CropSettings,
    workers: usize,
    detectors: &Arc<Detectors>,
) -> JoinHandle<Result<(), DetectorError>> {
    let (settings, detectors) = (settings.clone(), Arc::clone(detectors));
    tokio::task::spawn_blocking(move || {
        for _ in 1..workers {
            detectors.add(settings.load_detector(1)?);
        }
        Ok(())
    })
}

type Results = mpsc::Receiver<anyhow::Result<Done>>;

/// Hands out the pictures given, then pending ones in the order of their hashes until none is left, the
/// limit is reached or a stop is asked for.
async fn feed(
    catalog: &Catalog,
    request: &CropRequest,
    key: &CropKey,
    mut page: Vec<PendingPicture>,
    jobs: mpsc::Sender<Job>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let mut last = String::new();
    let mut left = i64::try_from(request.limit.unwrap_or(u64::MAX)).unwrap_or(i64::MAX);
    loop {
        left -= page.len() as i64;
        for picture in page {
            if stop.requested() {
                return Ok(());
            }
            let job = prepare(catalog, key, picture).await?;
            // The receivers are gone only after a failure, which is reported by what met it.
            if jobs.send(job).await.is_err() {
                return Ok(());
            }
        }
        page = detections::pending(catalog, &request.selection, key, &last, PAGE.min(left)).await?;
        match page.last() {
            Some(end) => last.clone_from(&end.image),
            None => return Ok(()),
        }
    }
}

async fn prepare(catalog: &Catalog, key: &CropKey, picture: PendingPicture) -> anyhow::Result<Job> {
    let of = async |detector: &str| detections::faces(catalog.pool(), &picture.image, detector).await;
    let faces = match picture.detected {
        0 => None,
        _ => Some(of(&key.detector).await?),
    };
    let by_hand = match picture.by_hand {
        0 => Vec::new(),
        _ => of(HAND).await?,
    };
    Ok(Job {
        picture,
        faces,
        by_hand,
    })
}

/// What was recorded.
#[derive(Default)]
struct Counts {
    detected: u64,
    recut: u64,
    failed: u64,
    faces: u64,
    heads: u64,
    reasons: BTreeMap<&'static str, u64>,
}

impl Counts {
    fn add(&mut self, done: Done) {
        self.heads += (done.heads.len() + done.by_hand.len()) as u64;
        match (done.outcome, done.lost) {
            (Some(DetectionOutcome::Detected(faces)), _) => {
                self.detected += 1;
                self.faces += faces.len() as u64;
            }
            (Some(DetectionOutcome::Refused(reason, _) | DetectionOutcome::Failed(reason, _)), _)
            | (None, Some(reason)) => {
                self.failed += 1;
                *self.reasons.entry(reason).or_default() += 1;
            }
            (None, None) => self.recut += 1,
        }
    }

    fn fill(self, summary: &mut Summary) {
        summary.done = self.detected + self.recut;
        summary.failed = self.failed;
        summary.line("pictures looked at", self.detected);
        if self.recut > 0 {
            summary.line("pictures cut anew", self.recut);
        }
        for (reason, count) in self.reasons {
            summary.line(format!("failed: {reason}"), count);
        }
        summary.line("faces", self.faces);
        summary.line("heads", self.heads);
    }
}

/// Records what has come, up to so many results in one transaction: the bytes are in the store by then.
async fn record(catalog: &Catalog, key: &CropKey, mut results: Results, total: u64) -> anyhow::Result<Counts> {
    let bar = progress::bar(total, "crop");
    let mut counts = Counts::default();
    let mut some = Vec::new();
    while results.recv_many(&mut some, COMMIT).await > 0 {
        let mut write = catalog.write().await?;
        let mut recorded = Vec::with_capacity(some.len());
        for done in some.drain(..) {
            let done = done?;
            match &done.outcome {
                Some(outcome) => {
                    detections::record(&mut write, &done.image, &key.detector, outcome, &done.heads).await?
                }
                None => heads::record(&mut write, &done.image, &key.detector, &done.heads).await?,
            }
            heads::record(&mut write, &done.image, HAND, &done.by_hand).await?;
            recorded.push(done);
        }
        write.commit().await?;
        bar.inc(recorded.len() as u64);
        recorded.into_iter().for_each(|done| counts.add(done));
    }
    bar.finish_and_clear();
    Ok(counts)
}
