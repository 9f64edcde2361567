//! What a run leaves in its folder and shows while it trains; with several ranks, rank 0 alone has them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use dataset::files::make_folder_of;
use tch::Tensor;

use super::best::Best;
use super::chart;
use super::events::Events;
use super::gan_state::{Draw, noise, seed};
use super::grid;
use super::lr_controller::LrController;
use super::metrics::Metrics;
use super::sample::draw;
use super::train::Job;
use crate::engine::metrics::MetricsLog;
use crate::engine::network::Network;
use crate::engine::progress::{Progress, Standing, sparkline};
use crate::eval::{evaluator, record};

/// Heads of a grid of the fixed noise.
const GRID: i64 = 64;
/// Time between two drawings of the chart.
const CHART: Duration = Duration::from_secs(30);
/// Letters of a curve of losses.
const CURVE: usize = 32;

/// The records of a run under way.
pub struct Records<'a> {
    job: &'a Job<'a>,
    log: MetricsLog<Metrics>,
    events: Events,
    /// What measures the run, where it is measured while it trains.
    pub best: Option<Best>,
    /// Notes for the next line of metrics.
    pub notes: Vec<String>,
    /// How far the run is.
    pub progress: Progress,
    charted: Instant,
    fixed_noise: Tensor,
}

impl<'a> Records<'a> {
    /// Goes on with those of a run after so many steps.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(job: &'a Job<'a>, step: u64, best: Option<Best>, notes: Vec<String>) -> Result<Self> {
        seed(job.file.config.seed, Draw::Grid, 0);
        Ok(Self {
            job,
            log: MetricsLog::open(&job.folder.metrics(), step)?,
            events: Events::begin(&job.folder.events(), step)?,
            best,
            notes,
            progress: Progress::new(),
            charted: Instant::now(),
            fixed_noise: noise(GRID).to_device(job.device),
        })
    }

    /// Writes a line of metrics, and gives the controller of the learning rates as it moves it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn record(&mut self, mut metrics: Metrics, mut controller: LrController) -> Result<LrController> {
        let step = metrics.step;
        metrics.notes.append(&mut self.notes);
        self.log.lines.push(metrics);
        let config = &self.job.file.config;
        let notes = controller.update(&self.log.lines, config.schedule, config.loss);
        let mut metrics = self.log.lines.pop().expect("was just pushed");
        for note in &notes {
            self.progress.say(&format!("step {step}: {note}"));
        }
        metrics.notes.extend(notes);
        self.events.push(&metrics)?;
        self.log.push(metrics)?;
        if self.charted.elapsed() >= CHART {
            self.charted = Instant::now();
            self.draw_chart(&self.log.lines)?;
        }
        Ok(controller)
    }

    /// Gives up what came after a step, with a note why.
    ///
    /// # Errors
    /// What the disk says.
    pub fn roll_back(&mut self, step: u64, note: String) -> Result<()> {
        // What was measured of steps that are given up is no figure of this run any more.
        record::forget_after(self.job.folder.path(), step)?;
        if let Some(best) = &mut self.best {
            best.forget_after(step);
        }
        self.log = MetricsLog::open(&self.job.folder.metrics(), step)?;
        self.events = Events::begin(&self.job.folder.events(), step)?;
        self.progress.say(&format!("warning: {note}"));
        self.notes.push(note);
        Ok(())
    }

    /// Measures a generator whose state was just written to `checkpoint`.
    ///
    /// # Errors
    /// What a network or the disk says.
    pub fn measure(&mut self, generator: &Network, standing: evaluator::Standing, checkpoint: &Path) -> Result<()> {
        if let Some(best) = &mut self.best {
            let note = best.evaluate(generator, standing, self.job.folder, self.job.file, checkpoint)?;
            self.progress.say(&note);
            self.notes.push(note);
        }
        Ok(())
    }

    /// Draws the fixed noise as the grid of an epoch. Gives its path.
    ///
    /// # Errors
    /// What the disk says.
    pub fn draw_grid(&self, generator: &Network, epoch: u64) -> Result<PathBuf> {
        let (heads, path) = (draw(generator, &self.fixed_noise), self.job.folder.grid(epoch));
        // Somebody may have tidied the grids away.
        make_folder_of(&path)?;
        grid::save_png(&grid::grid(&grid::pictures(&heads)), &path)?;
        Ok(path)
    }

    /// Shows where the run stands, if it is time to.
    pub fn show(&mut self, epoch: u64, images: u64, share: Option<f64>) {
        let lines = &self.log.lines;
        self.progress.show(|| standing(epoch, images, share, lines));
    }

    /// Draws the chart with the window under way, which stays open for a run that goes on, and ends the progress.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(&self, window: Metrics) -> Result<()> {
        let mut lines = self.log.lines.clone();
        lines.push(window);
        self.draw_chart(&lines)?;
        self.progress.finish();
        Ok(())
    }

    fn draw_chart(&self, lines: &[Metrics]) -> Result<()> {
        grid::save_png(&chart::draw(lines), &self.job.folder.chart())
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
