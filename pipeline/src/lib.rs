//! Staged batch jobs from image boards to frozen datasets of heads.
//!
//! Architecture invariant: stages never import each other; the catalog is what lies between them.
//! No torch here.

pub mod catalog;
pub mod cli;
pub mod commands;
pub mod crawl;
pub mod crop;
pub mod curate;
pub mod decide;
pub mod desk;
pub mod detect;
pub mod digests;
pub mod export;
pub mod failures;
pub mod head;
pub mod import;
pub mod journal;
pub mod manifest;
pub mod outcome;
pub mod period;
pub mod popularity;
pub mod progress;
pub mod purge;
mod quarantine;
pub mod run;
pub mod secrets;
pub mod selection;
pub mod settings;
pub mod sheet;
pub mod status;
pub mod stop;
mod target;
