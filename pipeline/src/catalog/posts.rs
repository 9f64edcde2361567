//! Posts as their sites describe them, and which of them are selected.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::Context;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use super::binds::Binds;
use super::{Catalog, Write};
use crate::selection::Selection;

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

    fn parse(word: &str) -> Self {
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

/// The columns, as they are bound and updated.
const COLUMNS: [&str; 30] = [
    "source",
    "post",
    "number",
    "status",
    "created_at",
    "fetched_at",
    "likes",
    "views",
    "favourites",
    "score",
    "rating",
    "tags",
    "artist",
    "page_url",
    "source_url",
    "file_url",
    "md5",
    "file_size",
    "width",
    "height",
    "artists",
    "characters",
    "copyrights",
    "kinds_known",
    "extension",
    "jpeg_url",
    "sample_url",
    "pages",
    "updated_at",
    "ai_made",
];

/// Whether the site now shows other bytes than when the post was last recorded: another MD5; where
/// it names none, a later edit; or a file where there was none.
const OTHER_FILE: &str = "excluded.md5 <> posts.md5 \
    OR (excluded.md5 IS NULL AND excluded.updated_at > posts.updated_at) \
    OR (posts.file_url IS NULL AND excluded.file_url IS NOT NULL AND EXISTS (SELECT 1 FROM files AS f \
    WHERE f.source = posts.source AND f.post = posts.post AND f.reason = 'no-file'))";

/// Columns that stay where this answer does not say the kinds of tags, and an earlier one said them of
/// the same tags: kinds are asked for once.
const KINDS: [&str; 5] = ["artists", "characters", "copyrights", "kinds_known", "artist"];

/// What becomes of every column but the key where the post is known.
static UPDATES: LazyLock<String> = LazyLock::new(|| {
    let update = |column: &&str| match *column {
        kinds if KINDS.contains(&kinds) => format!(
            "{kinds} = CASE WHEN excluded.kinds_known = 0 AND posts.kinds_known = 1 AND excluded.tags = posts.tags \
             THEN posts.{kinds} ELSE excluded.{kinds} END"
        ),
        "updated_at" => "updated_at = COALESCE(excluded.updated_at, posts.updated_at)".to_string(),
        column => format!("{column} = excluded.{column}"),
    };
    let updates: Vec<String> = COLUMNS[2..].iter().map(update).collect();
    format!(
        "ON CONFLICT (source, post) DO UPDATE SET {}, waiting = CASE WHEN {OTHER_FILE} THEN 1 ELSE posts.waiting END",
        updates.join(", ")
    )
});

/// Rows of one statement. SQLite looks each placeholder up by its name, so that the work grows with
/// their square: ten rows are quicker than one and than fifty.
const ROWS_AT_ONCE: usize = 10;

/// Writes a post, or what its site now says of a known one.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, post: &Post) -> anyhow::Result<()> {
    record_all(write, [post]).await
}

/// Writes posts, or what their site now says of known ones; of a post that is given twice, the last.
/// A post whose file is new, or was replaced, waits from then on.
///
/// # Errors
/// Where the database refuses.
pub async fn record_all<'post>(write: &mut Write, posts: impl IntoIterator<Item = &'post Post>) -> anyhow::Result<()> {
    let last: BTreeMap<(&str, &str), &Post> = posts
        .into_iter()
        .map(|post| ((post.source.as_str(), post.post.as_str()), post))
        .collect();
    let posts: Vec<&Post> = last.into_values().collect();
    for rows in posts.chunks(ROWS_AT_ONCE) {
        let query = sqlx::query(AssertSqlSafe(insertion(rows.len())));
        let query = rows.iter().fold(query, |query, post| bind(query, post));
        query.execute(write.connection()).await.with_context(|| match rows {
            [post] => format!("cannot record post {} of {}", post.post, post.source),
            _ => format!("cannot record {} posts of {}", rows.len(), rows[0].source),
        })?;
    }
    Ok(())
}

/// The statement that writes so many posts.
fn insertion(rows: usize) -> String {
    let row = |row: usize| {
        let places = (1..=COLUMNS.len()).map(|place| format!("${}", row * COLUMNS.len() + place));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO posts ({}) VALUES {} {}",
        COLUMNS.join(", "),
        rows.join(", "),
        *UPDATES
    )
}

/// Binds a post's columns, in the order of [`COLUMNS`].
fn bind<'q>(query: Query<'q, Any, AnyArguments>, post: &'q Post) -> Query<'q, Any, AnyArguments> {
    query
        .bind(&post.source)
        .bind(&post.post)
        .bind(post.number)
        .bind(post.status.as_str())
        .bind(post.created_at)
        .bind(post.fetched_at)
        .bind(post.likes)
        .bind(post.views)
        .bind(post.favourites)
        .bind(post.score)
        .bind(post.rating.as_str())
        .bind(&post.tags)
        .bind(post.artist.as_deref())
        .bind(post.page_url.as_deref())
        .bind(post.source_url.as_deref())
        .bind(post.file_url.as_deref())
        .bind(post.md5.as_deref())
        .bind(post.file_size)
        .bind(post.width)
        .bind(post.height)
        .bind(&post.artists)
        .bind(&post.characters)
        .bind(&post.copyrights)
        .bind(i64::from(post.kinds_known))
        .bind(post.extension.as_deref())
        .bind(post.jpeg_url.as_deref())
        .bind(post.sample_url.as_deref())
        .bind(post.pages)
        .bind(post.updated_at)
        .bind(post.ai_made.map(i64::from))
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
