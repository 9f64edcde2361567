//! What `--min-*` and `--top-percent` come to where posts of several sources are at hand: which fall
//! out for want of a counter, and where the most liked share of each source and year begins.

use std::collections::BTreeMap;

use dataset::failure::Usage;

use crate::catalog::Catalog;
use crate::catalog::top::{self, Counter, Year};
use crate::crawl::SiteSettings;
use crate::selection::{Percent, Selection};

/// The share of a year with fewer posts than this says little, which is printed.
const FEW: u64 = 20;

/// The selection of stored posts with its thresholds, if it asks for a share; prints how many stored
/// posts fall out because their source does not count what is asked for.
///
/// # Errors
/// [`Usage`] where a share is asked of a source that was not listed in full; the database.
pub async fn settle(
    catalog: &Catalog,
    selection: &Selection,
    sites: &BTreeMap<String, SiteSettings>,
) -> anyhow::Result<Selection> {
    for counter in Counter::of(selection) {
        for (source, posts) in top::uncounted(catalog, selection, counter).await? {
            eprintln!(
                "{posts} stored posts of {source} fall out: they have no {}",
                counter.column()
            );
        }
    }
    let mut settled = selection.clone();
    let Some(percent) = selection.top_percent else {
        return Ok(settled);
    };
    let sources = match &selection.source {
        Some(source) => vec![source.clone()],
        None => top::sources(catalog, selection).await?,
    };
    settled.thresholds.clear();
    for source in &sources {
        let listings = top::covering(catalog, source, selection).await?;
        let Some(listing) = listings.first() else {
            let page = sites.get(source).map(|site| site.page);
            let cost = cost(catalog, source, page).await?;
            return Err(unlisted(catalog, source, selection, None, &cost).await?.into());
        };
        let years = top::years(catalog, source, selection, percent, listing).await?;
        note_small(percent, &years);
        settled.thresholds.extend(years.into_iter().map(|year| year.threshold));
    }
    Ok(settled)
}

/// Prints what a share of few posts comes to.
pub fn note_small(percent: Percent, years: &[Year]) {
    for year in years.iter().filter(|year| year.posts < FEW) {
        eprintln!(
            "{} {}: the top {percent} percent of {} posts only, {} with {} likes or more",
            year.threshold.source,
            crate::period::day(year.threshold.since).year(),
            year.posts,
            percent.of(year.posts),
            year.threshold.likes
        );
    }
}

/// The refusal of a share where no listing says what it is a share of; `cost` says what making one
/// costs, at another `root` than the site's own where one is given.
///
/// # Errors
/// Where the catalog fails.
pub async fn unlisted(
    catalog: &Catalog,
    source: &str,
    selection: &Selection,
    root: Option<&str>,
    cost: &str,
) -> anyhow::Result<Usage> {
    let all = selection.without_popularity();
    let mut flags = all.flags();
    if all.ratings.is_empty() {
        flags.push_str(" --rating any");
    }
    if let Some(root) = root {
        flags.push_str(&format!(" --root {root}"));
    }
    let described: Vec<String> = all
        .key()
        .into_iter()
        .filter(|line| !line.starts_with("source="))
        .collect();
    let described = match &described[..] {
        [] => "all posts".to_string(),
        lines => lines.join(", "),
    };
    let listings = top::listings(catalog, source).await?;
    let narrower: Vec<String> = listings
        .iter()
        .map(|listing| format!("`{}`", listing.selection.flags()))
        .collect();
    let narrower = match &narrower[..] {
        [] => String::new(),
        listed => format!("; or ask for less: listed in full is what has {}", listed.join(", or ")),
    };
    Ok(Usage(format!(
        "--top-percent is a share of all posts, and {source} has no finished listing that leaves none out for its \
         popularity ({described}); `pipeline crawl {source} {} --list-only` makes it, {cost}{narrower}",
        flags.trim()
    )))
}

/// What a listing costs at most, from what the catalog knows.
async fn cost(catalog: &Catalog, source: &str, page: Option<u32>) -> anyhow::Result<String> {
    let highest = top::highest(catalog, source).await?;
    Ok(match page.map(|page| u64::from(page.max(1))) {
        None => "if that is a site of stages.toml".into(),
        Some(page) => {
            let most = highest.div_ceil(page);
            format!(
                "at one request for each {page} posts, {most} at most (post {highest} is the highest known); --dry-run asks the site how many"
            )
        }
    })
}
