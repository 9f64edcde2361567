//! Makes many different files of one: a comment with a number before the end of the picture, which
//! decoders pass over.

use std::sync::Arc;

use md5::{Digest, Md5};

use crate::file::File;

/// Digits of the number; the same for all, so that all marked files have one length.
const DIGITS: usize = 12;

#[derive(Clone, Copy, Debug)]
enum Format {
    Jpeg,
    Png,
    Gif,
}

impl Format {
    /// What a whole file of the format ends with.
    fn ending(self) -> &'static [u8] {
        match self {
            // The end-of-image marker.
            Self::Jpeg => &[0xff, 0xd9],
            // The IEND chunk: length 0, name, checksum.
            Self::Png => b"\0\0\0\0IEND\xae\x42\x60\x82",
            // The trailer.
            Self::Gif => b"\x3b",
        }
    }

    fn comment(self, number: u64) -> Vec<u8> {
        let text = format!("{number:0DIGITS$}");
        match self {
            // A COM segment; its length counts the two bytes that tell it.
            Self::Jpeg => [&[0xff, 0xfe, 0, 2 + DIGITS as u8], text.as_bytes()].concat(),
            Self::Png => {
                let chunk = [b"tEXtComment\0", text.as_bytes()].concat();
                let checksum = crc32fast::hash(&chunk).to_be_bytes();
                // The length counts neither itself nor the name nor the checksum.
                let length = (chunk.len() as u32 - 4).to_be_bytes();
                [&length, &chunk[..], &checksum].concat()
            }
            // A comment extension of one block.
            Self::Gif => [&[0x21, 0xfe, DIGITS as u8], text.as_bytes(), &[0]].concat(),
        }
    }
}

/// A file of which marked ones can be made.
#[derive(Debug)]
pub(crate) struct Markable {
    original: Arc<File>,
    format: Format,
    /// Over the bytes before the ending: hashing a marked file takes no longer than its last bytes.
    before_ending: Md5,
}

impl Markable {
    /// `None` for formats that cannot be marked and files that do not end as their format does.
    pub fn new(original: Arc<File>) -> Option<Self> {
        let format = match original.extension {
            "jpg" => Format::Jpeg,
            "png" => Format::Png,
            "gif" => Format::Gif,
            _ => return None,
        };
        let bytes = original.bytes();
        let before = bytes.strip_suffix(format.ending())?;
        let before_ending = Md5::new_with_prefix(before);
        Some(Self {
            original,
            format,
            before_ending,
        })
    }

    /// As it was before it was marked.
    pub fn original(&self) -> &Arc<File> {
        &self.original
    }

    /// Length of a marked file in bytes.
    pub fn size(&self) -> usize {
        self.original.size + self.format.comment(0).len()
    }

    /// MD5 of the file that bears a number.
    pub fn md5(&self, number: u64) -> [u8; 16] {
        let hash = self.before_ending.clone();
        hash.chain_update(self.format.comment(number))
            .chain_update(self.format.ending())
            .finalize()
            .into()
    }

    /// The file that bears a number, whose MD5 is known.
    pub fn marked(&self, number: u64, md5: [u8; 16]) -> File {
        let end = [&self.format.comment(number), self.format.ending()].concat();
        File::marked(&self.original, self.format.ending().len(), end, hex::encode(md5))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::ImageFormat;

    use super::*;

    #[test]
    fn marked_files_differ_in_their_checksums_and_show_the_same() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif] {
            let mut bytes = Cursor::new(Vec::new());
            let picture = image::RgbImage::from_fn(20, 10, |x, y| image::Rgb([10 * x as u8, 20 * y as u8, 90]));
            picture.write_to(&mut bytes, format).expect("encodes");
            let original = bytes.into_inner();
            let markable = Markable::new(Arc::new(File::new(original.clone()))).expect("can be marked");
            let [one, other] = [300_001, 300_002].map(|number| markable.marked(number, markable.md5(number)));
            assert_ne!(one.bytes(), other.bytes());
            for file in [one, other] {
                let bytes = file.bytes();
                assert_eq!(file.md5, hex::encode(Md5::digest(&bytes)));
                assert_eq!((file.size, bytes.len()), (markable.size(), markable.size()));
                let shown = |bytes: &[u8]| image::load_from_memory(bytes).expect("decodes");
                assert_eq!(shown(&bytes), shown(&original), "{format:?}");
            }
        }
    }
}
