//! Works that are asked for one by one, those of an artist, and the most liked.

use anyhow::Context;

use super::{Found, is_gone};
use crate::catalog::posts::{Post, Status};
use crate::catalog::selection::refusal;
use crate::catalog::{known, now};
use crate::crawl::http::HttpError;
use crate::crawl::list::Listing;
use crate::crawl::list::aliases;
use crate::crawl::source::{Artist, Span};
use crate::crawl::target::{PostName, Target};

impl Listing<'_> {
    /// The works of an artist, as their site names them.
    pub(super) async fn artist(&self, target: &Target, artist: i64, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.run.request.search(), self.run.request.site.dialect);
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
                Artist::Works(numbers) => return self.works(&numbers, self.run.settings().recent(now()), found).await,
                Artist::Page(page, more) => {
                    let rows = page.rows() as i64;
                    found.listed.skip(&page.skipped);
                    self.record_named(page.posts, found).await?;
                    if !more || rows == 0 {
                        return Ok(());
                    }
                    offset += rows;
                }
            }
        }
        Ok(())
    }

    /// The most liked posts in the site's own order, down to the last that is wanted of those selected.
    pub(super) async fn top(&self, target: &Target, most: u64, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.run.request.search(), self.run.request.site.dialect);
        let selection = &self.run.request.selection;
        for number in 1.. {
            let Some(url) = dialect.top_url(&search, number) else {
                return Ok(());
            };
            let Some(answer) = self.expect(target, &url, found).await? else {
                return Ok(());
            };
            let page = dialect.parse(&search, &answer.bytes, Span::default(), now());
            let mut page = page
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("cannot read {url}"))?;
            found.listed.skip(&page.skipped);
            aliases::learn(&self.run, self.progress, &page.posts).await?;
            let mut left = most - found.listed.matching;
            page.posts.retain(|post| {
                let wanted = left > 0 && !found.numbers.contains(&post.number);
                left -= u64::from(wanted && refusal(selection, post).is_none() && !self.run.denied.refuses(post));
                wanted
            });
            let is_last = page.posts.is_empty() || left == 0;
            self.record_named(page.posts, found).await?;
            if is_last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Works of pixiv, each by itself; those uploaded before second `recent` that are known are not asked
    /// for again.
    pub(super) async fn works(&self, numbers: &[i64], recent: i64, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.run.request.search(), self.run.request.site.dialect);
        let skips = recent != i64::MAX;
        for number in numbers {
            let known = known::by_number(self.run.catalog, &self.run.request.name, &[*number]).await?;
            let known = known.into_iter().next();
            if let Some(known) =
                known.filter(|known| skips && known.status == Status::Active && known.created_at < recent)
            {
                self.seen(vec![known], found);
                continue;
            }
            let stub = Post {
                source: self.run.request.name.clone(),
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
                        self.record_named(vec![post], found).await?;
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
}
