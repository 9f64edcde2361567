//! What a listing would cost in requests, asked before anything is listed.

use dataset::failure::Interrupted;

use crate::catalog::cursors::{self, Cursor};
use crate::catalog::selection::refusal_of_row;
use crate::catalog::top;
use crate::catalog::{Catalog, now, posts};
use crate::crawl::error_body;
use crate::crawl::http::{Client, HttpError, HttpRequest};
use crate::crawl::list::pages::MOST_BYTES;
use crate::crawl::request::CrawlRequest;
use crate::crawl::settings::CrawlSettings;
use crate::crawl::source::{Count, Span};

/// What a listing costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Requests, as far as they are known; those for new posts come on top of a refresh.
    pub requests: Option<u64>,
    /// Posts still to be listed; `None` where nobody knows: of a refresh the new ones are missing.
    pub posts: Option<u64>,
    /// Requests that are saved because rows refuse their works, by the share of them on the first page.
    pub saved: u64,
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
    let mut cost = of_first(catalog, client, request).await?;
    if cursor.begun_at > 0 {
        let listed = posts::count(catalog, &request.listing, None).await?;
        let size = u64::from(request.site.dialect.page_size(&request.search()).max(1));
        cost.requests = cost.requests.map(|requests| requests.saturating_sub(listed / size));
        cost.posts = cost.posts.map(|posts| posts.saturating_sub(listed));
        cost.why += &format!("; {listed} were listed before it was interrupted");
    }
    Ok(cost)
}

async fn of_refresh(
    catalog: &Catalog,
    request: &CrawlRequest,
    settings: &CrawlSettings,
    cursor: &Cursor,
) -> anyhow::Result<Cost> {
    let since = settings.recent(cursor.finished_at);
    let window = posts::count(catalog, &request.listing, Some(since)).await?;
    let page = request.site.dialect.page_size(&request.search());
    Ok(Cost {
        requests: Some(window.div_ceil(u64::from(page.max(1))) + 1 + of_rows(request, window)),
        posts: Some(window),
        saved: 0,
        why: format!(
            "a refresh: {window} posts of the {} days before the last listing are listed again; one request more for \
             each {page} new posts, of which nobody knows before asking",
            settings.overlap_days
        ),
    })
}

/// What a listing costs from its begin.
///
/// # Errors
/// As [`of_listing`].
pub async fn of_first(catalog: &Catalog, client: &Client, request: &CrawlRequest) -> anyhow::Result<Cost> {
    let (count, why, first) = count(catalog, client, request).await?;
    let saved = count.map_or(0, |count| first.refused_of(of_rows(request, count.posts)));
    Ok(Cost {
        requests: count.map(|count| {
            // An empty page counts as the end where the site, asked for its count, has no more.
            let end = if count.rankings.is_some() { 0 } else { 2 };
            count.pages + end + of_rows(request, count.posts) - saved
        }),
        posts: count.map(|count| count.posts),
        saved,
        why,
    })
}

/// What the rows of a first page say of their works.
#[derive(Clone, Copy, Debug, Default)]
struct FirstPage {
    rows: u64,
    /// Those that are refused whatever else their works' own answers say.
    refused: u64,
}

impl FirstPage {
    /// Reads the answer that also had the count, where that is a page.
    fn of(request: &CrawlRequest, bytes: &[u8]) -> Self {
        let (search, span, dialect) = (request.search(), Span::default(), request.site.dialect);
        let is_page = dialect.count_url(&search, span) == Some(dialect.page_url(&search, span));
        if !is_page || of_rows(request, 1) == 0 {
            return Self::default();
        }
        let page = dialect.parse(&search, bytes, span, now()).unwrap_or_default();
        let refused = page
            .posts
            .iter()
            .filter(|post| refusal_of_row(&request.listing, post).is_some());
        Self {
            rows: page.posts.len() as u64,
            refused: refused.count() as u64,
        }
    }

    /// As large a share of so many works.
    fn refused_of(self, works: u64) -> u64 {
        (works.saturating_mul(self.refused)).checked_div(self.rows).unwrap_or(0)
    }
}

/// Requests for what the rows of a listing lack.
fn of_rows(request: &CrawlRequest, posts: u64) -> u64 {
    let partial = request.ranking.is_none() && request.site.dialect.rows_are_partial(&request.search());
    if partial { posts } else { 0 }
}

/// The site's own count, or the highest post number as a bound; in words as well.
async fn count(
    catalog: &Catalog,
    client: &Client,
    request: &CrawlRequest,
) -> anyhow::Result<(Option<Count>, String, FirstPage)> {
    let (search, dialect) = (request.search(), request.site.dialect);
    let refused = match dialect.count_url(&search, Span::default()) {
        None => "its API has no such answer".to_string(),
        Some(url) => match client.get(&HttpRequest::api(&url, MOST_BYTES)).await {
            Ok(answer) => match dialect.parse_count(&search, &answer.bytes, now()) {
                Some(count) => return Ok((Some(count), in_words(count), FirstPage::of(request, &answer.bytes))),
                None => no_count(&answer.bytes),
            },
            Err(error) => words_of_error(error)?,
        },
    };
    // Elsewhere posts are numbered over all kinds of them, most of which no search has.
    let highest = match top::highest(catalog, &request.name).await? {
        _ if !dialect.is_by_number() => None,
        0 => first_page(client, request).await?,
        known => Some(known),
    };
    Ok(match highest {
        Some(highest) => {
            let count = Count {
                posts: highest,
                pages: highest.div_ceil(u64::from(dialect.page_size(&search).max(1))),
                rankings: None,
            };
            let why = format!("at most: the highest post known is {highest}, and the site gives no count ({refused})");
            (Some(count), why, FirstPage::default())
        }
        None => (
            None,
            format!("not known: the site gives no count ({refused})"),
            FirstPage::default(),
        ),
    })
}

fn in_words(count: Count) -> String {
    match count.rankings {
        None => format!("{} posts by the site's count, asked with one request", count.posts),
        Some(rankings) => format!(
            "{} places in {rankings} rankings, if all are as long as the latest, asked with one request",
            count.posts
        ),
    }
}

/// Of an answer without a count, in words.
fn no_count(bytes: &[u8]) -> String {
    match error_body::words(bytes) {
        Some(words) => format!("the answer names no count of posts: {words}"),
        None => "the answer names no count of posts".into(),
    }
}

/// An error that only says that the site has no such answer, in words.
///
/// # Errors
/// Any other: the site is not to be asked further, or the run ends.
fn words_of_error(error: HttpError) -> anyhow::Result<String> {
    match error {
        HttpError::Refused { .. } | HttpError::Failed { .. } => Ok(error.to_string()),
        HttpError::Stopped => Err(Interrupted.into()),
        other => Err(other.into()),
    }
}

/// The highest post of the first page, where there is one.
async fn first_page(client: &Client, request: &CrawlRequest) -> anyhow::Result<Option<u64>> {
    let (search, dialect) = (request.search(), request.site.dialect);
    let span = Span::default();
    let answer = match client
        .get(&HttpRequest::api(&dialect.page_url(&search, span), MOST_BYTES))
        .await
    {
        Ok(answer) => answer,
        Err(error) => {
            words_of_error(error)?;
            return Ok(None);
        }
    };
    let page = dialect.parse(&search, &answer.bytes, span, now()).unwrap_or_default();
    let highest = page.posts.iter().map(|post| post.number.unsigned_abs()).max();
    Ok(highest)
}

/// A count with its noun.
pub fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
