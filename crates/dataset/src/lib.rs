//! The contract between the two programs: settings file, object store, manifest, and heads packed
//! for training.
//!
//! Architecture invariant: no database, no HTTP but the store's, no torch, no ONNX.

pub mod eval_settings;
pub mod failure;
pub mod files;
pub mod keys;
pub mod lock;
pub mod manifest;
pub mod pack;
pub mod settings;
pub mod store;
pub mod train_choices;
pub mod train_settings;

pub use keys::{Key, sha256};
pub use manifest::{Manifest, ManifestRow, Split};
pub use store::{Store, StoreError, StoreSettings};
