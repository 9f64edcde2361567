//! Listing what is asked for by name: posts, a pool, an artist's works. Each run asks for all of it; there
//! is no cursor, and those of the site's searches stay as they are. Filters hold as everywhere, and what
//! they leave out is said with the way to have it.

mod terms;
mod works;

use std::collections::BTreeSet;

use url::Url;

use crate::catalog::holes::{self, Hole, Kind};
use crate::catalog::posts::{Post, Status};
use crate::catalog::{known, now, posts};
use crate::crawl::http::{Answer, HttpError, HttpRequest, is_gone};
use crate::crawl::list::Listing;
use crate::crawl::list::holes::{Why, in_vain};
use crate::crawl::list::left_out::LeftOut;
use crate::crawl::list::listed::Listed;
use crate::crawl::list::pages::{MOST_BYTES, advice};
use crate::crawl::settings::ListingForm;
use crate::crawl::source::Search;
use crate::crawl::target::{PostName, Target};
use crate::selection::Selection;

/// What stands for a listing's text where a post failed that was named.
const NAMED: &str = "named posts";

/// The reason of a named post that the site does not have.
const NOT_FOUND: &str = "not-found";

/// What was found so far.
struct Found {
    listed: Listed,
    numbers: BTreeSet<i64>,
    left_out: LeftOut,
    /// Whether posts are read from the site's pages for people.
    html: bool,
    /// Of named posts everything is said: the site is asked for them whatever is selected.
    all: Selection,
    /// Posts that are not there, or could not be read.
    failed: Vec<(i64, Why)>,
}

impl Found {
    /// Counts a post that is not there, or could not be read.
    fn fail(&mut self, number: i64, reason: &'static str, detail: String) {
        self.listed.missing += 1;
        let empty = false;
        self.failed.push((number, Why { reason, detail, empty }));
    }
}

impl Listing<'_> {
    /// Lists all of it.
    ///
    /// # Errors
    /// Where the site or the catalog fails; [`Interrupted`](dataset::failure::Interrupted).
    pub async fn target(self, target: &Target) -> anyhow::Result<Listed> {
        let mut found = Found {
            listed: Listed::default(),
            numbers: BTreeSet::new(),
            left_out: LeftOut::default(),
            html: self.run.request.site.listing == ListingForm::Html,
            all: Selection::default(),
            failed: Vec::new(),
        };
        let result = self.list_target(target, &mut found).await;
        self.record_failed(&found).await?;
        if let Err(error) = result {
            found.listed.later = Some(HttpError::later(error)?);
        }
        for words in found.left_out.words(target, &self.run.request.selection) {
            self.progress.note(&words);
        }
        found.listed.named = found.numbers.into_iter().collect();
        Ok(found.listed)
    }

    async fn list_target(&self, target: &Target, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.run.request.search(), self.run.request.site.dialect);
        match target {
            Target::Posts(names) if dialect.term_url(&search, "", None).is_none() => {
                let numbers = names.iter().filter_map(|name| match name {
                    PostName::Number(number) => Some(*number),
                    PostName::Md5(_) => None,
                });
                self.works(&numbers.collect::<Vec<_>>(), None, found).await
            }
            Target::Posts(names) => self.posts(names, found).await,
            Target::Pool(number) => self.term(target, &format!("pool:{number}"), found).await,
            Target::Artist(number) => self.artist(target, *number, found).await,
            Target::Top(most) => self.top(target, *most, found).await,
        }
    }

    /// What is read of an address that must be there; `None` where the site has no such thing.
    async fn expect<T>(
        &self,
        target: &Target,
        url: &Url,
        found: &mut Found,
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> anyhow::Result<Option<T>> {
        match self.run.client.read(&HttpRequest::api(url, MOST_BYTES), read).await {
            Ok(read) => Ok(Some(read)),
            Err(HttpError::Refused { reason, .. }) if is_gone(reason) => {
                self.progress.note(&format!("{target}: the site has no such thing"));
                found.listed.missing += 1;
                Ok(None)
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Records posts as their site describes them now, and lets them be fetched.
    async fn record_named(&self, mut taken: Vec<Post>, found: &mut Found) -> anyhow::Result<()> {
        let mut once = BTreeSet::new();
        taken.retain(|post| once.insert(post.number));
        let numbers: Vec<i64> = once.into_iter().collect();
        let known = known::by_number(self.run.catalog, &self.run.request.name, &numbers).await?;
        for post in &mut taken {
            // Boards without upload times show too late a one of a post by itself.
            let earlier = known.iter().find(|known| known.number == post.number);
            post.created_at = earlier.map_or(post.created_at, |earlier| earlier.created_at.min(post.created_at));
        }
        let mut write = self.run.catalog.write().await?;
        posts::record_all(&mut write, taken.iter().filter(|post| !self.run.denied.refuses(post))).await?;
        self.run.network.traffic().save(&mut write).await?;
        write.commit().await?;
        self.seen(taken, found).await
    }

    /// Records which named posts failed, and that those which came do so no longer.
    async fn record_failed(&self, found: &Found) -> anyhow::Result<()> {
        let source = &self.run.request.name;
        let earlier = holes::all(self.run.catalog, source, NAMED).await?;
        let mut write = self.run.catalog.write().await?;
        for hole in earlier.iter().filter(|hole| found.numbers.contains(&hole.start)) {
            holes::remove(&mut write, source, NAMED, hole).await?;
        }
        for (number, why) in &found.failed {
            let hole = earlier.iter().find(|hole| hole.start == *number).cloned();
            let hole = hole.unwrap_or_else(|| Hole::of_post(Kind::Post, *number));
            let hole = in_vain(&self.run, hole, why);
            holes::record(&mut write, source, NAMED, &hole).await?;
            self.progress.failed(&hole);
        }
        write.commit().await
    }

    /// Counts posts, each once, and lets them be fetched.
    async fn seen(&self, mut posts: Vec<Post>, found: &mut Found) -> anyhow::Result<()> {
        posts.retain(|post| found.numbers.insert(post.number));
        let numbers: Vec<i64> = posts.iter().map(|post| post.number).collect();
        if !numbers.is_empty() {
            found.listed.lost += self.run.want_lost(Some(&numbers)).await?;
        }
        for post in posts {
            self.committed.send(post.number..post.number + 1);
            if let Some(reason) = found.listed.count(self.run.denied, &self.run.request.selection, &post) {
                found.left_out.add(reason, post);
            }
        }
        self.progress.listed(found.listed.rows, found.listed.matching);
        Ok(())
    }

    /// A post that the site does not have: a known one is recorded as deleted.
    async fn missing(&self, name: &PostName, found: &mut Found) -> anyhow::Result<()> {
        self.progress.note(&format!("the site has no post {name}"));
        let PostName::Number(number) = name else {
            found.listed.missing += 1;
            return Ok(());
        };
        found.fail(*number, NOT_FOUND, "the site has no such post".into());
        let known = known::by_number(self.run.catalog, &self.run.request.name, &[*number]).await?;
        let Some(known) = known.into_iter().next().filter(|known| known.status == Status::Active) else {
            return Ok(());
        };
        let gone = Post {
            status: Status::Deleted,
            fetched_at: now(),
            ..known
        };
        let mut write = self.run.catalog.write().await?;
        posts::record(&mut write, &gone).await?;
        write.commit().await
    }

    fn refused(&self, error: HttpError) -> anyhow::Error {
        let (name, site) = (&self.run.request.name, &self.run.request.site);
        let hint = match &error {
            HttpError::Refused { detail, .. } | HttpError::Failed { detail, .. } => {
                advice::of(detail, name, site, self.run.client.has_login())
            }
            _ => None,
        };
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        error.of_run(|| format!("cannot list {name} at {}{hint}", self.run.request.root))
    }
}

/// How many requests a target takes, and how many pictures it has, where that is known before.
pub fn cost(target: &Target, search: &Search<'_>) -> Option<(u64, u64)> {
    let names = match target {
        Target::Posts(names) => names,
        Target::Top(most) => return Some((most.div_ceil(search.site.page.into()), *most)),
        Target::Pool(_) | Target::Artist(_) => return None,
    };
    let md5s = names.iter().filter(|name| matches!(name, PostName::Md5(_))).count();
    let lists = (names.len() - md5s).div_ceil(search.site.dialect.numbers_at_once(search).max(1));
    Some(((lists + md5s) as u64, names.len() as u64))
}
