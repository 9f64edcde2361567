//! Files of several frames, told by their structure, and the structures that are followed for it.

use super::{DecodeError, Format, avif, guarded, jxl};

/// Whether a file holds more than one frame, by its structure alone: nothing is decoded.
///
/// # Errors
/// [`DecodeError::Corrupt`].
pub fn is_animated(bytes: &[u8], format: Format) -> Result<bool, DecodeError> {
    Ok(match format {
        Format::Jpeg | Format::Bmp | Format::Tiff => false,
        Format::Png => png_frames(bytes) > 1,
        Format::Webp => riff_chunks(bytes).filter(|(kind, _)| **kind == *b"ANMF").count() > 1,
        Format::Gif => gif_structure(bytes).pictures > 1,
        Format::Avif => avif::is_sequence(bytes),
        Format::Jxl => guarded(|| jxl::is_animated(bytes))?,
    })
}

/// The chunks of a PNG, kind and data, as far as they are whole.
pub(super) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let data = after.get(..length)?;
        // A checksum of four bytes ends the chunk; what comes behind the last one is no chunk.
        let end = after.get(length + 4..)?;
        rest = if kind == b"IEND" { &[] } else { end };
        Some((*kind, data))
    })
}

/// Frames that an APNG announces before its picture, or holds; 1 where there is no animation.
fn png_frames(bytes: &[u8]) -> u32 {
    let (mut announced, mut held, mut picture) = (1, 0, false);
    for (kind, data) in png_chunks(bytes) {
        match &kind {
            b"acTL" if !picture => {
                let frames = data.first_chunk::<4>().map_or(1, |frames| u32::from_be_bytes(*frames));
                announced = announced.max(frames);
            }
            b"IDAT" => picture = true,
            b"fcTL" => held += 1,
            _ => {}
        }
    }
    announced.max(held)
}

/// The chunks of a RIFF file, kind and data, as far as they are whole.
fn riff_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let data = after.get(..length)?;
        rest = after.get(length + length % 2..).unwrap_or_default();
        Some((kind, data))
    })
}

/// What a GIF's blocks say, as far as they can be followed.
#[derive(Default)]
pub(super) struct GifStructure {
    /// Pictures.
    pub(super) pictures: usize,
    /// Whether its trailer was reached.
    pub(super) ended: bool,
}

pub(super) fn gif_structure(bytes: &[u8]) -> GifStructure {
    // A table of colours follows where the top bit says so; it has 2^(n+1) colours of 3 bytes.
    let table = |flags: u8| if flags & 0x80 != 0 { 6 << (flags & 7) } else { 0 };
    let mut found = GifStructure::default();
    let Some(flags) = bytes.get(10) else {
        return found;
    };
    let mut at = 13 + table(*flags);
    while let Some(kind) = bytes.get(at) {
        at += match kind {
            0x21 => 2,
            0x2c => {
                found.pictures += 1;
                let Some(flags) = bytes.get(at + 9) else {
                    return found;
                };
                11 + table(*flags)
            }
            _ => {
                found.ended = *kind == 0x3b;
                return found;
            }
        };
        // Sub-blocks, each with its length before it, up to an empty one.
        while let Some(length) = bytes.get(at) {
            at += 1 + usize::from(*length);
            if *length == 0 {
                break;
            }
        }
    }
    found
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
            assert_eq!(gif_structure(&bytes).pictures, frames);
            assert_eq!(is_animated(&bytes, Format::Gif), Ok(frames > 1));
            for cut in 0..bytes.len() {
                let part = gif_structure(&bytes[..cut]);
                assert!(part.pictures <= frames && !part.ended);
            }
            let followed = [bytes.as_slice(), b"bytes behind"].concat();
            assert!(Format::Gif.is_complete(&bytes) && Format::Gif.is_complete(&followed));
        }
    }
}
