//! `trainer run`: the generator of heads and its training.
//!
//! Architecture invariant: a step's draws follow from (seed, step) alone, and everything else it
//! needs is in the checkpoint; so a killed run, resumed, ends with the same bits.

pub mod architecture;
pub mod args;
pub mod augment;
mod begin;
pub mod best;
pub mod canvas;
pub mod chart;
pub mod checkpoint;
pub mod config;
pub mod device;
pub mod events;
pub mod folder;
pub mod framing;
pub mod gan_state;
pub mod grid;
pub mod head_dataset;
pub mod limits;
pub mod loss;
pub mod lr_controller;
pub mod lr_schedule;
pub mod memory;
pub mod metrics;
pub mod model_summary;
pub mod packed;
pub mod penalty;
pub mod plot;
pub mod presets;
pub mod records;
pub mod run;
pub mod sample;
pub mod train;
pub mod trained;
