//! What a crawl can be asked for by name, in place of a search.

use std::fmt;

/// Posts, a pool, an artist's works or the most liked posts. They are listed anew by each run, which leaves no cursor and
/// touches none of the site's searches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Single posts.
    Posts(Vec<PostName>),
    /// A pool of a board, by its number.
    Pool(i64),
    /// All works of an artist, by their number at the site.
    Artist(i64),
    /// The most liked posts of a search, in the site's own order.
    Top(u64),
}

/// How a post is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostName {
    /// By its number at the site.
    Number(i64),
    /// By the MD5 of its original, which a picture's address has.
    Md5(String),
}

impl fmt::Display for PostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Md5(md5) => write!(formatter, "md5:{md5}"),
        }
    }
}

/// Names that are printed; of a longer list, how many there are.
const SHOWN: usize = 8;

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Posts(names) if names.len() > SHOWN => write!(formatter, "{} posts by number", names.len()),
            Self::Posts(names) => {
                let words: Vec<String> = names.iter().map(PostName::to_string).collect();
                let noun = if words.len() == 1 { "post" } else { "posts" };
                write!(formatter, "{noun} {}", words.join(", "))
            }
            Self::Pool(number) => write!(formatter, "pool {number}"),
            Self::Artist(number) => write!(formatter, "works of artist {number}"),
            Self::Top(most) => write!(formatter, "the {most} most liked posts"),
        }
    }
}
