//! What the board knows of one post, whatever dialect it is asked in.

use std::sync::Arc;

use serde::Serialize;

use crate::file::File;
use crate::range::fits;

/// Whom a post may be shown to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rating {
    /// Everybody: Danbooru's "general".
    #[default]
    Safe,
    /// Not at work; only Danbooru tells it from what is safe.
    Sensitive,
    /// In between.
    Questionable,
    /// Adults.
    Explicit,
}

impl Rating {
    /// Moebooru's letter, in which `s` is safe.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Safe | Self::Sensitive => "s",
            Self::Questionable => "q",
            Self::Explicit => "e",
        }
    }

    /// Danbooru's letter, in which `s` is sensitive.
    pub fn danbooru_letter(self) -> &'static str {
        match self {
            Self::Safe => "g",
            Self::Sensitive => "s",
            Self::Questionable => "q",
            Self::Explicit => "e",
        }
    }
}

/// Where a post stands with the moderators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Approved.
    #[default]
    Active,
    /// Waits for approval.
    Pending,
    /// Taken down: its row remains, without the addresses of its files.
    Deleted,
}

impl Status {
    /// The word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Deleted => "deleted",
        }
    }
}

/// Who may see a post's file. Moebooru knows no such thing and shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Nobody, at the artist's wish: Danbooru's answers lack checksum and addresses, pixiv's name a
    /// stand-in.
    Banned,
    /// Those who asked to see such things; otherwise as banned.
    SanityLevel,
    /// The artist's friends; otherwise as banned.
    FriendsOnly,
}

/// What a work is made of, for pixiv.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A picture or a few.
    #[default]
    Illustration,
    /// Pages of a story.
    Manga,
    /// Frames in an archive, to be shown one after the other.
    Animation,
}

/// How often a post was looked at and liked, as far as sites tell. Which site shows which is said
/// beside each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// pixiv's `viewCount`, its ranking's `view_count`.
    pub views: u64,
    /// pixiv's `likeCount`, its ranking's `rating_count`.
    pub likes: u64,
    /// Danbooru's `fav_count`, pixiv's `bookmarkCount`.
    pub favourites: u64,
    /// Danbooru's `down_score` (there negative); its `up_score` is the score and these.
    pub down_votes: u64,
}

impl Counters {
    /// What a post of this score may well have.
    pub fn plausible(score: i64) -> Self {
        let likes = score.unsigned_abs();
        Self {
            views: likes * 16 + 40,
            likes,
            favourites: likes * 4 / 5,
            down_votes: 0,
        }
    }
}

/// What a tag names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TagType {
    /// Who drew it.
    Artist,
    /// Who is on it.
    Character,
    /// A group of artists.
    Circle,
    /// The work the characters are from.
    Copyright,
    /// What can be seen.
    General,
    /// What is true of the file, not of the picture: Danbooru's; Moebooru has it among the styles.
    Meta,
}

impl TagType {
    /// Moebooru's word in answers and in class names of pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Artist => "artist",
            Self::Character => "character",
            Self::Circle => "circle",
            Self::Copyright => "copyright",
            Self::General => "general",
            Self::Meta => "style",
        }
    }
}

/// The number of an artist on Danbooru and pixiv: any that only this name has.
pub fn artist_number(name: &str) -> u64 {
    let number = name
        .bytes()
        .fold(7_u64, |number, byte| (number * 31 + u64::from(byte)) % 90_000_007);
    100_000 + number
}

/// One post.
#[derive(Clone, Debug)]
pub struct Post {
    /// Rises with the time of upload; there are gaps, as on every board.
    pub id: u64,
    /// Upload, seconds since 1970 in UTC.
    pub created_at: i64,
    /// Rises with every edit anywhere on the board.
    pub change: u64,
    /// The uploader's number.
    pub creator_id: u64,
    /// The uploader's name.
    pub author: String,
    /// Sum of the votes.
    pub score: i64,
    /// What else is counted.
    pub counters: Counters,
    /// Whom it may be shown to.
    pub rating: Rating,
    /// Where it stands with the moderators.
    pub status: Status,
    /// Who may see its file.
    pub access: Access,
    /// Held back by its uploader: in the API's listing, not on the pages.
    pub held: bool,
    /// The post this one is a variant of.
    pub parent_id: Option<u64>,
    /// Numbers of the pools it is in.
    pub pools: Vec<u64>,
    /// What pixiv calls it.
    pub kind: Kind,
    /// Made by a machine, for pixiv.
    pub by_ai: bool,
    /// Tags with their types, ascending by name.
    pub tags: Vec<(String, TagType)>,
    /// Where the artist published it; may be empty.
    pub source: String,
    /// The picture.
    pub file: Arc<File>,
    /// The pages after the first; only pixiv has any.
    pub pages: Vec<Arc<File>>,
    /// True face boxes of a drawn picture: left, top, right, bottom in pixels.
    pub faces: Vec<[f32; 4]>,
    /// True head boxes of a drawn picture, in the order of the faces.
    pub heads: Vec<[f32; 4]>,
}

/// What of a post can be compared without its texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures<'a> {
    pub id: u64,
    pub created_at: i64,
    pub change: u64,
    pub score: i64,
    pub counters: Counters,
    pub rating: Rating,
    pub status: Status,
    pub access: Access,
    pub held: bool,
    pub by_ai: bool,
    pub kind: Kind,
    pub parent_id: Option<u64>,
    pub pools: &'a [u64],
    pub width: u32,
    pub height: u32,
    pub size: usize,
    pub extension: &'static str,
    /// Ascending by name.
    pub tags: &'a [(String, TagType)],
}

impl Figures<'_> {
    /// Whether it carries a tag, in which `*` stands for anything.
    pub fn has_tag(&self, name: &str) -> bool {
        if name.contains('*') {
            return self.tags.iter().any(|(tag, _)| fits(name, tag));
        }
        self.tags.binary_search_by(|(tag, _)| tag.as_str().cmp(name)).is_ok()
    }

    pub fn mpixels(&self) -> f64 {
        f64::from(self.width) * f64::from(self.height) / 1e6
    }

    pub fn ratio(&self) -> f64 {
        f64::from(self.width) / f64::from(self.height.max(1))
    }
}

impl Post {
    /// All tags, separated by spaces.
    pub fn tag_string(&self) -> String {
        joined(&self.tags, |_| true)
    }

    /// The tags of a type, separated by spaces.
    pub fn tags_of(&self, kind: TagType) -> String {
        joined(&self.tags, |other| other == kind)
    }

    /// The file of a page, counted from 0.
    pub fn page(&self, number: usize) -> Option<&Arc<File>> {
        match number.checked_sub(1) {
            None => Some(&self.file),
            Some(further) => self.pages.get(further),
        }
    }

    pub(crate) fn figures(&self) -> Figures<'_> {
        Figures {
            id: self.id,
            created_at: self.created_at,
            change: self.change,
            score: self.score,
            counters: self.counters,
            rating: self.rating,
            status: self.status,
            access: self.access,
            held: self.held,
            by_ai: self.by_ai,
            kind: self.kind,
            parent_id: self.parent_id,
            pools: &self.pools,
            width: self.file.width,
            height: self.file.height,
            size: self.file.size,
            extension: self.file.extension,
            tags: &self.tags,
        }
    }
}

fn joined(tags: &[(String, TagType)], wanted: impl Fn(TagType) -> bool) -> String {
    let names = tags.iter().filter(|(_, kind)| wanted(*kind));
    names.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
}
