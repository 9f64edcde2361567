//! The store behind a board: its posts by id and its files by checksum.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::file::File;
use crate::post::{Figures, Post};

/// A file that is served.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub file: Arc<File>,
    /// The post it is of; the latest where several have it.
    pub post: u64,
    /// Last-Modified, epoch seconds.
    pub modified: i64,
}

impl Stored {
    pub fn of(post: &Post, modified: i64) -> Self {
        Self {
            file: post.file.clone(),
            post: post.id,
            modified,
        }
    }
}

/// A post as a walk over the board meets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met<'a>(&'a Arc<Post>);

impl Met<'_> {
    pub fn figures(&self) -> Figures<'_> {
        self.0.figures()
    }

    /// The post with its texts.
    pub fn post(&self) -> Arc<Post> {
        self.0.clone()
    }
}

/// What a board's handle guards.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    own: BTreeMap<u64, Arc<Post>>,
    files: BTreeMap<String, Stored>,
    changes: u64,
}

impl Posts {
    /// Takes in finished posts.
    pub fn of(posts: Vec<Post>) -> Self {
        let files = posts
            .iter()
            .map(|post| (post.file.md5.clone(), Stored::of(post, post.created_at)));
        Self {
            files: files.collect(),
            changes: posts.iter().map(|post| post.change).max().unwrap_or(0),
            own: posts.into_iter().map(|post| (post.id, Arc::new(post))).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.own.len()
    }

    pub fn newest(&self) -> Option<Arc<Post>> {
        self.own.last_key_value().map(|(_, post)| post.clone())
    }

    pub fn find(&self, id: u64) -> Option<Arc<Post>> {
        self.own.get(&id).cloned()
    }

    /// To be changed.
    ///
    /// # Panics
    /// Where there is no such post.
    pub fn find_mut(&mut self, id: u64) -> &mut Post {
        let post = self.own.get_mut(&id);
        Arc::make_mut(post.unwrap_or_else(|| panic!("the board has no post {id}")))
    }

    /// Takes in a post, its file included.
    pub fn insert(&mut self, post: Post) {
        self.files
            .insert(post.file.md5.clone(), Stored::of(&post, post.created_at));
        self.own.insert(post.id, Arc::new(post));
    }

    /// The next number of an edit.
    pub fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    pub fn file(&self, md5: &str) -> Option<Stored> {
        self.files.get(md5).cloned()
    }

    /// When the file of a post was uploaded: with the post, or later in place of another.
    pub fn uploaded(&self, post: &Post) -> i64 {
        let stored = self.files.get(&post.file.md5).filter(|stored| stored.post == post.id);
        stored.map_or(post.created_at, |stored| stored.modified)
    }

    /// Serves a post's new file, and the old one no longer unless another post has it too.
    pub fn replace_file(&mut self, old: &File, new: Stored) {
        if !self.own.values().any(|post| post.file.md5 == old.md5) {
            self.files.remove(&old.md5);
        }
        self.files.insert(new.file.md5.clone(), new);
    }

    /// The times of the first and the last upload.
    pub fn span(&self) -> Option<(i64, i64)> {
        let times = || self.own.values().map(|post| post.created_at);
        times().min().zip(times().max())
    }

    /// The ids that some post names as its parent.
    pub fn parents(&self) -> BTreeSet<u64> {
        self.own.values().filter_map(|post| post.parent_id).collect()
    }

    /// The posts of these ids, newest first.
    pub fn newest_first(&self, ids: Range<u64>) -> impl Iterator<Item = Met<'_>> {
        self.range(ids).rev().map(|(_, post)| Met(post))
    }

    /// The posts of these ids, oldest first.
    pub fn oldest_first(&self, ids: Range<u64>) -> impl Iterator<Item = Met<'_>> {
        self.range(ids).map(|(_, post)| Met(post))
    }

    fn range(&self, ids: Range<u64>) -> std::collections::btree_map::Range<'_, u64, Arc<Post>> {
        // An empty range may have its ends crossed, over which `BTreeMap` panics.
        self.own.range(ids.start..ids.end.max(ids.start))
    }
}
