//! The training loop.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use dataset::failure::{Paused, Usage};
use dataset::files::make_folder;
use tch::Tensor;
use vision::DetectorSettings;

use super::anchors::{self, Anchors};
use super::augment::Studio;
use super::checkpoint::{self, LAST, State};
use super::data::{Material, Sample, Sources};
use super::evaluate;
use super::feed::{Batch, Feed, Order};
use super::graph::Graph;
use super::judge;
use super::loss::{Loss, loss};
use super::network::{Network, Precision};
use super::optimiser::{Optimiser, rate};
use super::start;
use crate::gan::stop::Stop;

/// Steps of linear warm-up.
const WARM_UP: u64 = 150;
/// Highest learning rate of a run from nothing …
const RATE: f64 = 1.5e-3;
/// … and of one that begins with a file's weights.
const FURTHER_RATE: f64 = 3e-4;
/// Decoupled weight decay.
const DECAY: f64 = 0.02;
/// Steps between two lines of the log.
const LOG_EVERY: u64 = 20;
/// Pictures made to fit the anchors.
const ANCHOR_SCENES: u64 = 800;
/// Threads that make pictures; one keeps up with two cores of torch.
const FEEDERS: usize = 1;

/// Settings of `trainer detector train`.
#[derive(Clone, Debug, clap::Args)]
pub struct Train {
    #[command(flatten)]
    sources: Sources,
    /// Folder of the run: checkpoint and metrics.jsonl
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Steps of the whole run: sides and learning rate follow the share that is done, so that equal
    /// numbers make equal detectors on one machine
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Pictures a step
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Side of the input at the end of the run, a multiple of 32; it begins at less than half of it
    #[arg(long, default_value_t = 640)]
    side: u32,
    /// File of `trainer detector export` whose weights and anchors the run begins with, in place of random
    /// ones: a third of the steps will do, and all sides come from the beginning
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Highest learning rate: .0015, and .0003 with --from
    #[arg(long)]
    rate: Option<f64>,
    /// Number format of the convolutions in training
    #[arg(long, value_enum, default_value_t = Precision::Bf16)]
    precision: Precision,
    /// Seed of weights and pictures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps between two measurements on the pictures set aside
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    measure_every: u64,
    /// Minutes between two checkpoints
    #[arg(long, default_value_t = 2.0)]
    checkpoint_minutes: f64,
    /// Threads of torch; 0 is one a core. Another number gives other bits
    #[arg(long, default_value_t = 0)]
    threads: i32,
    /// Goes on from the checkpoint in --out where there is one, with the folders and the number of steps given now; with those of
    /// its beginning it ends in the same bits as an undisturbed run
    #[arg(long)]
    resume: bool,
}

/// Trains until the budget is used up.
pub fn train(settings: &Train) -> Result<()> {
    if !settings.side.is_multiple_of(32) || settings.side < 128 || settings.batch == 0 {
        return Err(Usage("--side wants a multiple of 32 from 128 on, --batch at least 1".into()).into());
    }
    let last = settings.out.join(LAST);
    if last.exists() && !settings.resume {
        let message = format!("{} exists: give --resume, or another --out", last.display());
        return Err(Usage(message).into());
    }
    make_folder(&settings.out)?;
    if settings.threads > 0 {
        tch::set_num_threads(settings.threads);
    }
    let material = Material::load(&settings.sources)?;
    describe(&material);
    let studio = Studio::new(&material);
    let (network, optimiser, state) = if last.exists() {
        let (network, optimiser, mut state) = checkpoint::load(&last, DECAY)?;
        // More material may have come; anchors and weights stay.
        state.sources = settings.sources.clone();
        state.held_out = names(&material.held_out);
        (network, optimiser, state)
    } else {
        begin(settings, &studio, &material)?
    };
    let graph = &network.graph;
    println!(
        "network: {:.2} M parameters, {:.2} GFLOP at {}; anchors {}",
        graph.parameters() as f64 / 1e6,
        graph.gigaflop(i64::from(settings.side)),
        settings.side,
        anchors::to_text(&state.anchors)
    );
    let run = Run {
        settings,
        material: &material,
        network,
        optimiser,
        state,
    };
    let stop = Stop::listen()?;
    std::thread::scope(|scope| {
        let feed = Feed::start(scope, &studio, settings.seed, settings.batch, FEEDERS);
        run.work(feed, &stop)
    })
}

fn describe(material: &Material) {
    let counts: Vec<String> = material.folders.iter().map(|folder| folder.len().to_string()).collect();
    println!(
        "pictures: {} to train on, {} choose the threshold, {} held out; {} head crops",
        counts.join(" + "),
        material.validation.len(),
        material.held_out.len(),
        material.heads.len()
    );
}

fn begin(settings: &Train, studio: &Studio<'_>, material: &Material) -> Result<(Network, Optimiser, State)> {
    let (network, anchors, started_from) = match &settings.from {
        Some(file) => {
            let start = start::from_file(file)?;
            (start.network, start.anchors, Some(start.digest))
        }
        None => {
            let network = Network::new(Graph::yolov3(), settings.seed as i64);
            (network, fitted(settings, studio)?, None)
        }
    };
    let optimiser = Optimiser::new(&network, DECAY);
    let state = State {
        step: 0,
        seconds: 0.0,
        images: 0,
        seed: settings.seed,
        anchors,
        side: settings.side,
        sources: settings.sources.clone(),
        held_out: names(&material.held_out),
        started_from,
        threshold: None,
    };
    Ok((network, optimiser, state))
}

fn fitted(settings: &Train, studio: &Studio<'_>) -> Result<Anchors> {
    let boxes = anchors::training_boxes(studio, settings.seed, settings.side, ANCHOR_SCENES);
    let (anchors, fit) = anchors::fit(&boxes)
        .ok_or_else(|| Usage("fewer than nine faces to train on: add a --pictures folder".into()))?;
    println!("anchors fit {} boxes with a mean IoU of {fit:.3}", boxes.len());
    Ok(anchors)
}

fn names(samples: &[Sample]) -> Vec<String> {
    samples.iter().map(|sample| sample.name.clone()).collect()
}

/// A run between two checkpoints.
struct Run<'a> {
    settings: &'a Train,
    material: &'a Material,
    network: Network,
    optimiser: Optimiser,
    state: State,
}

impl Run<'_> {
    fn work(mut self, mut feed: Feed, stop: &Stop) -> Result<()> {
        let mut ordered = self.state.step;
        let mut window = Window::new();
        let mut saved = self.state.seconds;
        let mut clock = Instant::now();
        while self.state.step < self.settings.steps {
            while feed.open() < feed.capacity() {
                let side = if self.state.started_from.is_some() {
                    any_side(ordered, self.settings.side)
                } else {
                    side_at(ordered, self.settings.steps, self.settings.side)
                };
                feed.order(Order { step: ordered, side });
                ordered += 1;
            }
            let waited = Instant::now();
            let batch = feed.take().context("the thread that makes the pictures has died")?;
            window.waited += waited.elapsed().as_secs_f64();
            let (losses, learning) = self.learn(&batch)?;
            self.state.seconds += clock.elapsed().as_secs_f64();
            clock = Instant::now();
            window.add(&losses, batch.truths.len());
            if self.state.step.is_multiple_of(LOG_EVERY) {
                self.log(&window, batch.order.side, learning)?;
                window = Window::new();
            }
            if self.state.step.is_multiple_of(self.settings.measure_every) {
                self.measure()?;
                clock = Instant::now();
            }
            if self.state.seconds - saved >= self.settings.checkpoint_minutes * 60.0 || stop.requested() {
                saved = self.state.seconds;
                self.save()?;
                clock = Instant::now();
            }
            if stop.requested() {
                return Err(Paused.into());
            }
        }
        self.measure()?;
        self.save()
    }

    /// One step; answers its loss and learning rate.
    fn learn(&mut self, batch: &Batch) -> Result<(Loss, f64)> {
        let further = self.state.started_from.is_some();
        let highest = self.settings.rate.unwrap_or(if further { FURTHER_RATE } else { RATE });
        let warm_up = WARM_UP.min(self.settings.steps / 10);
        let learning = rate(highest, self.state.step, warm_up, self.progress());
        // A file's weights have their normalisations folded in: the statistics of a batch would undo them.
        let heads = self.network.forward(&batch.images(), !further, self.settings.precision);
        let side = i64::from(batch.order.side);
        let losses = loss(&heads, &batch.truths, &self.state.anchors, side);
        let length = self
            .optimiser
            .step(&self.network, &losses.total, self.state.step, learning);
        anyhow::ensure!(
            length.is_finite(),
            "the gradient is not finite at step {}: lower --rate and give --resume",
            self.state.step
        );
        self.state.step += 1;
        self.state.images += batch.truths.len() as u64;
        Ok((losses, learning))
    }

    /// Share of the run that is done.
    fn progress(&self) -> f64 {
        self.state.step as f64 / self.settings.steps as f64
    }

    fn log(&self, window: &Window, side: u32, learning: f64) -> Result<()> {
        let seconds = window.begun.elapsed().as_secs_f64();
        let speed = window.images as f64 / seconds;
        let progress = self.progress();
        let left = self.state.seconds * (1.0 - progress) / progress.max(1e-6) / 60.0;
        let [boxes, objectness, class] = window.means();
        println!(
            "step {:6}  side {side}  box {boxes:.3}  objectness {objectness:.3}  class {class:.4}  rate {learning:.2e}  {speed:.1} img/s  waited {:.0} %  {left:.0} min left",
            self.state.step,
            100.0 * window.waited / seconds
        );
        self.record(&serde_json::json!({
            "step": self.state.step, "seconds": self.state.seconds, "images": self.state.images,
            "side": side, "box": boxes, "objectness": objectness, "class": class,
            "rate": learning, "images_per_second": speed,
        }))
    }

    fn save(&self) -> Result<()> {
        let path = self.settings.out.join(LAST);
        checkpoint::save(&path, &self.network, &self.optimiser, &self.state)
    }

    /// Measures the averaged network and chooses the threshold.
    fn measure(&mut self) -> Result<()> {
        let network = self.optimiser.averaged_network(&self.network);
        let settings = DetectorSettings::default();
        let judged = |samples: &[Sample]| {
            let found = evaluate::detect(&network, &self.state.anchors, self.state.side, samples, &settings);
            evaluate::judge_all(&found, samples)
        };
        let validation = judged(&self.material.validation);
        let threshold = judge::best_threshold(&validation);
        let held_out = judged(&self.material.held_out);
        for (name, judged) in [("validation", &validation), ("held out", &held_out)] {
            let figures = judge::figures(judged, threshold);
            let average = judge::average_precision(judged);
            println!(
                "measured {name}: AP {average:.3}  precision {:.3}  recall {:.3}  F1 {:.3} at {threshold:.2}",
                figures.precision, figures.recall, figures.f1
            );
            self.record(&serde_json::json!({
                "step": self.state.step, "measured": name, "average_precision": average,
                "figures": figures,
            }))?;
        }
        self.state.threshold = Some(threshold);
        Ok(())
    }

    fn record(&self, line: &serde_json::Value) -> Result<()> {
        append(&self.settings.out.join("metrics.jsonl"), line)
    }
}

fn append(path: &Path, line: &serde_json::Value) -> Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    writeln!(file, "{line}").with_context(|| format!("cannot write {}", path.display()))
}

/// The side of a step's pictures: small ones first, which cost a fifth, the full side for the last
/// eighth; among neighbours drawn by the step, so that the network sees several scales. It follows
/// from the step alone: a resumed run orders what an undisturbed one would.
fn side_at(step: u64, steps: u64, side: u32) -> u32 {
    let shares: &[f64] = match step as f64 / steps as f64 {
        p if p < 0.35 => &[0.4, 0.5, 0.45],
        p if p < 0.65 => &[0.5, 0.65, 0.55, 0.4],
        p if p < 0.875 => &[0.65, 0.8, 0.5, 1.0, 0.55],
        _ => &[1.0],
    };
    share_of(side, shares, step)
}

/// The same for a network that can find faces already: all sides in turn, to the end.
fn any_side(step: u64, side: u32) -> u32 {
    share_of(side, &[0.4, 0.65, 0.5, 1.0, 0.45, 0.8], step)
}

fn share_of(side: u32, shares: &[f64], step: u64) -> u32 {
    let share = shares[(step % shares.len() as u64) as usize];
    ((f64::from(side) * share / 32.0).round() as u32 * 32).max(96)
}

/// Sums between two lines of the log.
struct Window {
    sums: Tensor,
    steps: u64,
    images: usize,
    waited: f64,
    begun: Instant,
}

impl Window {
    fn new() -> Self {
        Self {
            sums: Tensor::zeros([3], (tch::Kind::Float, tch::Device::Cpu)),
            steps: 0,
            images: 0,
            waited: 0.0,
            begun: Instant::now(),
        }
    }

    fn add(&mut self, loss: &Loss, images: usize) {
        self.sums += Tensor::stack(&[&loss.boxes, &loss.objectness, &loss.class], 0).detach();
        self.steps += 1;
        self.images += images;
    }

    fn means(&self) -> [f64; 3] {
        std::array::from_fn(|term| self.sums.double_value(&[term as i64]) / self.steps.max(1) as f64)
    }
}
