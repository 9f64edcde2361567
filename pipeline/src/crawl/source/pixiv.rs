//! pixiv's web API: `/ajax/search/artworks/WORD` lists works, `/ajax/illust/ID` has a work's counters,
//! `/ajax/illust/ID/pages` its files, and `/ranking.php` lists works with their views. The API of the app
//! is in [`app`].
//!
//! All listings go back in time and are paged by (day, page within that day). A search is bounded by
//! the day of the oldest work seen, not by page numbers from the top: works that arrive meanwhile move
//! nothing. Days are the site's, which lives in Japan.

mod app;
pub mod days;
mod ranking;
mod rows;
mod search;

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::search::step_length;
use super::terms::{about, number_at, refuse_meta_tags, refuse_ratings, refuse_unknown};
use super::{Artist, Count, Dialect, FileUrls, Page, Probe, Query, Search, Span};
use crate::catalog::posts::{Post, Rating, Status};
use crate::crawl::address::{AddressQuery, Parts, pixiv as addresses};
use crate::crawl::error_body;
use crate::crawl::http::{OAuth, REFRESH_TOKEN};
use crate::crawl::settings::{Likes, ListingForm, SiteSettings};
use crate::fields::{self, under};
use crate::selection::AiMade;
use days::{day_and_page, day_of, position};
use rows::Work;

/// Works a page of a search, whatever is asked for.
const SEARCH_PAGE: u32 = 60;

/// 2007-09-10, when the site opened: no work is older.
const FIRST_WORK: i64 = 1_189_382_400;

/// What works are rated there.
const RATINGS: [Rating; 3] = [Rating::Safe, Rating::Sensitive, Rating::Explicit];

/// What many works are tagged: original.
const ANY_WORD: &str = "オリジナル";

/// The dialect.
pub struct Pixiv;

impl Dialect for Pixiv {
    fn name(&self) -> &'static str {
        "Pixiv"
    }

    fn largest_page(&self, site: &SiteSettings) -> u32 {
        match site.listing {
            ListingForm::App => app::PAGE,
            _ => SEARCH_PAGE,
        }
    }

    fn has_fixed_pages(&self) -> bool {
        true
    }

    fn likes(&self, site: &SiteSettings) -> &'static [Likes] {
        match site.listing {
            // The app shows no likes.
            ListingForm::App => &[Likes::Bookmarks],
            _ => &[Likes::Likes, Likes::Bookmarks],
        }
    }

    fn refuse_settings(&self, site: &SiteSettings) -> Vec<(&'static str, String)> {
        let why = app::wrong_oauth(&site.oauth);
        why.map(|why| ("oauth", why)).into_iter().collect()
    }

    fn has_app(&self) -> bool {
        true
    }

    fn terms(&self) -> Option<&'static str> {
        Some("its terms forbid to burden the service, and accounts have been warned for volume")
    }

    fn login(&self, site: &SiteSettings) -> &'static str {
        match site.listing {
            ListingForm::App => REFRESH_TOKEN,
            _ => "SESSION",
        }
    }

    fn oauth(&self, site: &SiteSettings) -> Option<OAuth> {
        Some(app::oauth(&site.oauth))
    }

    fn referer(&self, root: &Url) -> Option<String> {
        Some(under(root, "").to_string())
    }

    fn check(&self, search: &Search<'_>) -> Result<(), Usage> {
        self.check_filters(search)?;
        match search.ranking {
            None => search::check(search),
            Some(_) if uses_app(search) => Err(Usage(format!(
                "--ranking cannot be used with {}: the app's API is searched by words only; [sites.pixiv] has rankings",
                search.name
            ))),
            Some(mode) => ranking::check(search, mode),
        }
    }

    fn check_filters(&self, search: &Search<'_>) -> Result<(), Usage> {
        let selection = search.selection;
        let unknown = [
            ("--min-score", selection.min_score.is_some()),
            (
                "--min-favourites in a ranking",
                search.ranking.is_some() && selection.min_favourites.is_some(),
            ),
            (
                "--ai-made in a ranking (its rows do not say)",
                search.ranking.is_some() && selection.ai_made != AiMade::Any,
            ),
        ];
        refuse_unknown(
            search,
            &unknown,
            "its works have likes, views and (outside of rankings) favourites",
        )?;
        refuse_ratings(search, &RATINGS)?;
        refuse_meta_tags(search, &[])
    }

    fn query(&self, search: &Search<'_>) -> Query {
        match uses_app(search) {
            true => app::query(search),
            false => search::query(search),
        }
    }

    /// The app's `search_ai_type` is not sent: public clients disagree on which of its values leaves such
    /// works out, and each row says it.
    fn searches_without_ai(&self, search: &Search<'_>) -> bool {
        !uses_app(search) && search.ranking.is_none() && search.selection.ai_made == AiMade::Exclude
    }

    fn likes_of(&self, search: &Search<'_>) -> Likes {
        match search.ranking {
            Some(_) => Likes::RatingCount,
            None => search.site.likes(),
        }
    }

    /// It lists nothing without a word; a ranking needs none, and the app has no rankings.
    fn probe(&self, site: &SiteSettings) -> Probe {
        let app = site.listing == ListingForm::App;
        Probe {
            ranking: (!app).then_some("daily"),
            tags: app.then_some(ANY_WORD),
        }
    }

    fn page_size(&self, search: &Search<'_>) -> u32 {
        match search.ranking {
            Some(_) => ranking::PAGE,
            None => search.site.page,
        }
    }

    fn page_url(&self, search: &Search<'_>, span: Span) -> Url {
        match search.ranking {
            None if uses_app(search) => app::page_url(search, span),
            None => search::page_url(search, span),
            Some(mode) => ranking::page_url(search, mode, span),
        }
    }

    fn parse(&self, search: &Search<'_>, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
        match search.ranking {
            None if uses_app(search) => app::parse(search, bytes, span, fetched_at),
            None => search::parse(search, bytes, span, fetched_at),
            Some(mode) => ranking::parse(search, mode, bytes, span, fetched_at),
        }
    }

    /// Each page of a search names its works' number.
    fn count_url(&self, search: &Search<'_>, span: Span) -> Option<Url> {
        Some(self.page_url(search, span))
    }

    fn parse_count(&self, search: &Search<'_>, bytes: &[u8], now: i64) -> Option<Count> {
        let Some(mode) = search.ranking else {
            return Some(Count::of(number_at(bytes, "/body/illustManga/total")?, search));
        };
        let count = Count::of(number_at(bytes, "/rank_total")?, search);
        let rankings = ranking::rankings(search, mode, now);
        Some(Count {
            posts: count.posts.saturating_mul(rankings),
            pages: count.pages.max(1).saturating_mul(rankings),
            rankings: Some(rankings),
        })
    }

    fn rows_are_partial(&self, search: &Search<'_>) -> bool {
        !uses_app(search)
    }

    /// Works of a ranking have their counters in its rows.
    fn detail_url(&self, search: &Search<'_>, post: &Post) -> Option<Url> {
        if uses_app(search) {
            return Some(app::detail_url(search.root, post));
        }
        let path = format!("ajax/illust/{}", post.number);
        search.ranking.is_none().then(|| under(search.root, &path))
    }

    fn parse_detail(&self, search: &Search<'_>, bytes: &[u8], listed: &Post, at: i64) -> Result<Post, String> {
        let read = match uses_app(search) {
            true => app::work(bytes)?.post(search, at),
            false => work(bytes)?.post(search, at),
        };
        about(listed, read)
    }

    fn hides_deleted(&self, search: &Search<'_>) -> bool {
        search.ranking.is_none()
    }

    /// Works of several pages, and those known from a ranking only.
    fn files_url(&self, search: &Search<'_>, post: &Post) -> Option<Url> {
        let unnamed = post.pages > 1 || post.file_url.is_none();
        // An animation has one archive of frames, which is not listed.
        let pictures = post.status == Status::Active && post.extension.as_deref() != Some("zip");
        (unnamed && pictures).then(|| match uses_app(search) {
            true => app::detail_url(search.root, post),
            false => under(search.root, &format!("ajax/illust/{}/pages", post.number)),
        })
    }

    fn parse_files(&self, search: &Search<'_>, bytes: &[u8]) -> Result<Vec<FileUrls>, String> {
        if uses_app(search) {
            return Ok(app::work(bytes)?.files());
        }
        search::parse_files(bytes)
    }

    fn names(&self) -> &'static [&'static str] {
        &["post", "artist"]
    }

    fn read_address(&self, parts: &Parts) -> Option<AddressQuery> {
        addresses::read(parts)
    }

    fn address_forms(&self) -> &'static str {
        addresses::FORMS
    }

    fn is_at(&self, host: &str) -> bool {
        matches!(host, "pixiv.net" | "touch.pixiv.net" | "app-api.pixiv.net") || addresses::is_picture_host(host)
    }

    fn artist_prefix(&self) -> Option<&'static str> {
        Some("pixiv:")
    }

    /// All numbers at once by the web, thirty works from an offset by the app.
    fn artist_url(&self, search: &Search<'_>, artist: i64, offset: i64) -> Option<Url> {
        Some(match uses_app(search) {
            true => app::artist_url(search.root, artist, offset),
            false => under(search.root, &format!("ajax/user/{artist}/profile/all")),
        })
    }

    /// Of the web: numbers of works, the newest first.
    fn parse_artist(&self, search: &Search<'_>, bytes: &[u8], fetched_at: i64) -> Result<Artist, String> {
        if uses_app(search) {
            return app::parse_artist(search, bytes, fetched_at);
        }
        search::parse_artist(bytes)
    }

    fn is_by_number(&self) -> bool {
        false
    }

    fn top(&self, now: i64) -> i64 {
        position(day_of(now) + 1, 1)
    }

    fn floor(&self, search: &Search<'_>) -> i64 {
        self.position_of(search, search.selection.since.unwrap_or(FIRST_WORK))
    }

    fn position_of(&self, _search: &Search<'_>, second: i64) -> i64 {
        position(day_of(second), days::PAGES_OF_DAY - 1)
    }

    fn window(&self, below: i64, width: i64) -> i64 {
        let (day, _) = day_and_page(below);
        position(day.saturating_sub(width - 1), days::PAGES_OF_DAY - 1)
    }

    fn width(&self, below: i64, from: i64) -> i64 {
        day_and_page(below).0 - day_and_page(from).0 + 1
    }

    fn past(&self, from: i64) -> i64 {
        position(day_and_page(from).0 - 1, 1)
    }

    fn place(&self, start: i64, below: i64) -> String {
        days::place(start, below)
    }

    /// A day has few pages: after the next one comes the day before.
    fn step(&self, below: i64, times: u32) -> i64 {
        let (day, page) = day_and_page(below);
        match times {
            0 | 1 => days::after(day, page),
            _ => position(day.saturating_sub(step_length(times)), 1),
        }
    }
}

fn uses_app(search: &Search<'_>) -> bool {
    search.site.listing == ListingForm::App
}

/// The body of an answer, whose `error` says whether there is one.
fn body(bytes: &[u8]) -> Result<Value, String> {
    let mut answer: Value = error_body::json(bytes)?;
    let failed = answer
        .get("error")
        .is_none_or(|error| fields::flag(error) != Some(false));
    match answer.get_mut("body") {
        Some(body) if !failed => Ok(body.take()),
        _ => Err(error_body::refusal(&answer)),
    }
}

/// A work's own answer.
fn work(bytes: &[u8]) -> Result<Work, String> {
    serde_json::from_value(body(bytes)?).map_err(|error| format!("the work cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
