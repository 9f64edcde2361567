//! `trainer run`: the generator of heads and its training.
//!
//! Architecture invariant: a step's draws follow from (seed, step) alone, and everything else it
//! needs is in the checkpoint; so a killed run, resumed, ends with the same bits.

pub mod adam;
pub mod architecture;
pub mod augment;
pub mod best;
pub mod canvas;
pub mod chart;
pub mod checkpoint;
mod convolution;
pub mod device;
pub mod events;
pub mod flags;
pub mod folder;
pub mod grid;
pub mod heads;
pub mod limits;
pub mod loss;
pub mod memory;
pub mod metrics;
pub mod network;
pub mod outline;
pub mod penalty;
pub mod plan;
pub mod players;
pub mod plot;
pub mod presets;
pub mod progress;
pub mod recipe;
pub mod run;
pub mod sample;
pub mod schedule;
pub mod spark;
pub mod spectral;
pub mod stop;
pub mod tally;
pub mod train;
pub mod trained;
pub mod watch;
