//! JPEG XL, by jxl-oxide.

use image::{DynamicImage, ImageBuffer};
use jxl_oxide::{AllocTracker, EnumColourEncoding, InitializeResult, JxlImage, JxlThreadPool, Moxcms, RenderingIntent};

use super::{DecodeError, METADATA, guarded};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn corrupt(error: Failure) -> DecodeError {
    DecodeError::Corrupt(format!("JPEG XL: {error}"))
}

/// Bytes given to the decoder at once while it looks for its header.
const STEP: usize = 16 * 1024;

/// Reads the header; `memory` bounds what the decoder may take.
///
/// # Errors
/// [`DecodeError::Corrupt`], [`DecodeError::Truncated`] where the header itself is cut.
fn open(bytes: &[u8], memory: u64) -> Result<(JxlImage, &[u8]), DecodeError> {
    let limit = AllocTracker::with_limit(usize::try_from(memory).unwrap_or(usize::MAX));
    let builder = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(limit);
    let mut waiting = builder.build_uninit();
    let mut rest = bytes;
    let mut step = STEP;
    while !rest.is_empty() {
        let taken = waiting.feed_bytes(&rest[..rest.len().min(step)]).map_err(corrupt)?;
        // A box's header across the border of two steps waits for more.
        if taken == 0 && step >= rest.len() {
            break;
        }
        step = if taken == 0 { step * 2 } else { STEP };
        rest = &rest[taken..];
        match waiting.try_init().map_err(corrupt)? {
            InitializeResult::Initialized(image) => return Ok((image, rest)),
            InitializeResult::NeedMoreData(more) => waiting = more,
        }
    }
    Err(DecodeError::Truncated)
}

/// Reads the frames' headers too; their pixels are computed later.
fn open_all(bytes: &[u8], memory: u64) -> Result<JxlImage, DecodeError> {
    let (mut image, mut rest) = open(bytes, memory)?;
    while !rest.is_empty() && !image.is_loading_done() {
        let taken = image.feed_bytes(rest).map_err(corrupt)?;
        if taken == 0 {
            break;
        }
        rest = &rest[taken..];
    }
    Ok(image)
}

/// Whether all frames are there.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    match guarded(|| open_all(bytes, u64::MAX)) {
        Ok(image) => image.is_loading_done(),
        // What is broken in another way is the decoder's to tell.
        Err(error) => error != DecodeError::Truncated,
    }
}

/// Whether it has several frames that are shown one after the other.
///
/// # Errors
/// As [`open`].
pub(super) fn is_animated(bytes: &[u8]) -> Result<bool, DecodeError> {
    let (image, _) = open(bytes, u64::MAX)?;
    if image.image_header().metadata.animation.is_none() {
        return Ok(false);
    }
    Ok(open_all(bytes, u64::MAX)?.num_loaded_keyframes() > 1)
}

/// Width and height, upright, and the bytes that decoding takes at once.
pub(super) struct Header {
    pub(super) size: (u32, u32),
    pub(super) decoding: u64,
}

/// # Errors
/// As [`open`].
pub(super) fn header(bytes: &[u8]) -> Result<Header, DecodeError> {
    let (image, _) = open(bytes, METADATA)?;
    let size = (image.width(), image.height());
    let extra = image.image_header().metadata.ec_info.len() as u64;
    let pixels = u64::from(size.0) * u64::from(size.1);
    Ok(Header {
        size,
        decoding: pixels * (BYTES_A_PIXEL + 8 * extra),
    })
}

/// Samples of four bytes, three a pixel, in two or three copies; and the picture itself.
const BYTES_A_PIXEL: u64 = 44;

/// The picture in sRGB, and whether its colours are multiplied by alpha.
///
/// # Errors
/// As [`open`].
pub(super) fn decode(bytes: &[u8], memory: u64) -> Result<(DynamicImage, bool), DecodeError> {
    let mut image = open_all(bytes, memory)?;
    if image.hdr_type().is_some() {
        return Err(DecodeError::OtherFormat("high dynamic range (PQ or HLG)"));
    }
    let is_grey = image.pixel_format().is_grayscale();
    image.set_cms(Moxcms);
    image.request_color_encoding(match is_grey {
        true => EnumColourEncoding::gray_srgb(RenderingIntent::Relative),
        false => EnumColourEncoding::srgb(RenderingIntent::Relative),
    });
    let premultiplied = image
        .image_header()
        .metadata
        .ec_info
        .iter()
        .find_map(|extra| extra.alpha_associated());
    let render = image.render_frame(0).map_err(corrupt)?;
    let mut stream = render.stream();
    let (width, height, channels) = (stream.width(), stream.height(), stream.channels());
    let mut samples = vec![0_u8; width as usize * height as usize * channels as usize];
    stream.write_to_buffer(&mut samples);
    let picture = match channels {
        1 => ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageLuma8),
        2 => ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageLumaA8),
        3 => ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageRgb8),
        4 => ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageRgba8),
        _ => None,
    };
    let picture = picture.ok_or_else(|| DecodeError::Corrupt("JPEG XL: an unusual number of channels".into()))?;
    Ok((picture, premultiplied == Some(true)))
}
