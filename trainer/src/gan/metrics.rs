//! metrics.jsonl: one line a window of steps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::tally::{Place, Tally};

/// The means of a window of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done.
    pub step: u64,
    /// Epoch of the last of them, from 1.
    pub epoch: u64,
    /// Heads of all steps so far, repeats counted.
    pub images: u64,
    /// Loss of the discriminator.
    pub loss_d: Option<f64>,
    /// Loss of the generator.
    pub loss_g: Option<f64>,
    /// Sigmoid of the discriminator's logits on real heads, 0 to 1.
    pub d_real: Option<f64>,
    /// The same on generated heads, in the discriminator's steps.
    pub d_fake: Option<f64>,
    /// Length of the discriminator's gradient.
    #[serde(default)]
    pub gradient_d: Option<f64>,
    /// Length of the generator's gradient.
    #[serde(default)]
    pub gradient_g: Option<f64>,
    /// Deviation of a pixel between the heads of a generated batch, of -1..1.
    #[serde(default)]
    pub spread: Option<f64>,
    /// The same of real heads.
    #[serde(default)]
    pub spread_real: Option<f64>,
    /// The penalty on gradients, weighted.
    #[serde(default)]
    pub penalty: Option<f64>,
    /// Learning rate of the generator.
    pub rate_g: f64,
    /// Learning rate of the discriminator.
    pub rate_d: f64,
    /// Seconds of training so far, over all sittings.
    pub seconds: f64,
    /// What happened in the window: a rate lowered, a sign of collapse, a way back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Metrics {
    /// A line without values.
    pub fn at(step: u64, epoch: u64, images: u64) -> Self {
        Self {
            step,
            epoch,
            images,
            loss_d: None,
            loss_g: None,
            d_real: None,
            d_fake: None,
            gradient_d: None,
            gradient_g: None,
            spread: None,
            spread_real: None,
            penalty: None,
            rate_g: 0.0,
            rate_d: 0.0,
            seconds: 0.0,
            notes: Vec::new(),
        }
    }

    /// Fills in the means of a window; none where a player took no step.
    pub fn fill(&mut self, tally: &Tally) {
        let means = tally.means();
        let mean = |place: Place| means[place as usize];
        self.loss_d = mean(Place::LossD);
        self.loss_g = mean(Place::LossG);
        self.d_real = mean(Place::Real);
        self.d_fake = mean(Place::Fake);
        self.gradient_d = mean(Place::GradientD);
        self.gradient_g = mean(Place::GradientG);
        self.spread = mean(Place::Spread);
        self.spread_real = mean(Place::SpreadReal);
        self.penalty = mean(Place::Penalty);
    }

    /// Whether every mean is a number.
    pub fn is_finite(&self) -> bool {
        let means = [self.loss_d, self.loss_g, self.gradient_d, self.gradient_g];
        means.into_iter().flatten().all(f64::is_finite)
    }
}

/// The file, open for more lines, and what it holds.
#[derive(Debug)]
pub struct Log {
    file: File,
    /// Every line so far.
    pub lines: Vec<Metrics>,
}

impl Log {
    /// Opens the file of a run that has done `steps` steps: lines of later steps, left by a sitting
    /// that was killed after its last checkpoint, go.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(path: &Path, steps: u64) -> Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        let text = text_of(path)?;
        let mut lines = parsed(&text);
        lines.retain(|line| line.step <= steps);
        let kept: String = lines.iter().map(line_of).collect();
        if kept != text {
            dataset::files::write_durably(path, kept.as_bytes()).with_context(cannot)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(cannot)?;
        Ok(Self { file, lines })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// What the disk says.
    pub fn push(&mut self, metrics: Metrics) -> Result<()> {
        self.file
            .write_all(line_of(&metrics).as_bytes())
            .context("cannot write metrics.jsonl")?;
        self.lines.push(metrics);
        Ok(())
    }
}

/// Every line of a run's file; none where it is missing.
///
/// # Errors
/// What the disk says.
pub fn read(path: &Path) -> Result<Vec<Metrics>> {
    Ok(parsed(&text_of(path)?))
}

fn text_of(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The lines up to the first that is none: a killed run may leave half a line at the end.
fn parsed(text: &str) -> Vec<Metrics> {
    text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
}

fn line_of(metrics: &Metrics) -> String {
    let mut line = serde_json::to_string(metrics).expect("plain numbers are always JSON");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(step: u64) -> Metrics {
        let mut line = Metrics::at(step, 1, step * 64);
        line.loss_d = Some(0.7);
        line.seconds = 1.5;
        line
    }

    #[test]
    fn lines_after_the_checkpoint_and_half_lines_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("metrics.jsonl");
        let mut log = Log::open(&path, 0).expect("opens");
        for step in [50, 100, 150] {
            log.push(metrics(step)).expect("writes");
        }
        let mut text = std::fs::read_to_string(&path).expect("reads");
        text.push_str("{\"step\":2");
        std::fs::write(&path, text).expect("writes");
        let mut log = Log::open(&path, 120).expect("opens");
        assert_eq!(log.lines, [metrics(50), metrics(100)]);
        log.push(metrics(150)).expect("writes");
        assert_eq!(Log::open(&path, 150).expect("opens").lines.len(), 3);
    }
}
