//! The contract between the two programs: settings file, object store, manifest, and heads packed
//! for training.
//!
//! Architecture invariant: no database, no HTTP, no torch, no ONNX.

pub mod failure;
pub mod settings;
