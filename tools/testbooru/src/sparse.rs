//! Posts by the million that cost no memory: each is made up of its id when somebody looks at it.

use std::ops::Range;
use std::sync::Arc;

use anyhow::ensure;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::board::Invention;
use crate::invent::{self, FIRST_ID, NEWEST, SPAN};
use crate::mark::Markable;
use crate::post::{Access, Counters, Figures, Kind, Post, Rating, Status, TagType};
use crate::upload::Upload;

/// Sets of tags that the posts have among them.
const TAG_SETS: usize = 512;
/// Different scores that the posts have among them.
const SCORES: usize = 4096;

/// Posts `FIRST_ID..FIRST_ID + count`.
#[derive(Debug)]
pub(crate) struct Sparse {
    count: u64,
    seed: u64,
    plain: bool,
    pictures: Vec<Markable>,
    tag_sets: Vec<Vec<(String, TagType)>>,
    scores: Vec<i64>,
    /// Of each post's file: all that is kept of a post.
    md5s: Vec<[u8; 16]>,
    /// Indices into `md5s`, ascending by what they point at.
    by_md5: Vec<u32>,
}

/// What chance decides about a post: the bits of one word, each used once.
#[derive(Clone, Copy)]
struct Lots(u64);

impl Lots {
    /// An index below `count`, which is at most 65,536.
    fn below(&mut self, count: usize) -> usize {
        let lot = self.0 & 0xffff;
        self.0 >>= 16;
        (lot as usize * count) >> 16
    }

    /// In [0, 1).
    fn chance(&mut self) -> f64 {
        self.below(1 << 16) as f64 / 65_536.0
    }
}

impl Sparse {
    /// # Errors
    /// No picture that can be varied.
    pub fn new(count: u32, uploads: Vec<Upload>, invention: &Invention) -> anyhow::Result<Self> {
        let pictures: Vec<Markable> = uploads
            .into_iter()
            .filter_map(|upload| Markable::new(upload.file))
            .collect();
        ensure!(
            !pictures.is_empty(),
            "none of the pictures is a whole JPEG, PNG or GIF: a board of many posts varies such ones"
        );
        let mut rng = ChaCha8Rng::seed_from_u64(invention.seed);
        let mut sparse = Self {
            count: u64::from(count),
            seed: invention.seed,
            plain: invention.plain,
            pictures,
            tag_sets: (0..TAG_SETS).map(|set| invent::tags(&mut rng, 1 + set % 3)).collect(),
            scores: (0..SCORES)
                .map(|rank| invent::score((rank as f64 + 0.5) / SCORES as f64))
                .collect(),
            md5s: Vec::new(),
            by_md5: (0..count).collect(),
        };
        let md5 = |id: u64| sparse.picture(id).md5(id);
        let md5s: Vec<[u8; 16]> = sparse.ids().into_par_iter().map(md5).collect();
        sparse.by_md5.par_sort_unstable_by_key(|index| md5s[*index as usize]);
        sparse.md5s = md5s;
        Ok(sparse)
    }

    /// The ids of its posts.
    pub fn ids(&self) -> Range<u64> {
        FIRST_ID..FIRST_ID + self.count
    }

    /// The ids of the posts of a time: uploads are evenly spread, the newest at the end.
    pub fn ids_between(&self, since: i64, until: i64) -> Range<u64> {
        let ids = self.ids();
        let first = partition(&ids, |id| self.created_at(id) < since);
        first..partition(&ids, |id| self.created_at(id) <= until).max(first)
    }

    pub fn created_at(&self, id: u64) -> i64 {
        let younger = (FIRST_ID + self.count - 1).saturating_sub(id);
        NEWEST - (i128::from(SPAN) * i128::from(younger) / i128::from(self.count)) as i64
    }

    /// The post whose file has this checksum, in hex.
    pub fn by_md5(&self, md5: &str) -> Option<u64> {
        let bytes: [u8; 16] = hex::decode(md5).ok()?.try_into().ok()?;
        let found = self
            .by_md5
            .binary_search_by_key(&bytes, |index| self.md5s[*index as usize]);
        found.ok().map(|place| FIRST_ID + u64::from(self.by_md5[place]))
    }

    /// What of a post can be compared: made without its texts.
    pub fn figures(&self, id: u64) -> Figures<'_> {
        let mut lots = self.lots(id, 1);
        let picture = self.picture(id);
        let file = picture.original();
        let score = self.scores[lots.below(SCORES)];
        let tags = &self.tag_sets[lots.below(TAG_SETS)];
        let (rating, status) = match self.plain {
            true => (Rating::Safe, Status::Active),
            false => (invent::rating(lots.chance()), invent::status(lots.chance())),
        };
        let mut lots = self.lots(id, 2);
        let down_votes = lots.below(40).saturating_sub(36) as u64;
        let likes = score.unsigned_abs() + down_votes;
        let counters = Counters {
            views: likes * (8 + lots.below(17) as u64) + 40,
            likes,
            favourites: likes * (50 + lots.below(45) as u64) / 100,
            down_votes,
        };
        let chance = lots.chance();
        Figures {
            id,
            created_at: self.created_at(id),
            change: id * 6,
            score,
            counters,
            rating,
            status,
            access: if self.plain {
                Access::Open
            } else {
                invent::access(chance)
            },
            held: false,
            by_ai: !self.plain && chance > 0.95,
            kind: Kind::Illustration,
            parent_id: None,
            pools: &[],
            width: file.width,
            height: file.height,
            size: picture.size(),
            extension: file.extension,
            tags,
        }
    }

    /// The whole post, its file without its bytes.
    pub fn post(&self, id: u64) -> Post {
        let figures = self.figures(id);
        let mut lots = self.lots(id, 3);
        let creator_id = 1_000 + lots.below(20) as u64;
        let work = 60_000_000 + (self.lots(id, 4).0 % 80_000_000);
        // The pages after the first are pictures as they came, the same for many works.
        let further = invent::pages(lots.chance()) as u64 - 1;
        let pages = (id..id + further).map(|id| self.picture(id).original().clone());
        Post {
            id,
            created_at: figures.created_at,
            change: figures.change,
            creator_id,
            author: format!("uploader_{creator_id}"),
            score: figures.score,
            counters: figures.counters,
            rating: figures.rating,
            status: figures.status,
            access: figures.access,
            held: figures.held,
            parent_id: figures.parent_id,
            pools: Vec::new(),
            kind: figures.kind,
            by_ai: figures.by_ai,
            tags: figures.tags.to_vec(),
            source: format!("https://www.pixiv.net/en/artworks/{work}"),
            pages: pages.collect(),
            file: Arc::new(self.picture(id).marked(id, self.md5s[(id - FIRST_ID) as usize])),
            faces: Vec::new(),
            heads: Vec::new(),
        }
    }

    fn picture(&self, id: u64) -> &Markable {
        &self.pictures[(self.lots(id, 0).0 % self.pictures.len() as u64) as usize]
    }

    /// A word that the seed, the id and the use of the word decide (SplitMix64's mixing).
    fn lots(&self, id: u64, what: u64) -> Lots {
        let mut word = self.seed.wrapping_add(
            id.wrapping_mul(5)
                .wrapping_add(what)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15),
        );
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Lots(word ^ (word >> 31))
    }
}

/// The first id of which `before` no longer holds.
fn partition(ids: &Range<u64>, before: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (ids.start, ids.end);
    while low < high {
        let middle = low + (high - low) / 2;
        match before(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}
