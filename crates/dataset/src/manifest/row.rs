//! One head of a manifest.

use std::cmp::Ordering;

use polars_arrow::array::Array;
use polars_arrow::datatypes::{ArrowDataType, Field};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::cell::Cell;

/// Names the detector of heads that were imported as heads.
pub const GIVEN: &str = "given";

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
    const TYPE: ArrowDataType = String::TYPE;

    fn column<'a>(cells: impl Iterator<Item = Option<&'a Self>>) -> Box<dyn Array> {
        let words: Vec<Option<String>> = cells.map(|cell| cell.map(|split| split.as_str().into())).collect();
        String::column(words.iter().map(Option::as_ref))
    }

    fn read(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
        let parse = |word: String| Self::parse(&word).ok_or_else(|| format!("names a split `{word}`"));
        String::read(column)?
            .into_iter()
            .map(|word| word.map(parse).transpose())
            .collect()
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        self.as_str().to_string().absorb(bytes);
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        Self::parse(&String::emerge(bytes)?)
    }
}

/// The cells of a column that has none empty.
fn full<T: Cell>(name: &str, column: &dyn Array) -> Result<Vec<T>, String> {
    let cells = T::read(column).map_err(|what| format!("has a column `{name}` that {what}"))?;
    let cells: Option<Vec<T>> = cells.into_iter().collect();
    cells.ok_or_else(|| format!("has an empty cell in the column `{name}`"))
}

/// Declares the row once, for the type, the Parquet columns and the hash: the order of the fields
/// is the order of the columns and of the hashed bytes.
macro_rules! row {
    ($( $(#[$about:meta])* $field:ident: $type:ty, )+) => {
        /// One head: where it came from, where it is, and what it serves. All texts are UTF-8.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
        pub struct ManifestRow {
            $( $(#[$about])* pub $field: $type, )+
        }

        /// The Parquet columns. All may hold empty cells, as other tools write them.
        pub(super) fn fields() -> impl Iterator<Item = Field> {
            [$( Field::new(stringify!($field).into(), <$type>::TYPE, true), )+].into_iter()
        }

        /// The rows as columns, in the order of [`fields`].
        pub(super) fn to_columns(rows: &[ManifestRow]) -> Vec<Box<dyn Array>> {
            vec![$( <$type>::column(rows.iter().map(|row| Some(&row.$field))), )+]
        }

        /// The rows of columns of one length in the order of [`fields`], or what is wrong with them.
        pub(super) fn from_columns(columns: &[Box<dyn Array>]) -> Result<Vec<ManifestRow>, String> {
            let count = columns.first().map_or(0, |column| column.len());
            let mut columns = columns.iter();
            $( let column = columns.next().expect("a column a field");
               let mut $field = full::<$type>(stringify!($field), column.as_ref())?.into_iter(); )+
            let mut rows = Vec::with_capacity(count);
            while let ($( Some($field), )+) = ($( $field.next(), )+) {
                rows.push(ManifestRow { $( $field, )+ });
            }
            Ok(rows)
        }

        pub(super) fn absorb(row: &ManifestRow, bytes: &mut Vec<u8>) {
            $( row.$field.absorb(bytes); )+
        }

        /// Takes a row off its canonical bytes.
        pub(super) fn emerge(mut bytes: &[u8]) -> Option<ManifestRow> {
            let bytes = &mut bytes;
            Some(ManifestRow { $( $field: <$type>::emerge(bytes)?, )+ })
        }

        impl ManifestRow {
            /// Whether it names where the face is: a head that was imported as one names the whole of it.
            pub fn has_face_box(&self) -> bool {
                self.detector != GIVEN
            }

            /// The names of the columns in which two rows differ.
            pub fn differences(&self, other: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $( if self.$field != other.$field { names.push(stringify!($field)); } )+
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
    /// Perceptual hash of the head in hex: like heads differ in few bits; none where it was
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
#[derive(Clone, Default)]
pub(super) struct RowsDigest(Sha256);

impl RowsDigest {
    /// Takes the next rows in.
    pub(super) fn update(&mut self, rows: &[ManifestRow]) {
        let hashes: Vec<_> = rows
            .par_iter()
            .map_init(Vec::new, |bytes, row| {
                bytes.clear();
                absorb(row, bytes);
                Sha256::digest(&*bytes)
            })
            .collect();
        for hash in hashes {
            self.0.update(hash);
        }
    }

    /// The digest of all rows taken in.
    pub(super) fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// The digest of rows that are at hand.
pub(super) fn digest(rows: &[ManifestRow]) -> String {
    let mut digest = RowsDigest::default();
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
        let rows = vec![sample("1", 'a'), second];
        let mut columns = to_columns(&rows);
        assert_eq!(from_columns(&columns).expect("rows"), rows);
        assert_eq!(rows[0].differences(&rows[0]), [""; 0]);
        assert!(rows[0].differences(&rows[1]).contains(&"perceptual"));
        for row in &rows {
            let mut bytes = Vec::new();
            absorb(row, &mut bytes);
            assert_eq!(emerge(&bytes).as_ref(), Some(row));
            assert_eq!(emerge(&bytes[..bytes.len() - 1]), None);
        }
        columns[0] = String::column([Some(&"konachan".to_string()), None].into_iter());
        let error = from_columns(&columns).expect_err("a row without a source");
        assert_eq!(error, "has an empty cell in the column `source`");
    }

    #[test]
    fn the_digest_is_that_of_all_rows_however_they_come() {
        let rows: Vec<ManifestRow> = ["1", "2", "3"].iter().map(|post| sample(post, 'a')).collect();
        let mut parts = RowsDigest::default();
        parts.update(&rows[..1]);
        parts.update(&rows[1..]);
        assert_eq!(parts.finish(), digest(&rows));
    }

    #[test]
    fn neighbouring_texts_do_not_flow_into_each_other_in_the_hash() {
        let (mut first, mut second) = (sample("1", 'a'), sample("1", 'a'));
        (first.source, first.post) = ("ab".into(), "c".into());
        (second.source, second.post) = ("a".into(), "bc".into());
        assert_ne!(digest(&[first]), digest(&[second]));
    }
}
