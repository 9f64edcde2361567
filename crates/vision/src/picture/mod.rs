//! From a file's bytes to an upright RGB picture, with nothing trusted on the way.

mod animation;
mod libjpeg;
mod png;

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use serde::{Deserialize, Serialize};

pub use animation::is_animated;
pub use png::png;

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
}

impl Format {
    /// The format by its magic number; `None` for everything else.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }

    /// The file name extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
        }
    }

    /// Whether the file ends as its format says it must: what tells a truncated file from a whole
    /// one where no checksum is known. Bytes after a JPEG's end marker are common and allowed.
    pub fn is_complete(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => {
                let tail = &bytes[bytes.len().saturating_sub(64 * 1024)..];
                tail.windows(2).any(|pair| pair == [0xff, 0xd9])
            }
            Self::Png => bytes
                .windows(8)
                .rev()
                .any(|chunk| chunk == [b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82]),
            Self::Webp => match bytes.get(4..8) {
                Some(&[a, b, c, d]) => bytes.len() as u64 >= u64::from(u32::from_le_bytes([a, b, c, d])) + 8,
                _ => false,
            },
            Self::Gif => bytes.iter().rev().find(|byte| **byte != 0) == Some(&0x3b),
        }
    }

    fn image_format(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Webp => ImageFormat::WebP,
            Self::Gif => ImageFormat::Gif,
        }
    }
}

/// What a picture may cost before it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Pixels, width times height.
    pub pixels: u64,
    /// Width or height.
    pub side: u32,
    /// Bytes of memory that decoding takes at once, by [`Header::decoding`].
    pub memory: u64,
}

impl Default for Limits {
    /// 100 megapixels: several times a large illustration (8,000 x 6,000), far below the
    /// 441-megapixel uploads that exist. No bound of memory: who decodes several at
    /// once sets it.
    fn default() -> Self {
        Self {
            pixels: 100_000_000,
            side: 30_000,
            memory: u64::MAX,
        }
    }
}

/// Why a file gives no picture. All are permanent: the same bytes fail again.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// No format that is known here.
    #[error("not a picture of a known format")]
    UnknownFormat,
    /// A format that is known and not read.
    #[error("a picture in {0}, which is not read: JPEG, PNG, WebP and GIF are")]
    OtherFormat(&'static str),
    /// No picture.
    #[error("a video ({0})")]
    Video(&'static str),
    /// The end of the file is missing.
    #[error("truncated file")]
    Truncated,
    /// More than one frame.
    #[error("animation")]
    Animation,
    /// The header promises more pixels than allowed.
    #[error("too large: {width} x {height} pixels")]
    TooLarge {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
    },
    /// Decoding would take more memory than allowed.
    #[error(
        "too large: decoding {width} x {height} pixels takes {megabytes} MB, more than [crop] memory_megabytes allows"
    )]
    TooHungry {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// What it would take.
        megabytes: u64,
    },
    /// Anything else the decoder refuses.
    #[error("undecodable: {0}")]
    Corrupt(String),
}

impl DecodeError {
    /// A short fixed word for counts by reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownFormat | Self::OtherFormat(_) => "unknown-format",
            Self::Video(_) => "video",
            Self::Truncated => "truncated",
            Self::Animation => "animation",
            Self::TooLarge { .. } | Self::TooHungry { .. } => "too-large",
            Self::Corrupt(_) => "undecodable",
        }
    }
}

/// What a file's first bytes say of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Header {
    /// Sniffed format.
    pub format: Format,
    /// Pixels across, upright (after the EXIF rotation).
    pub width: u32,
    /// Pixels down, upright.
    pub height: u32,
    /// The most bytes that decoding takes at once, the file's own left out.
    pub decoding: u64,
}

/// Reads format and size without decoding, and refuses what exceeds the limits.
///
/// # Errors
/// Any [`DecodeError`] but `Truncated` and `Animation`.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header, DecodeError> {
    let format = Format::sniff(bytes).ok_or_else(|| stranger(bytes))?;
    let mut decoder = reader(bytes, format).into_decoder().map_err(corrupt)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(DecodeError::Corrupt("no pixels".into()));
    }
    if width > limits.side || height > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
        return Err(DecodeError::TooLarge { width, height });
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let decoding = decoding(format, &decoder, orientation);
    if decoding > limits.memory {
        let megabytes = decoding.div_ceil(1_000_000);
        return Err(DecodeError::TooHungry {
            width,
            height,
            megabytes,
        });
    }
    let (width, height) = match swaps_sides(orientation) {
        true => (height, width),
        false => (width, height),
    };
    Ok(Header {
        format,
        width,
        height,
        decoding,
    })
}

/// What a file is that is no picture of a known format, as far as its first bytes tell.
fn stranger(bytes: &[u8]) -> DecodeError {
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4) {
            Some(b"avif" | b"avis") => DecodeError::OtherFormat("AVIF"),
            Some(b"heic" | b"heix" | b"mif1" | b"msf1") => DecodeError::OtherFormat("HEIF"),
            _ => DecodeError::Video("MP4"),
        },
        [0x1a, 0x45, 0xdf, 0xa3, ..] => DecodeError::Video("WebM or Matroska"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => DecodeError::Video("AVI"),
        [b'F', b'L', b'V', 1, ..] => DecodeError::Video("Flash"),
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', ..] => DecodeError::OtherFormat("JPEG XL"),
        [b'B', b'M', ..] => DecodeError::OtherFormat("BMP"),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => DecodeError::OtherFormat("TIFF"),
        [b'8', b'B', b'P', b'S', ..] => DecodeError::OtherFormat("PSD"),
        _ => DecodeError::UnknownFormat,
    }
}

/// The most bytes that decoding takes at once: what the decoder gives, what it works with, and the
/// copies on the way to upright RGB.
fn decoding(format: Format, decoder: &impl ImageDecoder, orientation: Orientation) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let working = match format {
        // A progressive file keeps two bytes of each of its coefficients until its last scan.
        Format::Jpeg => 6,
        Format::Png => 0,
        // Luma and chroma before they become colours; a canvas beside the frame.
        Format::Webp | Format::Gif => 4,
    };
    let turned = orientation != Orientation::NoTransforms;
    let copies = match decoder.color_type() {
        ColorType::Rgb8 => 3 * u64::from(turned),
        // A turned copy, or RGB beside RGBA.
        ColorType::Rgba8 => 4,
        // RGBA or RGB of 8 bits first, then RGB.
        _ => 7,
    };
    decoder.total_bytes() + pixels * (working + copies)
}

/// How the colours of a JPEG are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// In the quickest way; a grey level off here and there.
    Quick,
    /// To the bit as libjpeg does, and with it OpenCV and Pillow.
    Libjpeg,
}

/// Decodes a whole file: EXIF rotation applied, 16-bit, palette and CMYK converted, alpha
/// composited on white.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    decode_by(bytes, limits, Arithmetic::Quick)
}

pub(crate) fn decode_by(bytes: &[u8], limits: &Limits, arithmetic: Arithmetic) -> Result<RgbImage, DecodeError> {
    let header = header(bytes, limits)?;
    if !header.format.is_complete(bytes) {
        return Err(DecodeError::Truncated);
    }
    if is_animated(bytes, header.format)? {
        return Err(DecodeError::Animation);
    }
    let mut decoder = reader(bytes, header.format).into_decoder().map_err(corrupt)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let exact = (header.format, arithmetic) == (Format::Jpeg, Arithmetic::Libjpeg);
    let exact = if exact { libjpeg::decode(bytes)? } else { None };
    let mut picture = match exact {
        Some(picture) => DynamicImage::from(picture),
        None => DynamicImage::from_decoder(decoder).map_err(corrupt)?,
    };
    picture.apply_orientation(orientation);
    Ok(flatten(picture))
}

/// Our own limits were checked on the header, so the decoder's are lifted: they count working
/// memory, which differs from format to format.
fn reader(bytes: &[u8], format: Format) -> ImageReader<Cursor<&[u8]>> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.image_format());
    reader.no_limits();
    reader
}

fn corrupt(error: image::ImageError) -> DecodeError {
    DecodeError::Corrupt(error.to_string())
}

fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

/// Composites on white where there is alpha.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let mut flat = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in flat.chunks_exact_mut(3).zip(rgba.as_raw().chunks_exact(4)) {
        let alpha = u32::from(from[3]);
        for channel in 0..3 {
            let mixed = u32::from(from[channel]) * alpha + 255 * (255 - alpha);
            to[channel] = ((mixed + 127) / 255) as u8;
        }
    }
    flat
}
