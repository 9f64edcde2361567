//! What is checked of a picture when it arrives. The one full decode is a later stage's.

use md5::{Digest, Md5};
use sha2::Sha256;
use vision::picture::{self, DecodeError, Format, Limits};

use crate::catalog::files::Outcome;
use crate::catalog::images::Image;
use crate::crawl::http::Answer;

/// Checks a picture: not empty, no web page, a known format, whole (by the MD5 that the post names,
/// else by the format's end marker), and its header within limits.
///
/// # Errors
/// The outcome to record: failed where another copy may be whole, else refused.
pub fn check(answer: &Answer, md5: Option<&str>, limits: &Limits, now: i64) -> Result<Image, Outcome> {
    let bytes = &answer.bytes;
    if bytes.is_empty() {
        return Err(failed("empty", "no bytes at all"));
    }
    if answer.is_web_page() {
        return Err(failed("web-page", "a web page where a picture was due"));
    }
    let Some(format) = Format::sniff(bytes) else {
        if let Some(what) = no_picture(bytes) {
            return Err(refused("no-picture", format!("{} bytes of {what}", bytes.len())));
        }
        let detail = format!(
            "{} bytes of {}, beginning {}",
            bytes.len(),
            kind(answer),
            hex::encode(&bytes[..bytes.len().min(8)])
        );
        return Err(refused("unknown-format", detail));
    };
    let found = hex::encode(Md5::digest(bytes));
    match md5 {
        Some(named) if named == found => {}
        _ if !format.is_complete(bytes) => {
            return Err(failed(
                "truncated",
                format!("{} bytes, without the end of the file", bytes.len()),
            ));
        }
        Some(named) => {
            return Err(refused(
                "md5-mismatch",
                format!("the post names {named}, the file has {found}"),
            ));
        }
        None => {}
    }
    let header = picture::header(bytes, limits).map_err(|error| match error {
        DecodeError::TooLarge { .. } => refused("too-large", error.to_string()),
        _ => refused(error.reason(), error.to_string()),
    })?;
    match picture::is_animated(bytes, format) {
        Ok(false) => {}
        Ok(true) => return Err(refused("animation", "more than one frame")),
        Err(error) => return Err(refused(error.reason(), error.to_string())),
    }
    Ok(Image {
        image: hex::encode(Sha256::digest(bytes)),
        format,
        bytes: bytes.len() as i64,
        width: header.width.into(),
        height: header.height.into(),
        md5: found,
        stored_at: now,
    })
}

/// What a file is that holds films, frames or programs in place of a picture, by its first bytes.
fn no_picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        // Of the files with such a box, these brands are still pictures.
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => {
            let pictures = [b"heic", b"heix", b"mif1"];
            let picture = pictures.iter().any(|picture| brand.starts_with(*picture));
            (!picture).then_some("a film (MP4)")
        }
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some("a film (WebM)"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some("a film (AVI)"),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some("an archive (ZIP), as works of frames are"),
        [b'F' | b'C' | b'Z', b'W', b'S', ..] => Some("a Flash file"),
        [b'F', b'L', b'V', ..] | [b'O', b'g', b'g', b'S', ..] | [0, 0, 1, 0xba | 0xb3, ..] => Some("a film"),
        [0x30, 0x26, 0xb2, 0x75, ..] => Some("a film (WMV)"),
        [b'I', b'D', b'3', ..] => Some("music (MP3)"),
        [b'R', b'a', b'r', b'!', ..] | [b'7', b'z', 0xbc, 0xaf, ..] => Some("an archive"),
        [b'%', b'P', b'D', b'F', ..] => Some("a PDF"),
        [b'8', b'B', b'P', b'S', ..] => Some("a Photoshop file"),
        _ => None,
    }
}

fn kind(answer: &Answer) -> &str {
    match answer.content_type.as_str() {
        "" => "no named type",
        named => named,
    }
}

fn failed(reason: &'static str, detail: impl Into<String>) -> Outcome {
    Outcome::Failed {
        reason,
        detail: detail.into(),
    }
}

fn refused(reason: &'static str, detail: impl Into<String>) -> Outcome {
    Outcome::Refused {
        reason,
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use image::{DynamicImage, ImageFormat, RgbImage};

    /// Made by `make.py` beside them.
    const TODAY: &[u8] = include_bytes!("../../../../crates/vision/tests/pictures/files/420.avif");
    const MOVING: &[u8] = include_bytes!("../../../../crates/vision/tests/pictures/refused/animated.avif");

    fn png() -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        DynamicImage::from(RgbImage::new(30, 20))
            .write_to(&mut bytes, ImageFormat::Png)
            .expect("encodes");
        bytes.into_inner()
    }

    fn two_frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        let frame = || image::Frame::new(image::RgbaImage::new(3, 2));
        encoder.encode_frames([frame(), frame()]).expect("encodes");
        drop(encoder);
        bytes
    }

    fn reason(bytes: &[u8], md5: Option<&str>, limits: &Limits) -> (&'static str, &'static str) {
        let answer = Answer {
            bytes: bytes.to_vec(),
            content_type: "image/png".into(),
            ..Answer::default()
        };
        match check(&answer, md5, limits, 7) {
            Ok(_) | Err(Outcome::Stored(_)) => ("stored", ""),
            Err(Outcome::Failed { reason, .. }) => ("failed", reason),
            Err(Outcome::Refused { reason, .. }) => ("refused", reason),
        }
    }

    #[test]
    fn each_fault_has_its_reason_and_says_whether_to_try_again() {
        let whole = png();
        let md5 = hex::encode(Md5::digest(&whole));
        let limits = Limits::default();
        let small = Limits {
            pixels: 500,
            side: 1000,
            ..limits
        };
        let cut = &whole[..whole.len() - 4];
        let gif = two_frames();
        let cases: [(&[u8], Option<&str>, &Limits, _); 22] = [
            (&whole, Some(&md5), &limits, ("stored", "")),
            (&whole, None, &limits, ("stored", "")),
            (b"", None, &limits, ("failed", "empty")),
            (b"<html>busy</html>", None, &limits, ("failed", "web-page")),
            (cut, Some(&md5), &limits, ("failed", "truncated")),
            (cut, None, &limits, ("failed", "truncated")),
            (&whole, Some("00"), &limits, ("refused", "md5-mismatch")),
            (b"PK\x03\x04 frames", None, &limits, ("refused", "no-picture")),
            (b"\0\0\0\x20ftypisom", None, &limits, ("refused", "no-picture")),
            (b"FLV\x01\x05", None, &limits, ("refused", "no-picture")),
            (b"\0\0\x01\xba film", None, &limits, ("refused", "no-picture")),
            (b"Rar!\x1a\x07", None, &limits, ("refused", "no-picture")),
            (b"\x1a\x45\xdf\xa3", None, &limits, ("refused", "no-picture")),
            (b"\0\0\0\x20ftypheic", None, &limits, ("refused", "unknown-format")),
            (b"\0\0\0\x20ftypavif", None, &limits, ("failed", "truncated")),
            (&TODAY[..TODAY.len() - 9], None, &limits, ("failed", "truncated")),
            (TODAY, None, &limits, ("stored", "")),
            (MOVING, None, &limits, ("refused", "animation")),
            (b"BM bitmap", None, &limits, ("refused", "unknown-format")),
            (&gif, None, &limits, ("refused", "animation")),
            (&whole, None, &small, ("refused", "too-large")),
            (b"\xff\xd8\xff\xff\xd9", None, &limits, ("refused", "undecodable")),
        ];
        for (bytes, md5, limits, expected) in cases {
            assert_eq!(reason(bytes, md5, limits), expected);
        }
    }

    #[test]
    fn a_picture_is_described_by_its_bytes() {
        let answer = Answer {
            bytes: png(),
            content_type: "image/jpeg".into(),
            ..Answer::default()
        };
        let image = check(&answer, None, &Limits::default(), 7).expect("is whole");
        assert_eq!((image.format, image.width, image.height), (Format::Png, 30, 20));
        assert_eq!(image.image, hex::encode(Sha256::digest(&answer.bytes)));
    }

    /// A PNG of 4 x 2 pixels with a palette of two colours, one of them transparent.
    fn palette_png() -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut chunk = |kind: &[u8; 4], data: &[u8]| {
            let mut sum = flate2::Crc::new();
            sum.update(kind);
            sum.update(data);
            bytes.extend((data.len() as u32).to_be_bytes());
            bytes.extend(kind);
            bytes.extend(data);
            bytes.extend(sum.sum().to_be_bytes());
        };
        // Four pixels of one bit a row, behind the byte that names the row's filter.
        let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        rows.write_all(&[0, 0b0101_0000, 0, 0b1010_0000]).expect("packs");
        chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 2, 1, 3, 0, 0, 0]);
        chunk(b"PLTE", &[255, 0, 0, 0, 0, 255]);
        chunk(b"tRNS", &[0, 255]);
        chunk(b"IDAT", &rows.finish().expect("packs"));
        chunk(b"IEND", &[]);
        bytes
    }

    #[test]
    fn pictures_with_a_palette_or_sixteen_bits_are_pictures() {
        let palette = palette_png();
        assert!(image::load_from_memory(&palette).is_ok(), "is one");
        let mut deep = std::io::Cursor::new(Vec::new());
        DynamicImage::from(image::ImageBuffer::from_pixel(4, 2, image::Rgba([9_u16; 4])))
            .write_to(&mut deep, ImageFormat::Png)
            .expect("encodes");
        for bytes in [palette, deep.into_inner()] {
            let answer = Answer {
                bytes,
                ..Answer::default()
            };
            let image = check(&answer, None, &Limits::default(), 7).expect("is whole");
            assert_eq!((image.format, image.width, image.height), (Format::Png, 4, 2));
        }
    }
}
