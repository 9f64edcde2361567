//! Frames as an animated GIF or WebP, which repeats for ever.
//!
//! GIF holds 256 colours a frame and opens everywhere; WebP is written without loss (VP8L frames in
//! the container of RFC 9649) and is several times larger.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use dataset::failure::Usage;
use dataset::files::make_folder_of;
use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::webp::WebPEncoder;
use image::{Delay, DynamicImage, ExtendedColorType, Frame, RgbImage};
use indicatif::ProgressBar;

use crate::bar::bar;

/// Speed of the choice of a GIF's colours, 1 (best) to 30: at 10 heads show no bands.
const GIF_SPEED: i32 = 10;

/// Makes the folder of a file of either kind, told by its name's extension.
///
/// # Errors
/// [`Usage`] for another extension; what the disk says.
pub fn prepare(path: &Path) -> Result<()> {
    kind(path)?;
    make_folder_of(path)
}

/// The kinds of file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// 256 colours a frame.
    Gif,
    /// Without loss.
    Webp,
}

fn kind(path: &Path) -> Result<Kind> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "gif" => Ok(Kind::Gif),
        "webp" => Ok(Kind::Webp),
        _ => Err(Usage(format!("{} must end in .gif or .webp", path.display())).into()),
    }
}

/// Writes frames of equal size, each with the milliseconds that it stands.
///
/// # Errors
/// [`Usage`] for another extension than .gif and .webp; what encoding or the disk says.
pub fn write(path: &Path, frames: &[(RgbImage, u32)]) -> Result<()> {
    let bytes = encoded(kind(path)?, frames)?;
    dataset::files::write_durably(path, &bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The file of frames of equal size, each with the milliseconds that it stands.
///
/// # Errors
/// Where there is no frame, or the encoder fails.
pub fn encoded(kind: Kind, frames: &[(RgbImage, u32)]) -> Result<Vec<u8>> {
    ensure!(!frames.is_empty(), "an animation of no frame cannot be written");
    let bar = bar(frames.len(), "writing frames");
    let bytes = match kind {
        Kind::Gif => gif(frames, &bar),
        Kind::Webp => webp(frames, &bar),
    };
    bar.finish_and_clear();
    bytes
}

fn gif(frames: &[(RgbImage, u32)], bar: &ProgressBar) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
    encoder.set_repeat(Repeat::Infinite)?;
    for (picture, milliseconds) in frames {
        let rgba = DynamicImage::ImageRgb8(picture.clone()).into_rgba8();
        let delay = Delay::from_numer_denom_ms(*milliseconds, 1);
        encoder.encode_frame(Frame::from_parts(rgba, 0, 0, delay))?;
        bar.inc(1);
    }
    drop(encoder);
    Ok(bytes)
}

fn webp(frames: &[(RgbImage, u32)], bar: &ProgressBar) -> Result<Vec<u8>> {
    let (width, height) = frames[0].0.dimensions();
    let mut body = Vec::from(*b"WEBP");
    // Flags: bit 1 is animation. Then three bytes of nothing, and sides less one.
    let mut header = vec![0b10, 0, 0, 0];
    header.extend(&(width - 1).to_le_bytes()[..3]);
    header.extend(&(height - 1).to_le_bytes()[..3]);
    chunk(&mut body, b"VP8X", &header);
    // White behind, repeated without end.
    chunk(&mut body, b"ANIM", &[255, 255, 255, 255, 0, 0]);
    for (picture, milliseconds) in frames {
        let mut still = Cursor::new(Vec::new());
        WebPEncoder::new_lossless(&mut still).encode(picture, width, height, ExtendedColorType::Rgb8)?;
        let mut frame = vec![0; 6];
        frame.extend(&(width - 1).to_le_bytes()[..3]);
        frame.extend(&(height - 1).to_le_bytes()[..3]);
        frame.extend(&milliseconds.to_le_bytes()[..3]);
        // Bit 1: the frame replaces what was there.
        frame.push(0b10);
        // A still picture is "RIFF", its length, "WEBP" and the chunk wanted here.
        frame.extend_from_slice(&still.get_ref()[12..]);
        chunk(&mut body, b"ANMF", &frame);
        bar.inc(1);
    }
    let mut bytes = Vec::from(*b"RIFF");
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    Ok(bytes)
}

fn chunk(body: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    body.extend(name);
    body.extend((content.len() as u32).to_le_bytes());
    body.extend(content);
    if !content.len().is_multiple_of(2) {
        body.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::gif::GifDecoder;
    use image::codecs::webp::WebPDecoder;
    use image::{AnimationDecoder, Rgb};

    fn frames() -> Vec<(RgbImage, u32)> {
        let shade = |shade| RgbImage::from_fn(9, 5, |x, _| Rgb([shade, x as u8, 40]));
        vec![(shade(10), 100), (shade(120), 200), (shade(250), 1500)]
    }

    fn read_back<'a>(decoder: impl AnimationDecoder<'a>) -> Vec<(RgbImage, u32)> {
        let frames = decoder.into_frames().collect_frames().expect("decodes");
        let read = frames.into_iter().map(|frame| {
            let (numerator, denominator) = frame.delay().numer_denom_ms();
            let picture = DynamicImage::ImageRgba8(frame.into_buffer()).into_rgb8();
            (picture, numerator / denominator)
        });
        read.collect()
    }

    #[test]
    fn a_webp_shows_every_frame_to_the_letter_and_a_gif_nearly() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (folder.path().join("a.webp"), folder.path().join("a.gif"));
        write(&one, &frames()).expect("writes");
        write(&two, &frames()).expect("writes");
        let open = |path| std::io::BufReader::new(std::fs::File::open(path).expect("opens"));
        assert_eq!(read_back(WebPDecoder::new(open(&one)).expect("is one")), frames());
        let gif = read_back(GifDecoder::new(open(&two)).expect("is one"));
        assert_eq!(gif.len(), 3);
        for ((found, delay), (expected, wanted)) in gif.iter().zip(frames()) {
            assert_eq!(*delay, wanted);
            assert!(
                found
                    .as_raw()
                    .iter()
                    .zip(expected.as_raw())
                    .all(|(a, b)| a.abs_diff(*b) < 16)
            );
        }
        assert!(write(&folder.path().join("a.mp4"), &frames()).is_err());
    }
}
