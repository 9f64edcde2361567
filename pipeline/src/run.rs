//! `pipeline run`: every stage in order, for cron.

use anyhow::Context;

use crate::catalog::summary;
use crate::context::AppContext;
use crate::crawl::CrawlRequest;
use crate::crop::CropRequest;
use crate::reporter::Reporter;
use crate::selection::Selection;
use crate::settings::Settings;
use crate::summary::Summary;

/// Does every stage that [run] of the settings names, and freezes a new version if rows changed
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline --config /home/you/anime-heads/stages.toml run")]
pub struct Args {
    /// JSON objects, one a line, in place of the tables
    #[arg(long)]
    pub json: bool,
}

/// Crawls, crops, curates and freezes. What each stage did is printed as it ends.
///
/// # Errors
/// Of the first stage that stops; what the stages before it recorded stays.
pub async fn run(context: &AppContext, reporter: &Reporter) -> anyhow::Result<Summary> {
    let (requests, selection) = resolve(&context.settings)?;
    let mut all = Summary::default();
    for request in &requests {
        let stage = format!("crawl {}", request.name);
        let summary = context.crawl(request, reporter).await.with_context(|| stage.clone())?;
        reporter.funnel(&stage, &summary);
        all.add(&summary);
    }
    // Crop refuses to do nothing; a catalog of imported heads alone has nothing for it.
    if summary::has_pictures(&context.catalog).await? {
        let request = CropRequest {
            selection: selection.clone(),
            ..CropRequest::default()
        };
        let summary = context.crop(&request).await.context("crop")?;
        reporter.funnel("crop", &summary);
        all.add(&summary);
    }
    context.freeze(None, &selection, reporter).await.context("manifest")?;
    Ok(all)
}

/// What is asked for, all of it before the first stage begins: a mistake in the last crawl does not
/// wait until the others are done.
///
/// # Errors
/// `Usage` where one cannot be meant.
pub fn resolve(settings: &Settings) -> anyhow::Result<(Vec<CrawlRequest>, Selection)> {
    let mut requests = Vec::new();
    for crawl in &settings.run.crawl {
        let named = crawl.args().requests(&settings.crawl, &settings.sites);
        requests.extend(named.with_context(|| format!("[[run.crawl]] of {}", crawl.site))?);
    }
    let selection = settings.run.select.resolve().context("[run.select]")?;
    Ok((requests, selection))
}
