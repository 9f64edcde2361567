//! What rows are chosen by. The rows themselves wait on the disk in two parts: a post's for each picture,
//! and a head's.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use dataset::manifest::{Laid, Spill, Spilled};
use dataset::{ManifestRow, Split};
use rayon::prelude::*;

use super::choose::draw_split;
use crate::catalog::chosen::{Hash, Head, Post, hash_of};

/// The oldest post of a picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// Where its part of the rows waits.
    laid: Laid,
    pub(super) source: Arc<str>,
    pub(super) post: Box<str>,
    pub(super) page: i64,
    number: i64,
    created_at: i64,
}

impl Named {
    #[cfg(test)]
    pub(super) fn test(source: &str, post: &str) -> Self {
        Self {
            laid: Laid::default(),
            source: source.into(),
            post: post.into(),
            page: 0,
            number: 0,
            created_at: 0,
        }
    }

    /// Smaller is older; the post's names settle what the second leaves open.
    fn age(&self) -> (i64, &str, i64, &str, i64) {
        (self.created_at, &self.source, self.number, &self.post, self.page)
    }
}

/// The oldest post of each picture, whatever the order in which they come.
pub(super) struct Posts {
    /// By picture.
    oldest: Vec<Option<Named>>,
    spill: Spill,
    /// The few names there are of sources.
    sources: HashSet<Arc<str>>,
}

impl Posts {
    /// None yet, to be laid aside on the disk of `folder`.
    pub(super) fn create(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            oldest: Vec::new(),
            spill: Spill::create(folder)?,
            sources: HashSet::new(),
        })
    }

    /// Takes one in.
    pub(super) fn push(&mut self, post: Post) -> anyhow::Result<()> {
        let picture = post.picture as usize;
        if self.oldest.len() <= picture {
            self.oldest.resize(picture + 1, None);
        }
        let mut named = Named {
            laid: Laid::default(),
            source: self.source(&post.row.source),
            post: post.row.post.as_str().into(),
            page: post.row.page,
            number: post.number,
            created_at: post.row.created_at,
        };
        let known = &mut self.oldest[picture];
        if known.as_ref().is_none_or(|known| named.age() < known.age()) {
            named.laid = self.spill.push(&post.row)?;
            *known = Some(named);
        }
        Ok(())
    }

    fn source(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.sources.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.sources.insert(Arc::clone(&new));
        new
    }

    /// All of them, with their parts of the rows.
    pub(super) fn finish(self) -> anyhow::Result<(Vec<Option<Named>>, Spilled)> {
        Ok((self.oldest, self.spill.finish()?))
    }
}

/// A head as it is chosen: some 150 bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    /// Where its part of the row waits.
    pub(super) laid: Laid,
    /// Which picture: numbers go along the pictures' hashes.
    pub(super) picture: u32,
    pub(super) ordinal: i64,
    pub(super) quality: f64,
    pub(super) head: Hash,
    /// The hash of its pixels.
    pub(super) pixels: Hash,
    /// Of several heads; one alone is named by its pixels.
    pub(super) shared: Option<Box<Hash>>,
    pub(super) kept: bool,
    pub(super) capped: bool,
    /// That of its group, where one of several heads has one.
    pub(super) group_split: Option<Split>,
    /// That of an earlier version.
    pub(super) stored: Option<Split>,
    /// That of a new group.
    pub(super) drawn: Split,
}

impl Candidate {
    /// The name of its group.
    pub(super) fn group(&self) -> &Hash {
        self.shared.as_deref().unwrap_or(&self.pixels)
    }

    /// That of the group's oldest head which has one, else the drawn one.
    pub(super) fn split(&self) -> Split {
        self.group_split.or(self.stored).unwrap_or(self.drawn)
    }

    /// Whether an earlier version has it in another split than its group's oldest head.
    pub(super) fn straddles(&self) -> bool {
        self.stored.is_some_and(|stored| stored != self.split())
    }
}

/// Candidates of one dataset.
pub(super) struct Candidates {
    all: Vec<Candidate>,
    spill: Spill,
    /// Seed and share of the draw.
    split: (u64, f64),
}

impl Candidates {
    /// None yet, to be laid aside on the disk of `folder`; splits are drawn by `seed`, of which `validation`
    /// is the share that is only measured on.
    pub(super) fn create(folder: &Path, seed: u64, validation: f64) -> anyhow::Result<Self> {
        Ok(Self {
            all: Vec::new(),
            spill: Spill::create(folder)?,
            split: (seed, validation),
        })
    }

    /// Takes one in.
    pub(super) fn push(&mut self, head: Head) -> anyhow::Result<()> {
        let row = &head.row;
        let (seed, validation) = self.split;
        let candidate = Candidate {
            laid: self.spill.push(row)?,
            picture: head.picture,
            ordinal: row.ordinal,
            quality: head.detail,
            head: hash_of(&row.head),
            pixels: hash_of(&row.pixels),
            shared: (row.duplicate_group != row.pixels).then(|| Box::new(hash_of(&row.duplicate_group))),
            kept: head.kept,
            capped: head.capped,
            group_split: head.group_split,
            stored: None,
            drawn: draw_split(seed, validation, &row.duplicate_group),
        };
        self.all.push(candidate);
        Ok(())
    }

    /// All of them, with their parts of the rows.
    pub(super) fn finish(self) -> anyhow::Result<(Vec<Candidate>, Spilled)> {
        Ok((self.all, self.spill.finish()?))
    }
}

/// What a version will be made of.
pub(super) struct Gathered {
    /// In the order of the rows.
    pub(super) candidates: Vec<Candidate>,
    /// Their parts of the rows.
    pub(super) heads: Spilled,
    /// By picture.
    pub(super) posts: Vec<Option<Named>>,
    /// Their parts of the rows.
    pub(super) named: Spilled,
}

impl Gathered {
    /// How many pictures the candidates are of.
    pub(super) fn pictures(&self) -> u64 {
        let mut seen = vec![false; self.posts.len()];
        let mut first = |candidate: &&Candidate| !std::mem::replace(&mut seen[candidate.picture as usize], true);
        self.candidates.iter().filter(|candidate| first(candidate)).count() as u64
    }

    /// The rows of some candidates.
    pub(super) fn rows(&self, candidates: &[Candidate]) -> anyhow::Result<Vec<ManifestRow>> {
        candidates.par_iter().map(|candidate| self.row(candidate)).collect()
    }

    fn row(&self, candidate: &Candidate) -> anyhow::Result<ManifestRow> {
        let post = self.posts[candidate.picture as usize].as_ref();
        let post = self
            .named
            .get(post.context("no post has the picture of a head")?.laid)?;
        Ok(ManifestRow {
            split: candidate.split(),
            source: post.source,
            post: post.post,
            page: post.page,
            artist: post.artist,
            page_url: post.page_url,
            source_url: post.source_url,
            rating: post.rating,
            tags: post.tags,
            likes: post.likes,
            views: post.views,
            created_at: post.created_at,
            ..self.heads.get(candidate.laid)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(picture: u32, name: &str, created_at: i64, number: i64) -> Post {
        let row = ManifestRow {
            source: "board".into(),
            post: name.into(),
            created_at,
            ..ManifestRow::default()
        };
        Post { picture, number, row }
    }

    #[test]
    fn a_picture_is_named_by_its_oldest_post_whatever_comes_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let told = [
            post(1, "30", 200, 30),
            post(1, "9", 100, 9),
            post(1, "10", 100, 10),
            post(0, "7", 300, 7),
        ];
        for turn in 0..told.len() {
            let mut posts = Posts::create(folder.path()).expect("begins");
            let (first, rest) = told.split_at(turn);
            for post in rest.iter().chain(first) {
                posts.push(post.clone()).expect("takes it");
            }
            let (oldest, named) = posts.finish().expect("ends");
            let names = oldest
                .iter()
                .flatten()
                .map(|post| named.get(post.laid).expect("reads").post);
            assert_eq!(names.collect::<Vec<_>>(), ["7", "9"]);
        }
    }
}
