//! What a listing would cost in requests, asked before anything is listed.

use dataset::failure::Interrupted;

use super::http::{Ask, Client, HttpError};
use super::request::CrawlRequest;
use super::settings::{CrawlSettings, ListingForm};
use super::source::{Dialect, Span};
use crate::catalog::cursors::{self, Cursor};
use crate::catalog::top;
use crate::catalog::{Catalog, now, posts};

/// A count, or one post, is a small answer; a page of a search is not.
const MOST_BYTES: u64 = 32_000_000;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// What a listing costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Requests, as far as they are known; those for new posts come on top of a refresh.
    pub requests: Option<u64>,
    /// Posts still to be listed; `None` where nobody knows: of a refresh the new ones are missing.
    pub posts: Option<u64>,
    /// How that came about, in words.
    pub why: String,
}

/// Works out what the request's listing costs; asks the site for a count where the catalog cannot
/// know it.
///
/// # Errors
/// [`Interrupted`], or where the catalog fails.
pub async fn of_listing(
    catalog: &Catalog,
    client: &Client,
    request: &CrawlRequest,
    settings: &CrawlSettings,
) -> anyhow::Result<Cost> {
    let cursor = cursors::load(catalog, &request.name, &request.query).await?;
    if cursor.finished_at > 0 && cursor.begun_at == 0 {
        return of_refresh(catalog, request, settings, &cursor).await;
    }
    let counted = count(catalog, client, request).await?;
    let listed = match cursor.begun_at {
        0 => 0,
        _ => posts::count(catalog, &request.listing, None).await?,
    };
    let left = counted.posts.map(|posts| posts.saturating_sub(listed));
    let under_way = match listed {
        0 => String::new(),
        listed => format!(", {listed} of them listed before it was interrupted"),
    };
    Ok(Cost {
        requests: left.map(|posts| requests(request, posts)),
        posts: left,
        why: counted.why + &under_way,
    })
}

async fn of_refresh(
    catalog: &Catalog,
    request: &CrawlRequest,
    settings: &CrawlSettings,
    cursor: &Cursor,
) -> anyhow::Result<Cost> {
    let since = cursor.finished_at - i64::from(settings.overlap_days) * DAY;
    let window = posts::count(catalog, &request.listing, Some(since)).await?;
    let page = request.search().page_size();
    Ok(Cost {
        requests: Some(requests(request, window)),
        posts: Some(window),
        why: format!(
            "a refresh: {window} posts of the {} days before the last listing are looked at again; one request more for \
             each {page} new posts, of which nobody knows before asking",
            settings.overlap_days
        ),
    })
}

/// Pages, the one that shows the end, and what each post costs of its own.
fn requests(request: &CrawlRequest, posts: u64) -> u64 {
    let search = request.search();
    let partial = search.ranking.is_none() && search.rows_are_partial(request.site.listing == ListingForm::Html);
    let own = if partial { posts } else { 0 };
    posts.div_ceil(u64::from(search.page_size().max(1))) + 1 + own
}

/// Posts that a search has.
struct Counted {
    posts: Option<u64>,
    why: String,
}

/// The site's own count, or the highest post number as a bound.
async fn count(catalog: &Catalog, client: &Client, request: &CrawlRequest) -> anyhow::Result<Counted> {
    let search = request.search();
    let answer = client.get(&Ask::api(&search.count_url(), MOST_BYTES)).await;
    let refused = match answer {
        Ok(answer) => match search.parse_count(&answer.bytes, now()) {
            Ok(posts) => {
                return Ok(Counted {
                    posts: Some(posts),
                    why: format!("{posts} posts by the site's count, asked with one request"),
                });
            }
            Err(why) => why,
        },
        Err(error) => shrugged(error)?,
    };
    let known = top::highest(catalog, &request.name).await?;
    let highest = match known {
        0 => first_page(client, request).await?,
        known => Some(known),
    };
    // Works of pixiv are numbered over all kinds of them, most of which no search has.
    Ok(match highest.filter(|_| search.site.dialect != Dialect::Pixiv) {
        Some(highest) => Counted {
            posts: Some(highest),
            why: format!("at most: the highest post known is {highest}, and the site gives no count ({refused})"),
        },
        None => Counted {
            posts: None,
            why: format!("not known: the site gives no count ({refused})"),
        },
    })
}

/// An error that only says that the site has no such answer, in words.
///
/// # Errors
/// Any other: the site is not to be asked further, or the run ends.
fn shrugged(error: HttpError) -> anyhow::Result<String> {
    match error {
        HttpError::Refused { .. } | HttpError::Failed { .. } => Ok(error.to_string()),
        HttpError::Stopped => Err(Interrupted.into()),
        other => Err(other.into()),
    }
}

/// The highest post of the first page, where there is one.
async fn first_page(client: &Client, request: &CrawlRequest) -> anyhow::Result<Option<u64>> {
    let search = request.search();
    let span = Span::default();
    let answer = match client.get(&Ask::api(&search.page_url(span), MOST_BYTES)).await {
        Ok(answer) => answer,
        Err(error) => {
            shrugged(error)?;
            return Ok(None);
        }
    };
    let page = search.parse(&answer.bytes, span, now()).unwrap_or_default();
    let highest = page.posts.iter().map(|post| post.number.unsigned_abs()).max();
    Ok(highest)
}

/// What the request's listing costs from its begin, for an error that asks for it.
///
/// # Errors
/// As [`of_listing`].
pub async fn in_words(catalog: &Catalog, client: &Client, request: &CrawlRequest) -> anyhow::Result<String> {
    let counted = count(catalog, client, request).await?;
    Ok(match counted.posts {
        Some(posts) => format!("with {} requests ({})", requests(request, posts), counted.why),
        None => format!("at a cost {}", counted.why),
    })
}
