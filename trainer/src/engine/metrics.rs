//! What steps measure: sums between two lines, and metrics.jsonl with one line of JSON a window of steps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Device, Kind, Tensor};

/// Sums and counts of `N` quantities, f64 [2, N]: one tensor on the device, so that no step waits for a number.
#[derive(Debug)]
pub struct Accumulator<const N: usize>(Tensor);

impl<const N: usize> Accumulator<N> {
    /// Nothing yet.
    pub fn new(device: Device) -> Self {
        Self(Tensor::zeros([2, N as i64], (Kind::Double, device)))
    }

    /// The tensor itself, for checkpoints.
    pub fn tensor(&self) -> &Tensor {
        &self.0
    }

    /// Adds the sums and counts of another.
    pub fn add_all(&self, other: &Tensor) {
        let _ = self.0.shallow_clone().g_add_(other);
    }

    /// Adds to one quantity (a tensor of one element).
    pub fn add(&self, quantity: usize, value: &Tensor) {
        let cell = |row: i64| self.0.select(0, row).narrow(0, quantity as i64, 1);
        let _ = cell(0).g_add_(&value.detach().to_kind(Kind::Double));
        let _ = cell(1).g_add_scalar_(1.0);
    }

    /// The means; none where nothing was added.
    pub fn means(&self) -> [Option<f64>; N] {
        let values: Vec<f64> = Vec::try_from(self.0.flatten(0, 1)).expect("a flat tensor of f64 is a vector of f64");
        let (sums, counts) = values.split_at(N);
        std::array::from_fn(|quantity| (counts[quantity] > 0.0).then(|| sums[quantity] / counts[quantity]))
    }

    /// Begins anew.
    pub fn clear(&self) {
        let _ = self.0.shallow_clone().zero_();
    }
}

/// A line of the file.
pub trait Line: Serialize + DeserializeOwned {
    /// Steps done when it was written.
    fn step(&self) -> u64;
}

/// Lines of no fixed form have the key `step`.
impl Line for serde_json::Value {
    fn step(&self) -> u64 {
        self["step"].as_u64().unwrap_or_default()
    }
}

/// The file, open for more lines, and what it holds.
#[derive(Debug)]
pub struct MetricsLog<L> {
    file: File,
    /// Every line so far.
    pub lines: Vec<L>,
}

impl<L: Line> MetricsLog<L> {
    /// Opens the file of a run that has done `steps` steps: lines of later steps, left by a sitting
    /// that was killed after its last checkpoint, go.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(path: &Path, steps: u64) -> Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        let text = text_of(path)?;
        let mut lines: Vec<L> = parsed(&text);
        lines.retain(|line| line.step() <= steps);
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
    pub fn push(&mut self, line: L) -> Result<()> {
        let text = line_of(&line);
        self.file
            .write_all(text.as_bytes())
            .context("cannot write metrics.jsonl")?;
        self.lines.push(line);
        Ok(())
    }
}

/// Every line of a run's file; none where it is missing.
///
/// # Errors
/// What the disk says.
pub fn read<L: Line>(path: &Path) -> Result<Vec<L>> {
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
fn parsed<L: Line>(text: &str) -> Vec<L> {
    text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
}

fn line_of(line: &impl Line) -> String {
    let mut text = serde_json::to_string(line).expect("plain numbers are always JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn lines_after_the_checkpoint_and_half_lines_go() {
        let line = |step: u64| json!({"step": step, "loss": 0.7});
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, 0).expect("opens");
        for step in [50, 100, 150] {
            log.push(line(step)).expect("writes");
        }
        let mut text = std::fs::read_to_string(&path).expect("reads");
        text.push_str("{\"step\":2");
        std::fs::write(&path, text).expect("writes");
        let mut log = MetricsLog::<Value>::open(&path, 120).expect("opens");
        assert_eq!(log.lines, [line(50), line(100)]);
        log.push(line(150)).expect("writes");
        assert_eq!(MetricsLog::<Value>::open(&path, 150).expect("opens").lines.len(), 3);
    }

    #[test]
    fn means_are_over_what_was_added_of_each() {
        let accumulator = Accumulator::<3>::new(Device::Cpu);
        for value in [1.0f32, 2.0, 6.0] {
            accumulator.add(0, &Tensor::from(value));
        }
        accumulator.add(2, &Tensor::from(4.0f32));
        assert_eq!(accumulator.means(), [Some(3.0), None, Some(4.0)]);
        accumulator.clear();
        assert_eq!(accumulator.means(), [None; 3]);
    }
}
