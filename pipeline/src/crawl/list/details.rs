//! What a page of a list leaves out, asked post by post: the counters of works, the kinds of tags, and
//! what became of works that are no longer listed. Each answer is kept, so that none is asked twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::holes::{self, Hole, Kind};
use crate::catalog::posts::{Post, Rating, Status};
use crate::catalog::selection::{refusal, refusal_of_row};
use crate::catalog::{known, now, posts};
use crate::crawl::crawl_run::CrawlRun;
use crate::crawl::http::{Answer, HttpError, HttpRequest, is_gone};
use crate::crawl::list::aliases;
use crate::crawl::list::holes::{Why, in_vain};
use crate::crawl::list::pages::MOST_BYTES;
use crate::crawl::progress::Progress;
use crate::crawl::source::{Page, Search};

/// Answers that are recorded in one transaction: what a crash makes us ask for again.
const TOGETHER: usize = 10;

/// How the posts of a page are completed.
pub struct Details<'run> {
    /// What is listed, and with what.
    pub run: CrawlRun<'run>,
    /// What is shown meanwhile.
    pub progress: &'run Progress<'run>,
    /// Posts whose own answers failed before: they are asked for as holes, not as rows.
    pub missing: &'run BTreeSet<i64>,
    /// When the listing began, epoch seconds.
    pub begun_at: i64,
    /// Posts uploaded from this second on are asked for again.
    pub recent: i64,
    /// Whether posts are read from the site's pages for people.
    pub html: bool,
}

/// What came of the rows of a page.
#[derive(Debug, Default)]
pub struct Taken {
    /// Post numbers of its rows.
    pub numbers: BTreeSet<i64>,
    /// Rows that could not be read, by what they lack.
    pub skipped: BTreeMap<&'static str, u64>,
    /// The posts with all that the site says of them.
    pub seen: Vec<Post>,
    /// Those of them that are still to be recorded.
    pub changed: Vec<Post>,
    /// The holes of posts whose own answers failed; they are recorded.
    pub failed: Vec<Hole>,
    /// Posts that failed before, and wait for their own turn.
    pub passed: u64,
    /// Those that their row refuses, with the filter: nothing more is asked of them, nor recorded.
    pub spared: Vec<(Post, &'static str)>,
}

/// What the site says of one post.
enum Said {
    Post(Box<Post>),
    /// An error, with all tries.
    Nothing(Why),
}

impl Details<'_> {
    /// Takes in the rows of a page, each post once and with all that the site says of it; learns the other
    /// names of tags that they lack.
    ///
    /// # Errors
    /// Where the site or the catalog fails; [`Interrupted`](dataset::failure::Interrupted).
    pub async fn take(&self, page: Page) -> anyhow::Result<Taken> {
        let mut taken = Taken {
            skipped: page.skipped,
            ..Taken::default()
        };
        let mut listed = page.posts;
        listed.retain(|post| taken.numbers.insert(post.number));
        let search = self.search();
        if search.site.dialect.rows_are_partial(&search) {
            self.complete(listed, &mut taken).await?;
        } else {
            for post in &mut listed {
                post.fetched_at = post.fetched_at.max(self.begun_at);
            }
            (taken.seen, taken.changed) = (listed.clone(), listed);
        }
        aliases::learn(&self.run, self.progress, &taken.seen).await?;
        Ok(taken)
    }

    /// Asks for what the rows lack.
    async fn complete(&self, listed: Vec<Post>, taken: &mut Taken) -> anyhow::Result<()> {
        let numbers: Vec<i64> = listed.iter().map(|post| post.number).collect();
        let known = known::by_number(self.run.catalog, &self.run.request.name, &numbers).await?;
        for post in listed {
            let number = post.number;
            let known = known.iter().find(|known| known.number == number);
            let said = match self.wanted(&post, known) {
                Wanted::Known(known) => {
                    taken.seen.push(known.clone());
                    continue;
                }
                Wanted::Nothing(reason) => {
                    taken.spared.push((post, reason));
                    continue;
                }
                Wanted::Row => Said::Post(Box::new(post)),
                Wanted::Detail if self.missing.contains(&post.number) => {
                    taken.passed += 1;
                    continue;
                }
                Wanted::Detail => match self.ask(&post).await {
                    Ok(said) => said,
                    Err(error) => {
                        self.record(&taken.changed).await?;
                        return Err(error);
                    }
                },
            };
            match said {
                Said::Post(post) => {
                    taken.seen.push((*post).clone());
                    taken.changed.push(*post);
                }
                Said::Nothing(why) => {
                    taken
                        .failed
                        .push(self.leave(&Hole::of_post(Kind::Post, number), &why).await?);
                    taken.seen.extend(known.cloned());
                }
            }
            if taken.changed.len() == TOGETHER {
                self.record(&std::mem::take(&mut taken.changed)).await?;
            }
        }
        Ok(())
    }

    fn wanted<'known>(&self, post: &Post, known: Option<&'known Post>) -> Wanted<'known> {
        let search = self.search();
        // Not asked for: it is not recorded either, and so would be asked for again and again.
        if self.run.denied.refuses(post) {
            return Wanted::Row;
        }
        if search.site.dialect.detail_url(&search, post).is_none() {
            // A ranking has the counters of its day: what a later answer said of the work stays.
            return match known {
                Some(known) if known.fetched_at > post.fetched_at => Wanted::Known(known),
                _ => Wanted::Row,
            };
        }
        if self.html {
            let is_known = known.is_some_and(|known| known.kinds_known && known.tags == post.tags);
            return match is_known || refusal(&self.run.request.listing, post).is_some() {
                true => Wanted::Row,
                false => Wanted::Detail,
            };
        }
        match known {
            // Seen by this listing before it was interrupted.
            Some(known) if known.fetched_at >= self.begun_at => Wanted::Known(known),
            Some(known) if known.created_at < self.recent && known.status == Status::Active => Wanted::Known(known),
            Some(_) => Wanted::Detail,
            None => refusal_of_row(&self.run.request.listing, post).map_or(Wanted::Detail, Wanted::Nothing),
        }
    }

    /// Asks once more for the selected works that this listing should have met, and did not: those that
    /// are gone are recorded as such. `seen` are the last that it met.
    ///
    /// # Errors
    /// Where the site or the catalog fails; `Interrupted`.
    pub async fn ask_for_unseen(&self, seen: &[Post]) -> anyhow::Result<()> {
        if !self.run.request.site.dialect.hides_deleted(&self.search()) {
            return Ok(());
        }
        self.record(seen).await?;
        let mut unseen = known::unseen(self.run.catalog, &self.run.request.listing, self.recent, self.begun_at).await?;
        // To somebody whose session ended, every work for adults is gone.
        if !known::saw_adult_works(self.run.catalog, &self.run.request.name, self.begun_at).await? {
            unseen.retain(|post| post.rating != Rating::Explicit);
        }
        for posts in unseen.chunks(TOGETHER) {
            let mut now_known = Vec::new();
            for post in posts {
                if let Said::Post(post) = self.ask(post).await? {
                    now_known.push(*post);
                }
            }
            self.record(&now_known).await?;
        }
        Ok(())
    }

    fn search(&self) -> Search<'_> {
        Search {
            html: self.html,
            ..self.run.request.search()
        }
    }

    /// Now, but not before the listing began: by that time it is known what it has seen.
    fn now(&self) -> i64 {
        now().max(self.begun_at)
    }

    async fn record(&self, changed: &[Post]) -> anyhow::Result<()> {
        let mut write = self.run.catalog.write().await?;
        let wanted = changed.iter().filter(|post| !self.run.denied.refuses(post));
        posts::record_all(&mut write, wanted).await?;
        self.run.network.traffic().save(&mut write).await?;
        write.commit().await
    }

    /// Asks once more for a post whose own answer failed. Gives the hole that is left, if one is.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn again(&self, hole: &Hole) -> anyhow::Result<Option<Hole>> {
        let number = hole.start;
        let known = known::by_number(self.run.catalog, &self.run.request.name, &[number]).await?;
        let listed = known.into_iter().next().unwrap_or_else(|| self.run.unread(number));
        let post = match self.ask(&listed).await? {
            Said::Post(post) => *post,
            Said::Nothing(why) => return Ok(Some(self.leave(hole, &why).await?)),
        };
        let mut write = self.run.catalog.write().await?;
        holes::remove(&mut write, &self.run.request.name, &self.run.request.query, hole).await?;
        // Of a post that was never read, and is gone now, there is nothing to record.
        let unknown = post.created_at == 0 && post.status != Status::Active;
        if !unknown && !self.run.denied.refuses(&post) {
            posts::record_all(&mut write, std::iter::once(&post)).await?;
        }
        self.run.network.traffic().save(&mut write).await?;
        write.commit().await?;
        Ok(None)
    }

    /// Records that a post was asked for and did not come.
    async fn leave(&self, hole: &Hole, why: &Why) -> anyhow::Result<Hole> {
        let begun_at = if hole.begun_at == 0 {
            self.begun_at
        } else {
            hole.begun_at
        };
        let hole = Hole {
            begun_at,
            ..hole.clone()
        };
        let hole = in_vain(&self.run, hole, why);
        let mut write = self.run.catalog.write().await?;
        holes::record(&mut write, &self.run.request.name, &self.run.request.query, &hole).await?;
        write.commit().await?;
        Ok(hole)
    }

    /// The whole of a post. What is known of one whose answer is an error stays: a session that ended, or a
    /// ban, must not take down what stands.
    async fn ask(&self, post: &Post) -> anyhow::Result<Said> {
        let (search, dialect) = (self.search(), self.run.request.site.dialect);
        let Some(url) = dialect.detail_url(&search, post) else {
            return Ok(Said::Post(Box::new(post.clone())));
        };
        let as_status = |status| {
            Said::Post(Box::new(Post {
                status,
                fetched_at: self.now(),
                ..post.clone()
            }))
        };
        let ask = HttpRequest::api(&url, MOST_BYTES);
        let read = |answer: &Answer| dialect.parse_detail(&search, &answer.bytes, post, self.now());
        match self.run.client.read(&ask, read).await {
            Ok(post) => Ok(Said::Post(Box::new(post))),
            // The row says all but the kinds of its tags, which the next listing asks for again.
            Err(HttpError::Refused { .. } | HttpError::Failed { .. }) if self.html => Ok(as_status(post.status)),
            Err(HttpError::Refused { reason, .. }) if is_gone(reason) => Ok(as_status(Status::Deleted)),
            Err(HttpError::Refused { reason, detail } | HttpError::Failed { reason, detail }) => {
                Ok(Said::Nothing(Why {
                    reason,
                    detail,
                    empty: false,
                }))
            }
            Err(error) => Err(error.of_run(|| {
                format!(
                    "cannot list {} at {url}; the same command goes on from here",
                    self.run.request.name
                )
            })),
        }
    }
}

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
