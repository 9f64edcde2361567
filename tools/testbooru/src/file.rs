//! One encoded file with what a board derives from it: figures, a JPEG, a sample, a preview.

use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader};
use md5::{Digest, Md5};

/// Boards recode at about this quality.
pub(crate) const JPEG_QUALITY: u8 = 90;
/// A sample is made where the longer side exceeds this; from the recorded answers.
const SAMPLE_SIDE: u32 = 1500;
/// Longer side of the preview that is served; from the recorded answers.
pub(crate) const PREVIEW_SIDE: u32 = 300;

/// A smaller or recoded form of a file, always a JPEG.
#[derive(Clone, Debug)]
pub struct Rendition {
    /// The JPEG.
    pub bytes: Bytes,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A file as uploaded. Broken files are welcome: a board of troubles serves them too, with 0 as
/// width and height where the header cannot be read.
#[derive(Debug)]
pub struct File {
    /// Length in bytes.
    pub size: usize,
    /// By the sniffed type, without the dot.
    pub extension: &'static str,
    /// Media type by the sniffed type.
    pub content_type: &'static str,
    /// MD5 of the bytes, 32 hex digits.
    pub md5: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The JPEG of a PNG.
    pub jpeg: Option<Rendition>,
    /// The reduced JPEG of a large picture.
    pub sample: Option<Rendition>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Whole {
        bytes: Bytes,
        preview: OnceLock<Bytes>,
    },
    /// The bytes of another file up to its end, and another end.
    Marked {
        original: Arc<File>,
        end: Vec<u8>,
    },
}

impl File {
    /// Takes in a file: sniffs it, reads its size and makes what the board lists beside it.
    pub fn new(bytes: Vec<u8>) -> Self {
        let (extension, content_type) = sniff(&bytes);
        let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format();
        let size = reader.ok().and_then(|reader| reader.into_dimensions().ok());
        let (width, height) = size.unwrap_or((0, 0));
        let large = width.max(height) > SAMPLE_SIDE;
        let decoded = if extension == "png" || large {
            image::load_from_memory(&bytes).ok()
        } else {
            None
        };
        let jpeg = decoded
            .as_ref()
            .filter(|_| extension == "png")
            .map(|picture| rendition(picture, width.max(height)));
        let sample = decoded
            .as_ref()
            .filter(|_| large)
            .map(|picture| rendition(picture, SAMPLE_SIDE));
        let md5 = hex::encode(Md5::digest(&bytes));
        Self {
            size: bytes.len(),
            extension,
            content_type,
            md5,
            width,
            height,
            jpeg,
            sample,
            content: Content::Whole {
                bytes: Bytes::from(bytes),
                preview: OnceLock::new(),
            },
        }
    }

    /// The original with other bytes in place of its last `ending`, which must not change what it
    /// shows.
    pub(crate) fn marked(original: &Arc<Self>, ending: usize, end: Vec<u8>, md5: String) -> Self {
        Self {
            size: original.size - ending + end.len(),
            extension: original.extension,
            content_type: original.content_type,
            md5,
            width: original.width,
            height: original.height,
            jpeg: original.jpeg.clone(),
            sample: original.sample.clone(),
            content: Content::Marked {
                original: original.clone(),
                end,
            },
        }
    }

    /// What is served.
    pub fn bytes(&self) -> Bytes {
        match &self.content {
            Content::Whole { bytes, .. } => bytes.clone(),
            Content::Marked { original, end } => {
                let whole = original.bytes();
                Bytes::from([&whole[..self.size - end.len()], end].concat())
            }
        }
    }

    /// The preview, made when first asked for; a grey square where the file cannot be decoded.
    pub fn preview(&self) -> Bytes {
        match &self.content {
            Content::Whole { bytes, preview } => {
                let make = || {
                    let picture = image::load_from_memory(bytes).unwrap_or_else(|_| blank());
                    rendition(&picture, PREVIEW_SIDE).bytes
                };
                preview.get_or_init(make).clone()
            }
            Content::Marked { original, .. } => original.preview(),
        }
    }
}

/// Extension and media type by the first bytes; `bin` for the unknown.
fn sniff(bytes: &[u8]) -> (&'static str, &'static str) {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => ("jpg", "image/jpeg"),
        Ok(ImageFormat::Png) => ("png", "image/png"),
        Ok(ImageFormat::Gif) => ("gif", "image/gif"),
        Ok(ImageFormat::WebP) => ("webp", "image/webp"),
        Ok(ImageFormat::Avif) => ("avif", "image/avif"),
        Ok(ImageFormat::Bmp) => ("bmp", "image/bmp"),
        Ok(ImageFormat::Tiff) => ("tif", "image/tiff"),
        _ if bytes.starts_with(b"\xff\x0a") || bytes.starts_with(b"\0\0\0\x0cJXL ") => ("jxl", "image/jxl"),
        _ if bytes.starts_with(b"PK\x03\x04") => ("zip", "application/zip"),
        _ if bytes.get(4..12) == Some(b"ftypavis") => ("avif", "image/avif"),
        _ if bytes.get(4..8) == Some(b"ftyp") => ("mp4", "video/mp4"),
        _ if bytes.starts_with(b"\x1a\x45\xdf\xa3") => ("webm", "video/webm"),
        _ => ("bin", "application/octet-stream"),
    }
}

fn blank() -> DynamicImage {
    DynamicImage::ImageRgb8(image::RgbImage::from_pixel(
        PREVIEW_SIDE,
        PREVIEW_SIDE,
        image::Rgb([128; 3]),
    ))
}

fn rendition(picture: &DynamicImage, side: u32) -> Rendition {
    let (width, height) = fit(picture.width(), picture.height(), side);
    let reduced = picture.resize_exact(width, height, FilterType::Triangle).into_rgb8();
    let bytes = Bytes::from(encode_jpeg(&reduced));
    Rendition { bytes, width, height }
}

/// Encodes a picture as the board's JPEGs are.
pub(crate) fn encode_jpeg(picture: &image::RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        .expect("pictures within JPEG's 65,535 pixels are encoded into memory");
    bytes
}

/// Width and height reduced to a longer side of `side`; never enlarged, never 0 where there was 1.
pub(crate) fn fit(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= side {
        return (width, height);
    }
    let reduce = |length: u32| ((f64::from(length) * f64::from(side) / f64::from(longer)).round() as u32).max(1);
    (reduce(width), reduce(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_reduced_as_in_the_recorded_answers() {
        assert_eq!(
            (fit(1579, 1080, 150), fit(1579, 1080, 300), fit(1579, 1080, 1500)),
            ((150, 103), (300, 205), (1500, 1026))
        );
        assert_eq!((fit(6404, 4248, 150), fit(96, 96, 150)), ((150, 100), (96, 96)));
    }

    #[test]
    fn a_png_gets_a_jpeg_a_large_picture_a_sample_and_garbage_neither() {
        let mut png = Cursor::new(Vec::new());
        image::RgbImage::new(1600, 8)
            .write_to(&mut png, ImageFormat::Png)
            .expect("encodes");
        let file = File::new(png.into_inner());
        assert_eq!((file.extension, file.width, file.height), ("png", 1600, 8));
        assert_eq!(file.jpeg.map(|jpeg| (jpeg.width, jpeg.height)), Some((1600, 8)));
        assert_eq!(file.sample.map(|sample| (sample.width, sample.height)), Some((1500, 8)));
        let garbage = File::new(b"not a picture".to_vec());
        assert_eq!(
            (garbage.extension, garbage.width, garbage.jpeg.is_none()),
            ("bin", 0, true)
        );
        assert_eq!(sniff(&garbage.preview()).0, "jpg");
    }
}
