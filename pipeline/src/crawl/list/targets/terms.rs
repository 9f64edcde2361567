//! Posts of a board that is searched for them: single ones, and all that a term finds.

use anyhow::{Context, bail};

use super::Found;
use crate::catalog::posts::Post;
use crate::crawl::http::{Answer, HttpRequest};
use crate::crawl::list::Listing;
use crate::crawl::list::pages::{self, MOST_BYTES};
use crate::crawl::source::{Page, Search, Span};
use crate::crawl::target::{PostName, Target};

impl Listing<'_> {
    /// The single posts of a board.
    pub(super) async fn posts(&self, names: &[PostName], found: &mut Found) -> anyhow::Result<()> {
        let mut terms: Vec<(String, Vec<&PostName>)> = Vec::new();
        let (numbers, md5s): (Vec<_>, Vec<_>) = names.iter().partition(|name| matches!(name, PostName::Number(_)));
        let at_once = self
            .run
            .request
            .site
            .dialect
            .numbers_at_once(&self.run.request.search());
        for some in numbers.chunks(at_once.max(1)) {
            let list: Vec<String> = some.iter().map(|name| name.to_string()).collect();
            terms.push((format!("id:{}", list.join(",")), some.to_vec()));
        }
        terms.extend(md5s.into_iter().map(|name| (name.to_string(), vec![name])));
        for (term, names) in terms {
            let mut page = self.page_of_term(&term, None, found).await?;
            if page.posts.len() < names.len() {
                // What is missing once can be a slip of the site.
                let again = self.page_of_term(&term, None, found).await?;
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
            self.record_named(page.posts, found).await?;
            for name in &missing {
                self.missing(name, found).await?;
            }
        }
        Ok(())
    }

    /// All that a term of a board's search finds.
    pub(super) async fn term(&self, target: &Target, term: &str, found: &mut Found) -> anyhow::Result<()> {
        let mut below: Option<i64> = None;
        loop {
            let mut page = self.page_of_term(term, below, found).await?;
            if page.next.is_none() {
                // An empty page can be a slip of the site.
                page = self.page_of_term(term, below, found).await?;
            }
            found.listed.skip(&page.skipped);
            self.record_named(page.posts, found).await?;
            match page.next {
                Some(next) if below.is_none_or(|below| next < below) => below = Some(next),
                Some(next) => bail!("{} does not list downwards below {next}", self.run.request.root),
                None if found.numbers.is_empty() => {
                    self.progress.note(&format!("{target}: the site lists no post of it"));
                    found.listed.missing += 1;
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    async fn page_of_term(&self, term: &str, below: Option<i64>, found: &mut Found) -> anyhow::Result<Page> {
        loop {
            let search = Search {
                selection: &found.all,
                html: found.html,
                ..self.run.request.search()
            };
            let url = search.site.dialect.term_url(&search, term, below);
            let url = url.with_context(|| format!("{} cannot be searched for {term}", self.run.request.name))?;
            let read = |answer: &Answer| pages::read(&search, Span::default(), answer);
            match self.run.client.read(&HttpRequest::api(&url, MOST_BYTES), read).await {
                Ok(page) => return Ok(page),
                Err(error) if pages::opens_pages(&search, &error) => self.progress.reads_pages(&error),
                Err(error) => return Err(self.refused(error)),
            }
            found.html = true;
        }
    }
}
