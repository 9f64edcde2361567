//! What can be wrong with the store.

use std::path::PathBuf;

use super::MARKER;
use crate::keys::Key;

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The whole store is gone.
    #[error("the store {place} vanished (its marker {MARKER} is missing): {way_out}")]
    Vanished {
        /// The store's folder or URL.
        place: String,
        /// What to do.
        way_out: &'static str,
    },
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
    /// One object is not what was stored.
    #[error("{0} is damaged: its bytes do not hash to its name")]
    Damaged(Key),
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
    /// The service behind a URL refused or did not answer, after all attempts: no single object's fault.
    #[error("the store {place} cannot {verb} {name}: {reason}; {way_out}")]
    Remote {
        /// The store's URL.
        place: String,
        /// What was tried.
        verb: &'static str,
        /// The object, or what else was asked for.
        name: String,
        /// What the service or the network said.
        reason: String,
        /// What to check.
        way_out: &'static str,
    },
}

/// An error of the system's, in its own words.
pub(super) fn failed(verb: &'static str, name: impl ToString, error: &dyn std::error::Error) -> StoreError {
    StoreError::Io {
        verb,
        name: name.to_string(),
        reason: innermost(error),
    }
}

/// The first cause: it is what the system said, and the layers above repeat the path.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
