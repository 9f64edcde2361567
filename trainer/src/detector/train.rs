//! The training loop.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use dataset::files::make_folder;
use dataset::lock::Lock;
use serde_json::{Value, json};
use tch::Device;
use vision::DetectorSettings;

use super::anchors::{self, Anchors};
use super::augment::Studio;
use super::checkpoint::{self, LAST, State};
use super::data::{Material, Sample, Sources};
use super::evaluate;
use super::feed::{Batch, Feed, Order};
use super::loss::{Loss, loss};
use super::metrics;
use super::model::Model;
use super::schedule;
use super::start;
use super::yolov3::{self, Precision};
use crate::engine::metrics::{Accumulator, MetricsLog};
use crate::engine::progress::Progress;
use crate::engine::ranks::Ranks;
use crate::engine::training::{self, Clock, Stop, Training};
use crate::threads;

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
    /// Threads of torch; 0 is one a core, and those of the checkpoint for a resumed run. Another number gives
    /// other bits
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Resumes from the checkpoint in --out if it exists, with the folders and the number of steps given now; with
    /// those of its beginning it ends in the same bits as an undisturbed run
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
    // Two that write one checkpoint would leave neither run whole.
    let _lock = Lock::take(&settings.out, "trainer detector train")?;
    let resumed = last.exists().then(|| checkpoint::load(&last)).transpose()?;
    if let Some((_, state)) = &resumed {
        refuse_another_run(settings, state)?;
    }
    let before = resumed.as_ref().map(|(_, state)| state.computed_by.as_str());
    if let Some(threads) = threads::resumed(settings.threads, before) {
        threads::set(threads);
    }
    let material = Material::load(&settings.sources)?;
    describe(&material);
    let studio = Studio::new(&material);
    let (model, mut state) = match resumed {
        Some((model, state)) => (model, state),
        None => begin(settings, &studio)?,
    };
    // More material may have come; anchors and weights stay.
    state.sources = settings.sources.clone();
    state.held_out = names(&material.held_out);
    threads::warn_of_others(&state.computed_by, Device::Cpu, 1);
    state.computed_by = threads::computed_by(Device::Cpu, 1);
    let plan = yolov3::plan(i64::from(settings.side));
    println!(
        "network: {:.2} M parameters, {:.2} GFLOP at {}; anchors {}",
        plan.parameter_count() as f64 / 1e6,
        2.0 * plan.macs as f64 / 1e9,
        settings.side,
        anchors::to_text(&state.anchors)
    );
    let checkpoint_every = Duration::from_secs_f64(settings.checkpoint_minutes * 60.0);
    let stop = Stop::listen()?;
    std::thread::scope(|scope| {
        let mut run = Run {
            settings,
            material: &material,
            model,
            log: MetricsLog::open(&settings.out.join("metrics.jsonl"), state.step)?,
            feed: Feed::start(scope, &studio, settings.seed, settings.batch, FEEDERS),
            clock: Clock::after(state.seconds),
            progress: Progress::new(),
            losses: Accumulator::new(Device::Cpu),
            waited: Waited::default(),
            state,
        };
        training::train(&mut run, checkpoint_every, &stop, &Ranks::alone())
    })
}

/// Refuses to go on with a run as if it had begun with other settings.
fn refuse_another_run(settings: &Train, state: &State) -> Result<()> {
    let digest = settings.from.as_deref().map(start::digest).transpose()?;
    let refused = [
        ("seed", settings.seed != state.seed, state.seed.to_string()),
        ("side", settings.side != state.side, state.side.to_string()),
        (
            "from",
            digest.is_some() && digest != state.started_from,
            state.started_from.clone().unwrap_or_else(|| "no file".into()),
        ),
    ];
    match refused.into_iter().find(|(_, differs, _)| *differs) {
        Some((flag, _, begun)) => Err(Usage(format!(
            "{} began with another --{flag} ({begun}): resume with that one, or give another --out",
            settings.out.display()
        ))
        .into()),
        None => Ok(()),
    }
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

fn begin(settings: &Train, studio: &Studio<'_>) -> Result<(Model, State)> {
    let (network, anchors, started_from) = match &settings.from {
        Some(file) => {
            let start = start::from_file(file)?;
            (start.network, start.anchors, Some(start.digest))
        }
        None => {
            let network = yolov3::network(settings.seed as i64);
            (network, fitted(settings, studio)?, None)
        }
    };
    let state = State {
        step: 0,
        seconds: 0.0,
        images: 0,
        seed: settings.seed,
        anchors,
        side: settings.side,
        sources: settings.sources.clone(),
        held_out: Vec::new(),
        started_from,
        threshold: None,
        computed_by: String::new(),
    };
    Ok((Model::new(network), state))
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

/// A run under way.
struct Run<'a> {
    settings: &'a Train,
    material: &'a Material,
    model: Model,
    state: State,
    log: MetricsLog<Value>,
    feed: Feed,
    clock: Clock,
    progress: Progress,
    /// Box, objectness and class loss since the last line of the log.
    losses: Accumulator<3>,
    waited: Waited,
}

/// Time that the training step waited for images since the last line of the log.
struct Waited {
    since: Instant,
    seconds: f64,
}

impl Default for Waited {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            seconds: 0.0,
        }
    }
}

impl Training for Run<'_> {
    fn is_over(&self) -> bool {
        self.state.step >= self.settings.steps
    }

    fn step(&mut self) -> Result<()> {
        let waiting = Instant::now();
        let batch = self.next_batch()?;
        self.waited.seconds += waiting.elapsed().as_secs_f64();
        let learning_rate = self.learn(&batch)?;
        self.progress.observe(self.state.images);
        if self.state.step.is_multiple_of(LOG_EVERY) {
            self.log(batch.order.side, learning_rate)?;
        }
        if self.state.step.is_multiple_of(self.settings.measure_every) {
            self.measure()?;
        }
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        if self.is_over() && !self.state.step.is_multiple_of(self.settings.measure_every) {
            self.measure()?;
        }
        let began = Instant::now();
        self.state.seconds = self.clock.seconds();
        checkpoint::save(&self.settings.out.join(LAST), &self.model, &self.state)?;
        self.clock.leave_out(began);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Run<'_> {
    /// The images of the next step; keeps the feed busy with those after it.
    fn next_batch(&mut self) -> Result<Batch> {
        while self.feed.open() < self.feed.capacity() {
            let step = self.state.step + self.feed.open() as u64;
            let further = self.state.started_from.is_some();
            let side = schedule::side(step, self.settings.steps, self.settings.side, further);
            self.feed.order(Order { step, side });
        }
        self.feed.take().context("the thread that makes the images has died")
    }

    /// One step. Returns its learning rate.
    fn learn(&mut self, batch: &Batch) -> Result<f64> {
        let further = self.state.started_from.is_some();
        let highest = self.settings.rate.unwrap_or(schedule::highest(further));
        let learning_rate = schedule::learning_rate(highest, self.state.step, self.settings.steps);
        // A file's weights have their batch norms folded in: the statistics of a batch would undo them.
        let outputs = yolov3::forward(&self.model.network, &batch.images(), !further, self.settings.precision);
        let losses: Loss = loss(
            &outputs,
            &batch.truths,
            &self.state.anchors,
            i64::from(batch.order.side),
        );
        self.model.adam.learning_rate = learning_rate;
        let length = self.model.step(&losses.total);
        anyhow::ensure!(
            length.is_finite(),
            "the gradient became NaN or infinite at step {}: lower --rate and give --resume",
            self.state.step
        );
        for (term, loss) in [&losses.boxes, &losses.objectness, &losses.class]
            .into_iter()
            .enumerate()
        {
            self.losses.add(term, loss);
        }
        self.state.step += 1;
        self.state.images += batch.truths.len() as u64;
        Ok(learning_rate)
    }

    /// Share of the run that is done.
    fn progress(&self) -> f64 {
        self.state.step as f64 / self.settings.steps as f64
    }

    fn log(&mut self, side: u32, learning_rate: f64) -> Result<()> {
        let waited = std::mem::take(&mut self.waited);
        let [boxes, objectness, class] = self.losses.means().map(Option::unwrap_or_default);
        self.losses.clear();
        let speed = self.progress.speed().unwrap_or_default();
        let left = self.progress.left(Some(self.progress())).unwrap_or_default();
        println!(
            "step {:6}  side {side}  box {boxes:.3}  objectness {objectness:.3}  class {class:.4}  rate {learning_rate:.2e}  {speed:.1} img/s  waited {:.0} %  {:.0} min left",
            self.state.step,
            100.0 * waited.seconds / waited.since.elapsed().as_secs_f64(),
            left.as_secs_f64() / 60.0
        );
        self.log.push(json!({
            "step": self.state.step, "seconds": self.clock.seconds(), "images": self.state.images,
            "side": side, "box": boxes, "objectness": objectness, "class": class,
            "rate": learning_rate, "images_per_second": speed,
        }))
    }

    /// Measures the EMA and chooses the threshold; the time that it takes is not training time.
    fn measure(&mut self) -> Result<()> {
        let began = Instant::now();
        let network = self.model.ema();
        let settings = DetectorSettings::default();
        let matched = |samples: &[Sample]| {
            let found = evaluate::detect(&network, &self.state.anchors, self.state.side, samples, &settings);
            evaluate::match_all(&found, samples)
        };
        let validation = matched(&self.material.validation);
        let threshold = metrics::best_threshold(&validation);
        let held_out = matched(&self.material.held_out);
        for (name, matched) in [("validation", &validation), ("held out", &held_out)] {
            let figures = metrics::figures(matched, threshold);
            let average = metrics::average_precision(matched);
            println!(
                "measured {name}: AP {average:.3}  precision {:.3}  recall {:.3}  F1 {:.3} at {threshold:.2}",
                figures.precision, figures.recall, figures.f1
            );
            self.log.push(json!({
                "step": self.state.step, "measured": name, "average_precision": average,
                "figures": figures,
            }))?;
        }
        self.state.threshold = Some(threshold);
        self.clock.leave_out(began);
        Ok(())
    }
}
