//! From a file's bytes to an upright RGB picture, with nothing trusted on the way.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use serde::{Deserialize, Serialize};

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
}

impl Default for Limits {
    /// 100 megapixels: several times a large illustration (8,000 x 6,000), far below the
    /// 441-megapixel uploads that exist.
    fn default() -> Self {
        Self {
            pixels: 100_000_000,
            side: 30_000,
        }
    }
}

/// Why a file gives no picture. All are permanent: the same bytes fail again.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// No format that is known here.
    #[error("not a picture of a known format")]
    UnknownFormat,
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
    /// Anything else the decoder refuses.
    #[error("undecodable: {0}")]
    Corrupt(String),
}

impl DecodeError {
    /// A short fixed word for counts by reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownFormat => "unknown-format",
            Self::Truncated => "truncated",
            Self::Animation => "animation",
            Self::TooLarge { .. } => "too-large",
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
}

/// Reads format and size without decoding, and refuses what exceeds the limits.
///
/// # Errors
/// Any [`DecodeError`] but `Truncated` and `Animation`.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header, DecodeError> {
    let format = Format::sniff(bytes).ok_or(DecodeError::UnknownFormat)?;
    let mut decoder = reader(bytes, format).into_decoder().map_err(corrupt)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(DecodeError::Corrupt("no pixels".into()));
    }
    if width > limits.side || height > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
        return Err(DecodeError::TooLarge { width, height });
    }
    let turned = swaps_sides(decoder.orientation().unwrap_or(Orientation::NoTransforms));
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Ok(Header { format, width, height })
}

/// Decodes a whole file: EXIF rotation applied, 16-bit, palette and CMYK converted, alpha
/// composited on white.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    let header = header(bytes, limits)?;
    if !header.format.is_complete(bytes) {
        return Err(DecodeError::Truncated);
    }
    if is_animated(bytes, header.format)? {
        return Err(DecodeError::Animation);
    }
    let mut decoder = reader(bytes, header.format).into_decoder().map_err(corrupt)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(corrupt)?;
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

/// Whether a file holds more than one frame, by its structure alone: nothing is decoded.
///
/// # Errors
/// [`DecodeError::Corrupt`].
pub fn is_animated(bytes: &[u8], format: Format) -> Result<bool, DecodeError> {
    Ok(match format {
        Format::Jpeg => false,
        Format::Png => image::codecs::png::PngDecoder::new(Cursor::new(bytes))
            .map_err(corrupt)?
            .is_apng()
            .map_err(corrupt)?,
        Format::Webp => image::codecs::webp::WebPDecoder::new(Cursor::new(bytes))
            .map_err(corrupt)?
            .has_animation(),
        Format::Gif => gif_pictures(bytes) > 1,
    })
}

/// Pictures in a GIF, counted by its blocks as far as they can be followed.
fn gif_pictures(bytes: &[u8]) -> usize {
    // A table of colours follows where the top bit says so; it has 2^(n+1) colours of 3 bytes.
    let table = |flags: u8| if flags & 0x80 != 0 { 6 << (flags & 7) } else { 0 };
    let Some(flags) = bytes.get(10) else {
        return 0;
    };
    let mut at = 13 + table(*flags);
    let mut pictures = 0;
    while let Some(kind) = bytes.get(at) {
        at += match kind {
            0x21 => 2,
            0x2c => {
                pictures += 1;
                let Some(flags) = bytes.get(at + 9) else {
                    return pictures;
                };
                11 + table(*flags)
            }
            _ => return pictures,
        };
        // Sub-blocks, each with its length before it, up to an empty one.
        while let Some(length) = bytes.get(at) {
            at += 1 + usize::from(*length);
            if *length == 0 {
                break;
            }
        }
    }
    pictures
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

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, Rgba, RgbaImage};

    fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("encodes");
        bytes.into_inner()
    }

    #[test]
    fn alpha_is_composited_on_white() {
        let picture = RgbaImage::from_pixel(4, 2, Rgba([200, 0, 0, 0]));
        let flat = decode(&encode(&picture.into(), ImageFormat::Png), &Limits::default()).expect("decodes");
        assert_eq!(flat.get_pixel(0, 0), &Rgb([255; 3]));
    }

    #[test]
    fn sixteen_bits_become_eight() {
        let picture = image::ImageBuffer::from_pixel(2, 2, Rgb([65535u16, 32768, 0]));
        let flat = decode(&encode(&picture.into(), ImageFormat::Png), &Limits::default()).expect("decodes");
        assert_eq!(flat.get_pixel(0, 0), &Rgb([255, 128, 0]));
    }

    #[test]
    fn a_palette_becomes_its_colours() {
        let picture = RgbaImage::from_pixel(3, 2, Rgba([200, 16, 40, 255]));
        let flat = decode(&encode(&picture.into(), ImageFormat::Gif), &Limits::default()).expect("decodes");
        let near = |found: u8, meant: u8| found.abs_diff(meant) < 9;
        let Rgb([red, green, blue]) = *flat.get_pixel(1, 1);
        assert!(
            near(red, 200) && near(green, 16) && near(blue, 40),
            "{:?}",
            flat.get_pixel(1, 1)
        );
    }

    #[test]
    fn a_rotation_in_the_exif_is_applied_before_anything_is_measured() {
        let picture = RgbImage::from_fn(32, 16, |x, _| if x < 16 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
        let jpeg = encode(&picture.into(), ImageFormat::Jpeg);
        let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let turned = [&jpeg[..2], b"\xff\xe1\0\x22Exif\0\0", tiff, &jpeg[2..]].concat();
        let header = header(&turned, &Limits::default()).expect("reads");
        assert_eq!((header.width, header.height), (16, 32));
        let upright = decode(&turned, &Limits::default()).expect("decodes");
        assert_eq!(upright.dimensions(), (16, 32));
        let (top, bottom) = (upright.get_pixel(8, 4), upright.get_pixel(8, 28));
        assert!(top[0] > 200 && bottom[2] > 200, "{top:?} {bottom:?}");
    }

    /// A JPEG of 8 x 8 equal pixels with four components, as image editors write them: stored inverted,
    /// with an Adobe marker whose `transform` is 0 for CMYK and 2 for YCCK (the inks as luma and chroma).
    fn four_components(transform: u8, values: [u8; 4]) -> Vec<u8> {
        let mut jpeg = b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0".to_vec();
        jpeg.push(transform);
        // One quantisation table of 8s: the first coefficient then is the mean.
        jpeg.extend(b"\xff\xdb\0\x43\0");
        jpeg.extend([8; 64]);
        jpeg.extend(b"\xff\xc0\0\x14\x08\0\x08\0\x08\x04");
        jpeg.extend((1..=4).flat_map(|component| [component, 0x11, 0]));
        // Means: nine lengths, each a code of four bits. Other coefficients: only their end, one bit.
        jpeg.extend(b"\xff\xc4\0\x1c\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08");
        jpeg.extend(b"\xff\xc4\0\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        jpeg.extend(b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0");
        let mut bits = String::new();
        for value in values {
            let mean = i32::from(value) - 128;
            let length = (32 - mean.unsigned_abs().leading_zeros()) as usize;
            let shown = if mean < 0 { mean + (1 << length) - 1 } else { mean };
            bits += &format!("{length:04b}");
            if length > 0 {
                bits += &format!("{shown:0length$b}");
            }
            bits += "0";
        }
        while !bits.len().is_multiple_of(8) {
            bits += "1";
        }
        for byte in bits.as_bytes().chunks(8) {
            let text = std::str::from_utf8(byte).expect("digits");
            let byte = u8::from_str_radix(text, 2).expect("digits");
            jpeg.push(byte);
            if byte == 0xff {
                jpeg.push(0);
            }
        }
        jpeg.extend(b"\xff\xd9");
        jpeg
    }

    #[test]
    fn a_jpeg_for_printing_becomes_colours_for_a_screen() {
        let cases = [
            (0, [255, 255, 255, 255], [255, 255, 255]),
            (0, [255, 0, 0, 255], [255, 0, 0]),
            (0, [255, 255, 255, 0], [0, 0, 0]),
            (2, [0, 128, 128, 255], [255, 255, 255]),
            (2, [179, 171, 1, 255], [255, 0, 0]),
        ];
        for (transform, stored, meant) in cases {
            let flat = decode(&four_components(transform, stored), &Limits::default()).expect("decodes");
            let found = flat.get_pixel(4, 4).0;
            let near = found
                .iter()
                .zip(meant)
                .all(|(found, meant): (&u8, u8)| found.abs_diff(meant) < 6);
            assert!(
                near,
                "transform {transform}, {stored:?}: {found:?} in place of {meant:?}"
            );
        }
    }

    #[test]
    fn a_truncated_file_is_told_from_a_whole_one() {
        let picture = DynamicImage::from(RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8 * 4, y as u8 * 4, 9])));
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let bytes = encode(&picture, format);
            assert!(decode(&bytes, &Limits::default()).is_ok(), "{format:?}");
            let error = decode(&bytes[..bytes.len() - 12], &Limits::default()).expect_err("is cut off");
            assert_eq!(error, DecodeError::Truncated, "{format:?}");
        }
    }

    #[test]
    fn frames_are_counted_without_decoding() {
        let frame = || image::Frame::new(RgbaImage::from_pixel(9, 7, Rgba([200, 0, 0, 255])));
        for frames in 1..4 {
            let mut bytes = Vec::new();
            let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
            encoder
                .set_repeat(image::codecs::gif::Repeat::Infinite)
                .expect("encodes");
            encoder.encode_frames((0..frames).map(|_| frame())).expect("encodes");
            drop(encoder);
            assert_eq!(gif_pictures(&bytes), frames);
            assert_eq!(is_animated(&bytes, Format::Gif), Ok(frames > 1));
            for cut in 0..bytes.len() {
                assert!(gif_pictures(&bytes[..cut]) <= frames);
            }
        }
    }

    #[test]
    fn the_header_alone_refuses_a_bomb() {
        let bytes = encode(&DynamicImage::from(RgbImage::new(300, 200)), ImageFormat::Png);
        let limits = Limits {
            pixels: 50_000,
            side: 1000,
        };
        assert_eq!(
            header(&bytes, &limits),
            Err(DecodeError::TooLarge {
                width: 300,
                height: 200
            })
        );
        assert_eq!(header(b"<html>busy</html>", &limits), Err(DecodeError::UnknownFormat));
    }
}
