//! Posts as their sites describe them, and which of them are selected.

mod record;

use anyhow::Context;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Catalog;
use super::binds::Binds;
use crate::selection::Selection;

pub(super) use record::ROWS_AT_ONCE;
pub use record::{record, record_all};

/// Whether a post stands at its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Shown to everybody.
    Active,
    /// Removed by the site.
    Deleted,
    /// Waits for approval.
    Pending,
    /// Held back by its uploader or a moderator.
    Held,
}

impl Status {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::Pending => "pending",
            Self::Held => "held",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "pending" => Self::Pending,
            "held" => Self::Held,
            _ => Self::Deleted,
        }
    }
}

/// How explicit a post is, in one scale for all sites. The sites' own letters differ (`s` is "safe"
/// on one and "sensitive" on another), so each dialect translates its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rating {
    /// For everybody.
    Safe,
    /// Mildly suggestive.
    Sensitive,
    /// Suggestive.
    Questionable,
    /// Adults only.
    Explicit,
    /// The site gave none that is known.
    Unknown,
}

impl Rating {
    /// All, from harmless to unknown.
    pub const ALL: [Self; 5] = [
        Self::Safe,
        Self::Sensitive,
        Self::Questionable,
        Self::Explicit,
        Self::Unknown,
    ];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Sensitive => "sensitive",
            Self::Questionable => "questionable",
            Self::Explicit => "explicit",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|rating| rating.as_str() == word);
        known.unwrap_or(Self::Unknown)
    }
}

/// One row of `posts`.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// The site table in stages.toml, or `import:NAME`.
    pub source: String,
    /// The site's id, or the file's path in an imported folder.
    pub post: String,
    /// The id as a number, the keyset cursor; 0 for imports.
    pub number: i64,
    /// Whether it stands.
    pub status: Status,
    /// Upload at the site, epoch seconds.
    pub created_at: i64,
    /// When the counters were read, epoch seconds.
    pub fetched_at: i64,
    /// By the source's documented mapping; `None` where it has none.
    pub likes: Option<i64>,
    /// Views, where the source counts them.
    pub views: Option<i64>,
    /// Favourites, where the source counts them.
    pub favourites: Option<i64>,
    /// Score, where the source has one.
    pub score: Option<i64>,
    /// How explicit it is.
    pub rating: Rating,
    /// As [`tag_text`] writes them.
    pub tags: String,
    /// The artist, where known.
    pub artist: Option<String>,
    /// The post's own page.
    pub page_url: Option<String>,
    /// Where the artist published it.
    pub source_url: Option<String>,
    /// The original picture.
    pub file_url: Option<String>,
    /// MD5 of the original picture, as the site says.
    pub md5: Option<String>,
    /// Length of the original picture in bytes, as the site says.
    pub file_size: Option<i64>,
    /// Width in pixels, as the site says.
    pub width: Option<i64>,
    /// Height in pixels, as the site says.
    pub height: Option<i64>,
    /// Artist tags, as [`tag_text`] writes them.
    pub artists: String,
    /// Character tags, as [`tag_text`] writes them.
    pub characters: String,
    /// Copyright tags (series, studios), as [`tag_text`] writes them.
    pub copyrights: String,
    /// Whether the site said which tags are of those three kinds.
    pub kinds_known: bool,
    /// Extension of the original, as the site says: `jpg`, `png`, `webm`.
    pub extension: Option<String>,
    /// The original as JPEG, where the site makes one.
    pub jpeg_url: Option<String>,
    /// The picture scaled down, where the site makes one.
    pub sample_url: Option<String>,
    /// Pictures of the work, 1 but where works have several.
    pub pages: i64,
    /// Last edit at the site, epoch seconds, where it says.
    pub updated_at: Option<i64>,
    /// Whether a machine made it, where the source says.
    pub ai_made: Option<bool>,
}

impl Default for Post {
    /// A post that stands and of which nothing more is known.
    fn default() -> Self {
        Self {
            source: String::new(),
            post: String::new(),
            number: 0,
            status: Status::Active,
            created_at: 0,
            fetched_at: 0,
            likes: None,
            views: None,
            favourites: None,
            score: None,
            rating: Rating::Unknown,
            tags: NO_TAGS.into(),
            artist: None,
            page_url: None,
            source_url: None,
            file_url: None,
            md5: None,
            file_size: None,
            width: None,
            height: None,
            artists: NO_TAGS.into(),
            characters: NO_TAGS.into(),
            copyrights: NO_TAGS.into(),
            kinds_known: false,
            extension: None,
            jpeg_url: None,
            sample_url: None,
            pages: 1,
            updated_at: None,
            ai_made: None,
        }
    }
}

/// What [`tag_text`] gives for no tag.
const NO_TAGS: &str = " ";

/// Tags as the table has them: `" tag tag "`, lower-case, sorted, each once, a space at both ends,
/// so that a tag is found as the text `" tag "`.
pub fn tag_text<'tag>(tags: impl IntoIterator<Item = &'tag str>) -> String {
    let mut tags: Vec<String> = tags.into_iter().map(str::to_lowercase).collect();
    tags.sort_unstable();
    tags.dedup();
    if tags.is_empty() {
        return NO_TAGS.into();
    }
    format!(" {} ", tags.join(" "))
}

/// A row that has the columns of `posts`.
///
/// # Errors
/// Where a column is missing or of another type.
pub fn from_row(row: &AnyRow) -> Result<Post, sqlx::Error> {
    Ok(Post {
        source: row.try_get("source")?,
        post: row.try_get("post")?,
        number: row.try_get("number")?,
        status: Status::parse(&row.try_get::<String, _>("status")?),
        created_at: row.try_get("created_at")?,
        fetched_at: row.try_get("fetched_at")?,
        likes: row.try_get("likes")?,
        views: row.try_get("views")?,
        favourites: row.try_get("favourites")?,
        score: row.try_get("score")?,
        rating: Rating::parse(&row.try_get::<String, _>("rating")?),
        tags: row.try_get("tags")?,
        artist: row.try_get("artist")?,
        page_url: row.try_get("page_url")?,
        source_url: row.try_get("source_url")?,
        file_url: row.try_get("file_url")?,
        md5: row.try_get("md5")?,
        file_size: row.try_get("file_size")?,
        width: row.try_get("width")?,
        height: row.try_get("height")?,
        artists: row.try_get("artists")?,
        characters: row.try_get("characters")?,
        copyrights: row.try_get("copyrights")?,
        kinds_known: row.try_get::<i64, _>("kinds_known")? == 1,
        extension: row.try_get("extension")?,
        jpeg_url: row.try_get("jpeg_url")?,
        sample_url: row.try_get("sample_url")?,
        pages: row.try_get("pages")?,
        updated_at: row.try_get("updated_at")?,
        ai_made: row.try_get::<Option<i64>, _>("ai_made")?.map(|made| made == 1),
    })
}

/// Posts that stand and that a selection takes; those uploaded from `since` on.
///
/// # Errors
/// Where the database refuses.
pub async fn count(catalog: &Catalog, selection: &Selection, since: Option<i64>) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let mut sql = format!("SELECT COUNT(*) FROM posts AS p WHERE {}", binds.posts(selection));
    if let Some(since) = since {
        sql.push_str(&format!(" AND p.created_at >= {}", binds.number(since)));
    }
    let count = binds.count(sql, catalog.pool()).await;
    count.context("cannot count the selected posts")
}
