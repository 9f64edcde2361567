//! What is measured, shown and handed on of a trained run, through the program as a process.

#[path = "../common/mod.rs"]
mod common;

mod bad;
mod compare;
mod eval;
mod export;
mod fixture;
mod show;
