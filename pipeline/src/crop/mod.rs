//! From stored pictures to heads: decode, detect, cut, record. Each picture is decoded once, on one
//! thread from its bytes to its heads, so that every core is busy whatever the share of decoding in the
//! work; a budget of memory bounds the pictures under way.

pub mod by_hand;
mod originals;
mod picture;
mod select;
mod source;
mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use dataset::Store;
use dataset::failure::Interrupted;
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vision::DetectorError;

use crate::catalog::detections::{self, CropKey, DetectionOutcome, HAND, PendingPicture};
use crate::catalog::leases::Share;
use crate::catalog::session::HEADS;
use crate::catalog::{Catalog, heads};
use crate::progress;
use crate::selection::{Selection, SelectionArgs};
use crate::settings::CropSettings;
use crate::stop::Stop;
use crate::summary::Summary;
use picture::{Done, Job, Workbench};
use source::{Begun, Source};
use workers::{Budget, Detectors};

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

/// Detects and cuts in every selected picture that lacks a result of this detector and crop rule. Where other
/// processes do so too, the pictures are shared with them, and it ends when all are done.
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
    let Begun {
        source,
        waiting,
        most,
        lost,
        mut summary,
    } = source::begin(catalog, store, request, &key).await?;
    let bench = Arc::new(Workbench {
        store: store.clone(),
        rule: settings.rule(),
        limits: settings.limits(),
        key: key.clone(),
        memory: Budget::new(settings.memory()),
        bytes_per_pixel: first.bytes_per_pixel(),
    });
    let workers = settings.workers().min(usize::try_from(most).unwrap_or(usize::MAX));
    let detectors = Arc::new(Detectors::of(first));
    let others = load_others(settings, workers, &detectors);

    let (jobs, jobs_waiting) = mpsc::channel(workers.max(1));
    let (done, results) = mpsc::channel(COMMIT);
    let threads = workers::start(workers, &detectors, &bench, jobs_waiting, &done);
    drop(done);
    let (share, bar) = (source.share().cloned(), progress::bar(waiting, "crop"));
    let (fed, recorded) = tokio::join!(
        feed(catalog, &key, source, jobs, &bar, stop),
        record(catalog, share.as_ref(), &key, results, &bar)
    );
    bar.finish_and_clear();
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
    if request.drop_originals && catalog.last_of(HEADS).await? && catalog.try_alone().await? {
        let (dropped, bytes) = originals::drop_all(catalog, store, &key, stop).await?;
        summary.line("originals dropped", dropped);
        summary.line("bytes dropped", bytes);
        catalog.share().await?;
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

/// Hands out pictures until none is left or a stop is asked for.
async fn feed(
    catalog: &Catalog,
    key: &CropKey,
    mut source: Source,
    jobs: mpsc::Sender<Job>,
    bar: &ProgressBar,
    stop: &Stop,
) -> anyhow::Result<()> {
    loop {
        let page = source.next(catalog, key, bar, stop).await?;
        if page.is_empty() {
            return Ok(());
        }
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

/// Records what has come, up to so many results in one transaction: the bytes are in the store by then. What
/// another worker has taken over meanwhile is left to that one.
async fn record(
    catalog: &Catalog,
    share: Option<&Share>,
    key: &CropKey,
    mut results: Results,
    bar: &ProgressBar,
) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    let mut some = Vec::new();
    while results.recv_many(&mut some, COMMIT).await > 0 {
        let mut done = some.drain(..).collect::<anyhow::Result<Vec<Done>>>()?;
        let mut write = catalog.write().await?;
        if let Some(share) = share {
            let given_back: Vec<(&str, bool)> = done.iter().map(|done| (&*done.image, done.failed())).collect();
            let mine = share.finish(&mut write, &given_back).await?;
            let mine: Vec<bool> = done.iter().map(|done| mine.contains(&*done.image)).collect();
            let mut mine = mine.into_iter();
            done.retain(|_| mine.next() == Some(true));
        }
        let outcomes = done
            .iter()
            .filter_map(|done| Some((&*done.image, done.outcome.as_ref()?)));
        detections::record_all(&mut write, &key.detector, &outcomes.collect::<Vec<_>>()).await?;
        let heads = done.iter().flat_map(|done| {
            let found = done.heads.iter().map(|head| (&*done.image, &*key.detector, head));
            found.chain(done.by_hand.iter().map(|head| (&*done.image, HAND, head)))
        });
        heads::record_all(&mut write, &heads.collect::<Vec<_>>()).await?;
        write.commit().await?;
        bar.inc(done.len() as u64);
        done.into_iter().for_each(|done| counts.add(done));
    }
    Ok(counts)
}
