//! The store behind a board: its posts by id and its files by checksum.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::file::File;
use crate::post::{Figures, Post};
use crate::sparse::Sparse;

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
pub(crate) enum Met<'a> {
    Own(&'a Arc<Post>),
    Sparse(&'a Sparse, u64),
}

impl<'a> Met<'a> {
    pub fn figures(&self) -> Figures<'a> {
        match self {
            Self::Own(post) => post.figures(),
            Self::Sparse(sparse, id) => sparse.figures(*id),
        }
    }

    /// The post with its texts.
    pub fn post(&self) -> Arc<Post> {
        match self {
            Self::Own(post) => Arc::clone(post),
            Self::Sparse(sparse, id) => Arc::new(sparse.post(*id)),
        }
    }
}

/// Where a walk looks. Posts outside of the times may be met all the same.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub ids: Range<u64>,
    /// Uploads from here…
    pub since: i64,
    /// … to here, both epoch seconds and included.
    pub until: i64,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            ids: 0..u64::MAX,
            since: i64::MIN,
            until: i64::MAX,
        }
    }
}

/// What a board's handle guards.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    /// Posts that are kept: all of an ordinary board; of one of millions those that were added or
    /// changed.
    own: BTreeMap<u64, Arc<Post>>,
    /// Posts that are made up when met, unless there is an own one of that id.
    sparse: Option<Sparse>,
    files: BTreeMap<String, Stored>,
    changes: u64,
    /// How many posts match a question that was asked since the last change.
    totals: Mutex<BTreeMap<String, usize>>,
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
            ..Self::default()
        }
    }

    /// Takes in posts that are made up when met.
    pub fn sparse(sparse: Sparse) -> Self {
        Self {
            changes: sparse.ids().end * 6,
            sparse: Some(sparse),
            ..Self::default()
        }
    }

    fn sparse_ids(&self) -> Range<u64> {
        self.sparse.as_ref().map_or(0..0, Sparse::ids)
    }

    pub fn len(&self) -> usize {
        let sparse = self.sparse_ids();
        let hidden = self.own.range(sparse.clone()).count();
        self.own.len() + (sparse.end - sparse.start) as usize - hidden
    }

    /// The posts that are kept, ascending by id.
    pub fn own(&self) -> impl Iterator<Item = &Arc<Post>> {
        self.own.values()
    }

    pub fn newest(&self) -> Option<Arc<Post>> {
        self.newest_first(Window::default()).next().map(|met| met.post())
    }

    pub fn find(&self, id: u64) -> Option<Arc<Post>> {
        self.met(id).map(|met| met.post())
    }

    fn met(&self, id: u64) -> Option<Met<'_>> {
        let sparse = || self.sparse.as_ref().filter(|sparse| sparse.ids().contains(&id));
        let own = self.own.get(&id).map(Met::Own);
        own.or_else(|| sparse().map(|sparse| Met::Sparse(sparse, id)))
    }

    /// To be changed.
    ///
    /// # Panics
    /// Where there is no such post.
    pub fn find_mut(&mut self, id: u64) -> &mut Post {
        if !self.own.contains_key(&id) {
            let post = self.find(id).unwrap_or_else(|| panic!("the board has no post {id}"));
            self.insert(Post::clone(&post));
        }
        Arc::make_mut(self.own.get_mut(&id).expect("was put there if it was missing"))
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
        let sparse = || {
            let id = self.sparse.as_ref()?.by_md5(md5)?;
            // One that was changed has its file among the others, or another one.
            let post = self.find(id).filter(|_| !self.own.contains_key(&id))?;
            Some(Stored::of(&post, post.created_at))
        };
        self.files.get(md5).cloned().or_else(sparse)
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
        let sparse = self.sparse.iter().flat_map(|sparse| {
            let ids = sparse.ids();
            [sparse.created_at(ids.start), sparse.created_at(ids.end - 1)]
        });
        let times: Vec<i64> = self.own.values().map(|post| post.created_at).chain(sparse).collect();
        times.iter().min().copied().zip(times.iter().max().copied())
    }

    /// The ids that some post names as its parent.
    pub fn parents(&self) -> BTreeSet<u64> {
        self.own.values().filter_map(|post| post.parent_id).collect()
    }

    /// How many posts match: counted when first asked for, then known until the board changes.
    pub fn total(&self, question: String, count: impl FnOnce() -> usize) -> usize {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        *totals.entry(question).or_insert_with(count)
    }

    /// To be called before every change.
    pub fn forget_totals(&mut self) {
        self.totals.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The posts of a window, newest first.
    pub fn newest_first(&self, window: Window) -> impl Iterator<Item = Met<'_>> {
        let [below, sparse, above] = self.parts(window);
        let own = |ids| self.own.range(ids).rev().map(|(_, post)| Met::Own(post));
        own(above)
            .chain(sparse.rev().filter_map(|id| self.met(id)))
            .chain(own(below))
    }

    /// The posts of a window, oldest first.
    pub fn oldest_first(&self, window: Window) -> impl Iterator<Item = Met<'_>> {
        let [below, sparse, above] = self.parts(window);
        let own = |ids| self.own.range(ids).map(|(_, post)| Met::Own(post));
        own(below).chain(sparse.filter_map(|id| self.met(id))).chain(own(above))
    }

    /// The ids of a window that lie below those of the made-up posts, among and above them.
    fn parts(&self, Window { ids, since, until }: Window) -> [Range<u64>; 3] {
        let made_up = self.sparse_ids();
        let within = |from: u64, to: u64| from.max(ids.start)..to.min(ids.end).max(from.max(ids.start));
        // Posts that were changed may have another time: with some the times bound nothing.
        let changed = self.own.range(made_up.clone()).next().is_some();
        let timely = match &self.sparse {
            Some(sparse) if !changed => sparse.ids_between(since, until),
            _ => made_up.clone(),
        };
        [
            within(0, made_up.start),
            within(timely.start, timely.end),
            within(made_up.end, u64::MAX),
        ]
    }
}
