//! The posts of a board, shared between the server and whoever tests against it.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anyhow::{Context, bail};
use image::ImageFormat;
use rayon::prelude::*;

use crate::file::{File, encode_jpeg};
use crate::invent;
use crate::post::{Post, Rating, Status, TagType};

/// Longer side of drawn pictures in pixels: heads of 100 to 300 pixels, about 50 ms each to make.
const DRAWN_SIDE: u32 = 700;
/// One drawn picture in this many is a PNG, as on real boards.
const PNG_SHARE: u64 = 8;
/// Extensions of files that a folder's board serves.
const PICTURE_EXTENSIONS: [&str; 5] = ["gif", "jpeg", "jpg", "png", "webp"];

/// Where the pictures of a new board come from.
#[derive(Clone, Debug)]
pub enum Pictures {
    /// Drawn by code.
    Drawn {
        /// How many.
        count: usize,
        /// The first picture's seed; the next has the next.
        seed: u64,
    },
    /// Every picture file directly in a folder, by name; equal files once.
    Folder(PathBuf),
    /// Encoded files in this order.
    Given(Vec<Vec<u8>>),
}

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
    /// Sum of votes.
    pub score: i64,
    /// Whom it may be shown to.
    pub rating: Rating,
    /// Where it stands.
    pub status: Status,
    /// Held back by its uploader.
    pub held: bool,
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
            score: 10,
            rating: Rating::Safe,
            status: Status::Active,
            held: false,
            tags: vec![
                ("original".into(), TagType::Copyright),
                ("sky".into(), TagType::General),
            ],
            created_at: None,
            source: String::new(),
        }
    }
}

/// A picture and the truth about it, before it is a post.
#[derive(Debug)]
pub(crate) struct Upload {
    pub file: Arc<File>,
    pub faces: Vec<[f32; 4]>,
    pub heads: Vec<[f32; 4]>,
}

impl Upload {
    fn of(bytes: Vec<u8>) -> Self {
        Self {
            file: Arc::new(File::new(bytes)),
            faces: Vec::new(),
            heads: Vec::new(),
        }
    }

    fn drawn(seed: u64) -> Self {
        let drawing = drawing::draw(seed, &drawing::Settings { side: DRAWN_SIDE });
        let bytes = if seed.is_multiple_of(PNG_SHARE) {
            let mut png = Cursor::new(Vec::new());
            drawing
                .image
                .write_to(&mut png, ImageFormat::Png)
                .expect("memory takes any picture");
            png.into_inner()
        } else {
            encode_jpeg(&drawing.image)
        };
        Self {
            faces: drawing.faces,
            heads: drawing.heads,
            ..Self::of(bytes)
        }
    }
}

/// A file that is served.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub file: Arc<File>,
    /// The post it is of; the latest where several have it.
    pub post: u64,
    /// Last-Modified, epoch seconds.
    pub modified: i64,
}

/// What the handle guards.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    /// Ascending by id.
    pub all: Vec<Post>,
    /// Every file that some post has, by MD5.
    pub files: BTreeMap<String, Stored>,
    changes: u64,
}

impl Posts {
    fn find(&mut self, id: u64) -> &mut Post {
        let index = self.all.binary_search_by_key(&id, |post| post.id);
        &mut self.all[index.unwrap_or_else(|_| panic!("the board has no post {id}"))]
    }

    fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
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
        let uploads = match pictures {
            Pictures::Drawn { count, seed } => {
                let seeds: Vec<u64> = (0..count as u64).map(|index| seed.wrapping_add(index)).collect();
                in_parallel(seeds, invention, Upload::drawn)
            }
            Pictures::Folder(folder) => read_folder(&folder, invention)?,
            Pictures::Given(files) => in_parallel(files, invention, Upload::of),
        };
        let all = invent::posts(uploads, invention);
        let files = all
            .iter()
            .map(|post| (post.file.md5.clone(), stored(post, post.created_at)))
            .collect();
        let changes = all.iter().map(|post| post.change).max().unwrap_or(0);
        Ok(Self(Arc::new(RwLock::new(Posts { all, files, changes }))))
    }

    /// Uploads one more picture, the newest of all; gives its id.
    pub fn add(&self, new: NewPost) -> u64 {
        let upload = Upload::of(new.bytes);
        let mut posts = self.write();
        let change = posts.next_change();
        let id = posts.all.last().map_or(invent::FIRST_ID, |post| post.id + 1);
        let newest = posts.all.last().map_or(invent::NEWEST, |post| post.created_at);
        let mut tags = new.tags;
        tags.sort();
        let post = Post {
            id,
            created_at: new.created_at.unwrap_or(newest + 3600),
            change,
            creator_id: 1,
            author: "uploader".into(),
            score: new.score,
            rating: new.rating,
            status: new.status,
            held: new.held,
            parent_id: None,
            tags,
            source: new.source,
            file: upload.file,
            faces: upload.faces,
            heads: upload.heads,
        };
        posts
            .files
            .insert(post.file.md5.clone(), stored(&post, post.created_at));
        posts.all.push(post);
        id
    }

    /// Changes a post in any way but its id and file.
    ///
    /// # Panics
    /// Where there is no such post, as do all methods that take an id.
    pub fn change(&self, id: u64, change: impl FnOnce(&mut Post)) {
        let mut posts = self.write();
        let number = posts.next_change();
        let post = posts.find(id);
        change(post);
        post.tags.sort();
        post.change = number;
    }

    /// Sets the sum of votes, as votes do: without counting as an edit.
    pub fn set_score(&self, id: u64, score: i64) {
        self.write().find(id).score = score;
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
        let post = posts.find(id);
        let old = std::mem::replace(&mut post.file, upload.file);
        (post.faces, post.heads, post.change) = (upload.faces, upload.heads, change);
        // Later than every upload, and later with each replacement.
        let new = stored(post, invent::NEWEST + change as i64);
        if !posts.all.iter().any(|post| post.file.md5 == old.md5) {
            posts.files.remove(&old.md5);
        }
        posts.files.insert(new.file.md5.clone(), new);
    }

    /// A copy of all posts, ascending by id.
    pub fn posts(&self) -> Vec<Post> {
        self.read().all.clone()
    }

    /// A copy of one post.
    pub fn post(&self, id: u64) -> Option<Post> {
        let posts = self.read();
        let index = posts.all.binary_search_by_key(&id, |post| post.id).ok()?;
        Some(posts.all[index].clone())
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Posts> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Posts> {
        self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn stored(post: &Post, modified: i64) -> Stored {
    Stored {
        file: post.file.clone(),
        post: post.id,
        modified,
    }
}

/// Makes one upload of each item on all processors, in order.
fn in_parallel<T: Send>(items: Vec<T>, invention: &Invention, make: impl Fn(T) -> Upload + Sync) -> Vec<Upload> {
    let (total, done) = (items.len(), AtomicUsize::new(0));
    let counted = |item| {
        let upload = make(item);
        (invention.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        upload
    };
    items.into_par_iter().map(counted).collect()
}

fn read_folder(folder: &Path, invention: &Invention) -> anyhow::Result<Vec<Upload>> {
    let context = || format!("cannot read the folder {}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let extension = path
            .extension()
            .map(|extension| extension.to_string_lossy().to_lowercase());
        if extension.is_some_and(|extension| PICTURE_EXTENSIONS.contains(&extension.as_str())) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        bail!(
            "{} holds no picture file ({})",
            folder.display(),
            PICTURE_EXTENSIONS.join(", ")
        );
    }
    paths.sort();
    let mut files = Vec::new();
    for path in &paths {
        files.push(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut uploads = in_parallel(files, invention, Upload::of);
    uploads.retain(|upload| seen.insert(upload.file.md5.clone()));
    Ok(uploads)
}
