//! What goes with some posts: pictures that no other post holds, and heads that no other picture has.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use dataset::Key;

use super::Catalog;
use super::binds::Binds;
use super::denied::artist_name;
use super::images::parse_format;

/// Placeholders in one statement; both databases allow far more.
pub(super) const AT_ONCE: usize = 500;

/// Source and id.
pub type PostKey = (String, String);

/// A picture that no post holds any more once the purged ones are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GonePicture {
    /// SHA-256 of the bytes.
    pub image: String,
    /// MD5 of the bytes.
    pub md5: String,
    /// Its object in the store.
    pub key: Key,
}

/// Which of some posts are in the catalog, with the MD5 that each names.
///
/// # Errors
/// Where the database refuses.
pub async fn known(catalog: &Catalog, posts: &BTreeSet<PostKey>) -> anyhow::Result<BTreeMap<PostKey, Option<String>>> {
    let mut known = BTreeMap::new();
    for (source, posts) in by_source(posts.iter()) {
        for some in posts.chunks(AT_ONCE) {
            let mut binds = Binds::default();
            let (name, list) = (binds.text(source), binds.texts(some));
            let sql = format!("SELECT post, md5 FROM posts WHERE source = {name} AND post IN ({list})");
            let rows: Vec<(String, Option<String>)> = binds
                .fetch(sql, catalog.pool())
                .await
                .context("cannot look for posts")?;
            known.extend(rows.into_iter().map(|(post, md5)| ((source.to_string(), post), md5)));
        }
    }
    Ok(known)
}

/// The posts by an artist, of one source or of all.
///
/// # Errors
/// Where the database refuses.
pub async fn posts_by(catalog: &Catalog, site: Option<&str>, artist: &str) -> anyhow::Result<BTreeSet<PostKey>> {
    const CANNOT: &str = "cannot look for an artist's posts";
    // Compared here: the databases do not agree on what lower-case is beyond ASCII.
    let names: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT artist FROM posts WHERE artist IS NOT NULL")
        .fetch_all(catalog.pool())
        .await
        .context(CANNOT)?;
    let mut conditions = Vec::new();
    let mut binds = Binds::default();
    let tag = binds.text(&format!(" {} ", artist_name(artist)));
    conditions.push(format!("artists <> replace(artists, {tag}, '')"));
    for (name,) in names.iter().filter(|(name,)| artist_name(name) == artist_name(artist)) {
        conditions.push(format!("artist = {}", binds.text(name)));
    }
    let site = match site {
        Some(site) => format!("source = {} AND ", binds.text(site)),
        None => String::new(),
    };
    let sql = format!(
        "SELECT source, post FROM posts WHERE {site}({})",
        conditions.join(" OR ")
    );
    let rows: Vec<PostKey> = binds.fetch(sql, catalog.pool()).await.context(CANNOT)?;
    Ok(rows.into_iter().collect())
}

/// How many posts of sites that do not mark an artist's tag have it.
///
/// # Errors
/// Where the database refuses.
pub async fn untold(catalog: &Catalog, site: Option<&str>, artist: &str) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let tag = binds.text(&format!(" {} ", artist_name(artist)));
    let site = match site {
        Some(site) => format!(" AND source = {}", binds.text(site)),
        None => String::new(),
    };
    let sql = format!("SELECT COUNT(*) FROM posts WHERE kinds_known = 0 AND tags <> replace(tags, {tag}, ''){site}");
    binds
        .count(sql, catalog.pool())
        .await
        .context("cannot look for an artist's tag")
}

/// Every picture that some posts have, or had before their site replaced it, with one of the posts.
///
/// # Errors
/// Where the database refuses.
pub async fn pictures_of(catalog: &Catalog, posts: &BTreeSet<PostKey>) -> anyhow::Result<BTreeMap<String, PostKey>> {
    let mut pictures = BTreeMap::new();
    for (source, posts) in by_source(posts.iter()) {
        for some in posts.chunks(AT_ONCE) {
            for table in ["files", "replaced"] {
                let mut binds = Binds::default();
                let (name, list) = (binds.text(source), binds.texts(some));
                let sql = format!(
                    "SELECT image, post FROM {table} WHERE source = {name} AND post IN ({list}) AND image IS NOT NULL \
                     ORDER BY post"
                );
                let rows: Vec<(String, String)> = binds
                    .fetch(sql, catalog.pool())
                    .await
                    .context("cannot look for the posts' pictures")?;
                for (image, post) in rows {
                    pictures.entry(image).or_insert_with(|| (source.to_string(), post));
                }
            }
        }
    }
    Ok(pictures)
}

/// Those of some pictures that posts outside `posts` have too, each with one of these.
///
/// # Errors
/// Where the database refuses.
pub async fn held_elsewhere(
    catalog: &Catalog,
    images: &[&str],
    posts: &BTreeSet<PostKey>,
) -> anyhow::Result<BTreeMap<String, PostKey>> {
    let mut held = BTreeMap::new();
    for some in images.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT image, source, post FROM files WHERE outcome = 'stored' AND image IN ({}) ORDER BY source, post",
            binds.texts(some)
        );
        let rows: Vec<(String, String, String)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot look who else has the pictures")?;
        for (image, source, post) in rows {
            let holder = (source, post);
            if !posts.contains(&holder) {
                held.entry(image).or_insert(holder);
            }
        }
    }
    Ok(held)
}

/// Those of some MD5s that stored pictures of posts outside `posts` have.
///
/// # Errors
/// Where the database refuses.
pub async fn md5s_held_elsewhere(
    catalog: &Catalog,
    md5s: &BTreeMap<String, PostKey>,
    posts: &BTreeSet<PostKey>,
) -> anyhow::Result<Vec<String>> {
    let all: Vec<&str> = md5s.keys().map(String::as_str).collect();
    let mut held = Vec::new();
    for some in all.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT i.md5, f.source, f.post FROM images AS i JOIN files AS f ON f.image = i.image \
             WHERE f.outcome = 'stored' AND i.md5 IN ({})",
            binds.texts(some)
        );
        let rows: Vec<(String, String, String)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot look who else has the pictures")?;
        let elsewhere = rows
            .into_iter()
            .filter(|(_, source, post)| !posts.contains(&(source.clone(), post.clone())));
        held.extend(elsewhere.map(|(md5, ..)| md5));
    }
    Ok(held)
}

/// The rows of pictures, by SHA-256.
///
/// # Errors
/// Where the database refuses.
pub async fn pictures(catalog: &Catalog, images: &[&str]) -> anyhow::Result<Vec<GonePicture>> {
    let mut pictures = Vec::new();
    for some in images.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT image, format, md5 FROM images WHERE image IN ({}) ORDER BY image",
            binds.texts(some)
        );
        let rows: Vec<(String, String, String)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read the pictures")?;
        for (image, format, md5) in rows {
            let key = Key::image(&image, parse_format(&format)?.extension())?;
            pictures.push(GonePicture { image, md5, key });
        }
    }
    Ok(pictures)
}

/// The heads (SHA-256 of their PNGs) of some pictures that no other picture has, those of `also`
/// counted as theirs.
///
/// # Errors
/// Where the database refuses.
pub async fn heads_of(
    catalog: &Catalog,
    images: &BTreeSet<&str>,
    also: BTreeSet<String>,
) -> anyhow::Result<BTreeSet<String>> {
    const CANNOT: &str = "cannot look for the pictures' heads";
    let mut heads = also;
    let hashes: Vec<&str> = images.iter().copied().collect();
    for some in hashes.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let sql = format!("SELECT DISTINCT head FROM heads WHERE image IN ({})", binds.texts(some));
        let rows: Vec<(String,)> = binds.fetch(sql, catalog.pool()).await.context(CANNOT)?;
        heads.extend(rows.into_iter().map(|(head,)| head));
    }
    let all: Vec<String> = heads.iter().cloned().collect();
    for some in all.chunks(AT_ONCE) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        let mut binds = Binds::default();
        let sql = format!("SELECT head, image FROM heads WHERE head IN ({})", binds.texts(&some));
        let rows: Vec<(String, String)> = binds.fetch(sql, catalog.pool()).await.context(CANNOT)?;
        for (head, image) in rows {
            if !images.contains(image.as_str()) {
                heads.remove(&head);
            }
        }
    }
    Ok(heads)
}

/// Posts by their source.
pub(super) fn by_source<'post>(posts: impl Iterator<Item = &'post PostKey>) -> BTreeMap<&'post str, Vec<&'post str>> {
    let mut sources: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (source, post) in posts {
        sources.entry(source).or_default().push(post);
    }
    sources
}
