//! Tags that a site knows by another name: noticed where a whole page of a search lacks a tag that was asked
//! for, and asked for once.

use dataset::failure::Interrupted;

use crate::catalog::posts::Post;
use crate::catalog::selection::lacks;
use crate::catalog::{Catalog, aliases};
use crate::crawl::crawl_run::CrawlRun;
use crate::crawl::http::{Client, HttpError, HttpRequest};
use crate::crawl::list::pages::MOST_BYTES;
use crate::crawl::progress::Progress;
use crate::crawl::request::CrawlRequest;
use crate::crawl::source::Renamed;
use crate::selection::Alias;

/// The request with what is known of its tags' other names.
///
/// # Errors
/// Where the catalog fails.
pub async fn known(catalog: &Catalog, request: CrawlRequest) -> anyhow::Result<CrawlRequest> {
    let mut request = request;
    aliases::load(catalog, &mut request.selection).await?;
    request.listing.aliases = request.selection.aliases.clone();
    Ok(request)
}

/// Asks the site for the other names of tags that none of a page's posts has, where it was not asked before.
/// From then on the selection takes them for the same.
///
/// # Errors
/// [`Interrupted`], or where the catalog fails; a site that does not answer has no other name.
pub async fn learn(run: &CrawlRun<'_>, progress: &Progress<'_>, seen: &[Post]) -> anyhow::Result<()> {
    let (request, selection) = (run.request, &run.request.selection);
    if seen.is_empty() || request.ranking.is_some() {
        return Ok(());
    }
    for name in selection.wanted_names() {
        let unknown = !selection.aliases.has(&request.name, name);
        if !unknown || !seen.iter().all(|post| lacks(selection, post, name)) {
            continue;
        }
        let answer = ask(run.client, request, name).await?;
        let alias = Alias {
            source: request.name.clone(),
            name: name.clone(),
            tag: answer.clone().flatten().unwrap_or_else(|| name.clone()),
        };
        if answer.is_some() {
            let mut write = run.catalog.write().await?;
            aliases::record(&mut write, &alias).await?;
            write.commit().await?;
        }
        if alias.tag != alias.name {
            progress.renamed(&alias);
        }
        selection.aliases.learn(alias);
    }
    Ok(())
}

/// A tag's other name, `Some(None)` where the site has none; `None` where it does not say.
async fn ask(client: &Client, request: &CrawlRequest, tag: &str) -> anyhow::Result<Option<Option<String>>> {
    let (search, dialect) = (request.search(), request.site.dialect);
    for url in dialect.alias_urls(&search, tag) {
        let mut next = Some(url);
        while let Some(url) = next.take() {
            let answer = match client.get(&HttpRequest::api(&url, MOST_BYTES)).await {
                Ok(answer) => dialect.parse_alias(&search, answer.url.as_deref().unwrap_or(&url), &answer.bytes, tag),
                Err(HttpError::Stopped) => return Err(Interrupted.into()),
                Err(error @ HttpError::Catalog(_)) => return Err(error.into()),
                Err(_) => Renamed::Unknown,
            };
            match answer {
                Renamed::To(name) => return Ok(Some(Some(name))),
                Renamed::No => return Ok(Some(None)),
                // Only from a list to one of its entries: an answer never leads on for ever.
                Renamed::Ask(of_entry) if of_entry.path() != url.path() => next = Some(of_entry),
                Renamed::Ask(_) | Renamed::Unknown => {}
            }
        }
    }
    Ok(None)
}
