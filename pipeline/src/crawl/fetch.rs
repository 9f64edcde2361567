//! Fetching the pictures of one post: which of its files, checked at arrival, bytes into the store
//! before anything is recorded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Context;
use dataset::Store;
use tokio::sync::Semaphore;
use url::Url;
use vision::picture::Limits;

use super::arrival;
use super::fetched;
use super::form::{choose, film};
use super::http::{Answer, Ask, Client, HttpError, Known};
use super::request::{CrawlRequest, Form};
use super::settings::CrawlSettings;
use super::source::FileUrls;
use super::tries::{Arrival, Missed, Try, arrived, denied, forbidden, missed, no_file};
use crate::catalog::denied::Denied;
use crate::catalog::files::{self, Earlier, File, Outcome, Pending};
use crate::catalog::images::{self, Image};
use crate::catalog::posts::Post;
use crate::catalog::{Catalog, now};
use crate::quarantine::{Origin, Quarantine};

/// A list of a work's pictures is some 50 KB.
const MOST_LIST_BYTES: u64 = 8_000_000;

/// A post that was dealt with.
pub struct Fetch {
    /// What came of each of its pictures that was asked for.
    pub tries: Vec<Try>,
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
}

/// What all fetches of a request share.
pub struct Fetcher<'run> {
    /// What is known of earlier attempts.
    pub catalog: &'run Catalog,
    /// Where bytes go.
    pub store: &'run Store,
    /// How hosts are asked.
    pub client: &'run Client,
    /// What was asked for.
    pub request: &'run CrawlRequest,
    /// `[crawl]`.
    pub settings: &'run CrawlSettings,
    /// What is not to be stored.
    pub denied: &'run Denied,
    /// Where files go that are not what their post says.
    pub quarantine: Quarantine,
    /// One for each picture that may be on its way at once.
    pub connections: Semaphore,
}

impl Fetcher<'_> {
    /// The host that a post's pictures are expected at.
    pub fn host(&self, post: &Post) -> String {
        let url = post
            .file_url
            .as_deref()
            .and_then(|text| self.request.file_url(text).ok());
        let url = url.as_ref().unwrap_or(&self.request.root);
        url.host_str().unwrap_or_default().to_string()
    }

    /// How many pictures a post may give.
    pub fn pages(&self, post: &Post) -> u64 {
        post.pages
            .clamp(1, i64::from(self.request.site.max_pages))
            .unsigned_abs()
    }

    /// Fetches those of a post's pictures that it has no lasting outcome for, at most `most`.
    ///
    /// # Errors
    /// Where the store or the catalog fails, or the site does not want to be asked any more.
    pub async fn post(&self, pending: Pending, most: u64) -> anyhow::Result<Fetch> {
        let host = self.host(&pending.post);
        let tries = self.tries(&pending, most).await?;
        Ok(Fetch { tries, host })
    }

    async fn tries(&self, pending: &Pending, most: u64) -> anyhow::Result<Vec<Try>> {
        let post = &pending.post;
        if self.denied.has_md5(post.md5.as_deref()) {
            return Ok(vec![arrived(File::of(post, denied(post.md5.as_deref())))]);
        }
        if let Some(image) = &pending.known_image
            && self.is_there(image).await?
        {
            return Ok(vec![arrived(File::of(post, Outcome::Stored(image.clone())))]);
        }
        let files = match self.files(post).await? {
            Ok(files) => files,
            Err(tried) => return Ok(vec![tried]),
        };
        let earlier = match (&post.md5, files.len()) {
            // An MD5 says all that earlier attempts could.
            (Some(_), 1) => Vec::new(),
            _ => files::of_post(self.catalog, &post.source, &post.post).await?,
        };
        let mut tries = Vec::new();
        for (page, file) in (0..).zip(&files) {
            let before = earlier.iter().find(|earlier| earlier.page == page);
            let last = page + 1 == files.len() as i64;
            // A post that waits has something to record, and be it again what its last picture was.
            let lasts = |before: &Earlier| {
                before.lasts
                    && !before.has_moved(&[
                        file.original.as_deref(),
                        file.sample.as_deref(),
                        post.jpeg_url.as_deref(),
                    ])
            };
            if before.is_some_and(lasts) && !(last && tries.is_empty()) {
                continue;
            }
            if tries.len() as u64 == most {
                break;
            }
            let tried = self.page(post, page, files.len() as i64, file, before).await?;
            let ended = !matches!(tried, Try::Arrived(_));
            tries.push(tried);
            if ended {
                break;
            }
        }
        Ok(tries)
    }

    /// Whether a known picture's bytes are in the store, or were dropped on purpose.
    async fn is_there(&self, image: &str) -> anyhow::Result<bool> {
        let object = images::object_of(self.catalog, image).await?;
        Ok(object.is_none_or(|(key, bytes)| self.store.holds(&key, Some(bytes))))
    }

    /// The addresses of a post's pictures, at least one; or what came of asking for them.
    async fn files(&self, post: &Post) -> anyhow::Result<Result<Vec<FileUrls>, Try>> {
        let (search, dialect) = (self.request.search(), self.request.site.dialect);
        let listed = dialect.files_url(&search, post);
        let Some(url) = listed.filter(|_| post.file_url.is_none() || self.request.site.max_pages > 1) else {
            return Ok(Ok(vec![FileUrls {
                original: post.file_url.clone(),
                sample: post.sample_url.clone(),
            }]));
        };
        let read = |answer: &Answer| match answer.is_web_page() {
            true => Err("a web page where JSON was due".into()),
            false => dialect.parse_files(&search, &answer.bytes),
        };
        match self.client.read(&Ask::api(&url, MOST_LIST_BYTES), read).await {
            Ok(files) if files.is_empty() => Ok(Err(arrived(File::of(post, no_file())))),
            Ok(mut files) => {
                files.truncate(self.request.site.max_pages as usize);
                Ok(Ok(files))
            }
            Err(error) => missed(error).map(|missed| Err(self.first(post, missed))),
        }
    }

    /// A miss that befell a post before any of its pictures was known.
    fn first(&self, post: &Post, missed: Missed) -> Try {
        match missed {
            Missed::Outcome(outcome) => arrived(File::of(post, outcome)),
            Missed::Try(tried) => tried,
        }
    }

    async fn page(
        &self,
        post: &Post,
        page: i64,
        pages: i64,
        file: &FileUrls,
        before: Option<&Earlier>,
    ) -> anyhow::Result<Try> {
        let jpeg = post.jpeg_url.as_deref().filter(|_| pages == 1);
        let Some((url, variant)) = choose(self.request.file, file, jpeg) else {
            let file = File {
                page,
                pages,
                ..File::of(post, no_file())
            };
            return Ok(arrived(file));
        };
        let wanted = Wanted {
            post,
            page,
            pages,
            url,
            variant,
            before,
        };
        self.wanted(&wanted).await
    }

    async fn wanted(&self, wanted: &Wanted<'_>) -> anyhow::Result<Try> {
        let refused = |reason, detail| Ok(arrived(wanted.file(Outcome::Refused { reason, detail })));
        let url = match self.request.file_url(wanted.url) {
            Ok(url) => url,
            Err(detail) => return refused("foreign-host", detail),
        };
        // The first frame alone, which some sites show as a file, is not what was liked.
        let of_post = wanted.post.extension.as_deref().and_then(film);
        if let Some(film) = of_post.or_else(|| film(url.path().rsplit_once('.')?.1)) {
            return refused("no-picture", format!("the site calls it .{film}"));
        }
        self.store.check_room()?;
        let answer = match self.ask(&url, wanted).await {
            Ok(answer) => answer,
            Err(error) => {
                return missed(error).map(|missed| match missed {
                    Missed::Outcome(outcome) => arrived(File {
                        robots: forbidden(&outcome),
                        ..wanted.file(outcome)
                    }),
                    Missed::Try(tried) => tried,
                });
            }
        };
        let (version, robots) = (answer.version.clone(), answer.robots.clone());
        let unchanged = answer.is_unchanged();
        let known = wanted
            .before
            .and_then(|before| before.image.clone())
            .filter(|_| unchanged);
        let kept = match known {
            Some(image) => Ok((image, None)),
            None => self
                .keep(answer, wanted, &url)
                .await?
                .map(|image| (image.image.clone(), Some(image))),
        };
        let (outcome, image) = match kept {
            Ok((name, image)) => (Outcome::Stored(name), image),
            Err(outcome) => (outcome, None),
        };
        let before = wanted.before.filter(|_| unchanged).map(|before| before.known.clone());
        let before = before.unwrap_or_default();
        let file = File {
            etag: version.etag.or(before.etag),
            last_modified: version.last_modified.or(before.last_modified),
            robots,
            ..wanted.file(outcome)
        };
        Ok(Try::Arrived(Box::new(Arrival { file, image, unchanged })))
    }

    async fn ask(&self, url: &Url, wanted: &Wanted<'_>) -> Result<Answer, HttpError> {
        let referer = self.request.site.dialect.referer(&self.request.root);
        let before = wanted.before.filter(|before| before.image.is_some());
        let known = before
            .filter(|before| before.variant == wanted.variant.as_str())
            .map(|before| &before.known)
            .filter(|known| **known != Known::default());
        let ask = Ask {
            referer: referer.as_deref(),
            known,
            ..Ask::file(url, self.settings.max_bytes)
        };
        // Given back before the picture is checked and written; nobody closes it.
        let _connection = self.connections.acquire().await;
        self.client.get(&ask).await
    }

    /// Checks a picture and puts it into the store.
    async fn keep(&self, answer: Answer, wanted: &Wanted<'_>, url: &Url) -> anyhow::Result<Result<Image, Outcome>> {
        let (store, deny, quarantine) = (self.store.clone(), self.denied.clone(), self.quarantine.clone());
        let origin = Origin {
            source: wanted.post.source.clone(),
            post: wanted.post.post.clone(),
            page: wanted.page,
            url: url.to_string(),
        };
        // The site names the MD5 of the original alone.
        let md5 = wanted
            .post
            .md5
            .clone()
            .filter(|_| wanted.variant == Form::Original && wanted.pages == 1);
        let checked = tokio::task::spawn_blocking(move || {
            let image = match checked(&answer, md5.as_deref()) {
                Ok(image) => image,
                Err(outcome) => {
                    quarantine.keep(&answer.bytes, &origin, &outcome)?;
                    return anyhow::Ok(Err(outcome));
                }
            };
            if deny.has_image(&image) {
                return Ok(Err(denied(Some(&image.md5))));
            }
            store.place_blocking(&fetched::key(&image)?, answer.bytes)?;
            Ok(Ok(image))
        });
        match checked.await {
            Ok(kept) => kept.context("cannot keep a picture"),
            Err(error) => Err(anyhow::Error::new(error).context("checking a picture failed")),
        }
    }
}

/// Checks a picture; a parser that panics on a hostile file is that file's failure, not the run's.
fn checked(answer: &Answer, md5: Option<&str>) -> Result<Image, Outcome> {
    let check = || arrival::check(answer, md5, &Limits::default(), now());
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| {
        Err(Outcome::Refused {
            reason: "undecodable",
            detail: "the parser of its header panicked".into(),
        })
    })
}
