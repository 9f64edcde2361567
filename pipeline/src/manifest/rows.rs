//! From heads and their pictures' posts to rows. The posts' parts of the rows wait on the disk.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use dataset::ManifestRow;
use dataset::manifest::{Laid, Spill, Spilled};
use rayon::prelude::*;

use super::choose::Draw;
use crate::catalog::manifest_query::{Head, Post};
use crate::catalog::pictures::Pictures;
use crate::digests::Digests;

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

    /// Smaller is older; the post's names decide what the second leaves open.
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

/// What a version is made of.
pub(super) struct Gathered {
    /// Heads in the order of the rows.
    pub(super) heads: Vec<Head>,
    /// By picture.
    pub(super) posts: Vec<Option<Named>>,
    /// Their parts of the rows.
    pub(super) named: Spilled,
    pub(super) pictures: Arc<Pictures>,
    /// Under which they were found.
    pub(super) digests: Digests,
    pub(super) draw: Draw,
}

impl Gathered {
    /// How many pictures the heads are of.
    pub(super) fn pictures(&self) -> u64 {
        let mut seen = vec![false; self.pictures.count()];
        let mut first = |head: &&Head| !std::mem::replace(&mut seen[head.key.picture as usize], true);
        self.heads.iter().filter(|head| first(head)).count() as u64
    }

    /// The rows of some heads.
    pub(super) fn rows(&self, heads: &[Head]) -> anyhow::Result<Vec<ManifestRow>> {
        heads.par_iter().map(|head| self.row(head)).collect()
    }

    fn row(&self, head: &Head) -> anyhow::Result<ManifestRow> {
        let picture = head.key.picture;
        let post = self.posts[picture as usize].as_ref();
        let post = post.context("no post has the picture of a head")?;
        let (image_width, image_height) = self.pictures.size(picture);
        let [x0, y0, x1, y1, score] = head.face;
        Ok(ManifestRow {
            image: self.pictures.name(picture),
            image_width,
            image_height,
            detector: head.key.words(&self.digests)[0].into(),
            ordinal: head.key.ordinal.into(),
            x0,
            y0,
            x1,
            y1,
            score,
            head: hex::encode(head.head),
            pixels: hex::encode(head.pixels),
            side: head.side,
            sharpness: head.sharpness,
            perceptual: head.perceptual.map(hex::encode),
            duplicate_group: hex::encode(head.group()),
            split: self.draw.split(head),
            ..self.named.get(post.laid)?
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
        let posts_of_two = [
            post(1, "30", 200, 30),
            post(1, "9", 100, 9),
            post(1, "10", 100, 10),
            post(0, "7", 300, 7),
        ];
        for turn in 0..posts_of_two.len() {
            let mut posts = Posts::create(folder.path()).expect("begins");
            let (first, rest) = posts_of_two.split_at(turn);
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
