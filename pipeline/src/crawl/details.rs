//! What a page of a list leaves out, asked post by post: the counters of works, the kinds of tags, and
//! what became of works that are no longer listed. Each answer is kept, so that none is asked twice.

use anyhow::Context;
use dataset::failure::Interrupted;

use super::http::{Ask, Client, HttpError};
use super::pages::MOST_BYTES;
use super::request::CrawlRequest;
use crate::catalog::denied::Denied;
use crate::catalog::posts::{Post, Rating, Status};
use crate::catalog::selection::{refusal, refusal_of_row};
use crate::catalog::{Catalog, known, now, posts};

/// Answers that are recorded in one transaction: what a crash makes us ask for again.
const TOGETHER: usize = 10;

/// How the posts of a page are completed.
pub struct Details<'run> {
    /// What is known, and where answers are recorded.
    pub catalog: &'run Catalog,
    /// How the site is asked.
    pub client: &'run Client,
    /// What was asked for.
    pub request: &'run CrawlRequest,
    /// What must not be recorded.
    pub denied: &'run Denied,
    /// When the listing began, epoch seconds.
    pub begun_at: i64,
    /// Posts uploaded from this second on are looked at again.
    pub recent: i64,
    /// Whether posts are read from the site's pages for people.
    pub html: bool,
}

impl Details<'_> {
    /// The posts of a page with all that the site says of them, those of them that are still to be
    /// recorded, and those, with the reason, that their row refuses: nothing more is asked of these, nor
    /// recorded.
    ///
    /// # Errors
    /// Where the site or the catalog fails; [`Interrupted`].
    pub async fn complete(&self, mut listed: Vec<Post>) -> anyhow::Result<(Vec<Post>, Vec<Post>, Vec<Spared>)> {
        let search = self.request.search();
        if !search.rows_are_partial(self.html) {
            for post in &mut listed {
                post.fetched_at = post.fetched_at.max(self.begun_at);
            }
            return Ok((listed.clone(), listed, Vec::new()));
        }
        let numbers: Vec<i64> = listed.iter().map(|post| post.number).collect();
        let known = known::by_number(self.catalog, &self.request.name, &numbers).await?;
        let (mut seen, mut changed, mut spared) = (Vec::new(), Vec::new(), Vec::new());
        for post in listed {
            let known = known.iter().find(|known| known.number == post.number);
            let complete = match self.wanted(&post, known) {
                Wanted::Known(known) => {
                    seen.push(known.clone());
                    continue;
                }
                Wanted::Nothing(reason) => {
                    spared.push((post, reason));
                    continue;
                }
                Wanted::Row => post,
                Wanted::Detail => match self.ask(&post, known).await {
                    Ok(post) => post,
                    Err(error) => {
                        self.record(&changed).await?;
                        return Err(error);
                    }
                },
            };
            seen.push(complete.clone());
            changed.push(complete);
            if changed.len() == TOGETHER {
                self.record(&std::mem::take(&mut changed)).await?;
            }
        }
        Ok((seen, changed, spared))
    }

    fn wanted<'known>(&self, post: &Post, known: Option<&'known Post>) -> Wanted<'known> {
        let search = self.request.search();
        // Not asked for: it is not recorded either, and so would be asked for again and again.
        if self.denied.refuses(post) {
            return Wanted::Row;
        }
        if search.detail_url(post, self.html).is_none() {
            // A ranking has the counters of its day: a later look at the work stays.
            return match known {
                Some(known) if known.fetched_at > post.fetched_at => Wanted::Known(known),
                _ => Wanted::Row,
            };
        }
        if self.html {
            let told = known.is_some_and(|known| known.kinds_known && known.tags == post.tags);
            return match told || refusal(&self.request.listing, post).is_some() {
                true => Wanted::Row,
                false => Wanted::Detail,
            };
        }
        match known {
            // Seen by this listing before it was interrupted.
            Some(known) if known.fetched_at >= self.begun_at => Wanted::Known(known),
            Some(known) if known.created_at < self.recent && known.status == Status::Active => Wanted::Known(known),
            Some(_) => Wanted::Detail,
            None => refusal_of_row(&self.request.listing, post).map_or(Wanted::Detail, Wanted::Nothing),
        }
    }

    /// Asks once more for the selected works that this listing should have met, and did not: those that
    /// are gone are recorded as such. `seen` are the last that it met.
    ///
    /// # Errors
    /// Where the site or the catalog fails; [`Interrupted`].
    pub async fn look_for_unseen(&self, seen: &[Post]) -> anyhow::Result<()> {
        if !self.request.search().hides_deleted() {
            return Ok(());
        }
        self.record(seen).await?;
        let mut unseen = known::unseen(self.catalog, &self.request.listing, self.recent, self.begun_at).await?;
        // To somebody whose session ended, every work for adults is gone.
        if !known::saw_adult_works(self.catalog, &self.request.name, self.begun_at).await? {
            unseen.retain(|post| post.rating != Rating::Explicit);
        }
        for posts in unseen.chunks(TOGETHER) {
            let mut now_known = Vec::new();
            for post in posts {
                now_known.push(self.ask(post, Some(post)).await?);
            }
            self.record(&now_known).await?;
        }
        Ok(())
    }

    /// Now, but not before the listing began: that tells what it has seen.
    fn now(&self) -> i64 {
        now().max(self.begun_at)
    }

    async fn record(&self, changed: &[Post]) -> anyhow::Result<()> {
        let mut write = self.catalog.write().await?;
        let wanted = changed.iter().filter(|post| !self.denied.refuses(post));
        posts::record_all(&mut write, wanted).await?;
        self.client.save_traffic(&mut write).await?;
        write.commit().await
    }

    /// The whole of a post. A new one whose answer is refused or unreadable is recorded as held; a known
    /// one stays as it is known: a session that ended, or a ban, must not take down what stands.
    async fn ask(&self, post: &Post, known: Option<&Post>) -> anyhow::Result<Post> {
        let search = self.request.search();
        let Some(url) = search.detail_url(post, self.html) else {
            return Ok(post.clone());
        };
        let gone = |status| Post {
            status: if self.html { post.status } else { status },
            fetched_at: self.now(),
            ..post.clone()
        };
        let untold = || known.cloned().unwrap_or_else(|| gone(Status::Held));
        match self.client.get(&Ask::api(&url, MOST_BYTES)).await {
            Ok(answer) => match search.parse_detail(&answer.bytes, post, self.now()) {
                Ok(post) => Ok(post),
                // Looked at again with the next refresh, while it is recent.
                Err(_) => Ok(untold()),
            },
            Err(HttpError::Refused { reason, .. }) => Ok(match reason {
                "http-404" | "http-410" | "http-451" => gone(Status::Deleted),
                _ => untold(),
            }),
            Err(HttpError::Stopped) => Err(Interrupted.into()),
            Err(error) => Err(error).with_context(|| {
                format!(
                    "cannot list {} at {url}; the same command goes on from here",
                    self.request.name
                )
            }),
        }
    }
}

/// A post that its row refuses, and the filter.
pub type Spared = (Post, &'static str);

/// What is to be recorded of a listed post.
enum Wanted<'known> {
    /// Nothing: what is known is at least as new.
    Known(&'known Post),
    /// Nothing, for this filter refuses the row, whatever else were asked.
    Nothing(&'static str),
    /// The row as it was listed.
    Row,
    /// The post's own answer.
    Detail,
}
