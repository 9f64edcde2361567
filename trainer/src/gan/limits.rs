//! When a run ends, and how often it saves.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a run ends, whichever comes first, and how often it saves; none of it changes a bit of what
/// is computed, but for where a run goes back to after NaN or infinity.
#[derive(Clone, Debug)]
pub struct Limits {
    /// When it ends.
    pub end: End,
    /// Whether the user said so for this sitting: else a run that goes on keeps its end.
    pub end_is_asked: bool,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Checkpoints kept.
    pub keep: usize,
}

/// When a run ends: whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Epochs in all.
    pub epochs: Option<u64>,
    /// Minutes of training in all, every sitting counted.
    pub minutes: Option<f64>,
    /// Heads of all steps, repeats counted.
    pub images: Option<u64>,
}

impl fmt::Display for End {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        let epochs = self.epochs.map(|epochs| format!("{epochs} epochs"));
        let minutes = self.minutes.map(|minutes| format!("{minutes} minutes"));
        let images = self.images.map(|images| format!("{images} heads"));
        let all: Vec<String> = [epochs, minutes, images].into_iter().flatten().collect();
        to.write_str(&all.join(" or "))
    }
}
