//! `pipeline run`: every stage in order, for cron.

use anyhow::Context;

use crate::catalog::summary;
use crate::crop::CropRequest;
use crate::desk::Desk;
use crate::outcome::Tally;

/// Does every stage that [run] of the settings names, and freezes a new version if rows changed
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline --config /home/you/anime-heads/stages.toml run")]
pub struct Args {}

/// Crawls, crops, judges and freezes. What each stage did is printed as it ends.
///
/// # Errors
/// Of the first stage that stops; what the stages before it recorded stays.
pub async fn run(desk: &Desk) -> anyhow::Result<Tally> {
    let mut all = Tally::default();
    for crawl in &desk.settings.run.crawl {
        let request = crawl.args().resolve(&desk.settings.crawl, &desk.settings.sites)?;
        let tally = desk
            .crawl(&request)
            .await
            .with_context(|| format!("crawl {}", crawl.site))?;
        tally.print(&format!("crawl {}", crawl.site));
        all.add(&tally);
    }
    let selection = desk.settings.run.select.resolve()?;
    // Crop refuses to do nothing; a catalog of imported heads alone has nothing for it.
    if summary::has_pictures(&desk.catalog).await? {
        let request = CropRequest {
            selection: selection.clone(),
            limit: None,
        };
        let tally = desk.crop(&request).await.context("crop")?;
        tally.print("crop");
        all.add(&tally);
    }
    desk.freeze(None, &selection).await.context("manifest")?;
    Ok(all)
}
