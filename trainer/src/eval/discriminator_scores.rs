//! Has the discriminator learned its heads by heart? Then it takes them for real ones more often than heads
//! that it never saw, and what it tells the generator is worth less. Where it does not, and still knows what
//! is drawn, it is the generator that falls short.

use serde::{Deserialize, Serialize};

use super::extract::{BATCH, Pictures};
use crate::engine::network::Network;
use crate::gan::grid;
use crate::gan::sample::rate;

/// Means of the discriminator's sigmoid, 0 to 1, on heads as they are (not augmented).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiscriminatorScores {
    /// Of the fakes.
    pub drawn: f64,
    /// Of heads that were never trained on.
    pub unseen: f64,
    /// Of as many that were, or of all.
    pub trained: f64,
}

/// The mean over the first pictures, at most so many.
pub fn mean(discriminator: &Network, pictures: Pictures, most: usize) -> f64 {
    let count = pictures.len().min(most);
    let scores = (0..count).step_by(BATCH).flat_map(|start| {
        let mut batch = pictures.batch(start);
        batch.truncate(count - start);
        rate(discriminator, &grid::batch(&batch))
    });
    scores.sum::<f64>() / count.max(1) as f64
}
