//! Files of several frames, told by their structure.

use std::io::Cursor;

use super::{DecodeError, Format, corrupt};

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

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgba, RgbaImage};

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
}
