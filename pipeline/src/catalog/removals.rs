//! Taking out what is purged: rows at once, objects of the store by way of a list that outlives a crash.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use dataset::Key;

use super::binds::Binds;
use super::denied::{self, Entry};
use super::purge::{AT_ONCE, GonePicture, PostKey, by_source};
use super::{Catalog, Write, duplicate_groups};

/// What one purge takes.
#[derive(Clone, Debug, Default)]
pub struct Gone {
    /// The entries that were asked for.
    pub asked: Vec<Entry>,
    /// The posts, each with the entry that it goes by.
    pub posts: BTreeMap<PostKey, Entry>,
    /// SHA-256 of every picture that goes, each with one of the posts that had it; frozen versions may know
    /// pictures that are in no table.
    pub images: BTreeMap<String, PostKey>,
    /// MD5s that the posts name, each with one of them.
    pub md5s: BTreeMap<String, PostKey>,
    /// The pictures.
    pub pictures: Vec<GonePicture>,
    /// SHA-256 of the heads' PNGs.
    pub heads: BTreeSet<String>,
}

/// Denies all of it, takes it out of every table, and lists its objects for [`pending`]. One transaction:
/// all of it, or nothing. Gives the duplicate groups that are left of those that lost a member.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, gone: &Gone) -> anyhow::Result<BTreeSet<String>> {
    deny(write, gone).await?;
    let heads = gone.heads.iter().map(|head| Key::head(head));
    let pictures = gone.pictures.iter().map(|picture| Ok(picture.key.clone()));
    for key in heads.chain(pictures) {
        sqlx::query("INSERT INTO removals (object) VALUES ($1) ON CONFLICT (object) DO NOTHING")
            .bind(key?.as_str())
            .execute(write.connection())
            .await
            .context("cannot list what is to be removed")?;
    }
    let images: Vec<&str> = gone.pictures.iter().map(|picture| picture.image.as_str()).collect();
    let mut touched = BTreeSet::new();
    for some in images.chunks(AT_ONCE) {
        touched.extend(take_pictures(write, some).await.context("cannot remove pictures")?);
    }
    for (source, posts) in by_source(gone.posts.keys()) {
        for some in posts.chunks(AT_ONCE) {
            take_posts(write, source, some).await.context("cannot remove posts")?;
        }
    }
    take_heads(write, &gone.heads)
        .await
        .context("cannot remove what is known of heads")?;
    let pixels: Vec<&str> = touched.iter().map(String::as_str).collect();
    let groups = duplicate_groups::take_lost(write, &pixels).await;
    groups.context("cannot take heads out of the groups of near-duplicates")
}

async fn deny(write: &mut Write, gone: &Gone) -> anyhow::Result<()> {
    for entry in &gone.asked {
        denied::record(write, entry, None).await?;
    }
    let by = |post: &PostKey| gone.posts.get(post);
    for (post, because) in &gone.posts {
        let entry = Entry::post(&post.0, &post.1);
        if entry != *because {
            denied::record(write, &entry, Some(because)).await?;
        }
    }
    for (image, post) in &gone.images {
        denied::record(write, &Entry::image(image), by(post)).await?;
    }
    for (md5, post) in &gone.md5s {
        denied::record(write, &Entry::md5(md5), by(post)).await?;
    }
    Ok(())
}

/// Takes pictures with all that was found in them; gives the pixel hashes of their heads.
async fn take_pictures(write: &mut Write, images: &[&str]) -> Result<Vec<String>, sqlx::Error> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT DISTINCT pixels FROM heads WHERE image IN ({})",
        binds.texts(images)
    );
    let groups: Vec<(String,)> = binds.fetch(sql, write.connection()).await?;
    for table in [
        "decisions",
        "verdicts",
        "heads",
        "faces",
        "detections",
        "replaced",
        "images",
    ] {
        let mut binds = Binds::default();
        let sql = format!("DELETE FROM {table} WHERE image IN ({})", binds.texts(images));
        binds.fetch_rows(sql, write.connection()).await?;
    }
    Ok(groups.into_iter().map(|(pixels,)| pixels).collect())
}

/// Takes what networks and hands said of heads.
async fn take_heads(write: &mut Write, heads: &BTreeSet<String>) -> Result<(), sqlx::Error> {
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    for some in heads.chunks(AT_ONCE) {
        for table in ["second_passes", "styles", "decisions"] {
            let mut binds = Binds::default();
            let sql = format!("DELETE FROM {table} WHERE head IN ({})", binds.texts(some));
            binds.fetch_rows(sql, write.connection()).await?;
        }
    }
    Ok(())
}

async fn take_posts(write: &mut Write, source: &str, posts: &[&str]) -> Result<(), sqlx::Error> {
    for table in ["replaced", "files", "posts"] {
        let mut binds = Binds::default();
        let (source, list) = (binds.text(source), binds.texts(posts));
        let sql = format!("DELETE FROM {table} WHERE source = {source} AND post IN ({list})");
        binds.fetch_rows(sql, write.connection()).await?;
    }
    Ok(())
}

/// The objects that purges have yet to take out of the store.
///
/// # Errors
/// Where the database refuses.
pub async fn pending(catalog: &Catalog) -> anyhow::Result<Vec<Key>> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT object FROM removals ORDER BY object")
        .fetch_all(catalog.pool())
        .await
        .context("cannot read what is to be removed")?;
    rows.iter().map(|(name,)| Ok(Key::parse(name)?)).collect()
}

/// Forgets the list of [`pending`]: all of it is out of the store.
///
/// # Errors
/// Where the database refuses.
pub async fn clear(write: &mut Write) -> anyhow::Result<()> {
    let forgotten = sqlx::query("DELETE FROM removals").execute(write.connection()).await;
    forgotten.context("cannot note what was removed")?;
    Ok(())
}
