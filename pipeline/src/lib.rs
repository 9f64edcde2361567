//! Staged batch jobs from image boards to frozen datasets of heads.
//!
//! Architecture invariant: stages never import each other; the catalog is what lies between them.
//! No torch here.

pub mod catalog;
pub mod crawl;
pub mod crop;
pub mod curate;
pub mod detect;
pub mod digests;
pub mod head;
pub mod import;
pub mod lock;
pub mod manifest;
pub mod outcome;
pub mod period;
pub mod progress;
pub mod selection;
pub mod sheet;
pub mod stop;
