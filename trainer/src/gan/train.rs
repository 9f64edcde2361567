//! The GAN's training run: what falls due after each step.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use tch::Device;

use super::best::Best;
use super::checkpoint::{self, State};
use super::folder::{RunFile, RunFolder};
use super::gan_state::GanState;
use super::head_dataset::HeadDataset;
use super::limits::{End, Limits};
use super::lr_controller::LrController;
use super::lr_schedule::Rates;
use super::metrics::Metrics;
use super::records::Records;
use super::sample::final_generator;
use crate::engine::checkpoint::Checkpoint;
use crate::engine::network::Network;
use crate::engine::progress::duration;
use crate::engine::ranks::Ranks;
use crate::engine::sampler::Sampler;
use crate::engine::training::{self, Clock, Stop, Training};
use crate::eval::evaluator;
use crate::threads;

/// Steps between two lines of metrics: ten of the report's generator steps.
const WINDOW: u64 = 50;
/// Times that a run is rolled back after NaN or infinity, each time to half the rates.
const ROLLBACKS: u32 = 3;

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
    /// The processes that train it.
    pub ranks: &'a Ranks,
    /// Epochs between two measurements, where it is measured while it trains.
    pub eval_epochs: Option<u64>,
}

/// A run under way.
struct Run<'a> {
    job: &'a Job<'a>,
    end: End,
    sampler: Sampler,
    gan: GanState,
    lr_controller: LrController,
    /// The step of the checkpoint that the run was last rolled back to.
    returned: Option<u64>,
    step: u64,
    clock: Clock,
    /// Rank 0 alone has them.
    records: Option<Records<'a>>,
}

/// Trains from a checkpoint (or the start) to the first limit. Checkpoint and measures are rank 0's.
///
/// # Errors
/// [`dataset::failure::Paused`] after Ctrl-C, once all is saved; else what the disk says, that loss or
/// weights became NaN or infinite, or that a rank is gone.
pub fn train(job: &Job, checkpoint: Option<Checkpoint<State>>, best: Option<Best>, stop: &Stop) -> Result<()> {
    let mut run = Run::open(job, checkpoint, best)?;
    if run.records.is_some() && run.is_over() {
        eprintln!(
            "the run is at its end ({}): a later --epochs, --minutes or --max-images trains it on",
            run.end
        );
    }
    // A kill while the run was measured left that undone.
    run.score()?;
    training::train(&mut run, job.limits.checkpoint_every, stop, job.ranks)
}

impl<'a> Run<'a> {
    fn open(job: &'a Job<'a>, checkpoint: Option<Checkpoint<State>>, best: Option<Best>) -> Result<Self> {
        let config = &job.file.config;
        let mut gan = GanState::on(config, job.device);
        let resume = || checkpoint::resume(job.folder, job.file, &mut gan, checkpoint, job.ranks.world());
        let state = job.ranks.first(resume)?;
        gan.take_first(job.ranks)?;
        Ok(Self {
            job,
            end: state.end.filter(|_| !job.limits.end_is_asked).unwrap_or(job.limits.end),
            sampler: Sampler::new(job.heads.len(), config.batch, config.seed),
            gan,
            lr_controller: state.lr_controller,
            returned: None,
            step: state.step,
            clock: Clock::after(state.seconds),
            records: match job.ranks.is_first() {
                true => Some(Records::open(job, state.step, best, state.notes)?),
                false => None,
            },
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
        let metrics = self.metrics(epoch);
        self.gan.sums.clear();
        if !metrics.is_finite() {
            self.roll_back()?;
            return Ok(false);
        }
        let (controller, records) = (self.lr_controller.clone(), &mut self.records);
        self.lr_controller = self.job.ranks.first(|| match records {
            Some(records) => records.record(metrics, controller),
            None => Ok(controller),
        })?;
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
        let Job {
            file, folder, ranks, ..
        } = *self.job;
        self.gan = GanState::on(&file.config, self.gan.device);
        let (gan, returned) = (&mut self.gan, self.returned);
        self.step = ranks.first(|| {
            Ok(
                match checkpoint::newest_but(&folder.checkpoints(), returned, &file.digest())? {
                    Some(checkpoint) => checkpoint::restore(gan, checkpoint)?.step,
                    None => 0,
                },
            )
        })?;
        self.gan.take_first(ranks)?;
        self.returned = Some(self.step);
        self.lr_controller.roll_back();
        if let Some(records) = &mut self.records {
            records.roll_back(
                self.step,
                format!("{why}: back to step {}, both rates halved", self.step),
            )?;
        }
        self.write_checkpoint().map(drop)
    }

    /// Whether no number of the state is NaN or infinite; else the run is rolled back.
    fn is_sound(&mut self) -> Result<bool> {
        let [broken] = self.job.ranks.any([!self.gan.is_finite()])?;
        if broken {
            self.roll_back()?;
        }
        Ok(!broken)
    }

    /// Writes a checkpoint and gives its path; none where this rank writes none.
    fn write_checkpoint(&self) -> Result<Option<PathBuf>> {
        let Some(records) = &self.records else {
            return Ok(None);
        };
        let state = State {
            seconds: self.clock.seconds(),
            lr_controller: self.lr_controller.clone(),
            notes: records.notes.clone(),
            end: Some(self.end),
            computed_by: threads::computed_by(self.gan.device, self.job.ranks.world()),
            ..State::new(&self.gan, self.step, self.job.file)
        };
        checkpoint::save(&self.job.folder.checkpoints(), &self.gan, &state, self.job.limits.keep).map(Some)
    }

    /// Measures the run where an epoch has just ended and that is due; the time that it takes is not
    /// training time.
    fn score(&mut self) -> Result<()> {
        let Some(every) = self.job.eval_epochs else {
            return Ok(());
        };
        if !self.sampler.completes(every, self.step) {
            return Ok(());
        }
        let best = self.records.as_ref().and_then(|records| records.best.as_ref());
        let [due] = self
            .job
            .ranks
            .any([best.is_some_and(|best| best.is_due(&self.sampler, self.step))])?;
        if !due || !self.is_sound()? {
            return Ok(());
        }
        let checkpoint = self.write_checkpoint()?;
        let began = Instant::now();
        let standing = evaluator::Standing {
            step: self.step,
            images: self.images(),
            seconds: self.clock.seconds(),
        };
        let generator = self.records.is_some().then(|| self.final_generator());
        let records = &mut self.records;
        self.job.ranks.first(|| match (records, generator, checkpoint) {
            (Some(records), Some(generator), Some(checkpoint)) => records.measure(&generator, standing, &checkpoint),
            _ => Ok(()),
        })?;
        self.clock.leave_out(began);
        Ok(())
    }

    fn final_generator(&self) -> Network {
        final_generator(self.job.folder, &self.gan, &self.job.file.config)
    }
}

impl Training for Run<'_> {
    fn is_over(&self) -> bool {
        self.spent().is_some_and(|share| share >= 1.0)
    }

    fn step(&mut self) -> Result<()> {
        let position = self.sampler.position(self.step);
        let batch = self.sampler.batch(self.step);
        let ranks = self.job.ranks;
        let heads = self.job.heads.batch(ranks.share().of(&batch), self.gan.device);
        let rates = self.rates(position.epoch);
        self.gan.generator_adam.learning_rate = rates.generator;
        self.gan.discriminator_adam.learning_rate = rates.discriminator;
        self.gan.step(&heads, self.step, position.number, ranks)?;
        self.step += 1;
        if self.step.is_multiple_of(WINDOW) && !self.write_metrics(position.epoch)? {
            return Ok(());
        }
        if let Some(records) = &self.records
            && self.sampler.completes(self.job.file.config.grid_epochs, self.step)
        {
            records.draw_grid(&self.final_generator(), position.epoch)?;
        }
        self.score()?;
        let (images, share) = (self.images(), self.spent());
        if let Some(records) = &mut self.records {
            records.show(position.epoch, images, share);
        }
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        if self.is_sound()? {
            self.write_checkpoint()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let epoch = self.sampler.position(self.step.saturating_sub(1)).epoch;
        let Some(records) = &self.records else {
            return Ok(());
        };
        let grid = records.draw_grid(&self.final_generator(), epoch)?;
        records.finish(self.metrics(epoch))?;
        let (images, time) = (self.images(), duration(self.clock.time()));
        println!("trained on {images} images ({epoch} epochs) in {time}");
        println!("grid of the fixed noise: {}", grid.display());
        println!("losses: {}", self.job.folder.chart().display());
        Ok(())
    }
}
