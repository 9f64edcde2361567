//! The training loop.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dataset::failure::Interrupted;
use tch::Tensor;

use super::chart;
use super::checkpoint::{self, State};
use super::folder::{RunFile, RunFolder};
use super::grid;
use super::heads::Heads;
use super::metrics::{Log, Metrics};
use super::players::{Draw, Players, noise, seed};
use super::progress::{Progress, Standing};
use super::recipe::Recipe;
use super::sample::{draw, final_generator};
use super::schedule::Schedule;
use super::stop::Stop;

/// Steps between two lines of metrics: ten of the report's generator steps.
const WINDOW: u64 = 50;
/// Heads of a grid of the fixed noise.
const GRID: i64 = 64;
/// Time between two drawings of the chart.
const CHART: Duration = Duration::from_secs(30);

/// When a run ends, whichever comes first, and how often it saves; none of it changes a bit of what
/// is computed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Epochs in all.
    pub epochs: Option<u64>,
    /// Training time in all, every sitting counted.
    pub time: Option<Duration>,
    /// Heads shown to the discriminator in all.
    pub images: Option<u64>,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Checkpoints kept.
    pub keep: usize,
}

/// A run under way.
struct Run<'a> {
    folder: &'a RunFolder,
    file: &'a RunFile,
    heads: &'a Heads,
    limits: &'a Limits,
    schedule: Schedule,
    players: Players,
    log: Log,
    progress: Progress,
    step: u64,
    /// Training time of earlier sittings.
    earlier: Duration,
    started: Instant,
    charted: Instant,
    fixed_noise: Tensor,
}

/// Trains from the newest checkpoint (or the start) to the first limit.
///
/// # Errors
/// [`Interrupted`] after Ctrl-C, once all is saved; else what the disk says, or that the game broke
/// down (values that are no numbers).
pub fn train(folder: &RunFolder, file: &RunFile, heads: &Heads, limits: &Limits, stop: &Stop) -> Result<()> {
    let mut run = Run::open(folder, file, heads, limits)?;
    let mut saved = Instant::now();
    while !run.is_over() {
        run.advance()?;
        let stopped = stop.requested();
        if stopped || saved.elapsed() >= limits.checkpoint_every {
            run.save()?;
            saved = Instant::now();
        }
        if stopped {
            run.progress.finish();
            return Err(Interrupted.into());
        }
    }
    run.finish()
}

impl<'a> Run<'a> {
    fn open(folder: &'a RunFolder, file: &'a RunFile, heads: &'a Heads, limits: &'a Limits) -> Result<Self> {
        let recipe = &file.recipe;
        let mut players = Players::new(recipe);
        let state = checkpoint::load_newest(&folder.checkpoints(), &mut players, &file.digest())?;
        let (step, seconds) = state.map_or((0, 0.0), |state| (state.step, state.seconds));
        seed(recipe.seed, Draw::Grid, 0);
        Ok(Self {
            folder,
            file,
            heads,
            limits,
            schedule: Schedule::new(heads.len(), recipe.batch, recipe.seed),
            players,
            log: Log::open(&folder.metrics(), step)?,
            progress: Progress::new(),
            step,
            earlier: Duration::from_secs_f64(seconds),
            started: Instant::now(),
            charted: Instant::now(),
            fixed_noise: noise(GRID),
        })
    }

    fn recipe(&self) -> &'a Recipe {
        &self.file.recipe
    }

    fn time(&self) -> Duration {
        self.earlier + self.started.elapsed()
    }

    fn images(&self) -> u64 {
        self.step * self.recipe().batch as u64
    }

    /// The share of each limit that is spent.
    fn shares(&self) -> impl Iterator<Item = f64> {
        let share = |spent: f64, limit: f64| spent / limit;
        let steps = self.limits.epochs.map(|epochs| self.schedule.steps(epochs));
        let limits = [
            steps.map(|steps| share(self.step as f64, steps as f64)),
            self.limits
                .time
                .map(|time| share(self.time().as_secs_f64(), time.as_secs_f64())),
            self.limits
                .images
                .map(|images| share(self.images() as f64, images as f64)),
        ];
        limits.into_iter().flatten()
    }

    fn is_over(&self) -> bool {
        self.shares().any(|share| share >= 1.0)
    }

    /// One step, and what falls due after it.
    fn advance(&mut self) -> Result<()> {
        let position = self.schedule.position(self.step);
        let heads = self.heads.batch(&self.schedule.heads(self.step));
        let rate = self.recipe().rate(position.epoch);
        self.players.step(&heads, self.step, position.number, rate);
        let ends_epoch = self.schedule.ends_epoch(self.step);
        self.step += 1;
        if self.step.is_multiple_of(WINDOW) {
            self.note(position.epoch)?;
        }
        if ends_epoch && position.epoch.is_multiple_of(self.recipe().grid_epochs) {
            self.draw_grid(position.epoch)?;
        }
        self.progress.show(Standing {
            epoch: position.epoch,
            images: self.step * self.recipe().batch as u64,
            share: self.shares().reduce(f64::max),
            last: self.log.lines.last(),
        });
        Ok(())
    }

    /// The means since the last line.
    fn metrics(&self, epoch: u64) -> Metrics {
        let rate = self.recipe().rate(epoch);
        let mut metrics = Metrics {
            step: self.step,
            epoch,
            images: self.images(),
            loss_d: None,
            loss_g: None,
            d_real: None,
            d_fake: None,
            rate_g: rate.generator,
            rate_d: rate.discriminator,
            seconds: self.time().as_secs_f64(),
        };
        metrics.fill(&self.players.sums);
        metrics
    }

    /// A line of metrics; stops where the game broke down.
    fn note(&mut self, epoch: u64) -> Result<()> {
        let metrics = self.metrics(epoch);
        let _ = self.players.sums.zero_();
        if !metrics.is_finite() {
            return self.broke_down();
        }
        self.log.push(metrics)?;
        if self.charted.elapsed() >= CHART {
            self.charted = Instant::now();
            self.draw_chart(&self.log.lines)?;
        }
        Ok(())
    }

    fn broke_down(&self) -> Result<()> {
        self.progress.finish();
        bail!(
            "losses or weights are no numbers any more at step {}; the checkpoints in {} are from before. \
             Try another --seed or --precision f32, or a smaller learning rate",
            self.step,
            self.folder.checkpoints().display()
        )
    }

    fn save(&mut self) -> Result<()> {
        if !(self.players.generator.is_finite() && self.players.discriminator.is_finite()) {
            return self.broke_down();
        }
        let state = State {
            step: self.step,
            seconds: self.time().as_secs_f64(),
            generator_steps: self.players.generator_adam.steps,
            discriminator_steps: self.players.discriminator_adam.steps,
            run: self.file.digest(),
        };
        checkpoint::save(&self.folder.checkpoints(), &self.players, &state, self.limits.keep)?;
        Ok(())
    }

    fn draw_grid(&self, epoch: u64) -> Result<()> {
        let generator = final_generator(&self.players, self.recipe());
        let heads = draw(&generator, &self.fixed_noise);
        grid::save_png(&grid::grid(&grid::pictures(&heads)), &self.folder.grid(epoch))
    }

    fn draw_chart(&self, lines: &[Metrics]) -> Result<()> {
        grid::save_png(&chart::draw(lines), &self.folder.chart())
    }

    /// Saves what the run made.
    fn finish(mut self) -> Result<()> {
        self.save()?;
        let epoch = self.schedule.position(self.step.saturating_sub(1)).epoch;
        self.draw_grid(epoch)?;
        // The window under way is shown, and stays open for a run that goes on.
        let mut lines = self.log.lines.clone();
        lines.push(self.metrics(epoch));
        self.draw_chart(&lines)?;
        self.progress.finish();
        println!(
            "trained {} heads ({} epochs) in {}",
            self.images(),
            epoch,
            super::progress::duration(self.time())
        );
        println!("grid of the fixed noise: {}", self.folder.grid(epoch).display());
        println!("losses: {}", self.folder.chart().display());
        Ok(())
    }
}
