//! Staged batch jobs from image boards to frozen datasets of heads.
//!
//! Architecture invariant: stages never import each other; the catalog is what lies between them.
//! No torch here.

pub mod access;
mod canvas;
pub mod catalog;
pub mod cli;
pub mod commands;
pub mod context;
pub mod crawl;
pub mod crop;
pub mod curate;
pub mod decide;
pub mod detect;
pub mod digests;
pub mod export;
pub mod failures;
pub mod fields;
pub mod head;
pub mod import;
pub mod manifest;
pub mod period;
pub mod popularity;
pub mod progress;
pub mod purge;
mod quarantine;
pub mod reporter;
pub mod run;
pub mod secrets;
pub mod selection;
pub mod serve;
pub mod settings;
pub mod sheet;
pub mod status;
pub mod stop;
pub mod summary;
pub mod swap;
mod target;
