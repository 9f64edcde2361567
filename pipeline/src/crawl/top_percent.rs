//! `--top-percent` in a crawl: which listing the share is taken of, and where it begins.

use crate::catalog::Catalog;
use crate::catalog::top::{self, Listing, Year};
use crate::crawl::cost;
use crate::crawl::http::Client;
use crate::crawl::request::CrawlRequest;
use crate::popularity::{note_small, unlisted};
use crate::selection::{Selection, SelectionArgs};

/// The request with the listing that it refreshes: a finished one that holds all posts the share is
/// of. Others come back as they were.
///
/// # Errors
/// `Usage` with the cost of such a listing, where there is none; the site or the catalog.
pub async fn begin(catalog: &Catalog, client: &Client, request: &CrawlRequest) -> anyhow::Result<CrawlRequest> {
    if request.selection.top_percent.is_none() {
        return Ok(request.clone());
    }
    let Some(listing) = covering(catalog, request).await? else {
        let cost = cost::of_first(catalog, client, request).await?;
        let cost = match cost.requests {
            Some(requests) => format!("with {} ({})", cost::plural(requests, "request"), cost.why),
            None => format!("at a cost {}", cost.why),
        };
        let root = root_of(&request.query);
        return Err(unlisted(catalog, &request.name, &request.selection, root, &cost)
            .await?
            .into());
    };
    // Times ago count from today again, as in any refresh.
    let today = SelectionArgs::from_key(&listing.query).and_then(|args| args.resolve().ok());
    let refreshed = CrawlRequest {
        listing: Selection {
            ai_tags: request.listing.ai_tags.clone(),
            ..today.unwrap_or(listing.selection)
        },
        query: listing.query,
        ..request.clone()
    };
    Ok(with_thresholds(catalog, &refreshed).await?.0)
}

/// The request with its thresholds, by what is listed now; says which years have few posts.
///
/// # Errors
/// Where the catalog fails.
pub async fn resolve(catalog: &Catalog, request: &CrawlRequest) -> anyhow::Result<CrawlRequest> {
    let (resolved, years) = with_thresholds(catalog, request).await?;
    if let Some(percent) = request.selection.top_percent {
        note_small(percent, &years);
    }
    Ok(resolved)
}

async fn with_thresholds(catalog: &Catalog, request: &CrawlRequest) -> anyhow::Result<(CrawlRequest, Vec<Year>)> {
    let mut resolved = request.clone();
    let Some(percent) = request.selection.top_percent else {
        return Ok((resolved, Vec::new()));
    };
    let years = match covering(catalog, request).await? {
        None => Vec::new(),
        Some(listing) => top::years(catalog, &request.name, &request.selection, percent, &listing).await?,
    };
    resolved.selection.thresholds = years.iter().map(|year| year.threshold.clone()).collect();
    Ok((resolved, years))
}

/// The narrowest finished listing of the same site, at the same root.
async fn covering(catalog: &Catalog, request: &CrawlRequest) -> anyhow::Result<Option<Listing>> {
    let listings = top::covering(catalog, &request.name, &request.selection).await?;
    let here = root_of(&request.query);
    Ok(listings.into_iter().find(|listing| root_of(&listing.query) == here))
}

/// The root in a listing's text, where it is not the site's own.
fn root_of(query: &str) -> Option<&str> {
    query.split(' ').find_map(|word| word.strip_prefix("root="))
}
