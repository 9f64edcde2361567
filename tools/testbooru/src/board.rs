//! The posts of a board, shared between the server and whoever tests against it.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::file::File;
use crate::invent;
use crate::post::{Access, Counters, Kind, Post, Rating, Status, TagType};
use crate::posts::{Posts, Stored, Window};
use crate::sparse::Sparse;
use crate::upload::{Pictures, Upload, uploads};

/// How everything but the pictures is made up.
#[derive(Clone, Copy, Debug)]
pub struct Invention {
    /// The same seed and pictures give the same posts.
    pub seed: u64,
    /// Every post safe, approved and not held; scores, times and tags stay invented.
    pub plain: bool,
    /// Called with (pictures ready, pictures in all), from several threads.
    pub progress: fn(usize, usize),
}

impl Default for Invention {
    fn default() -> Self {
        Self {
            seed: 1,
            plain: false,
            progress: |_, _| {},
        }
    }
}

/// An upload in all its detail, for tests that need to know what they crawl. `..Default::default()`
/// gives a safe, active post of score 10 by `uploader`, one hour younger than the newest.
#[derive(Clone, Debug)]
pub struct NewPost {
    /// The encoded file; broken ones are taken too.
    pub bytes: Vec<u8>,
    /// The encoded files of the pages after the first, for pixiv.
    pub pages: Vec<Vec<u8>>,
    /// Sum of votes.
    pub score: i64,
    /// What else is counted; plausible figures for the score where nothing is said.
    pub counters: Option<Counters>,
    /// Whom it may be shown to.
    pub rating: Rating,
    /// Where it stands.
    pub status: Status,
    /// Who may see its file.
    pub access: Access,
    /// What pixiv calls it.
    pub kind: Kind,
    /// Made by a machine, for pixiv.
    pub by_ai: bool,
    /// Held back by its uploader.
    pub held: bool,
    /// Numbers of the pools it is in.
    pub pools: Vec<u64>,
    /// Tags in any order.
    pub tags: Vec<(String, TagType)>,
    /// Upload in epoch seconds.
    pub created_at: Option<i64>,
    /// Where the artist published it.
    pub source: String,
}

impl Default for NewPost {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            pages: Vec::new(),
            score: 10,
            counters: None,
            rating: Rating::Safe,
            status: Status::Active,
            access: Access::Open,
            kind: Kind::Illustration,
            by_ai: false,
            held: false,
            pools: Vec::new(),
            tags: vec![
                ("original".into(), TagType::Copyright),
                ("sky".into(), TagType::General),
            ],
            created_at: None,
            source: String::new(),
        }
    }
}

/// A board. Clones are handles to the same posts: a test keeps one and changes the board while the
/// server, which holds another, is being crawled.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<RwLock<Posts>>);

impl Board {
    /// A board without posts, to be filled by [`Board::add`].
    pub fn empty() -> Self {
        Self::default()
    }

    /// Draws or reads the pictures on all processors and makes up a post for each.
    ///
    /// # Errors
    /// A folder that cannot be read or holds no picture.
    pub fn build(pictures: Pictures, invention: &Invention) -> anyhow::Result<Self> {
        let uploads = uploads(pictures, invention)?;
        let posts = Posts::of(invent::posts(uploads, invention));
        Ok(Self(Arc::new(RwLock::new(posts))))
    }

    /// A board of so many posts that none is kept: each is made up when somebody asks for it, and all
    /// share the pictures, though every post's file has a checksum of its own. A post that is changed
    /// is kept from then on.
    ///
    /// # Errors
    /// As [`Board::build`], or no JPEG, PNG or GIF among the pictures.
    pub fn sparse(count: u32, pictures: Pictures, invention: &Invention) -> anyhow::Result<Self> {
        let sparse = Sparse::new(count, uploads(pictures, invention)?, invention)?;
        Ok(Self(Arc::new(RwLock::new(Posts::sparse(sparse)))))
    }

    /// Uploads one more picture, the newest of all; gives its id.
    pub fn add(&self, new: NewPost) -> u64 {
        let upload = Upload::of(new.bytes);
        let mut posts = self.write();
        let change = posts.next_change();
        let newest = posts.newest();
        let id = newest.as_ref().map_or(invent::FIRST_ID, |post| post.id + 1);
        let latest = newest.map_or(invent::NEWEST, |post| post.created_at);
        let mut tags = new.tags;
        tags.sort();
        let pages = new.pages.into_iter().map(|bytes| Arc::new(File::new(bytes)));
        posts.insert(Post {
            id,
            created_at: new.created_at.unwrap_or(latest + 3600),
            change,
            creator_id: 1,
            author: "uploader".into(),
            score: new.score,
            counters: new.counters.unwrap_or_else(|| Counters::plausible(new.score)),
            rating: new.rating,
            status: new.status,
            access: new.access,
            held: new.held,
            parent_id: None,
            pools: new.pools,
            kind: new.kind,
            by_ai: new.by_ai,
            tags,
            source: new.source,
            file: upload.file,
            pages: pages.collect(),
            faces: upload.faces,
            heads: upload.heads,
        });
        id
    }

    /// Changes a post in any way but its id and file.
    ///
    /// # Panics
    /// Where there is no such post, as do all methods that take an id.
    pub fn change(&self, id: u64, change: impl FnOnce(&mut Post)) {
        let mut posts = self.write();
        let number = posts.next_change();
        let post = posts.find_mut(id);
        change(post);
        post.tags.sort();
        post.change = number;
    }

    /// Sets the sum of votes, as votes do: without counting as an edit.
    pub fn set_score(&self, id: u64, score: i64) {
        self.write().find_mut(id).score = score;
    }

    /// Sets everything else that is counted, without counting as an edit.
    pub fn set_counters(&self, id: u64, counters: Counters) {
        self.write().find_mut(id).counters = counters;
    }

    /// Takes a post down: its row remains, without the addresses of its files.
    pub fn delete(&self, id: u64) {
        self.change(id, |post| post.status = Status::Deleted);
    }

    /// Puts another file under the same id, as uploaders of better versions do. The old file goes
    /// unless another post has it too.
    pub fn replace_file(&self, id: u64, bytes: Vec<u8>) {
        let upload = Upload::of(bytes);
        let mut posts = self.write();
        let change = posts.next_change();
        let post = posts.find_mut(id);
        let old = std::mem::replace(&mut post.file, upload.file);
        (post.faces, post.heads, post.change) = (upload.faces, upload.heads, change);
        // Later than every upload, and later with each replacement.
        let new = Stored::of(post, invent::NEWEST + change as i64);
        posts.replace_file(&old, new);
    }

    /// How many posts there are.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// A copy of all posts, ascending by id; of a board of millions as well.
    pub fn posts(&self) -> Vec<Post> {
        let posts = self.read();
        let copies = posts
            .oldest_first(Window::default())
            .map(|met| Post::clone(&met.post()));
        copies.collect()
    }

    /// A copy of one post.
    pub fn post(&self, id: u64) -> Option<Post> {
        self.read().find(id).map(|post| Post::clone(&post))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Posts> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Posts> {
        let mut posts = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        posts.forget_totals();
        posts
    }
}
