//! What the files beside a picture say of it: `a.txt` or `a.jpg.txt` with tags, `a.json` or `a.jpg.json`
//! with all that is known, as gallery-dl and `pipeline export` write them.

mod json;
mod tags;

use std::path::{Path, PathBuf};

use crate::catalog::posts::{Post, Rating, tag_text};

/// Longest sidecar that is read, in bytes.
const MOST_BYTES: u64 = 4_000_000;

/// A sidecar that says nothing, or nothing that can be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// A short fixed word, for counts.
    pub(super) reason: &'static str,
    /// The file, and what was seen.
    pub(super) detail: String,
}

/// What sidecars say of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct About {
    /// All tags, of whatever kind.
    tags: Vec<String>,
    artists: Vec<String>,
    characters: Vec<String>,
    copyrights: Vec<String>,
    /// Whether the three lists above are complete.
    kinds_known: bool,
    rating: Option<Rating>,
    artist: Option<String>,
    page_url: Option<String>,
    source_url: Option<String>,
    uploaded: Option<i64>,
    likes: Option<i64>,
    views: Option<i64>,
    favourites: Option<i64>,
    score: Option<i64>,
    ai_made: Option<bool>,
    /// The post that it was, at its site: source and id.
    pub(super) origin: Option<(String, String)>,
}

impl About {
    /// Reads a picture's sidecars, the one that says most first. A later one fills what is missing of tags;
    /// one that cannot be read is reported and passed over.
    pub(super) fn read(sidecars: &[PathBuf]) -> (Self, Vec<Fault>) {
        let (mut about, mut faults) = (Self::default(), Vec::new());
        for path in sidecars {
            let is_json = path.extension().is_some_and(|ending| ending == "json");
            let read = text_of(path).and_then(|text| parse(&text, is_json));
            match read {
                Ok(read) => about.fill(read),
                Err((reason, detail)) => faults.push(Fault {
                    reason,
                    detail: format!("{}: {detail}", path.display()),
                }),
            }
        }
        (about, faults)
    }

    /// Takes from another sidecar what is not known yet; tags as a whole, since an edited list leaves tags
    /// out on purpose.
    fn fill(&mut self, other: Self) {
        if self.tags.is_empty() {
            (self.tags, self.artists, self.characters) = (other.tags, other.artists, other.characters);
            (self.copyrights, self.kinds_known) = (other.copyrights, other.kinds_known);
        }
        self.rating = self.rating.or(other.rating);
        self.artist = self.artist.take().or(other.artist);
        self.page_url = self.page_url.take().or(other.page_url);
        self.source_url = self.source_url.take().or(other.source_url);
        self.uploaded = self.uploaded.or(other.uploaded);
        self.likes = self.likes.or(other.likes);
        self.views = self.views.or(other.views);
        self.favourites = self.favourites.or(other.favourites);
        self.score = self.score.or(other.score);
        self.ai_made = self.ai_made.or(other.ai_made);
        self.origin = self.origin.take().or(other.origin);
    }

    /// Puts all that is said into a post.
    pub(super) fn describe(self, post: &mut Post) {
        let list = |tags: &[String]| tag_text(tags.iter().map(String::as_str));
        post.tags = list(&self.tags);
        post.artists = list(&self.artists);
        post.characters = list(&self.characters);
        post.copyrights = list(&self.copyrights);
        post.kinds_known = self.kinds_known;
        // As a site names its artist where it names one.
        post.artist = self.artist.or_else(|| self.artists.first().cloned());
        post.rating = self.rating.unwrap_or(Rating::Unknown);
        (post.page_url, post.source_url) = (self.page_url, self.source_url);
        post.created_at = self.uploaded.unwrap_or(post.created_at);
        (post.likes, post.views) = (self.likes, self.views);
        (post.favourites, post.score) = (self.favourites, self.score);
        post.ai_made = self.ai_made;
    }
}

/// Why a sidecar says nothing: the word for counts, and what was seen.
pub(super) type Unread = (&'static str, String);

/// Reads a sidecar's text.
///
/// # Errors
/// Why it says nothing.
pub(super) fn parse(text: &str, is_json: bool) -> Result<About, Unread> {
    match is_json {
        true => json::read(text),
        false => tags::read(text),
    }
}

/// A sidecar's text, also behind a byte order mark.
fn text_of(path: &Path) -> Result<String, Unread> {
    let unreadable = |error: std::io::Error| ("unreadable", error.to_string());
    let length = path.metadata().map_err(unreadable)?.len();
    if length > MOST_BYTES {
        return Err(("too-large", format!("{length} bytes; up to {MOST_BYTES} are read")));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) if text.trim().is_empty() => Err(("empty", "nothing in it".into())),
        Ok(text) => Ok(text.into()),
        Err(error) => Err(("not-utf8", format!("no UTF-8 from byte {} on", error.valid_up_to()))),
    }
}
