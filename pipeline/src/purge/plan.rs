//! What a purge would take, found before anything is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use dataset::manifest::Tombstones;
use dataset::{Key, Manifest, ManifestRow, Store, StoreError};
use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::catalog::denied::{Entry, Kind, artist_name};
use crate::catalog::purge::{self, PostKey};
use crate::catalog::removals::Gone;
use crate::summary::Summary;

/// Holders of pictures that stay are named up to so many.
const NAMED: usize = 20;

/// What a purge takes.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What goes out of the catalog and the store.
    pub gone: Gone,
    /// Heads that each manifest loses.
    pub tombstones: BTreeMap<String, BTreeSet<String>>,
    /// Posts that are in the catalog.
    pub known: u64,
    /// Posts that are asked for and nowhere to be found; they are denied all the same.
    pub unknown: Vec<PostKey>,
    /// Pictures that stay, since a post which is not purged has them too, with that post.
    pub held: BTreeMap<String, PostKey>,
    /// Posts with the artist's tag, of sites that do not mark artists' tags, by artist.
    pub untold: Vec<(Entry, u64)>,
}

impl Plan {
    /// Finds out. Manifests are asked as well as the catalog: they may know more of old posts. What an
    /// earlier purge took is not counted again.
    ///
    /// # Errors
    /// Where the catalog or a manifest cannot be read.
    pub async fn of(catalog: &Catalog, store: &Store, manifests: &Path, asked: &[Entry]) -> anyhow::Result<Self> {
        let frozen = read_all(manifests, store)?;
        let (posts, untold) = find(catalog, &frozen, asked).await?;
        let keys: BTreeSet<PostKey> = posts.keys().cloned().collect();
        let known = purge::known(catalog, &keys).await?;
        let rows: Vec<&ManifestRow> = frozen
            .values()
            .flat_map(|frozen| &frozen.there)
            .filter(|row| keys.contains(&key_of(row)))
            .collect();
        let mut images = purge::pictures_of(catalog, &keys).await?;
        for row in &rows {
            images.entry(row.image.clone()).or_insert_with(|| key_of(row));
        }
        let hashes: Vec<&str> = images.keys().map(String::as_str).collect();
        let held = purge::held_elsewhere(catalog, &hashes, &keys).await?;
        images.retain(|image, _| !held.contains_key(image));
        let gone: BTreeSet<&str> = images.keys().map(String::as_str).collect();
        let of_gone = rows.iter().filter(|row| gone.contains(row.image.as_str()));
        let frozen_heads = of_gone.map(|row| row.head.clone()).collect();
        let heads = purge::heads_of(catalog, &gone, frozen_heads).await?;
        let hashes: Vec<&str> = images.keys().map(String::as_str).collect();
        let pictures = purge::pictures(catalog, &hashes).await?;
        let mut md5s = md5s_to_deny(catalog, &known, &keys).await?;
        md5s.extend(
            pictures
                .iter()
                .map(|picture| (picture.md5.clone(), images[&picture.image].clone())),
        );
        Ok(Self {
            tombstones: tombstones(&frozen, &heads),
            unknown: unknown(&posts, &known, &frozen),
            known: known.len() as u64,
            gone: Gone {
                asked: asked.to_vec(),
                posts,
                images,
                md5s,
                pictures,
                heads,
            },
            held,
            untold,
        })
    }

    /// The counts, with the bytes that are in the store now.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn summary(&self, store: &Store) -> Result<Summary, StoreError> {
        let heads = self.gone.heads.iter().filter_map(|head| Key::head(head).ok());
        let keys = self.gone.pictures.iter().map(|picture| picture.key.clone());
        let all: Vec<Key> = keys.chain(heads).collect();
        let length = |key: &Key| store.length(key).map(Option::unwrap_or_default);
        let bytes: Result<Vec<u64>, StoreError> = store.in_parallel(|| all.par_iter().map(length).collect());
        let mut summary = Summary {
            done: self.known,
            ..Summary::default()
        };
        summary.line("posts", summary.done);
        summary.line("pictures", self.gone.pictures.len() as u64);
        summary.line("heads", self.gone.heads.len() as u64);
        summary.line("bytes", bytes?.iter().sum());
        for (name, heads) in &self.tombstones {
            summary.line(format!("heads of manifest {name}"), heads.len() as u64);
        }
        if !self.held.is_empty() {
            summary.line("pictures that stay: other posts have them", self.held.len() as u64);
        }
        Ok(summary)
    }

    /// Says on standard error what the counts do not: what is not there, and what stays.
    pub fn explain(&self) {
        for (source, post) in &self.unknown {
            eprintln!("{source}/{post} is not in the catalog; it is denied all the same");
        }
        for (image, (source, post)) in self.held.iter().take(NAMED) {
            eprintln!(
                "picture {} stays: {source}/{post} has it too; purge that as well if it is to go",
                &image[..12]
            );
        }
        for (entry, count) in &self.untold {
            eprintln!(
                "{count} posts have the tag {} at sites that do not say whose tags are artists'; they stay unless you \
                 purge them by --post",
                entry.name
            );
        }
    }

    /// Names the training runs that have seen purged heads: their weights cannot be purged.
    pub(super) fn name_trained(&self, runs: &Path) {
        for folder in dataset::files::sorted_entries(runs).unwrap_or_default() {
            let Ok(text) = std::fs::read(folder.join("run.json")) else {
                continue;
            };
            let about: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
            if about["manifest"]
                .as_str()
                .is_some_and(|name| self.tombstones.contains_key(name))
            {
                eprintln!(
                    "{} was trained with purged heads, and keeps in its weights what it learned; delete it if it should not",
                    folder.display()
                );
            }
        }
    }
}

fn key_of(row: &ManifestRow) -> PostKey {
    (row.source.clone(), row.post.clone())
}

fn site_of(entry: &Entry) -> Option<&str> {
    Some(entry.source.as_str()).filter(|source| !source.is_empty())
}

/// A manifest's rows.
struct Frozen {
    /// All but those whose heads an earlier purge took.
    there: Vec<ManifestRow>,
    /// Those.
    purged: Vec<ManifestRow>,
    tombstones: Tombstones,
}

/// Every manifest by its name.
fn read_all(manifests: &Path, store: &Store) -> anyhow::Result<BTreeMap<String, Frozen>> {
    let names = dataset::manifest::list(manifests)?;
    let there = store.contents("heads")?;
    let read = names.into_iter().map(|name| {
        let cannot = || format!("cannot tell what of the manifest `{name}` would go; restore or remove it first");
        let folder = manifests.join(&name);
        let manifest = Manifest::load(&folder).with_context(cannot)?;
        let tombstones = Tombstones::load(&folder).with_context(cannot)?;
        // A purge that was killed early has left tombstones, and heads in the store.
        let stored = |head: &str| Key::head(head).is_ok_and(|key| there.holds(&key, None));
        let (purged, there) = manifest
            .rows
            .into_iter()
            .partition(|row| tombstones.contains(&row.head) && !stored(&row.head));
        let frozen = Frozen {
            there,
            purged,
            tombstones,
        };
        Ok((name, frozen))
    });
    read.collect()
}

/// The posts that are asked for, each with its entry, and what [`Plan::untold`] says.
async fn find(
    catalog: &Catalog,
    frozen: &BTreeMap<String, Frozen>,
    asked: &[Entry],
) -> anyhow::Result<(BTreeMap<PostKey, Entry>, Vec<(Entry, u64)>)> {
    let mut posts: BTreeMap<PostKey, Entry> = BTreeMap::new();
    let mut untold = Vec::new();
    for entry in asked {
        for post in posts_of(catalog, frozen, entry).await? {
            posts.entry(post).or_insert_with(|| entry.clone());
        }
        if entry.kind == Kind::Artist {
            let count = purge::untold(catalog, site_of(entry), &entry.name).await?;
            untold.extend((count > 0).then(|| (entry.clone(), count)));
        }
    }
    Ok((posts, untold))
}

/// The posts that an entry asks for.
async fn posts_of(
    catalog: &Catalog,
    frozen: &BTreeMap<String, Frozen>,
    entry: &Entry,
) -> anyhow::Result<BTreeSet<PostKey>> {
    if entry.kind != Kind::Artist {
        return Ok(BTreeSet::from([(entry.source.clone(), entry.name.clone())]));
    }
    let site = site_of(entry);
    let mut posts = purge::posts_by(catalog, site, &entry.name).await?;
    let by = |row: &&ManifestRow| {
        site.is_none_or(|site| site == row.source)
            && row
                .artist
                .as_deref()
                .is_some_and(|artist| artist_name(artist) == entry.name)
    };
    posts.extend(frozen.values().flat_map(|frozen| &frozen.there).filter(by).map(key_of));
    Ok(posts)
}

/// The MD5s that the posts name, but for those of pictures that stay.
async fn md5s_to_deny(
    catalog: &Catalog,
    known: &BTreeMap<PostKey, Option<String>>,
    posts: &BTreeSet<PostKey>,
) -> anyhow::Result<BTreeMap<String, PostKey>> {
    let mut md5s = BTreeMap::new();
    for (post, md5) in known {
        if let Some(md5) = md5 {
            md5s.entry(md5.clone()).or_insert_with(|| post.clone());
        }
    }
    for md5 in purge::md5s_held_elsewhere(catalog, &md5s, posts).await? {
        md5s.remove(&md5);
    }
    Ok(md5s)
}

/// Those of the purged heads that each manifest has and does not know as purged.
fn tombstones(frozen: &BTreeMap<String, Frozen>, heads: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let of = |frozen: &Frozen| -> BTreeSet<String> {
        let new = |row: &&ManifestRow| heads.contains(&row.head) && !frozen.tombstones.contains(&row.head);
        frozen.there.iter().filter(new).map(|row| row.head.clone()).collect()
    };
    let all = frozen.iter().map(|(name, frozen)| (name.clone(), of(frozen)));
    all.filter(|(_, heads)| !heads.is_empty()).collect()
}

/// Posts that neither the catalog nor a manifest has ever met.
fn unknown(
    posts: &BTreeMap<PostKey, Entry>,
    known: &BTreeMap<PostKey, Option<String>>,
    frozen: &BTreeMap<String, Frozen>,
) -> Vec<PostKey> {
    let rows = frozen
        .values()
        .flat_map(|frozen| frozen.there.iter().chain(&frozen.purged));
    let met: BTreeSet<PostKey> = rows.map(key_of).collect();
    let unknown = posts
        .keys()
        .filter(|post| !known.contains_key(*post) && !met.contains(*post));
    unknown.cloned().collect()
}
