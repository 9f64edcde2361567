//! `pipeline failures`: every failed item with its reason.

use dataset::failure::Usage;

use crate::catalog::Catalog;
use crate::catalog::failures::{self, Failure, Stage, Wanted};
use crate::period;

const EXAMPLE: &str = "Examples:
  pipeline failures --site konachan --reason http-404
  pipeline failures --reason truncated --again";

/// Lists posts and pictures whose last result is a failure, the latest first
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Only of this source: a site of stages.toml, or import:NAME
    #[arg(long, value_name = "SITE")]
    pub site: Option<String>,
    /// Only of this stage
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<Stage>,
    /// Only of this reason, one of those that `pipeline status` counts
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// JSON objects, one a line, in place of the table
    #[arg(long)]
    pub json: bool,
    /// Has the next crawl, import and crop try again what is shown, refused and skipped items too
    #[arg(long)]
    pub again: bool,
}

impl Args {
    /// Which failures are meant.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            source: self.site.clone(),
            stage: self.stage,
            reason: self.reason.clone(),
        }
    }
}

/// Prints the failures, and marks them where that is asked.
///
/// # Errors
/// `Usage` where there is nothing to mark; otherwise what the catalog refuses.
pub async fn run(catalog: &Catalog, args: &Args) -> anyhow::Result<()> {
    let wanted = args.wanted();
    let found = failures::list(catalog, &wanted).await?;
    for failure in &found {
        match args.json {
            true => println!("{}", serde_json::to_string(failure)?),
            false => println!("{}", line(failure)),
        }
    }
    if args.again {
        if found.is_empty() {
            return Err(Usage("no failures match these filters: leave --site, --stage or --reason out".into()).into());
        }
        let mut write = catalog.write().await?;
        failures::again(&mut write, &wanted).await?;
        write.commit().await?;
    }
    if !args.json {
        let word = if args.again {
            ", to be tried again by the next run"
        } else {
            ""
        };
        let noun = if found.len() == 1 { "failure" } else { "failures" };
        println!("{} {noun}{word}", found.len());
    }
    Ok(())
}

fn line(failure: &Failure) -> String {
    let item = match (&failure.source, &failure.post, failure.page) {
        (Some(source), Some(post), Some(0)) => format!("{source}/{post}"),
        (Some(source), Some(post), Some(page)) => format!("{source}/{post} picture {page}"),
        _ => failure.image.clone().unwrap_or_default(),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "{item:<24} {:<5} {:<7} {:<16} tried {} times, last on {}  {}  {}",
        failure.stage,
        failure.outcome,
        text(&failure.reason),
        failure.attempts,
        period::show(failure.recorded_at),
        text(&failure.page_url),
        text(&failure.detail)
    )
}
