//! What the board knows of one post, whatever dialect it is asked in.

use std::sync::Arc;

use serde::Serialize;

use crate::file::File;

/// Whom a post may be shown to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rating {
    /// Everybody.
    #[default]
    Safe,
    /// In between.
    Questionable,
    /// Adults.
    Explicit,
}

impl Rating {
    /// Moebooru's letter.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Safe => "s",
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
}

impl TagType {
    /// The word in answers and in class names of pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Artist => "artist",
            Self::Character => "character",
            Self::Circle => "circle",
            Self::Copyright => "copyright",
            Self::General => "general",
        }
    }
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
    /// Whom it may be shown to.
    pub rating: Rating,
    /// Where it stands with the moderators.
    pub status: Status,
    /// Held back by its uploader: in the API's listing, not on the pages.
    pub held: bool,
    /// The post this one is a variant of.
    pub parent_id: Option<u64>,
    /// Tags with their types, ascending by name.
    pub tags: Vec<(String, TagType)>,
    /// Where the artist published it; may be empty.
    pub source: String,
    /// The picture.
    pub file: Arc<File>,
    /// True face boxes of a drawn picture: left, top, right, bottom in pixels.
    pub faces: Vec<[f32; 4]>,
    /// True head boxes of a drawn picture, in the order of the faces.
    pub heads: Vec<[f32; 4]>,
}

impl Post {
    /// Whether it carries a tag.
    pub fn has_tag(&self, name: &str) -> bool {
        self.tags.binary_search_by(|(tag, _)| tag.as_str().cmp(name)).is_ok()
    }

    /// All tags, separated by spaces.
    pub fn tag_string(&self) -> String {
        self.tags
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }
}
