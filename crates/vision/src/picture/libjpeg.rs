//! JPEG to the bit as libjpeg decodes it. A cascade decides by which of two areas is brighter, and in the
//! flat colours of drawings they are often equal: there a single grey level turns the answer. It is
//! slower than the other decoder by a third (measured, without the assembler that its build looks for).

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::RgbImage;
use mozjpeg::{ColorSpace, Decompress};

use super::DecodeError;

/// The picture, not yet turned; `None` where it is made for printing, which libjpeg leaves in four inks.
///
/// # Errors
/// [`DecodeError::Corrupt`].
pub(super) fn decode(bytes: &[u8]) -> Result<Option<RgbImage>, DecodeError> {
    let corrupt = |what: String| DecodeError::Corrupt(what);
    // libjpeg reports errors by unwinding.
    let decoded = catch_unwind(AssertUnwindSafe(|| -> std::io::Result<Option<RgbImage>> {
        let file = Decompress::new_mem(bytes)?;
        if matches!(file.color_space(), ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK) {
            return Ok(None);
        }
        let mut rows = file.rgb()?;
        let (width, height) = (rows.width() as u32, rows.height() as u32);
        let pixels = rows.read_scanlines::<u8>()?;
        rows.finish()?;
        Ok(RgbImage::from_raw(width, height, pixels))
    }));
    match decoded {
        Ok(Ok(picture)) => Ok(picture),
        Ok(Err(error)) => Err(corrupt(error.to_string())),
        Err(panic) => Err(corrupt(panic.downcast_ref::<String>().cloned().unwrap_or_default())),
    }
}
