//! The formats that are read: the only list of their names and first bytes.

use serde::{Deserialize, Serialize};

use super::{DecodeError, animation, avif, jpeg, jxl, tiff};

/// A kind of file that is stored; told by its bytes, never by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG, APNG included.
    Png,
    /// WebP, lossy or lossless.
    Webp,
    /// GIF.
    Gif,
    /// AVIF, image sequences included.
    Avif,
    /// JPEG XL, a bare codestream or in its container.
    Jxl,
    /// Windows bitmap.
    Bmp,
    /// TIFF.
    Tiff,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Avif,
        Self::Jxl,
        Self::Bmp,
        Self::Tiff,
    ];

    /// The format by its magic number; `None` for everything else.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] if avif::is_avif(bytes) => Some(Self::Avif),
            [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', 0x0d, 0x0a, 0x87, 0x0a, ..] => Some(Self::Jxl),
            // The length of the second header tells a bitmap from a text that begins with BM.
            [b'B', b'M', ..] if matches!(bytes.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) => {
                Some(Self::Bmp)
            }
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            _ => None,
        }
    }

    /// The format that a file of this extension should have, as people and sites write it.
    pub fn of_extension(extension: &str) -> Option<Self> {
        let is_its = |format: &Self| {
            format
                .extensions()
                .iter()
                .any(|known| known.eq_ignore_ascii_case(extension))
        };
        Self::ALL.into_iter().find(is_its)
    }

    /// The file name extension, without the dot.
    pub fn extension(self) -> &'static str {
        self.extensions()[0]
    }

    /// All extensions in use, without the dot, the usual one first.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png", "apng"],
            Self::Webp => &["webp"],
            Self::Gif => &["gif"],
            Self::Avif => &["avif", "avifs"],
            Self::Jxl => &["jxl"],
            Self::Bmp => &["bmp", "dib"],
            Self::Tiff => &["tif", "tiff"],
        }
    }

    /// The word for it in tables: its name in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            _ => self.extension(),
        }
    }

    /// Its name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Gif => "GIF",
            Self::Avif => "AVIF",
            Self::Jxl => "JPEG XL",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
        }
    }

    /// Whether the file ends as its format says it must: what tells a truncated file from a whole one
    /// where no checksum is known. The structure is followed, so that neither the end of a thumbnail
    /// inside nor bytes after the end mislead.
    pub fn is_complete(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => jpeg::is_complete(bytes),
            Self::Png => animation::png_chunks(bytes).any(|(kind, _)| kind == *b"IEND"),
            Self::Webp => match bytes.get(4..8) {
                Some(&[a, b, c, d]) => bytes.len() as u64 >= u64::from(u32::from_le_bytes([a, b, c, d])) + 8,
                _ => false,
            },
            Self::Gif => animation::gif_structure(bytes).ended,
            Self::Avif => avif::is_complete(bytes),
            Self::Jxl => jxl::is_complete(bytes),
            Self::Bmp => bmp_is_complete(bytes),
            Self::Tiff => tiff::is_complete(bytes),
        }
    }
}

/// The names of all formats, for messages.
pub(super) fn names() -> String {
    let names = Format::ALL.map(Format::name);
    match names.split_last() {
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// By the length of the pixels where they are not compressed: the length in the header is often wrong.
fn bmp_is_complete(bytes: &[u8]) -> bool {
    let four = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let length = || {
        let (start, header) = (u64::from(four(10)?), four(14)?);
        if header == 12 {
            return Some(start);
        }
        let (width, height) = (u64::from(four(18)?), u64::from((four(22)? as i32).unsigned_abs()));
        let bits = u64::from(four(28)? & 0xffff);
        Some(match four(30)? {
            // Plain pixels or bit fields: rows of whole four bytes.
            0 | 3 | 6 => start + (width * bits).div_ceil(32) * 4 * height,
            _ => start + u64::from(four(34)?),
        })
    };
    length().is_some_and(|length| bytes.len() as u64 >= length)
}

/// What a file is that is no picture of a known format, as far as its first bytes tell.
pub(super) fn stranger(bytes: &[u8]) -> DecodeError {
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4) {
            Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => {
                DecodeError::OtherFormat("HEIF")
            }
            Some(b"crx ") => DecodeError::OtherFormat("a camera's raw format (CR3)"),
            _ => DecodeError::Video("MP4"),
        },
        [0x1a, 0x45, 0xdf, 0xa3, ..] => DecodeError::Video("WebM or Matroska"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => DecodeError::Video("AVI"),
        [b'F', b'L', b'V', 1, ..] => DecodeError::Video("Flash"),
        [0, 0, 0, 0x0c, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => {
            DecodeError::OtherFormat("JPEG 2000")
        }
        [b'I', b'I', 0xbc, ..] => DecodeError::OtherFormat("JPEG XR"),
        [b'8', b'B', b'P', b'S', ..] => DecodeError::OtherFormat("PSD"),
        [b'q', b'o', b'i', b'f', ..] => DecodeError::OtherFormat("QOI"),
        [0, 0, 1, 0, ..] => DecodeError::OtherFormat("ICO"),
        _ => DecodeError::UnknownFormat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extension_and_word_belongs_to_one_format() {
        for format in Format::ALL {
            for extension in format.extensions() {
                assert_eq!(Format::of_extension(&extension.to_uppercase()), Some(format));
            }
            assert_eq!(
                Format::ALL.iter().filter(|other| other.word() == format.word()).count(),
                1
            );
        }
        assert_eq!(Format::of_extension("webm"), None);
        assert!(
            names().starts_with("JPEG, PNG, ") && names().ends_with(" and TIFF"),
            "{}",
            names()
        );
    }
}
