//! The API of pixiv's app: `/v1/search/illust` lists works with their counters and files, thirty a page,
//! and `/v1/illust/detail` has one. It wants a token, shows views and bookmarks but no likes, and each
//! page names the next one (`next_url`); that only says whether there is one: the address is made here, so
//! that the token never follows an answer to another host.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::days::{after, asked, day_and_page, day_of, go_on};
use super::rows::{artists, is_stand_in, rating, tags};
use super::search;
use crate::catalog::posts::{Post, Status};
use crate::crawl::error_body;
use crate::crawl::http::{OAuth, is_loopback};
use crate::crawl::settings::parse_root;
use crate::crawl::source::terms::or_more;
use crate::crawl::source::{Artist, FileUrls, NO_DATE, NO_ID, Page, Query, Search, Span};
use crate::fields::{self, extension_of_url, to_count, to_id, to_moment, to_text, under};
use crate::period::{self, DAY};

/// Works a page, whatever is asked for.
pub const PAGE: u32 = 30;

/// Pages of a day that can be asked for: offsets end at 5000.
const LAST_PAGE: i64 = 5000 / PAGE as i64;

/// The page of a work, for people.
const WORKS: &str = "https://www.pixiv.net/artworks";

/// Where pixiv gives tokens, where `oauth` of the site's table names no other place.
const TOKENS: &str = "https://oauth.secure.pixiv.net/auth/token";

/// What the app calls itself there: a refresh token is good for the client that it was made for. The same
/// in every public client: `pixivpy3/api.py` of upbit/pixivpy, `gallery_dl/extractor/pixiv.py` of
/// mikf/gallery-dl. No secret of anybody who crawls.
const CLIENT: [(&str, &str); 3] = [
    ("client_id", "MOBrBDS8blbauoSck0ZfDbtuzpyT"),
    ("client_secret", "lsACyCD94FhDUtGTXi3QzcFE2uU1hqtDaKeqrdwj"),
    ("get_secure_url", "1"),
];

/// `X-Client-Hash` is the MD5 of `X-Client-Time` and this (`pixivpy3/api.py`, as above).
const HASH_SALT: &str = "28c1fdd170a5204386cb1313c7077b34f83e4aaf4aa829ce78c231e05b0bae2c";

/// How refresh tokens buy access tokens; `setting` may name another place.
pub fn oauth(setting: &str) -> OAuth {
    OAuth {
        url: if setting.is_empty() { TOKENS } else { setting }.into(),
        client: &CLIENT,
        hash_salt: HASH_SALT,
    }
}

/// Why no refresh token may be sent to a place.
pub fn wrong_oauth(setting: &str) -> Option<String> {
    if setting.is_empty() {
        return None;
    }
    match parse_root(setting) {
        Ok(url) if url.scheme() == "https" || is_loopback(&url) => None,
        Ok(url) => Some(format!(
            "`{url}` is not https: a refresh token would be seen on the way"
        )),
        Err(why) => Some(why),
    }
}

/// The search in words.
pub fn query(search: &Search<'_>) -> Query {
    let selection = search.selection;
    let mut residue = or_more(&[
        ("likes", selection.min_likes),
        ("views", selection.min_views),
        ("favourites", selection.min_favourites),
        ("width", selection.min_width),
        ("height", selection.min_height),
    ]);
    residue.extend(search::residue(selection, true));
    let words: Vec<String> = parameters(search, None, asked(search, Span::default()).0)
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    Query {
        words: words.join(" "),
        residue,
    }
}

/// What a search is made of, from a day in Japan up to another.
fn parameters(search: &Search<'_>, from: Option<i64>, day: Option<i64>) -> Vec<(&'static str, String)> {
    let shown = |day: i64| period::show(day * DAY);
    let mut parameters = vec![
        ("word", search::without_artists(search).join(" ")),
        ("search_target", "exact_match_for_tags".into()),
        ("sort", "date_desc".into()),
    ];
    let since = search.selection.since.map(day_of).max(from);
    parameters.extend(since.map(|day| ("start_date", shown(day))));
    parameters.extend(day.map(|day| ("end_date", shown(day))));
    parameters
}

/// Where a page of the search is.
pub fn page_url(search: &Search<'_>, span: Span) -> Url {
    let (day, page) = asked(search, span);
    let mut url = under(search.root, "v1/search/illust");
    let offset = (page - 1) * i64::from(PAGE);
    url.query_pairs_mut()
        .extend_pairs(parameters(search, span.from.map(|from| day_and_page(from).0), day))
        .append_pair("offset", &offset.to_string());
    url
}

/// Where a work alone is.
pub fn detail_url(root: &Url, post: &Post) -> Url {
    let mut url = under(root, "v1/illust/detail");
    url.query_pairs_mut().append_pair("illust_id", &post.post);
    url
}

/// Where an artist's works are listed, the newest first.
pub fn artist_url(root: &Url, artist: i64, offset: i64) -> Url {
    let mut url = under(root, "v1/user/illusts");
    url.query_pairs_mut()
        .append_pair("user_id", &artist.to_string())
        .append_pair("offset", &offset.to_string());
    url
}

/// Reads what [`artist_url`] answers: works, and whether more follow.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_artist(search: &Search<'_>, bytes: &[u8], fetched_at: i64) -> Result<Artist, String> {
    let page = parse(search, bytes, Span::default(), fetched_at)?;
    let answer: Value = error_body::json(bytes)?;
    let more = answer.get("next_url").is_some_and(|next| !next.is_null());
    Ok(Artist::Page(page, more))
}

/// A work, in a list and alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Work {
    #[serde(deserialize_with = "to_id")]
    id: Option<i64>,
    #[serde(rename = "type", deserialize_with = "to_text")]
    kind: Option<String>,
    #[serde(deserialize_with = "to_moment")]
    create_date: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    x_restrict: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    sanity_level: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    illust_ai_type: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    page_count: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    width: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    height: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    total_view: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    total_bookmarks: Option<i64>,
    visible: Value,
    user: Value,
    tags: Value,
    image_urls: Value,
    meta_single_page: Value,
    meta_pages: Value,
}

impl Work {
    /// The work as a post.
    ///
    /// # Errors
    /// What it lacks.
    pub fn post(self, search: &Search<'_>, fetched_at: i64) -> Result<Post, &'static str> {
        let id = self.id.ok_or(NO_ID)?;
        let first = self.files().into_iter().next().unwrap_or_default();
        let withheld = first.original.is_none() || fields::flag(&self.visible) == Some(false);
        let user = |key: &str| self.user.get(key).and_then(fields::text);
        let page_url = format!("{WORKS}/{id}");
        Ok(Post {
            source: search.name.into(),
            post: id.to_string(),
            number: id,
            status: if withheld { Status::Held } else { Status::Active },
            created_at: self.create_date.ok_or(NO_DATE)?,
            fetched_at,
            likes: self.total_bookmarks,
            views: self.total_view,
            favourites: self.total_bookmarks,
            rating: rating(self.x_restrict, self.sanity_level),
            tags: tags(&self.tags),
            artists: artists(user("name").as_deref(), user("id").as_deref()),
            artist: user("name"),
            source_url: Some(page_url.clone()),
            page_url: Some(page_url),
            extension: match self.kind.as_deref() {
                Some("ugoira") => Some("zip".into()),
                _ => first.original.as_deref().and_then(extension_of_url),
            },
            file_url: first.original,
            sample_url: first.sample,
            width: self.width,
            height: self.height,
            pages: self.page_count.unwrap_or(1).max(1),
            ai_made: self.illust_ai_type.and_then(super::rows::ai_made),
            ..Post::default()
        })
    }

    /// Its files, one a page.
    pub fn files(&self) -> Vec<FileUrls> {
        let named = |value: Option<&Value>| value.and_then(fields::text).filter(|url| !is_stand_in(url));
        match self.meta_pages.as_array().filter(|pages| !pages.is_empty()) {
            None => vec![FileUrls {
                original: named(self.meta_single_page.get("original_image_url")),
                sample: named(self.image_urls.get("large")),
            }],
            Some(pages) => {
                let urls = pages.iter().map(|page| page.get("image_urls").unwrap_or(&Value::Null));
                let files = urls.map(|urls| FileUrls {
                    original: named(urls.get("original")),
                    sample: named(urls.get("large")),
                });
                files.collect()
            }
        }
    }
}

/// Reads a page.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(search: &Search<'_>, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
    let mut answer: Value = error_body::json(bytes)?;
    let Some(Value::Array(rows)) = answer.get_mut("illusts").map(Value::take) else {
        return Err(error_body::refusal(&answer));
    };
    let mut page = Page::default();
    page.read(rows, |work: &Work| work.id, |work| work.post(search, fetched_at));
    page.reached = page.latest();
    go_on(&mut page, span, None);
    let ends = answer.get("next_url").is_none_or(Value::is_null);
    // It does not count them, but says whether there are more.
    page.count = Some(i64::from(!ends)).filter(|_| page.posts.is_empty());
    page.next = page.next.filter(|_| !ends).map(|next| match day_and_page(next) {
        // A tag of so many works a day is beyond the API: on with the day before.
        (day, number) if number > LAST_PAGE => after(day, i64::MAX - 1),
        _ => next,
    });
    Ok(page)
}

/// Reads what [`detail_url`] answers.
///
/// # Errors
/// What is wrong with the answer.
pub fn work(bytes: &[u8]) -> Result<Work, String> {
    let mut answer: Value = error_body::json(bytes)?;
    match answer.get_mut("illust").map(Value::take) {
        Some(work) if work.is_object() => {
            serde_json::from_value(work).map_err(|error| format!("the work cannot be read: {error}"))
        }
        _ => Err(error_body::refusal(&answer)),
    }
}

#[cfg(test)]
mod tests;
