//! Works that are asked for one by one, those of an artist, and the most liked.

use std::collections::BTreeSet;

use super::Found;
use crate::catalog::posts::Status;
use crate::catalog::selection::refusal;
use crate::catalog::{known, now};
use crate::crawl::http::{Answer, HttpError, HttpRequest, is_gone};
use crate::crawl::list::pages::{self, MOST_BYTES};
use crate::crawl::list::{Listing, aliases};
use crate::crawl::source::{Artist, Span};
use crate::crawl::target::{PostName, Target};

/// Numbers that one query of the catalog names.
const KNOWN_AT_ONCE: usize = 500;

impl Listing<'_> {
    /// The works of an artist, as their site names them.
    pub(super) async fn artist(&self, target: &Target, artist: i64, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.run.request.search(), self.run.request.site.dialect);
        let mut offset = 0;
        while let Some(url) = dialect.artist_url(&search, artist, offset) {
            let read = |answer: &Answer| dialect.parse_artist(&search, &answer.bytes, now());
            match self.expect(target, &url, found, read).await? {
                None => return Ok(()),
                Some(Artist::Term(term)) => return self.term(target, &term, found).await,
                Some(Artist::Works(numbers)) => {
                    let recent = Some(self.run.settings().recent(now()));
                    return self.works(&numbers, recent, found).await;
                }
                Some(Artist::Page(page, more)) => {
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
            let read = |answer: &Answer| pages::read(&search, Span::default(), answer);
            let Some(mut page) = self.expect(target, &url, found, read).await? else {
                return Ok(());
            };
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

    /// Works of pixiv, each by itself. Known ones uploaded before second `recent`, where that is given, are not
    /// asked for again.
    pub(super) async fn works(&self, numbers: &[i64], recent: Option<i64>, found: &mut Found) -> anyhow::Result<()> {
        let (search, dialect) = (self.run.request.search(), self.run.request.site.dialect);
        let source = &self.run.request.name;
        for chunk in numbers.chunks(KNOWN_AT_ONCE) {
            let mut known = match recent {
                Some(_) => known::by_number(self.run.catalog, source, chunk).await?,
                None => Vec::new(),
            };
            known.retain(|known| {
                known.status == Status::Active && recent.is_some_and(|recent| known.created_at < recent)
            });
            let old: BTreeSet<i64> = known.iter().map(|known| known.number).collect();
            self.seen(known, found).await?;
            for number in chunk.iter().filter(|number| !old.contains(number)) {
                let stub = self.run.unread(*number);
                let Some(url) = dialect.detail_url(&search, &stub) else {
                    continue;
                };
                let read = |answer: &Answer| dialect.parse_detail(&search, &answer.bytes, &stub, now());
                match self.run.client.read(&HttpRequest::api(&url, MOST_BYTES), read).await {
                    Ok(post) => self.record_named(vec![post], found).await?,
                    Err(HttpError::Refused { reason, .. }) if is_gone(reason) => {
                        self.missing(&PostName::Number(*number), found).await?;
                    }
                    Err(HttpError::Refused { reason, detail } | HttpError::Failed { reason, detail }) => {
                        self.progress.note(&format!(
                            "post {number} could not be read, the next run asks again: {reason}: {detail}"
                        ));
                        found.fail(*number, reason, detail);
                    }
                    Err(error) => return Err(self.refused(error)),
                }
            }
        }
        Ok(())
    }
}
