//! What is measured, shown and handed on of a trained run, through the program as a process.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/processes.rs"]
mod processes;
#[path = "../common/runs.rs"]
mod runs;

mod bad;
mod best;
mod compare;
mod eval;
mod export;
mod exported;
mod fixture;
mod guide;
mod serve;
mod show;
mod steer;
