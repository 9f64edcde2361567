//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{crawl, crop, curate, detect, export, failures, import, manifest, purge, run, serve, sheet, status, swap};

/// From image boards to frozen datasets of anime heads
#[derive(Debug, Parser)]
#[command(
    name = "pipeline",
    version,
    after_help = "Example: pipeline crawl konachan --min-likes 100 --since 2023 --limit 500"
)]
pub struct Cli {
    /// Settings file
    #[arg(long, global = true, value_name = "FILE", default_value = "stages.toml")]
    pub config: PathBuf,
    /// Folder of catalog, store, manifests and runs [default: `data` beside the settings file]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// One command a stage or question.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists a site's posts and fetches their pictures
    Crawl(crawl::Args),
    /// Asks a site for its latest posts, once, and says what answered and which settings apply
    Check(crawl::check::Args),
    /// Takes a folder of heads or pictures into the catalog
    Import(import::Args),
    /// Finds the faces in stored pictures, cuts out their heads and records the verdicts
    Crop(crop::Args),
    /// Records the verdicts anew under the current settings
    Curate(curate::Args),
    /// Refuses heads by hand, whatever the filters say, for good
    #[command(after_help = "Example: pipeline reject 3fa91c 77b0e2 --because \"a cat\"")]
    Reject(curate::hand::Args),
    /// Accepts heads by hand, whatever the filters say, for good
    #[command(after_help = "Example: pipeline keep 3fa91c")]
    Keep(curate::hand::Args),
    /// Draws contact sheets: accepted heads, refused heads by reason, pictures with boxes
    Sheet(sheet::Args),
    /// Opens the curation desk, a page in the browser
    Serve(serve::Args),
    /// Freezes, shows, compares, verifies and hands on versions of the dataset
    #[command(
        subcommand,
        after_help = "Example: pipeline manifest create v3 --min-likes 500 --since 2022"
    )]
    Manifest(manifest::Command),
    /// Writes whole pictures with their tags beside them, for other trainers
    Export(export::Args),
    /// Does every stage that [run] of the settings names, and freezes a new version if rows changed
    Run(run::Args),
    /// Takes posts or an artist's works out for good, and keeps them out
    Purge(purge::Args),
    /// Says what lies where
    Status(status::Args),
    /// Lists every failed item with its reason
    Failures(failures::Args),
    /// Finds the faces in picture files; needs no catalog
    Detect(detect::Args),
    /// Sets other heads over the faces of a picture, for fun; needs no catalog
    Swap(swap::Args),
}
