//! Near-duplicates: each new head is searched among all that are known, of every source and refresh.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use dataset::failure::Interrupted;

use crate::catalog::Catalog;
use crate::catalog::duplicate_groups::{self, DistinctHead};
use crate::progress;
use crate::stop::Stop;
use vision::near::{self, Sets};
use vision::thumbnail::Thumbnail;

/// New heads of one search: it holds them in memory, some 1.2 kB each, while those that are known pass by.
const AT_ONCE: i64 = 500_000;

/// Known heads that are compared with them at once, and held as long.
const PAGE: i64 = 250_000;

/// New heads of one transaction, a group's never apart.
const COMMIT: usize = 10_000;

/// Finds the group of every head that has none; says how many.
///
/// # Errors
/// `Interrupted`, or where the database refuses.
pub async fn group(catalog: &Catalog, reach: u32, stop: &Stop) -> anyhow::Result<u64> {
    let mut write = catalog.write().await?;
    duplicate_groups::forget_others(&mut write, reach).await?;
    write.commit().await?;
    let bar = progress::bar(0, "duplicates");
    let (mut done, mut more) = (0, Some(String::new()));
    while let Some(last) = more {
        let new;
        (new, more) = duplicate_groups::pending(catalog, &last, AT_ONCE).await?;
        if new.is_empty() {
            continue;
        }
        bar.inc_length(new.len() as u64);
        let mut search = blocking(Search::new(new)?, move |search| search.among_themselves(reach)).await?;
        // Where equal pixels alone count, there is nobody to compare with.
        let mut known = match reach {
            0 => Vec::new(),
            _ => duplicate_groups::page(catalog, "", PAGE).await?,
        };
        while let Some(last) = known.last().map(|end| end.pixels.clone()) {
            search = blocking(search, move |search| search.among(&known, reach)).await?;
            if stop.requested() {
                return Err(Interrupted.into());
            }
            known = duplicate_groups::page(catalog, &last, PAGE).await?;
        }
        let changes = search.changes();
        for some in batches(&changes) {
            record(catalog, some, reach).await?;
            let count = some.iter().map(|change| change.new.len() as u64).sum::<u64>();
            done += count;
            bar.inc(count);
        }
    }
    bar.finish_and_clear();
    Ok(done)
}

/// Runs a step of the search off the async threads.
async fn blocking(
    mut search: Search,
    step: impl FnOnce(&mut Search) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<Search> {
    super::blocking("the search for near-duplicates failed", move || {
        step(&mut search).map(|()| search)
    })
    .await
}

/// A group that is new or grows.
struct Change {
    name: String,
    new: Vec<DistinctHead>,
    /// Groups that become part of it under another name.
    renamed: Vec<String>,
}

/// Groups of some [`COMMIT`] new heads together.
fn batches(changes: &[Change]) -> Vec<&[Change]> {
    let mut batches = Vec::new();
    let (mut start, mut heads) = (0, 0);
    for (at, change) in changes.iter().enumerate() {
        heads += change.new.len();
        if heads >= COMMIT || at + 1 == changes.len() {
            batches.push(&changes[start..=at]);
            (start, heads) = (at + 1, 0);
        }
    }
    batches
}

async fn record(catalog: &Catalog, changes: &[Change], reach: u32) -> anyhow::Result<()> {
    let mut write = catalog.write().await?;
    for change in changes {
        for renamed in &change.renamed {
            duplicate_groups::rename(&mut write, renamed, &change.name).await?;
        }
    }
    let new: Vec<DistinctHead> = changes.iter().flat_map(|change| change.new.iter().cloned()).collect();
    duplicate_groups::record(&mut write, &new, reach).await?;
    write.commit().await
}

/// New heads with their thumbnails, joined to one another and to known groups.
struct Search {
    /// By pixel hash, so that the first of a set has its smallest name.
    new: Vec<DistinctHead>,
    thumbnails: Vec<Thumbnail>,
    /// New heads first, then the known groups as they are met.
    pairs: Vec<(u32, u32)>,
    known: HashMap<String, u32>,
}

impl Search {
    fn new(new: Vec<DistinctHead>) -> anyhow::Result<Self> {
        Ok(Self {
            thumbnails: new.iter().map(thumbnail_of).collect::<anyhow::Result<_>>()?,
            new,
            pairs: Vec::new(),
            known: HashMap::new(),
        })
    }

    /// Joins new heads that are near one another.
    fn among_themselves(&mut self, reach: u32) -> anyhow::Result<()> {
        let mut sets = near::sets(&self.thumbnails, self.new.len(), reach);
        self.pairs = (0..self.new.len() as u32)
            .map(|at| (at, sets.first(at as usize) as u32))
            .collect();
        Ok(())
    }

    /// Joins new heads to the groups of known ones.
    fn among(&mut self, known: &[DistinctHead], reach: u32) -> anyhow::Result<()> {
        let count = self.new.len();
        for head in known {
            self.thumbnails.push(thumbnail_of(head)?);
        }
        let mut sets = near::sets(&self.thumbnails, count, reach);
        self.thumbnails.truncate(count);
        // Those of the known that are a new head's, and the new ones that meet by way of them.
        self.pairs
            .extend((0..count).map(|at| (at as u32, sets.first(at) as u32)));
        for (at, head) in (count..).zip(known) {
            let first = sets.first(at);
            if first < count {
                let next = (count + self.known.len()) as u32;
                let group = *self.known.entry(head.duplicate_group.clone()).or_insert(next);
                self.pairs.push((first as u32, group));
            }
        }
        Ok(())
    }

    /// The groups that come of it.
    fn changes(self) -> Vec<Change> {
        let count = self.new.len();
        let mut sets = Sets::new(count + self.known.len());
        for (a, b) in self.pairs {
            sets.join(a as usize, b as usize);
        }
        let mut changes: BTreeMap<usize, Change> = BTreeMap::new();
        for (at, head) in self.new.into_iter().enumerate() {
            let change = changes.entry(sets.first(at)).or_insert_with(|| Change {
                name: head.pixels.clone(),
                new: Vec::new(),
                renamed: Vec::new(),
            });
            change.new.push(head);
        }
        for (group, at) in self.known {
            if let Some(change) = changes.get_mut(&sets.first(at as usize)) {
                change.renamed.push(group);
            }
        }
        for change in changes.values_mut() {
            // The smallest of all: a known group's name is its smallest member's.
            let smallest = change.renamed.iter().min().filter(|group| **group < change.name);
            if let Some(group) = smallest {
                change.name = group.clone();
            }
            let name = change.name.clone();
            change.renamed.retain(|group| *group != name);
            for head in &mut change.new {
                head.duplicate_group.clone_from(&name);
            }
        }
        changes.into_values().collect()
    }
}

fn thumbnail_of(head: &DistinctHead) -> anyhow::Result<Thumbnail> {
    let thumbnail = Thumbnail::from_text(&head.thumbnail);
    thumbnail.with_context(|| format!("the head of pixels {} has no thumbnail", head.pixels))
}
