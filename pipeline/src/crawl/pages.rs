//! Asking a site for one page of its list after the other, with what each dialect's sites need for
//! that: another look where a page is empty too soon, narrower searches where the site's database
//! gives up, and the site's pages where its API is refused.

use anyhow::{Context, bail};
use dataset::failure::Interrupted;
use url::Url;

use super::http::{Answer, Ask, Client, HttpError, TOO_SLOW};
use super::progress::Progress;
use super::request::CrawlRequest;
use super::settings::{Likes, ListingForm, SiteSettings};
use super::source::{Dialect, Page, Search, Span};
use crate::catalog::now;

/// A page of posts with all their URLs is some 200 KB; more than this is no page.
pub const MOST_BYTES: u64 = 32_000_000;

/// Each narrower window of post numbers is this part of the one that was too wide.
const NARROWER: i64 = 4;

/// A site that gives up even on so few post numbers will not do better.
const NARROWEST: i64 = 16;

/// The pages of one listing.
pub struct Pages<'run> {
    client: &'run Client,
    request: &'run CrawlRequest,
    progress: &'run Progress<'run>,
    /// The site, as it turned out to be.
    site: SiteSettings,
    /// Whether posts are read from the site's pages for people.
    html: bool,
    /// Post numbers that are searched at once, where all of them were too many.
    window: Option<i64>,
    /// So many were too many, not long ago.
    too_wide: i64,
    /// Above all post numbers, where that had to be known.
    top: Option<i64>,
}

/// How a page was refused.
enum Refused {
    /// The site's database gave up on so wide a search.
    TooSlow,
    /// The API is not for everybody.
    Api(String),
}

impl<'run> Pages<'run> {
    /// The pages of what the request asks for.
    pub fn new(client: &'run Client, request: &'run CrawlRequest, progress: &'run Progress<'run>) -> Self {
        Self {
            client,
            request,
            progress,
            site: request.site.clone(),
            html: request.site.listing == ListingForm::Html,
            window: None,
            too_wide: i64::MAX,
            top: None,
        }
    }

    /// Whether posts are read from the site's pages for people.
    pub fn html(&self) -> bool {
        self.html
    }

    /// The page below a position, `i64::MAX` for the first. Where it has no posts and no next
    /// position, nothing is below; `bottom` is where an earlier listing found that.
    ///
    /// An empty page can be a site's slip, and ending there would be a hole for ever: so it is asked
    /// for twice, but where a listing ended before. A refresh therefore costs no request more.
    ///
    /// # Errors
    /// Where the site fails, or its answers lead nowhere; [`Interrupted`]; [`HttpError::Later`].
    pub async fn below(&mut self, position: i64, bottom: i64) -> anyhow::Result<Page> {
        let page = self.descending(position).await?;
        let looks_like_the_end = page.posts.is_empty() && page.next.is_none();
        // Where there was nothing at all, `bottom` is the first position.
        let ended_here = position == bottom || (bottom != i64::MAX && position < bottom);
        if !page.doubtful && (!looks_like_the_end || ended_here) {
            return Ok(page);
        }
        let page = self.descending(position).await?;
        if page.doubtful && page.posts.is_empty() {
            bail!(
                "{} answers with an empty page, twice, and says that it has more posts: the same command goes on from here, \
                 later",
                self.request.root
            );
        }
        let nothing = position == i64::MAX && page.posts.is_empty() && page.next.is_none();
        if nothing && self.does_not_search_likes().await? {
            self.progress
                .note("the site's search does not know upvotes: likes are checked on each row");
            self.site.search_upvotes = false;
            return self.descending(position).await;
        }
        Ok(page)
    }

    fn search(&self) -> Search<'_> {
        Search {
            site: &self.site,
            ..self.request.search()
        }
    }

    /// Whether nothing was found because the search takes a word for another: a site of the dialect
    /// may be older, or another program.
    async fn does_not_search_likes(&self) -> anyhow::Result<bool> {
        let search = self.search();
        let searched = self.site.dialect == Dialect::Danbooru
            && self.site.search_upvotes
            && search.likes() == Likes::UpScore
            && search.selection.min_likes.is_some();
        Ok(searched
            && self.first(&search.likes_url()).await?.is_none()
            && self.first(&search.newest_url()).await?.is_some())
    }

    async fn descending(&mut self, position: i64) -> anyhow::Result<Page> {
        let page = self.ask(position).await?;
        let stuck = match page.next {
            Some(next) => next >= position,
            None => page.posts.is_empty() && page.unreadable > 0,
        };
        if stuck {
            let below = match position {
                i64::MAX => String::new(),
                position => format!(" below {position}"),
            };
            bail!(
                "{} does not list downwards{below}: its answers are not what its dialect promises, see whether \
                 `dialect` of [sites.{}] is right",
                self.request.root,
                self.request.name
            );
        }
        Ok(page)
    }

    async fn ask(&mut self, position: i64) -> anyhow::Result<Page> {
        loop {
            let span = self.span(position);
            match self.ask_once(span).await? {
                Ok(mut page) => {
                    let from = span.from.filter(|from| *from > 1);
                    if let Some(from) = from.filter(|_| page.next.is_none()) {
                        // Nothing in this window: on below it, with a wider one.
                        page.next = Some(from);
                        self.widen();
                    }
                    return Ok(page);
                }
                Err(Refused::TooSlow) => self.narrow(span).await?,
                Err(Refused::Api(why)) if self.may_read_pages() => {
                    self.progress
                        .note(&format!("the API is refused ({why}); the site's pages are read"));
                    self.html = true;
                }
                Err(Refused::Api(why)) => bail!("cannot list {} at {}: {why}", self.request.name, self.request.root),
            }
        }
    }

    fn span(&self, position: i64) -> Span {
        let below = Some(position).filter(|position| *position != i64::MAX).or(self.top);
        let from = below
            .zip(self.window)
            .map(|(below, window)| below.saturating_sub(window).max(1));
        Span { below, from }
    }

    async fn narrow(&mut self, span: Span) -> anyhow::Result<()> {
        let below = match span.below {
            Some(below) => below,
            None => self.newest().await? + 1,
        };
        let window = self.window.unwrap_or(below).min(below) / NARROWER;
        if window < NARROWEST {
            bail!(
                "{} gives up on this search, even over {NARROWEST} post numbers: ask for fewer filters",
                self.request.root
            );
        }
        self.top = self.top.or(Some(below));
        self.too_wide = window * NARROWER;
        self.window = Some(window);
        Ok(())
    }

    /// Twice as wide, where that was not too wide a few pages before: the site is burdened most by what
    /// it gives up on, but may have had a bad moment.
    fn widen(&mut self) {
        let Some(window) = &mut self.window else {
            return;
        };
        match window.saturating_mul(2) {
            wider if wider < self.too_wide => *window = wider,
            _ => self.too_wide = self.too_wide.saturating_add(self.too_wide / 4),
        }
    }

    /// The highest post number, whatever is selected.
    async fn newest(&self) -> anyhow::Result<i64> {
        let first = self.first(&self.search().newest_url()).await?;
        first.with_context(|| format!("{} lists no post at all", self.request.root))
    }

    /// The highest post number of what a URL lists.
    async fn first(&self, url: &Url) -> anyhow::Result<Option<i64>> {
        let Ok(answer) = self.get(url).await? else {
            bail!("{} refuses to say which post is its newest", self.request.root);
        };
        let page = self.parse(&answer, url, Span::default())?;
        Ok(page.posts.iter().map(|post| post.number).max())
    }

    /// A web page where the API was due may be read as such only where the API is plainly refused: a
    /// browser challenge never is.
    fn may_read_pages(&self) -> bool {
        let site = &self.site;
        site.dialect == Dialect::Moebooru && site.listing == ListingForm::Auto && !self.html
    }

    async fn ask_once(&self, span: Span) -> anyhow::Result<Result<Page, Refused>> {
        let search = self.search();
        let url = match self.html {
            true => search.html_url(span),
            false => search.page_url(span),
        };
        let answer = match self.get(&url).await? {
            Ok(answer) => answer,
            Err(refused) => return Ok(Err(refused)),
        };
        if !self.html && answer.is_web_page() {
            bail!(
                "{} answers with a web page where JSON was due: a browser challenge, or no site of this dialect. It is \
                 not worked round; look at it in a browser, wait, or name another root (--root)",
                self.request.root
            );
        }
        self.parse(&answer, &url, span).map(Ok)
    }

    fn parse(&self, answer: &Answer, url: &Url, span: Span) -> anyhow::Result<Page> {
        let search = self.search();
        let page = match self.html {
            true => search.parse_html(&answer.bytes, now()),
            false => search.parse(&answer.bytes, span, now()),
        };
        page.map_err(anyhow::Error::msg)
            .with_context(|| format!("cannot list {} at {url}", self.request.name))
    }

    async fn get(&self, url: &Url) -> anyhow::Result<Result<Answer, Refused>> {
        match self.client.get(&Ask::api(url, MOST_BYTES)).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(HttpError::Stopped) => Err(Interrupted.into()),
            Err(HttpError::Refused { reason: TOO_SLOW, .. }) if self.request.site.dialect != Dialect::Pixiv => {
                Ok(Err(Refused::TooSlow))
            }
            Err(HttpError::Refused { reason, detail }) if closes_api(reason, &detail) => Ok(Err(Refused::Api(detail))),
            Err(HttpError::Refused { detail, .. }) if detail.starts_with("401") => bail!(
                "{} wants to know who asks ({detail}): set {} in the environment, or in the file of [crawl] secrets",
                self.request.root,
                self.request.site.login_variable(&self.request.name)
            ),
            Err(error) => {
                let what = format!(
                    "cannot list {} at {}; the same command goes on from here",
                    self.request.name, self.request.root
                );
                Err(anyhow::Error::new(error).context(what))
            }
        }
    }
}

/// Whether a refusal is of the API as such: forbidden, not there, gone, or not acceptable.
fn closes_api(reason: &str, detail: &str) -> bool {
    matches!(reason, "http-403" | "http-404" | "http-410") || detail.starts_with("406")
}
