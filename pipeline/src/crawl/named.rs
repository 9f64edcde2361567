//! Listing what is asked for by name: posts, a pool, an artist's works. Each run asks for all of it; there
//! is no cursor, and those of the site's searches stay as they are. Filters hold as everywhere, and what
//! they leave out is said with the way to have it.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use dataset::failure::Interrupted;
use url::Url;

use super::allow::LeftOut;
use super::feed::Told;
use super::http::{Answer, Ask, Client, HttpError};
use super::listing::Listed;
use super::pages::{MOST_BYTES, advice};
use super::progress::Progress;
use super::request::CrawlRequest;
use super::settings::{CrawlSettings, ListingForm};
use super::source::{Artist, Page, Search, Span};
use super::target::{PostName, Target};
use crate::catalog::denied::Denied;
use crate::catalog::files::Window;
use crate::catalog::posts::{Post, Status};
use crate::catalog::{Catalog, known, now, posts};
use crate::selection::Selection;

/// The listing of one target.
pub struct Named<'run> {
    /// Where posts are written.
    pub catalog: &'run Catalog,
    /// How the site is asked.
    pub client: &'run Client,
    /// What was asked for.
    pub request: &'run CrawlRequest,
    /// `[crawl]`.
    pub settings: &'run CrawlSettings,
    /// What is not to be recorded.
    pub denied: &'run Denied,
    /// What is shown meanwhile.
    pub progress: &'run Progress<'run>,
    /// Who fetches what is committed.
    pub told: Told,
}

/// What was found so far.
struct Found {
    listed: Listed,
    numbers: BTreeSet<i64>,
    left_out: LeftOut,
    /// Whether posts are read from the site's pages for people.
    html: bool,
    /// Of named posts everything is said: the site is asked for them whatever is selected.
    all: Selection,
}

impl Named<'_> {
    /// Lists all of it.
    ///
    /// # Errors
    /// Where the site or the catalog fails; [`Interrupted`].
    pub async fn run(self, target: &Target) -> anyhow::Result<Listed> {
        let mut found = Found {
            listed: Listed::default(),
            numbers: BTreeSet::new(),
            left_out: LeftOut::default(),
            html: self.request.site.listing == ListingForm::Html,
            all: Selection::default(),
        };
        if let Err(error) = self.list(target, &mut found).await {
            found.listed.later = Some(HttpError::later(error)?);
        }
        for words in found.left_out.words(target, &self.request.selection) {
            self.progress.note(&words);
        }
        found.listed.named = found.numbers.into_iter().collect();
        Ok(found.listed)
    }

    async fn list(&self, target: &Target, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.request.search(), self.request.site.dialect);
        match target {
            Target::Posts(names) if dialect.term_url(&search, "", None).is_none() => {
                let numbers = names.iter().filter_map(|name| match name {
                    PostName::Number(number) => Some(*number),
                    PostName::Md5(_) => None,
                });
                self.works(&numbers.collect::<Vec<_>>(), i64::MAX, found).await
            }
            Target::Posts(names) => self.posts(names, found).await,
            Target::Pool(number) => self.term(target, &format!("pool:{number}"), found).await,
            Target::Artist(number) => self.artist(target, *number, found).await,
        }
    }

    /// The works of an artist, as their site names them.
    async fn artist(&self, target: &Target, artist: i64, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.request.search(), self.request.site.dialect);
        let mut offset = 0;
        while let Some(url) = dialect.artist_url(&search, artist, offset) {
            let Some(answer) = self.expect(target, &url, found).await? else {
                return Ok(());
            };
            let works = dialect.parse_artist(&search, &answer.bytes, now());
            let works = works
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("cannot read {url}"))?;
            match works {
                Artist::Term(term) => return self.term(target, &term, found).await,
                Artist::Works(numbers) => return self.works(&numbers, self.settings.recent(now()), found).await,
                Artist::Page(page, more) => {
                    let rows = page.rows() as i64;
                    found.listed.skip(&page.skipped);
                    self.take(page.posts, found).await?;
                    if !more || rows == 0 {
                        return Ok(());
                    }
                    offset += rows;
                }
            }
        }
        Ok(())
    }

    /// The single posts of a board.
    async fn posts(&self, names: &[PostName], found: &mut Found) -> anyhow::Result<()> {
        let mut terms: Vec<(String, Vec<&PostName>)> = Vec::new();
        let (numbers, md5s): (Vec<_>, Vec<_>) = names.iter().partition(|name| matches!(name, PostName::Number(_)));
        let at_once = self.request.site.dialect.numbers_at_once(&self.request.search());
        for some in numbers.chunks(at_once.max(1)) {
            let list: Vec<String> = some.iter().map(|name| name.to_string()).collect();
            terms.push((format!("id:{}", list.join(",")), some.to_vec()));
        }
        terms.extend(md5s.into_iter().map(|name| (name.to_string(), vec![name])));
        for (term, names) in terms {
            let mut page = self.page(&term, None, found).await?;
            if page.posts.len() < names.len() {
                // What is missing once can be a slip of the site.
                let again = self.page(&term, None, found).await?;
                page.posts.extend(again.posts);
            }
            let is = |post: &Post, name: &PostName| match name {
                PostName::Number(number) => post.number == *number,
                PostName::Md5(md5) => post.md5.as_ref() == Some(md5),
            };
            page.posts.retain(|post| names.iter().any(|name| is(post, name)));
            let missing = names
                .iter()
                .filter(|name| !page.posts.iter().any(|post| is(post, name)));
            let missing: Vec<PostName> = missing.map(|name| (*name).clone()).collect();
            self.take(page.posts, found).await?;
            for name in &missing {
                self.missing(name, found).await?;
            }
        }
        Ok(())
    }

    /// All that a term of a board's search finds.
    async fn term(&self, target: &Target, term: &str, found: &mut Found) -> anyhow::Result<()> {
        let mut below: Option<i64> = None;
        loop {
            let mut page = self.page(term, below, found).await?;
            if page.next.is_none() {
                // An empty page can be a slip of the site.
                page = self.page(term, below, found).await?;
            }
            found.listed.skip(&page.skipped);
            self.take(page.posts, found).await?;
            match page.next {
                Some(next) if below.is_none_or(|below| next < below) => below = Some(next),
                Some(next) => bail!("{} does not list downwards below {next}", self.request.root),
                None if found.numbers.is_empty() => {
                    self.progress.note(&format!("{target}: the site lists no post of it"));
                    found.listed.missing += 1;
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    async fn page(&self, term: &str, below: Option<i64>, found: &mut Found) -> anyhow::Result<Page> {
        loop {
            let dialect = self.request.site.dialect;
            let search = Search {
                selection: &found.all,
                html: found.html,
                ..self.request.search()
            };
            let url = dialect.term_url(&search, term, below);
            let url = url.with_context(|| format!("{} cannot be searched for {term}", self.request.name))?;
            let answer = match self.get(&url).await? {
                Ok(answer) => answer,
                Err(HttpError::Refused { reason, detail }) if self.may_read_pages(reason, found) => {
                    self.progress
                        .note(&format!("the API is refused ({detail}); the site's pages are read"));
                    found.html = true;
                    continue;
                }
                Err(error) => return Err(self.refused(error)),
            };
            if !found.html && answer.is_web_page() {
                bail!(
                    "{} answers with a web page where JSON was due: a browser challenge, or no site of this dialect. It \
                     is not worked round; look at it in a browser, or wait",
                    self.request.root
                );
            }
            return dialect
                .parse(&search, &answer.bytes, Span::default(), now())
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("cannot list {} at {url}", self.request.name));
        }
    }

    fn may_read_pages(&self, reason: &str, found: &Found) -> bool {
        let site = &self.request.site;
        let closed = matches!(reason, "http-403" | "http-404" | "http-410");
        closed && site.dialect.has_readable_pages() && site.listing == ListingForm::Auto && !found.html
    }

    /// Works of pixiv, each by itself; those uploaded before second `recent` that are known are not asked
    /// for again.
    async fn works(&self, numbers: &[i64], recent: i64, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.request.search(), self.request.site.dialect);
        let skips = recent != i64::MAX;
        for number in numbers {
            let known = known::by_number(self.catalog, &self.request.name, &[*number]).await?;
            let known = known.into_iter().next();
            if let Some(known) =
                known.filter(|known| skips && known.status == Status::Active && known.created_at < recent)
            {
                self.seen(vec![known], found);
                continue;
            }
            let stub = Post {
                source: self.request.name.clone(),
                post: number.to_string(),
                number: *number,
                ..Post::default()
            };
            let Some(url) = dialect.detail_url(&search, &stub) else {
                continue;
            };
            let failed = match self.get(&url).await? {
                Ok(answer) => match dialect.parse_detail(&search, &answer.bytes, &stub, now()) {
                    Ok(post) => {
                        self.take(vec![post], found).await?;
                        continue;
                    }
                    Err(why) => why,
                },
                Err(HttpError::Refused { reason, .. }) if is_gone(reason) => {
                    self.missing(&PostName::Number(*number), found).await?;
                    continue;
                }
                Err(error) => error.to_string(),
            };
            self.progress.note(&format!(
                "post {number} could not be read, the next run asks again: {failed}"
            ));
            found.listed.missing += 1;
        }
        Ok(())
    }

    /// What an address that must be there answers; `None` where the site has no such thing.
    async fn expect(&self, target: &Target, url: &Url, found: &mut Found) -> anyhow::Result<Option<Answer>> {
        match self.get(url).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(HttpError::Refused { reason, .. }) if is_gone(reason) => {
                self.progress.note(&format!("{target}: the site has no such thing"));
                found.listed.missing += 1;
                Ok(None)
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Records posts as their site describes them now, and lets them be fetched.
    async fn take(&self, mut taken: Vec<Post>, found: &mut Found) -> anyhow::Result<()> {
        let mut once = BTreeSet::new();
        taken.retain(|post| once.insert(post.number));
        let numbers: Vec<i64> = once.into_iter().collect();
        let known = known::by_number(self.catalog, &self.request.name, &numbers).await?;
        for post in &mut taken {
            // Boards that tell no upload time tell one too late of a post by itself.
            let earlier = known.iter().find(|known| known.number == post.number);
            post.created_at = earlier.map_or(post.created_at, |earlier| earlier.created_at.min(post.created_at));
        }
        let mut write = self.catalog.write().await?;
        posts::record_all(&mut write, taken.iter().filter(|post| !self.denied.refuses(post))).await?;
        self.client.save_traffic(&mut write).await?;
        write.commit().await?;
        self.seen(taken, found);
        Ok(())
    }

    fn seen(&self, posts: Vec<Post>, found: &mut Found) {
        for post in posts.into_iter().filter(|post| found.numbers.insert(post.number)) {
            self.told.committed(window(post.number));
            if let Some(reason) = found.listed.count(self.denied, &self.request.selection, &post) {
                found.left_out.add(reason, post);
            }
        }
        self.progress.listed(found.listed.rows, found.listed.matching);
    }

    /// A post that the site does not have: a known one is recorded as deleted.
    async fn missing(&self, name: &PostName, found: &mut Found) -> anyhow::Result<()> {
        self.progress.note(&format!("the site has no post {name}"));
        found.listed.missing += 1;
        let PostName::Number(number) = name else {
            return Ok(());
        };
        let known = known::by_number(self.catalog, &self.request.name, &[*number]).await?;
        let Some(known) = known.into_iter().next().filter(|known| known.status == Status::Active) else {
            return Ok(());
        };
        let gone = Post {
            status: Status::Deleted,
            fetched_at: now(),
            ..known
        };
        let mut write = self.catalog.write().await?;
        posts::record(&mut write, &gone).await?;
        write.commit().await
    }

    /// What the site answers, or how it refuses; what ends the run is an error.
    async fn get(&self, url: &Url) -> anyhow::Result<Result<Answer, HttpError>> {
        match self.client.get(&Ask::api(url, MOST_BYTES)).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(HttpError::Stopped) => Err(Interrupted.into()),
            Err(error @ (HttpError::Refused { .. } | HttpError::Failed { .. })) => Ok(Err(error)),
            Err(error) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: HttpError) -> anyhow::Error {
        let (name, site) = (&self.request.name, &self.request.site);
        let hint = match &error {
            HttpError::Refused { detail, .. } => advice::of(detail, name, site, self.client.has_login()),
            _ => None,
        };
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        let what = format!("cannot list {name} at {}{hint}", self.request.root);
        anyhow::Error::new(error).context(what)
    }
}

/// The one post of a number.
pub fn window(number: i64) -> Window {
    Window {
        from: number,
        ..Window::below(number + 1)
    }
}

fn is_gone(reason: &str) -> bool {
    matches!(reason, "http-404" | "http-410" | "http-451")
}

/// How many requests a target takes, where that is known before.
pub fn requests(target: &Target, search: &Search<'_>) -> Option<u64> {
    let Target::Posts(names) = target else {
        return None;
    };
    let md5s = names.iter().filter(|name| matches!(name, PostName::Md5(_))).count();
    let lists = (names.len() - md5s).div_ceil(search.site.dialect.numbers_at_once(search).max(1));
    Some((lists + md5s) as u64)
}
