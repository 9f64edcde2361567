//! What was purged and must not come back.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use anyhow::Context;
use dataset::failure::Usage;

use super::images::Image;
use super::posts::Post;
use super::{Catalog, Write, now};
use crate::selection::one_word;

/// The reason of files that were refused because of this list.
pub const DENIED: &str = "denied";

/// In an entry's text: all sites.
const ALL: &str = "*";

/// What an entry denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A post of a source, whatever its picture.
    Post,
    /// An artist's posts, of one source or of all.
    Artist,
    /// Bytes, by SHA-256.
    Image,
    /// Bytes, by MD5: what a listing names.
    Md5,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Post, Self::Artist, Self::Image, Self::Md5];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Artist => "artist",
            Self::Image => "image",
            Self::Md5 => "md5",
        }
    }
}

/// One row of `denied`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// What is denied.
    pub kind: Kind,
    /// The source of a post or artist; empty: all, as it is for bytes.
    pub source: String,
    /// The post's id, the artist's name as [`artist_name`] writes it, or the hash.
    pub name: String,
}

impl Entry {
    /// A post.
    pub fn post(source: &str, post: &str) -> Self {
        Self::new(Kind::Post, source, post)
    }

    /// An artist, at one site or at all.
    pub fn artist(site: Option<&str>, name: &str) -> Self {
        Self::new(Kind::Artist, site.unwrap_or_default(), &artist_name(name))
    }

    /// Bytes by their SHA-256.
    pub fn image(hash: &str) -> Self {
        Self::new(Kind::Image, "", hash)
    }

    /// Bytes by their MD5.
    pub fn md5(hash: &str) -> Self {
        Self::new(Kind::Md5, "", hash)
    }

    fn new(kind: Kind, source: &str, name: &str) -> Self {
        Self {
            kind,
            source: source.into(),
            name: name.into(),
        }
    }

    /// Reads what [`Self`] prints: `post:SITE/ID`, `artist:SITE/NAME` (`*` for all sites), `image:HASH`
    /// or `md5:HASH`.
    ///
    /// # Errors
    /// [`Usage`] where the text is none of these.
    pub fn parse(text: &str) -> Result<Self, Usage> {
        let wrong = || {
            Usage(format!(
                "`{text}` is no entry of the deny list: write it as `pipeline purge --list` does (post:SITE/ID, \
                 artist:SITE/NAME, artist:*/NAME, image:HASH, md5:HASH)"
            ))
        };
        let (word, rest) = text.split_once(':').ok_or_else(wrong)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
        match kind.ok_or_else(wrong)? {
            kind @ (Kind::Image | Kind::Md5) => Ok(Self::new(kind, "", rest)),
            kind => {
                let (source, name) = rest.split_once('/').ok_or_else(wrong)?;
                match kind {
                    Kind::Artist => Ok(Self::artist(Some(source).filter(|source| *source != ALL), name)),
                    _ => Ok(Self::post(source, name)),
                }
            }
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.kind.as_str();
        let source = if self.source.is_empty() { ALL } else { &self.source };
        match self.kind {
            Kind::Post | Kind::Artist => write!(formatter, "{word}:{source}/{}", self.name),
            Kind::Image | Kind::Md5 => write!(formatter, "{word}:{}", self.name),
        }
    }
}

/// An artist's name as tags have it: lower-case, `_` between words.
pub fn artist_name(name: &str) -> String {
    one_word(name).to_lowercase()
}

/// The names of a post's artists, as [`artist_name`] writes them.
pub fn artists(post: &Post) -> impl Iterator<Item = String> {
    let tags = post.artists.split_whitespace().map(String::from);
    post.artist.as_deref().map(artist_name).into_iter().chain(tags)
}

/// The whole list, as a run asks it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Denied(Arc<Lists>);

#[derive(Debug, Default)]
struct Lists {
    posts: HashMap<String, HashSet<String>>,
    artists: HashMap<String, HashSet<String>>,
    images: HashSet<String>,
    md5s: HashSet<String>,
}

impl Denied {
    /// Reads the list. It changes under the lock alone, so a run reads it once.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn load(catalog: &Catalog) -> anyhow::Result<Self> {
        let rows: Vec<(String, String, String)> = sqlx::query_as("SELECT kind, source, name FROM denied")
            .fetch_all(catalog.pool())
            .await
            .context("cannot read the deny list")?;
        let mut lists = Lists::default();
        for (kind, source, name) in rows {
            match kind.as_str() {
                "post" => drop(lists.posts.entry(source).or_default().insert(name)),
                "artist" => drop(lists.artists.entry(source).or_default().insert(name)),
                "image" => drop(lists.images.insert(name)),
                _ => drop(lists.md5s.insert(name)),
            }
        }
        Ok(Self(Arc::new(lists)))
    }

    /// Whether a post was purged, by its id.
    pub fn names(&self, source: &str, post: &str) -> bool {
        self.0.posts.get(source).is_some_and(|posts| posts.contains(post))
    }

    /// Whether a post must not be recorded: it was purged, or is by an artist who was.
    pub fn refuses(&self, post: &Post) -> bool {
        let by = |name: &String| {
            let listed = |source: &str| self.0.artists.get(source).is_some_and(|names| names.contains(name));
            listed("") || listed(&post.source)
        };
        self.names(&post.source, &post.post) || (!self.0.artists.is_empty() && artists(post).any(|name| by(&name)))
    }

    /// Whether these bytes must not be fetched, by the MD5 that a post names.
    pub fn has_md5(&self, md5: Option<&str>) -> bool {
        md5.is_some_and(|md5| self.0.md5s.contains(md5))
    }

    /// Whether bytes must not be kept, by their SHA-256.
    pub fn has_sha256(&self, hash: &str) -> bool {
        self.0.images.contains(hash)
    }

    /// Whether a picture must not be stored.
    pub fn has_image(&self, image: &Image) -> bool {
        self.has_sha256(&image.image) || self.0.md5s.contains(&image.md5)
    }
}

/// Adds an entry: one that was asked for, or one that `because` brought and that is lifted with it.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, entry: &Entry, because: Option<&Entry>) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO denied (kind, source, name, because, recorded_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, source, name) DO UPDATE SET \
         because = CASE WHEN excluded.because = '' THEN '' ELSE denied.because END",
    )
    .bind(entry.kind.as_str())
    .bind(&entry.source)
    .bind(&entry.name)
    .bind(because.map(Entry::to_string).unwrap_or_default())
    .bind(now())
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot deny {entry}"))?;
    Ok(())
}

/// An entry that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The entry.
    pub entry: Entry,
    /// Epoch seconds.
    pub recorded_at: i64,
    /// How many entries it brought: posts, pictures, their MD5s.
    pub brought: u64,
}

/// The entries that were asked for, in the order of their texts.
///
/// # Errors
/// Where the database refuses.
pub async fn list(catalog: &Catalog) -> anyhow::Result<Vec<Listed>> {
    const CANNOT: &str = "cannot read the deny list";
    let sql = "SELECT kind, source, name, recorded_at FROM denied WHERE because = ''";
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as(sql).fetch_all(catalog.pool()).await.context(CANNOT)?;
    let sql = "SELECT because, COUNT(*) FROM denied WHERE because <> '' GROUP BY because";
    let brought: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(catalog.pool()).await.context(CANNOT)?;
    let brought: HashMap<String, i64> = brought.into_iter().collect();
    let mut list = Vec::new();
    for (word, source, name, recorded_at) in rows {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
        let kind = kind.with_context(|| format!("the deny list has an entry of the unknown kind `{word}`"))?;
        let entry = Entry { kind, source, name };
        let brought = brought.get(&entry.to_string()).map_or(0, |count| count.unsigned_abs());
        list.push(Listed {
            entry,
            recorded_at,
            brought,
        });
    }
    list.sort_by_key(|listed| listed.entry.to_string());
    Ok(list)
}

/// Takes an entry and all that it brought off the list, and forgets what was refused because of the
/// list and how far the entry's sites were listed, so that the next crawl meets them again. Says how
/// many entries went; none where there is no such entry.
///
/// # Errors
/// Where the database refuses.
pub async fn lift(write: &mut Write, entry: &Entry) -> anyhow::Result<u64> {
    let cannot = || format!("cannot take {entry} off the deny list");
    let gone = sqlx::query("DELETE FROM denied WHERE (kind = $1 AND source = $2 AND name = $3) OR because = $4")
        .bind(entry.kind.as_str())
        .bind(&entry.source)
        .bind(&entry.name)
        .bind(entry.to_string())
        .execute(write.connection())
        .await
        .with_context(cannot)?;
    for sql in [
        "UPDATE posts SET waiting = 1 WHERE EXISTS (SELECT 1 FROM files AS f WHERE f.source = posts.source \
         AND f.post = posts.post AND f.outcome = 'refused' AND f.reason = $1)",
        "DELETE FROM files WHERE outcome = 'refused' AND reason = $1",
    ] {
        let forgotten = sqlx::query(sql).bind(DENIED).execute(write.connection()).await;
        forgotten.with_context(cannot)?;
    }
    if matches!(entry.kind, Kind::Post | Kind::Artist) {
        let forgotten = sqlx::query("DELETE FROM cursors WHERE source = $1 OR $1 = ''")
            .bind(&entry.source)
            .execute(write.connection())
            .await;
        forgotten.with_context(cannot)?;
    }
    Ok(gone.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_printed() {
        let entries = [
            Entry::post("konachan", "12"),
            Entry::post("import:faces", "a/b c.png"),
            Entry::artist(None, "Some One"),
            Entry::artist(Some("pixiv"), "x/y"),
            Entry::image(&"ab".repeat(32)),
            Entry::md5(&"ab".repeat(16)),
        ];
        for entry in entries {
            assert_eq!(Entry::parse(&entry.to_string()).expect("is an entry"), entry);
        }
        for wrong in ["", "konachan/12", "post:12", "posts:konachan/12"] {
            assert!(Entry::parse(wrong).is_err(), "{wrong}");
        }
    }
}
