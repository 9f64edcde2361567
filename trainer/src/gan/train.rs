//! The GAN's training run: what falls due after each step.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dataset::files::make_folder_of;
use tch::{Device, Tensor};

use super::best::Best;
use super::chart;
use super::checkpoint::{self, State};
use super::events::Events;
use super::folder::{RunFile, RunFolder};
use super::gan_state::{Draw, GanState, noise, seed};
use super::grid;
use super::head_dataset::HeadDataset;
use super::limits::{End, Limits};
use super::lr_controller::LrController;
use super::lr_schedule::Rates;
use super::metrics::Metrics;
use super::sample::{draw, final_generator};
use crate::engine::checkpoint::Checkpoint;
use crate::engine::metrics::MetricsLog;
use crate::engine::progress::{Progress, Standing, duration, sparkline};
use crate::engine::sampler::Sampler;
use crate::engine::training::{self, Clock, Stop, Training};
use crate::eval::{evaluator, record};

/// Steps between two lines of metrics: ten of the report's generator steps.
const WINDOW: u64 = 50;
/// Heads of a grid of the fixed noise.
const GRID: i64 = 64;
/// Times that a run is rolled back after NaN or infinity, each time to half the rates.
const ROLLBACKS: u32 = 3;
/// Time between two drawings of the chart.
const CHART: Duration = Duration::from_secs(30);
/// Letters of a curve of losses.
const CURVE: usize = 32;

/// What is trained, on what, until when.
pub struct Job<'a> {
    /// Where the run's files lie.
    pub folder: &'a RunFolder,
    /// What the run is made of.
    pub file: &'a RunFile,
    /// The heads.
    pub heads: &'a HeadDataset,
    /// When it ends, and how often it saves.
    pub limits: &'a Limits,
    /// Where the tensors are.
    pub device: Device,
}

/// A run under way.
struct Run<'a> {
    job: &'a Job<'a>,
    end: End,
    sampler: Sampler,
    gan: GanState,
    log: MetricsLog<Metrics>,
    events: Events,
    best: Option<Best>,
    lr_controller: LrController,
    /// Notes for the next line of metrics.
    notes: Vec<String>,
    /// The step of the checkpoint that the run was last rolled back to.
    returned: Option<u64>,
    progress: Progress,
    step: u64,
    clock: Clock,
    charted: Instant,
    fixed_noise: Tensor,
}

/// Trains from a checkpoint (or the start) to the first limit.
///
/// # Errors
/// [`dataset::failure::Paused`] after Ctrl-C, once all is saved; else what the disk says, or that loss or
/// weights became NaN or infinite.
pub fn train(job: &Job, checkpoint: Option<Checkpoint<State>>, best: Option<Best>, stop: &Stop) -> Result<()> {
    let mut run = Run::open(job, checkpoint, best)?;
    if run.is_over() {
        eprintln!(
            "the run is at its end ({}): a later --epochs, --minutes or --max-images trains it on",
            run.end
        );
    }
    // A kill while the run was measured left that undone.
    run.score()?;
    training::train(&mut run, job.limits.checkpoint_every, stop)
}

impl<'a> Run<'a> {
    fn open(job: &'a Job<'a>, checkpoint: Option<Checkpoint<State>>, best: Option<Best>) -> Result<Self> {
        let config = &job.file.config;
        let mut gan = GanState::on(config, job.device);
        let state = checkpoint::resume(job.folder, job.file, &mut gan, checkpoint)?;
        seed(config.seed, Draw::Grid, 0);
        Ok(Self {
            job,
            end: state.end.filter(|_| !job.limits.end_is_asked).unwrap_or(job.limits.end),
            sampler: Sampler::new(job.heads.len(), config.batch, config.seed),
            gan,
            log: MetricsLog::open(&job.folder.metrics(), state.step)?,
            events: Events::begin(&job.folder.events(), state.step)?,
            best,
            lr_controller: state.lr_controller,
            notes: state.notes,
            returned: None,
            progress: Progress::new(),
            step: state.step,
            clock: Clock::after(state.seconds),
            charted: Instant::now(),
            fixed_noise: noise(GRID).to_device(job.device),
        })
    }

    fn images(&self) -> u64 {
        self.step * self.job.file.config.batch as u64
    }

    /// The largest share of a limit that is spent; none where the run has no end.
    fn spent(&self) -> Option<f64> {
        let share = |spent: f64, limit: f64| spent / limit;
        let steps = self.end.epochs.map(|epochs| self.sampler.steps(epochs));
        let shares = [
            steps.map(|steps| share(self.step as f64, steps as f64)),
            self.end
                .minutes
                .map(|minutes| share(self.clock.seconds(), 60.0 * minutes)),
            self.end.images.map(|images| share(self.images() as f64, images as f64)),
        ];
        shares.into_iter().flatten().reduce(f64::max)
    }

    /// The learning rates that the next step takes.
    fn rates(&self, epoch: u64) -> Rates {
        self.lr_controller.rates(&self.job.file.config, epoch, self.images())
    }

    /// The means since the last line.
    fn metrics(&self, epoch: u64) -> Metrics {
        let rates = self.rates(epoch);
        let mut metrics = Metrics::at(self.step, epoch, self.images());
        metrics.fill(&self.gan.sums);
        (metrics.rate_g, metrics.rate_d) = (rates.generator, rates.discriminator);
        metrics.seconds = self.clock.seconds();
        metrics
    }

    /// Writes a line of metrics. Where a loss became NaN or infinite, the run is rolled back instead: the answer
    /// is false.
    fn write_metrics(&mut self, epoch: u64) -> Result<bool> {
        let mut metrics = self.metrics(epoch);
        self.gan.sums.clear();
        if !metrics.is_finite() {
            self.roll_back()?;
            return Ok(false);
        }
        metrics.notes.append(&mut self.notes);
        self.log.lines.push(metrics);
        let config = &self.job.file.config;
        let notes = self.lr_controller.update(&self.log.lines, config.schedule, config.loss);
        let mut metrics = self.log.lines.pop().expect("was just pushed");
        for note in &notes {
            self.progress.say(&format!("step {}: {note}", self.step));
        }
        metrics.notes.extend(notes);
        self.events.push(&metrics)?;
        self.log.push(metrics)?;
        if self.charted.elapsed() >= CHART {
            self.charted = Instant::now();
            self.draw_chart(&self.log.lines)?;
        }
        Ok(true)
    }

    /// Goes back to the newest checkpoint, or to the start where there is none, with half the rates. The second
    /// time it goes further back, if it can.
    fn roll_back(&mut self) -> Result<()> {
        let broken = self.step;
        let why = format!("loss or weights became NaN or infinite at step {broken}");
        if self.lr_controller.rollbacks >= ROLLBACKS {
            bail!(
                "{why}, after {ROLLBACKS} rollbacks at half the rates each; the checkpoints in {} are from before. Begin \
                 another --name with another --seed, --precision f32, or smaller --rate-g and --rate-d (--from this run \
                 begins with its networks)",
                self.job.folder.checkpoints().display()
            );
        }
        self.gan = GanState::on(&self.job.file.config, self.gan.device);
        let (folder, digest) = (self.job.folder.checkpoints(), self.job.file.digest());
        self.step = match checkpoint::newest_but(&folder, self.returned, &digest)? {
            Some(checkpoint) => checkpoint::restore(&mut self.gan, checkpoint)?.step,
            None => 0,
        };
        self.returned = Some(self.step);
        self.lr_controller.roll_back();
        // What was measured of steps that are given up is no figure of this run any more.
        record::forget_after(self.job.folder.path(), self.step)?;
        if let Some(best) = &mut self.best {
            best.forget_after(self.step);
        }
        self.log = MetricsLog::open(&self.job.folder.metrics(), self.step)?;
        self.events = Events::begin(&self.job.folder.events(), self.step)?;
        let note = format!("{why}: back to step {}, both rates halved", self.step);
        self.progress.say(&format!("warning: {note}"));
        self.notes.push(note);
        self.write_checkpoint().map(drop)
    }

    /// Writes a checkpoint and gives its path; none where the run was rolled back.
    fn checkpoint(&mut self) -> Result<Option<PathBuf>> {
        if !self.gan.is_finite() {
            self.roll_back()?;
            return Ok(None);
        }
        self.write_checkpoint().map(Some)
    }

    fn write_checkpoint(&self) -> Result<PathBuf> {
        let state = State {
            seconds: self.clock.seconds(),
            lr_controller: self.lr_controller.clone(),
            notes: self.notes.clone(),
            end: Some(self.end),
            ..State::new(&self.gan, self.step, self.job.file)
        };
        checkpoint::save(&self.job.folder.checkpoints(), &self.gan, &state, self.job.limits.keep)
    }

    /// Measures the run where an epoch has just ended and that is due; the time that it takes is not
    /// training time.
    fn score(&mut self) -> Result<()> {
        let due = |best: &Best| best.is_due(&self.sampler, self.step);
        if !self.best.as_ref().is_some_and(due) {
            return Ok(());
        }
        let Some(checkpoint) = self.checkpoint()? else {
            return Ok(());
        };
        let began = Instant::now();
        let standing = evaluator::Standing {
            step: self.step,
            images: self.images(),
            seconds: self.clock.seconds(),
        };
        let generator = final_generator(self.job.folder, &self.gan, &self.job.file.config);
        if let Some(best) = &mut self.best {
            let note = best.evaluate(&generator, standing, self.job.folder, self.job.file, &checkpoint)?;
            self.progress.say(&note);
            self.notes.push(note);
        }
        self.clock.leave_out(began);
        Ok(())
    }

    fn draw_grid(&self, epoch: u64) -> Result<()> {
        let generator = final_generator(self.job.folder, &self.gan, &self.job.file.config);
        let (heads, path) = (draw(&generator, &self.fixed_noise), self.job.folder.grid(epoch));
        // Somebody may have tidied the grids away.
        make_folder_of(&path)?;
        grid::save_png(&grid::grid(&grid::pictures(&heads)), &path)
    }

    fn draw_chart(&self, lines: &[Metrics]) -> Result<()> {
        grid::save_png(&chart::draw(lines), &self.job.folder.chart())
    }
}

impl Training for Run<'_> {
    fn is_over(&self) -> bool {
        self.spent().is_some_and(|share| share >= 1.0)
    }

    fn step(&mut self) -> Result<()> {
        let position = self.sampler.position(self.step);
        let heads = self.job.heads.batch(&self.sampler.batch(self.step), self.gan.device);
        let rates = self.rates(position.epoch);
        self.gan.generator_adam.learning_rate = rates.generator;
        self.gan.discriminator_adam.learning_rate = rates.discriminator;
        self.gan.step(&heads, self.step, position.number);
        self.step += 1;
        if self.step.is_multiple_of(WINDOW) && !self.write_metrics(position.epoch)? {
            return Ok(());
        }
        if self.sampler.completes(self.job.file.config.grid_epochs, self.step) {
            self.draw_grid(position.epoch)?;
        }
        self.score()?;
        let (images, share) = (self.images(), self.spent());
        let lines = &self.log.lines;
        self.progress.show(|| standing(position.epoch, images, share, lines));
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        self.checkpoint().map(drop)
    }

    fn finish(&mut self) -> Result<()> {
        let epoch = self.sampler.position(self.step.saturating_sub(1)).epoch;
        self.draw_grid(epoch)?;
        // The window under way is shown, and stays open for a run that goes on.
        let mut lines = self.log.lines.clone();
        lines.push(self.metrics(epoch));
        self.draw_chart(&lines)?;
        self.progress.finish();
        let (images, time) = (self.images(), duration(self.clock.time()));
        println!("trained on {images} images ({epoch} epochs) in {time}");
        println!("grid of the fixed noise: {}", self.job.folder.grid(epoch).display());
        println!("losses: {}", self.job.folder.chart().display());
        Ok(())
    }
}

/// What the progress shows of a run.
fn standing(epoch: u64, images: u64, share: Option<f64>, lines: &[Metrics]) -> Standing {
    let curve = |value: fn(&Metrics) -> Option<f64>| -> String {
        sparkline(&lines.iter().filter_map(value).collect::<Vec<f64>>(), CURVE)
    };
    let metrics = lines.last().map(|last| {
        vec![
            ("loss D", last.loss_d),
            ("G", last.loss_g),
            ("D(real)", last.d_real),
            ("D(fake)", last.d_fake),
        ]
    });
    Standing {
        place: format!("epoch {epoch}"),
        images,
        share,
        metrics: metrics.unwrap_or_default(),
        curves: format!("loss D {}  G {}", curve(|line| line.loss_d), curve(|line| line.loss_g)),
    }
}
