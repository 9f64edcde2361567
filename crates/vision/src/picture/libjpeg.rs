//! JPEG to the bit as libjpeg decodes it, and with it OpenCV, Pillow and browsers. A cascade decides by which
//! of two areas is brighter, and in the flat colours of drawings they are often equal: there a single grey
//! level turns the answer. The image crate's decoder is quicker by a quarter (measured, without the assembler
//! that mozjpeg's build looks for), but up to 7 levels off at the edges of colours, wrong where components
//! have scans of their own, and silent where data are missing.

use std::cell::Cell;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{DynamicImage, ImageBuffer};
use mozjpeg::{ColorSpace, Decompress};
use mozjpeg_sys::{JWRN_HIT_MARKER, jpeg_common_struct, jpeg_error_mgr, jpeg_std_error};

use super::DecodeError;

/// A picture, not yet turned.
pub(super) enum Decoded {
    /// Grey, or red, green and blue.
    Light(DynamicImage),
    /// Four inks, four bytes a pixel, as they are stored.
    Inks(Vec<u8>),
}

/// # Errors
/// [`DecodeError::Corrupt`]; [`DecodeError::Truncated`] where a scan ends before its last row.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    ENDED_EARLY.set(false);
    // libjpeg reports errors by unwinding.
    let decoded = catch_unwind(AssertUnwindSafe(|| -> std::io::Result<Option<Decoded>> {
        let file = Decompress::with_err(errors()).from_mem(bytes)?;
        let space = match file.color_space() {
            ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => ColorSpace::JCS_CMYK,
            ColorSpace::JCS_GRAYSCALE => ColorSpace::JCS_GRAYSCALE,
            _ => ColorSpace::JCS_RGB,
        };
        let mut rows = file.to_colorspace(space)?;
        let (width, height) = (rows.width() as u32, rows.height() as u32);
        let samples = rows.read_scanlines::<u8>()?;
        rows.finish()?;
        Ok(match space {
            ColorSpace::JCS_CMYK => Some(Decoded::Inks(samples)),
            ColorSpace::JCS_GRAYSCALE => {
                ImageBuffer::from_raw(width, height, samples).map(|grey| Decoded::Light(DynamicImage::ImageLuma8(grey)))
            }
            _ => ImageBuffer::from_raw(width, height, samples).map(|rgb| Decoded::Light(DynamicImage::ImageRgb8(rgb))),
        })
    }));
    match decoded {
        _ if ENDED_EARLY.get() => Err(DecodeError::Truncated),
        Ok(Ok(Some(decoded))) => Ok(decoded),
        Ok(Ok(None)) => Err(DecodeError::Corrupt("a JPEG whose rows are missing".into())),
        Ok(Err(error)) => Err(DecodeError::Corrupt(error.to_string())),
        Err(panic) => Err(DecodeError::Corrupt(
            panic.downcast_ref::<String>().cloned().unwrap_or_default(),
        )),
    }
}

thread_local! {
    /// Whether a marker stood where data of a scan were due, which libjpeg only warns of.
    static ENDED_EARLY: Cell<bool> = const { Cell::new(false) };
}

fn errors() -> jpeg_error_mgr {
    // SAFETY: libjpeg fills the struct; all of its fields may be zero before.
    let mut errors = unsafe {
        let mut errors: jpeg_error_mgr = std::mem::zeroed();
        jpeg_std_error(&mut errors);
        errors
    };
    errors.error_exit = Some(unwind);
    errors.emit_message = Some(note);
    errors
}

extern "C-unwind" fn note(file: &mut jpeg_common_struct, level: c_int) {
    // SAFETY: libjpeg sets the pointer to the struct that it was made with.
    let code = unsafe { file.err.as_ref() }.map(|errors| errors.msg_code);
    if level < 0 && code == Some(JWRN_HIT_MARKER as c_int) {
        ENDED_EARLY.set(true);
    }
}

extern "C-unwind" fn unwind(file: &mut jpeg_common_struct) {
    // SAFETY: as above; the text is written into the buffer and ends with a zero.
    let text = unsafe {
        file.err
            .as_ref()
            .and_then(|errors| errors.format_message)
            .map(|format| {
                let buffer = [0_u8; 80];
                format(file, &buffer);
                buffer
            })
    };
    let text = text.unwrap_or([0; 80]);
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    std::panic::resume_unwind(Box::new(String::from_utf8_lossy(text).into_owned()));
}
