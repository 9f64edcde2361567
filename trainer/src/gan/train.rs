//! The training loop.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dataset::failure::Paused;
use tch::{Device, Tensor};

use super::best::Best;
use super::chart;
use super::checkpoint::{self, State};
use super::events::Events;
use super::folder::{RunFile, RunFolder};
use super::grid;
use super::heads::Heads;
use super::limits::{End, Limits};
use super::metrics::{Log, Metrics};
use super::players::{Draw, Players, noise, seed};
use super::progress::{Progress, Standing};
use super::recipe::{Rate, Recipe};
use super::sample::{draw, final_generator};
use super::schedule::Schedule;
use super::stop::Stop;
use super::watch::Watch;
use crate::eval::{judge, record};

/// Steps between two lines of metrics: ten of the report's generator steps.
const WINDOW: u64 = 50;
/// Heads of a grid of the fixed noise.
const GRID: i64 = 64;
/// Times that a game which broke down is rolled back and played on at half the rates.
const ROLLBACKS: u32 = 3;
/// Time between two drawings of the chart.
const CHART: Duration = Duration::from_secs(30);

/// A run under way.
struct Run<'a> {
    folder: &'a RunFolder,
    file: &'a RunFile,
    heads: &'a Heads,
    limits: &'a Limits,
    end: End,
    schedule: Schedule,
    players: Players,
    log: Log,
    events: Events,
    best: Option<Best>,
    watch: Watch,
    /// What the next line of metrics tells.
    notes: Vec<String>,
    /// The step of the checkpoint that the game last went back to.
    returned: Option<u64>,
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
/// [`Paused`] after Ctrl-C, once all is saved; else what the disk says, or that the game broke
/// down (values that are no numbers).
pub fn train(
    folder: &RunFolder,
    file: &RunFile,
    heads: &Heads,
    limits: &Limits,
    device: Device,
    best: Option<Best>,
    stop: &Stop,
) -> Result<()> {
    let mut run = Run::open(folder, file, heads, limits, device)?;
    run.best = best;
    if run.is_over() {
        eprintln!(
            "the run is at its end ({}): a later --epochs, --minutes or --max-images trains it on",
            run.end
        );
    }
    // A kill while the run was measured left that undone.
    run.score()?;
    let mut saved = Instant::now();
    while !run.is_over() {
        run.advance()?;
        let stopped = stop.requested();
        // The last steps may have broken the game, which then goes on from further back.
        if stopped || run.is_over() || saved.elapsed() >= limits.checkpoint_every {
            run.save()?;
            saved = Instant::now();
        }
        if stopped {
            run.progress.finish();
            return Err(Paused.into());
        }
    }
    run.finish()
}

impl<'a> Run<'a> {
    fn open(
        folder: &'a RunFolder,
        file: &'a RunFile,
        heads: &'a Heads,
        limits: &'a Limits,
        device: Device,
    ) -> Result<Self> {
        let recipe = &file.recipe;
        let mut players = Players::on(recipe, device);
        let state = checkpoint::go_on(folder, file, &mut players)?;
        seed(recipe.seed, Draw::Grid, 0);
        Ok(Self {
            folder,
            file,
            heads,
            limits,
            end: state.end.filter(|_| !limits.end_is_asked).unwrap_or(limits.end),
            schedule: Schedule::new(heads.len(), recipe.batch, recipe.seed),
            players,
            log: Log::open(&folder.metrics(), state.step)?,
            events: Events::begin(&folder.events(), state.step)?,
            best: None,
            watch: state.watch,
            notes: state.notes,
            returned: None,
            progress: Progress::new(),
            step: state.step,
            earlier: Duration::from_secs_f64(state.seconds),
            started: Instant::now(),
            charted: Instant::now(),
            fixed_noise: noise(GRID).to_device(device),
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
        let steps = self.end.epochs.map(|epochs| self.schedule.steps(epochs));
        let limits = [
            steps.map(|steps| share(self.step as f64, steps as f64)),
            self.end
                .minutes
                .map(|minutes| share(self.time().as_secs_f64(), 60.0 * minutes)),
            self.end.images.map(|images| share(self.images() as f64, images as f64)),
        ];
        limits.into_iter().flatten()
    }

    fn is_over(&self) -> bool {
        self.shares().any(|share| share >= 1.0)
    }

    /// One step, and what falls due after it.
    fn advance(&mut self) -> Result<()> {
        let position = self.schedule.position(self.step);
        let heads = self.heads.batch(&self.schedule.heads(self.step), self.players.device);
        let rate = self.rate(position.epoch);
        self.players.step(&heads, self.step, position.number, rate);
        self.step += 1;
        if self.step.is_multiple_of(WINDOW) && !self.note(position.epoch)? {
            return Ok(());
        }
        if self.schedule.completes(self.recipe().grid_epochs, self.step) {
            self.draw_grid(position.epoch)?;
        }
        self.score()?;
        self.progress.show(Standing {
            epoch: position.epoch,
            images: self.step * self.recipe().batch as u64,
            share: self.shares().reduce(f64::max),
            lines: &self.log.lines,
        });
        Ok(())
    }

    /// The rates that the next step takes.
    fn rate(&self, epoch: u64) -> Rate {
        self.watch.lowered(self.recipe().rate(epoch, self.images()))
    }

    /// The means since the last line.
    fn metrics(&self, epoch: u64) -> Metrics {
        let rate = self.rate(epoch);
        let mut metrics = Metrics::at(self.step, epoch, self.images());
        metrics.fill(&self.players.tally);
        (metrics.rate_g, metrics.rate_d) = (rate.generator, rate.discriminator);
        metrics.seconds = self.time().as_secs_f64();
        metrics
    }

    /// A line of metrics. Where the game broke down, it is rolled back instead: the answer is false.
    fn note(&mut self, epoch: u64) -> Result<bool> {
        let mut metrics = self.metrics(epoch);
        self.players.tally.clear();
        if !metrics.is_finite() {
            self.roll_back()?;
            return Ok(false);
        }
        metrics.notes.append(&mut self.notes);
        self.log.lines.push(metrics);
        let recipe = self.recipe();
        let notes = self.watch.look(&self.log.lines, recipe.schedule, recipe.loss);
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

    /// Goes back to the newest checkpoint, or to the start where there is none, with half the rates. From
    /// where it broke down again it goes further back, if it can.
    fn roll_back(&mut self) -> Result<()> {
        let broken = self.step;
        let why = format!("losses or weights are no numbers any more at step {broken}");
        if self.watch.rollbacks >= ROLLBACKS {
            self.progress.finish();
            bail!(
                "{why}, after {ROLLBACKS} ways back at half the rates each; the checkpoints in {} are from before. Begin \
                 another --name with another --seed, --precision f32, or smaller --rate-g and --rate-d (--from this run \
                 begins with its networks)",
                self.folder.checkpoints().display()
            );
        }
        self.players = Players::on(self.recipe(), self.players.device);
        let (folder, digest) = (self.folder.checkpoints(), self.file.digest());
        let state = checkpoint::load_newest_but(&folder, self.returned, &mut self.players, &digest)?;
        self.step = state.map_or(0, |state| state.step);
        self.returned = Some(self.step);
        self.watch.roll_back();
        // What was measured of steps that are given up is no figure of this run any more.
        record::forget_after(self.folder.path(), self.step)?;
        if let Some(best) = &mut self.best {
            best.forget_after(self.step);
        }
        self.log = Log::open(&self.folder.metrics(), self.step)?;
        self.events = Events::begin(&self.folder.events(), self.step)?;
        let note = format!("{why}: back to step {}, both rates halved", self.step);
        self.progress.say(&format!("warning: {note}"));
        self.notes.push(note);
        self.write_checkpoint().map(drop)
    }

    /// Writes a checkpoint and gives its path; none where the game broke down and was rolled back.
    fn save(&mut self) -> Result<Option<PathBuf>> {
        if !checkpoint::is_finite(&self.players) {
            self.roll_back()?;
            return Ok(None);
        }
        self.write_checkpoint().map(Some)
    }

    fn write_checkpoint(&self) -> Result<PathBuf> {
        let state = State {
            seconds: self.time().as_secs_f64(),
            watch: self.watch.clone(),
            notes: self.notes.clone(),
            end: Some(self.end),
            ..State::new(&self.players, self.step, self.file)
        };
        checkpoint::save(&self.folder.checkpoints(), &self.players, &state, self.limits.keep)
    }

    /// Measures the run where an epoch has just ended and that is due; the time that it takes is not
    /// training time.
    fn score(&mut self) -> Result<()> {
        let due = |best: &Best| best.is_due(&self.schedule, self.step);
        if !self.best.as_ref().is_some_and(due) {
            return Ok(());
        }
        let Some(checkpoint) = self.save()? else {
            return Ok(());
        };
        let began = Instant::now();
        let standing = judge::Standing {
            step: self.step,
            images: self.images(),
            seconds: self.time().as_secs_f64(),
        };
        let generator = final_generator(self.folder, &self.players, self.recipe());
        if let Some(best) = &mut self.best {
            let told = best.look(&generator, standing, self.folder, self.file, &checkpoint)?;
            self.progress.say(&told);
            self.notes.push(told);
        }
        self.started += began.elapsed();
        Ok(())
    }

    fn draw_grid(&self, epoch: u64) -> Result<()> {
        let generator = final_generator(self.folder, &self.players, self.recipe());
        let heads = draw(&generator, &self.fixed_noise);
        grid::save_png(&grid::grid(&grid::pictures(&heads)), &self.folder.grid(epoch))
    }

    fn draw_chart(&self, lines: &[Metrics]) -> Result<()> {
        grid::save_png(&chart::draw(lines), &self.folder.chart())
    }

    /// Saves what the run made.
    fn finish(self) -> Result<()> {
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
