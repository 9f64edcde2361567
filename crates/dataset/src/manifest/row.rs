//! One head of a manifest.

use std::cmp::Ordering;

use polars::prelude::{Column, DataFrame};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::cell::Cell;

/// Which part of training a head serves; fixed for its duplicate group for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Learned from.
    #[default]
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

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        Self::parse(&String::emerge(bytes)?)
    }
}

/// Declares the row once, for the type, the Parquet columns and the hash: the order of the fields
/// is the order of the columns and of the hashed bytes. The second block came with format 2: older
/// manifests have no such columns, and their hashes leave them out.
macro_rules! row {
    ($( $(#[$about:meta])* $field:ident: $type:ty, )+; since 2: $( $(#[$later_about:meta])* $later:ident: $later_type:ty, )+) => {
        /// One head: where it came from, where it is, and what it serves. All texts are UTF-8.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
        pub struct ManifestRow {
            $( $(#[$about])* pub $field: $type, )+
            $( $(#[$later_about])* pub $later: $later_type, )+
        }

        /// The rows as a table.
        pub(super) fn to_frame(rows: &[ManifestRow]) -> Result<DataFrame, String> {
            let columns = vec![
                $( <$type>::column(stringify!($field), rows.iter().map(|row| &row.$field).collect()), )+
                $( <$later_type>::column(stringify!($later), rows.iter().map(|row| &row.$later).collect()), )+
            ];
            DataFrame::new(rows.len(), columns).map_err(|error| error.to_string())
        }

        /// The rows of a table of a format, or what is wrong with it.
        pub(super) fn from_frame(frame: &DataFrame, format: u32) -> Result<Vec<ManifestRow>, String> {
            $( let column = frame.column(stringify!($field)).map_err(|error| error.to_string())?;
               let mut $field = <$type>::read(column)?.into_iter(); )+
            $( let mut $later = match format {
                   1 => vec![<$later_type>::default(); frame.height()],
                   _ => <$later_type>::read(frame.column(stringify!($later)).map_err(|error| error.to_string())?)?,
               }.into_iter(); )+
            let mut rows = Vec::with_capacity(frame.height());
            while let ($( Some($field), )+ $( Some($later), )+) = ($( $field.next(), )+ $( $later.next(), )+) {
                rows.push(ManifestRow { $( $field, )+ $( $later, )+ });
            }
            match rows.len() == frame.height() {
                true => Ok(rows),
                false => Err("has columns of different lengths".into()),
            }
        }

        pub(super) fn absorb(row: &ManifestRow, format: u32, bytes: &mut Vec<u8>) {
            $( row.$field.absorb(bytes); )+
            if format > 1 {
                $( row.$later.absorb(bytes); )+
            }
        }

        /// Takes a row of the newest format off its canonical bytes.
        pub(super) fn emerge(mut bytes: &[u8]) -> Option<ManifestRow> {
            let bytes = &mut bytes;
            Some(ManifestRow {
                $( $field: <$type>::emerge(bytes)?, )+
                $( $later: <$later_type>::emerge(bytes)?, )+
            })
        }

        impl ManifestRow {
            /// The names of the columns in which two rows differ.
            pub fn differences(&self, other: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $( if self.$field != other.$field { names.push(stringify!($field)); } )+
                $( if self.$later != other.$later { names.push(stringify!($later)); } )+
                names
            }
        }
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
    ;
    since 2:
    /// Perceptual hash of the head in hex: heads that look alike differ in few bits; none where it was
    /// not measured.
    perceptual: Option<String>,
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

/// SHA-256 (hex) of the SHA-256 of each row, in the order in which they come: rows by the million need
/// not be held for it.
#[derive(Clone)]
pub(super) struct RowsDigest {
    format: u32,
    all: Sha256,
}

impl RowsDigest {
    /// Of no rows yet.
    pub(super) fn new(format: u32) -> Self {
        let all = Sha256::new();
        Self { format, all }
    }

    /// Takes the next rows in.
    pub(super) fn update(&mut self, rows: &[ManifestRow]) {
        let hashes: Vec<_> = rows
            .par_iter()
            .map_init(Vec::new, |bytes, row| {
                bytes.clear();
                absorb(row, self.format, bytes);
                Sha256::digest(&*bytes)
            })
            .collect();
        for hash in hashes {
            self.all.update(hash);
        }
    }

    /// The digest of all rows taken in.
    pub(super) fn finish(self) -> String {
        hex::encode(self.all.finalize())
    }
}

/// The digest of rows that are at hand.
pub(super) fn digest(rows: &[ManifestRow], format: u32) -> String {
    let mut digest = RowsDigest::new(format);
    digest.update(rows);
    digest.finish()
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
        perceptual: None,
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
        second.perceptual = Some("00ff00ff00ff00ff".into());
        let mut rows = vec![sample("1", 'a'), second];
        let frame = to_frame(&rows).expect("a table");
        assert_eq!(from_frame(&frame, 2).expect("rows"), rows);
        assert_eq!(rows[0].differences(&rows[0]), [""; 0]);
        assert!(rows[0].differences(&rows[1]).contains(&"perceptual"));
        for row in &rows {
            let mut bytes = Vec::new();
            absorb(row, 2, &mut bytes);
            assert_eq!(emerge(&bytes).as_ref(), Some(row));
            assert_eq!(emerge(&bytes[..bytes.len() - 1]), None);
        }
        rows[1].perceptual = None;
        assert_eq!(from_frame(&frame, 1).expect("rows"), rows, "an older table has none");
    }

    #[test]
    fn the_digest_is_that_of_all_rows_however_they_come() {
        let rows: Vec<ManifestRow> = ["1", "2", "3"].iter().map(|post| sample(post, 'a')).collect();
        let mut parts = RowsDigest::new(2);
        parts.update(&rows[..1]);
        parts.update(&rows[1..]);
        assert_eq!(parts.finish(), digest(&rows, 2));
        assert_ne!(digest(&rows, 1), digest(&rows, 2));
    }

    #[test]
    fn neighbouring_texts_do_not_flow_into_each_other_in_the_hash() {
        let (mut first, mut second) = (sample("1", 'a'), sample("1", 'a'));
        (first.source, first.post) = ("ab".into(), "c".into());
        (second.source, second.post) = ("a".into(), "bc".into());
        assert_ne!(digest(&[first], 2), digest(&[second], 2));
    }
}
