//! `pipeline run`: every stage in order, for cron.

use anyhow::Context;

use crate::catalog::summary;
use crate::crawl::CrawlRequest;
use crate::crop::CropRequest;
use crate::desk::Desk;
use crate::journal::Journal;
use crate::outcome::Tally;
use crate::selection::Selection;

/// Does every stage that [run] of the settings names, and freezes a new version if rows changed
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline --config /home/you/anime-heads/stages.toml run")]
pub struct Args {
    /// JSON objects, one a line, in place of the tables
    #[arg(long)]
    pub json: bool,
}

/// Crawls, crops, judges and freezes. What each stage did is printed as it ends.
///
/// # Errors
/// Of the first stage that stops; what the stages before it recorded stays.
pub async fn run(desk: &Desk, journal: &Journal) -> anyhow::Result<Tally> {
    let (requests, selection) = resolve(desk)?;
    let mut all = Tally::default();
    for request in &requests {
        let stage = format!("crawl {}", request.name);
        let tally = desk.crawl(request, journal).await.with_context(|| stage.clone())?;
        journal.funnel(&stage, &tally);
        all.add(&tally);
    }
    // Crop refuses to do nothing; a catalog of imported heads alone has nothing for it.
    if summary::has_pictures(&desk.catalog).await? {
        let request = CropRequest {
            selection: selection.clone(),
            ..CropRequest::default()
        };
        let tally = desk.crop(&request).await.context("crop")?;
        journal.funnel("crop", &tally);
        all.add(&tally);
    }
    desk.freeze(None, &selection, journal).await.context("manifest")?;
    Ok(all)
}

/// What is asked for, all of it before the first stage begins: a mistake in the last crawl does not
/// wait until the others are done.
fn resolve(desk: &Desk) -> anyhow::Result<(Vec<CrawlRequest>, Selection)> {
    let settings = &desk.settings;
    let mut requests = Vec::new();
    for crawl in &settings.run.crawl {
        let named = crawl.args().requests(&settings.crawl, &settings.sites);
        requests.extend(named.with_context(|| format!("[[run.crawl]] of {}", crawl.site))?);
    }
    let selection = settings.run.select.resolve().context("[run.select]")?;
    Ok((requests, selection))
}
