//! What can be wrong with the store.

use std::path::PathBuf;

use super::MARKER;
use crate::keys::Key;

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The whole store is gone.
    #[error(
        "the store {} vanished (its file {MARKER} is missing): mount or restore it, or name another data folder with --data",
        .0.display()
    )]
    Vanished(PathBuf),
    /// The disk is nearly full; what is stored stays.
    #[error(
        "the disk of {} has {free} MB left, and [store] min_free_megabytes keeps {least} MB free: make room there, or lower \
         the setting. Nothing that was stored is lost, and the same command goes on from here",
        .folder.display()
    )]
    Full {
        /// The store's folder.
        folder: PathBuf,
        /// Megabytes left.
        free: u64,
        /// Megabytes to be kept.
        least: u64,
    },
    /// One object is not there.
    #[error("{0} is missing from the store")]
    Missing(Key),
    /// The disk or the system refused.
    #[error("the store cannot {verb} {name}: {reason}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The object or the folder.
        name: String,
        /// What the system said, "no space left on device" for example.
        reason: String,
    },
}

/// An error of the system's, in its own words.
pub(super) fn failed(verb: &'static str, name: impl ToString, error: &dyn std::error::Error) -> StoreError {
    // The innermost cause is what the system said; the layers above repeat the path.
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    StoreError::Io {
        verb,
        name: name.to_string(),
        reason: innermost.to_string(),
    }
}
