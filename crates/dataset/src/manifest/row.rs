//! One head of a manifest.

use std::cmp::Ordering;

use polars::prelude::{Column, DataFrame};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::cell::Cell;

/// Which part of training a head serves; fixed for its duplicate group for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Learned from.
    Train,
    /// Only measured on.
    Validation,
}

impl Split {
    /// The word in the catalog and in Parquet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
        }
    }

    /// The split of that word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "train" => Some(Self::Train),
            "validation" => Some(Self::Validation),
            _ => None,
        }
    }
}

/// The word, as a text.
impl Cell for Split {
    fn column(name: &str, values: Vec<&Self>) -> Column {
        let words: Vec<&str> = values.into_iter().map(|split| split.as_str()).collect();
        Column::new(name.into(), words)
    }

    fn read(column: &Column) -> Result<Vec<Self>, String> {
        let words = String::read(column)?.into_iter();
        words
            .map(|word| Self::parse(&word).ok_or_else(|| format!("names a split `{word}`")))
            .collect()
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        self.as_str().to_string().absorb(bytes);
    }
}

/// Declares the row once, for the type, the Parquet columns and the hash: the order of the fields
/// is the order of the columns and of the hashed bytes.
macro_rules! row {
    ($( $(#[$about:meta])* $field:ident: $type:ty, )+) => {
        /// One head: where it came from, where it is, and what it serves. All texts are UTF-8.
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct ManifestRow { $( $(#[$about])* pub $field: $type, )+ }

        /// The rows as a table.
        pub(super) fn to_frame(rows: &[ManifestRow]) -> Result<DataFrame, String> {
            let columns = vec![$( <$type>::column(stringify!($field), rows.iter().map(|row| &row.$field).collect()), )+];
            DataFrame::new(rows.len(), columns).map_err(|error| error.to_string())
        }

        /// The rows of a table, or what is wrong with it.
        pub(super) fn from_frame(frame: &DataFrame) -> Result<Vec<ManifestRow>, String> {
            $( let column = frame.column(stringify!($field)).map_err(|error| error.to_string())?;
               let mut $field = <$type>::read(column)?.into_iter(); )+
            let mut rows = Vec::with_capacity(frame.height());
            while let ($( Some($field), )+) = ($( $field.next(), )+) {
                rows.push(ManifestRow { $( $field, )+ });
            }
            Ok(rows)
        }

        fn absorb(row: &ManifestRow, bytes: &mut Vec<u8>) { $( row.$field.absorb(bytes); )+ }
    };
}

row! {
    /// Site table of stages.toml, or `import:NAME`.
    source: String,
    /// The site's id of the post, or the file's path in the imported folder.
    post: String,
    /// Page of a work of several; 0 else.
    page: i64,
    /// Which face of the picture: 0 is the one of highest score.
    ordinal: i64,
    /// Who drew it, where the source says so.
    artist: Option<String>,
    /// The post's own page.
    page_url: Option<String>,
    /// Where the artist published it.
    source_url: Option<String>,
    /// safe, sensitive, questionable, explicit or unknown.
    rating: String,
    /// Tags, sorted, one space between them.
    tags: String,
    /// By the mapping that the manifest's body names; none where the source has none.
    likes: Option<i64>,
    /// Views at the site.
    views: Option<i64>,
    /// Upload at the source, in seconds since 1970.
    created_at: i64,
    /// SHA-256 of the original file.
    image: String,
    /// Width of the upright original in pixels.
    image_width: i64,
    /// Height of the upright original in pixels.
    image_height: i64,
    /// Digest of the detector that found the face; `given` for imported heads.
    detector: String,
    /// Left edge of the face box, in pixels of the upright original.
    x0: f64,
    /// Upper edge.
    y0: f64,
    /// Right edge.
    x1: f64,
    /// Lower edge.
    y1: f64,
    /// The detector's score, 0 to 1.
    score: f64,
    /// SHA-256 of the stored PNG, which is its name in the store.
    head: String,
    /// SHA-256 of the head's RGB pixels.
    pixels: String,
    /// Side of the stored head in pixels.
    side: i64,
    /// How much fine detail the head holds, 0 to 1: higher is sharper.
    sharpness: f64,
    /// Name of the set of heads that are taken for the same one.
    duplicate_group: String,
    /// Train or validation.
    split: Split,
}

impl ManifestRow {
    /// Source, post, page, ordinal; the head's hash settles what remains.
    pub fn canonical_order(&self, other: &Self) -> Ordering {
        let key = |row: &Self| (row.page, row.ordinal);
        self.source
            .cmp(&other.source)
            .then_with(|| self.post.cmp(&other.post))
            .then_with(|| key(self).cmp(&key(other)))
            .then_with(|| self.head.cmp(&other.head))
    }
}

/// SHA-256 (hex) of the SHA-256 of each row, in the order given.
pub(super) fn digest(rows: &[ManifestRow]) -> String {
    let hashes: Vec<_> = rows
        .par_iter()
        .map_init(Vec::new, |bytes, row| {
            bytes.clear();
            absorb(row, bytes);
            Sha256::digest(&*bytes)
        })
        .collect();
    let mut all = Sha256::new();
    for hash in hashes {
        all.update(hash);
    }
    hex::encode(all.finalize())
}

/// A row for tests: post `post`, every hash made of `letter`.
#[cfg(test)]
pub(super) fn sample(post: &str, letter: char) -> ManifestRow {
    let hash: String = std::iter::repeat_n(letter, 64).collect();
    ManifestRow {
        source: "konachan".into(),
        post: post.into(),
        page: 0,
        ordinal: 0,
        artist: Some("someone".into()),
        page_url: None,
        source_url: Some("https://example.org/1".into()),
        rating: "safe".into(),
        tags: "blue_hair smile".into(),
        likes: Some(500),
        views: None,
        created_at: 1_700_000_000,
        image: hash.clone(),
        image_width: 1500,
        image_height: 1000,
        detector: "given".into(),
        x0: 10.25,
        y0: 20.0,
        x1: 110.5,
        y1: 121.0,
        score: 0.93,
        head: hash.clone(),
        pixels: hash.clone(),
        side: 200,
        sharpness: 81.5,
        duplicate_group: hash,
        split: Split::Train,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_the_table() {
        let mut second = sample("2", 'b');
        second.artist = None;
        second.likes = None;
        second.split = Split::Validation;
        let rows = vec![sample("1", 'a'), second];
        let frame = to_frame(&rows).expect("a table");
        assert_eq!(from_frame(&frame).expect("rows"), rows);
    }

    #[test]
    fn neighbouring_texts_do_not_flow_into_each_other_in_the_hash() {
        let (mut first, mut second) = (sample("1", 'a'), sample("1", 'a'));
        (first.source, first.post) = ("ab".into(), "c".into());
        (second.source, second.post) = ("a".into(), "bc".into());
        assert_ne!(digest(&[first]), digest(&[second]));
    }
}
