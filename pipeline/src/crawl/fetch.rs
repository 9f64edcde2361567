//! Fetching the pictures of one post: which of its files, checked at arrival, bytes into the store
//! before anything is recorded.

pub mod attempt;
pub mod committed;
pub mod download;
mod file_choice;
pub mod record;
mod verify;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Context;
use tokio::sync::Semaphore;
use url::Url;
use vision::picture::Limits;

use self::attempt::{Attempt, FetchOutcome, attempt_of, denied, forbidden, no_file, without_bytes};
use crate::crawl::crawl_run::CrawlRun;

use self::file_choice::{choose, film};
use crate::catalog::files::{self, Earlier, File, Outcome, Pending};
use crate::catalog::images::{self, Image};
use crate::catalog::now;
use crate::catalog::posts::Post;
use crate::crawl::http::{Answer, HttpRequest, Known};
use crate::crawl::request::Form;
use crate::crawl::source::FileUrls;
use crate::quarantine::{Origin, Quarantine};

/// A list of a work's pictures is some 50 KB.
const MOST_LIST_BYTES: u64 = 8_000_000;

/// A post that was dealt with.
pub struct Fetch {
    /// What came of each of its pictures that was asked for.
    pub attempts: Vec<Attempt>,
    /// The host that they were expected at.
    pub host: String,
}

/// One picture of a post.
struct Wanted<'post> {
    post: &'post Post,
    page: i64,
    pages: i64,
    url: &'post str,
    variant: Form,
    /// What an earlier attempt at it left.
    before: Option<&'post Earlier>,
}

impl Wanted<'_> {
    fn file(&self, outcome: Outcome) -> File {
        File {
            page: self.page,
            pages: self.pages,
            url: Some(self.url.to_string()),
            variant: self.variant.as_str(),
            ..File::of(self.post, outcome)
        }
    }

    /// How its host named the picture that is here.
    fn known(&self) -> Option<&Known> {
        let before = self.before.filter(|before| before.image.is_some());
        before
            .filter(|before| before.variant == self.variant.as_str())
            .map(|before| &before.known)
            .filter(|known| **known != Known::default())
    }
}

/// What all fetches of a request share.
pub struct Fetcher<'run> {
    /// What is fetched, and with what.
    pub run: CrawlRun<'run>,
    quarantine: Quarantine,
    /// One for each picture that may be on its way at once.
    connections: Semaphore,
}

impl<'run> Fetcher<'run> {
    /// Asks for nothing yet.
    ///
    /// # Errors
    /// Where the quarantine cannot be read.
    pub fn new(run: CrawlRun<'run>) -> anyhow::Result<Self> {
        let settings = run.settings();
        Ok(Self {
            quarantine: Quarantine::beside(run.store, run.denied, settings.quarantine_megabytes)?,
            connections: Semaphore::new(settings.connections),
            run,
        })
    }

    /// The host that a post's pictures are expected at.
    pub fn host(&self, post: &Post) -> String {
        let request = self.run.request;
        let url = post.file_url.as_deref().and_then(|text| request.file_url(text).ok());
        let url = url.as_ref().unwrap_or(&request.root);
        url.host_str().unwrap_or_default().to_string()
    }

    /// How many pictures a post may give.
    pub fn pages(&self, post: &Post) -> u64 {
        let most = i64::from(self.run.request.site.max_pages);
        post.pages.clamp(1, most).unsigned_abs()
    }

    /// Fetches those of a post's pictures that it has no lasting outcome for, at most `most`.
    ///
    /// # Errors
    /// Where the store or the catalog fails, or the site does not want to be asked any more.
    pub async fn post(&self, pending: Pending, most: u64) -> anyhow::Result<Fetch> {
        let post = &pending.post;
        let fetch = |attempts| Fetch {
            attempts,
            host: self.host(post),
        };
        let md5 = post.md5.as_deref();
        if self.run.denied.has_md5(md5) {
            return Ok(fetch(vec![without_bytes(File::of(post, denied(md5)))]));
        }
        if let Some(image) = &pending.known_image
            && self.is_there(image).await?
        {
            return Ok(fetch(vec![without_bytes(File::of(
                post,
                Outcome::Stored(image.clone()),
            ))]));
        }
        let files = match self.files(post).await? {
            Ok(files) => files,
            Err(attempt) => return Ok(fetch(vec![attempt])),
        };
        let earlier = match (md5, files.len()) {
            // An MD5 says all that earlier attempts could.
            (Some(_), 1) => Vec::new(),
            _ => files::of_post(self.run.catalog, &post.source, &post.post).await?,
        };
        let mut attempts = Vec::new();
        for (page, file) in (0..).zip(&files) {
            let before = earlier.iter().find(|earlier| earlier.page == page);
            let last = page + 1 == files.len() as i64;
            let is_done = before.is_some_and(|before| lasts(before, file, post));
            // A post that waits has something to record, and be it again what its last picture was.
            if is_done && !(last && attempts.is_empty()) {
                continue;
            }
            if attempts.len() as u64 == most {
                break;
            }
            let pages = files.len() as i64;
            let jpeg = post.jpeg_url.as_deref().filter(|_| pages == 1);
            let attempt = match choose(self.run.request.file, file, jpeg) {
                None => without_bytes(File {
                    page,
                    pages,
                    ..File::of(post, no_file())
                }),
                Some((url, variant)) => {
                    let wanted = Wanted {
                        post,
                        page,
                        pages,
                        url,
                        variant,
                        before,
                    };
                    self.picture(&wanted).await?
                }
            };
            let ended = !matches!(attempt, Attempt::Done(_));
            attempts.push(attempt);
            if ended {
                break;
            }
        }
        Ok(fetch(attempts))
    }

    /// Whether a known picture's bytes are in the store, or were dropped on purpose.
    async fn is_there(&self, image: &str) -> anyhow::Result<bool> {
        let object = images::object_of(self.run.catalog, image).await?;
        let Some((key, bytes)) = object else { return Ok(true) };
        let store = self.run.store.clone();
        let held = tokio::task::spawn_blocking(move || store.holds(&key, Some(bytes)));
        Ok(held.await.context("looking for a picture failed")??)
    }

    /// The addresses of a post's pictures, at least one; or what came of asking for them.
    async fn files(&self, post: &Post) -> anyhow::Result<Result<Vec<FileUrls>, Attempt>> {
        let request = self.run.request;
        let (search, dialect) = (request.search(), request.site.dialect);
        let listed = dialect.files_url(&search, post);
        let Some(url) = listed.filter(|_| post.file_url.is_none() || request.site.max_pages > 1) else {
            return Ok(Ok(vec![FileUrls {
                original: post.file_url.clone(),
                sample: post.sample_url.clone(),
            }]));
        };
        let read = |answer: &Answer| match answer.is_web_page() {
            true => Err("a web page where JSON was due".into()),
            false => dialect.parse_files(&search, &answer.bytes),
        };
        match self
            .run
            .client
            .read(&HttpRequest::api(&url, MOST_LIST_BYTES), read)
            .await
        {
            Ok(files) if files.is_empty() => Ok(Err(without_bytes(File::of(post, no_file())))),
            Ok(mut files) => {
                files.truncate(request.site.max_pages as usize);
                Ok(Ok(files))
            }
            Err(error) => Ok(Err(attempt_of(error, |outcome| File::of(post, outcome))?)),
        }
    }

    /// Fetches one picture.
    async fn picture(&self, wanted: &Wanted<'_>) -> anyhow::Result<Attempt> {
        let refused = |reason, detail| Ok(without_bytes(wanted.file(Outcome::Refused { reason, detail })));
        let request = self.run.request;
        let url = match request.file_url(wanted.url) {
            Ok(url) => url,
            Err(detail) => return refused("foreign-host", detail),
        };
        // The first frame alone, which some sites show as a file, is not what was liked.
        let of_post = wanted.post.extension.as_deref().and_then(film);
        if let Some(film) = of_post.or_else(|| film(url.path().rsplit_once('.')?.1)) {
            return refused("no-picture", format!("the site calls it .{film}"));
        }
        self.run.store.check_room()?;
        let referer = request.site.dialect.referer(&request.root);
        let ask = HttpRequest {
            referer: referer.as_deref(),
            known: wanted.known(),
            ..HttpRequest::file(&url, self.run.settings().max_bytes)
        };
        // Given back before the picture is checked and written; nobody closes it.
        let connection = self.connections.acquire().await;
        let answer = self.run.client.get(&ask).await;
        drop(connection);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                return attempt_of(error, |outcome| File {
                    robots: forbidden(&outcome),
                    ..wanted.file(outcome)
                });
            }
        };
        let (version, robots) = (answer.version.clone(), answer.robots.clone());
        let unchanged = answer.is_unchanged();
        let before = wanted.before.filter(|_| unchanged);
        let (outcome, image) = match before.and_then(|before| before.image.clone()) {
            Some(image) => (Outcome::Stored(image), None),
            None => match self.store(answer, wanted, &url).await? {
                Ok(image) => (Outcome::Stored(image.image.clone()), Some(image)),
                Err(outcome) => (outcome, None),
            },
        };
        let before = before.map(|before| before.known.clone()).unwrap_or_default();
        let file = File {
            etag: version.etag.or(before.etag),
            last_modified: version.last_modified.or(before.last_modified),
            robots,
            ..wanted.file(outcome)
        };
        Ok(Attempt::Done(Box::new(FetchOutcome { file, image, unchanged })))
    }

    /// Checks a picture and puts it into the store, or into the quarantine.
    async fn store(&self, answer: Answer, wanted: &Wanted<'_>, url: &Url) -> anyhow::Result<Result<Image, Outcome>> {
        let (store, denied_list) = (self.run.store.clone(), self.run.denied.clone());
        let quarantine = self.quarantine.clone();
        let origin = Origin {
            source: wanted.post.source.clone(),
            post: wanted.post.post.clone(),
            page: wanted.page,
            url: url.to_string(),
        };
        // The site names the MD5 of the original alone.
        let md5 = wanted.post.md5.clone();
        let md5 = md5.filter(|_| wanted.variant == Form::Original && wanted.pages == 1);
        let checked = tokio::task::spawn_blocking(move || {
            let check = || verify::check(&answer, md5.as_deref(), &Limits::default(), now());
            // A parser that panics on a hostile file is that file's failure, not the run's.
            let image = match catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| Err(panicked())) {
                Ok(image) => image,
                Err(outcome) => {
                    quarantine.keep(&answer.bytes, &origin, &outcome)?;
                    return anyhow::Ok(Err(outcome));
                }
            };
            if denied_list.has_image(&image) {
                return Ok(Err(denied(Some(&image.md5))));
            }
            store.place_blocking(&record::key(&image)?, answer.bytes)?;
            Ok(Ok(image))
        });
        match checked.await {
            Ok(kept) => kept.context("cannot keep a picture"),
            Err(error) => Err(anyhow::Error::new(error).context("checking a picture failed")),
        }
    }
}

/// Whether the outcome of an earlier attempt holds, and the picture lies where it lay.
fn lasts(before: &Earlier, file: &FileUrls, post: &Post) -> bool {
    let addresses = [
        file.original.as_deref(),
        file.sample.as_deref(),
        post.jpeg_url.as_deref(),
    ];
    before.lasts && !before.has_moved(&addresses)
}

fn panicked() -> Outcome {
    Outcome::Refused {
        reason: "undecodable",
        detail: "the parser of its header panicked".into(),
    }
}
