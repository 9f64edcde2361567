//! From a file's bytes to an upright RGB picture, with nothing trusted on the way.

mod animation;
mod avif;
mod colour;
mod error;
mod format;
mod jpeg;
mod jxl;
mod libjpeg;
mod png;
mod tiff;

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use moxcms::ColorProfile;
use serde::{Deserialize, Serialize};

pub use animation::is_animated;
pub use error::DecodeError;
pub use format::Format;
pub use png::png;

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
/// Any [`DecodeError`] but `Animation`; `Truncated` only where the header itself is cut.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header, DecodeError> {
    guarded(|| Ok(Opened::new(bytes, limits)?.header))
}

/// Decodes a whole file to sRGB: EXIF rotation applied, colour profiles, 16-bit, palette and CMYK
/// converted, alpha composited on white.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    let opened = guarded(|| Opened::new(bytes, limits))?;
    if !opened.header.format.is_complete(bytes) {
        return Err(DecodeError::Truncated);
    }
    if is_animated(bytes, opened.header.format)? {
        return Err(DecodeError::Animation);
    }
    let orientation = opened.orientation;
    let pixels = guarded(|| opened.decode(bytes, limits))?;
    let rgb = colour::on_white(pixels.picture, pixels.profile.as_ref(), pixels.premultiplied);
    let mut upright = DynamicImage::from(rgb);
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

/// A decoder that panics has met a file that it was not made for, as damaged ones are.
fn guarded<T>(decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode));
    done.unwrap_or_else(|_| Err(DecodeError::Corrupt("the decoder panicked".into())))
}

/// A file whose header was read and is within limits.
struct Opened<'a> {
    header: Header,
    orientation: Orientation,
    decoder: Decoder<'a>,
}

enum Decoder<'a> {
    Jpeg(jpeg::Head<'a>),
    Avif(avif::File<'a>),
    Jxl,
    /// All that the image crate reads.
    Other(Box<dyn ImageDecoder + 'a>),
}

/// A decoded picture, and what its samples mean.
struct Pixels {
    picture: DynamicImage,
    /// Its colours; `None` for sRGB.
    profile: Option<ColorProfile>,
    /// Whether the colours are already multiplied by alpha.
    premultiplied: bool,
}

impl<'a> Opened<'a> {
    fn new(bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        let format = Format::sniff(bytes).ok_or_else(|| format::stranger(bytes))?;
        let (decoder, (width, height), orientation, decoding) = match format {
            Format::Jpeg => {
                let head = jpeg::Head::read(bytes)?;
                let (size, orientation) = ((head.width, head.height), head.exif.map_or(UPRIGHT, orientation_of));
                let decoding = head.decoding(orientation != UPRIGHT);
                (Decoder::Jpeg(head), size, orientation, decoding)
            }
            Format::Avif => {
                let file = avif::File::read(bytes)?;
                let (size, orientation, decoding) = (file.dimensions(), file.orientation, file.decoding());
                (Decoder::Avif(file), size, orientation, decoding)
            }
            Format::Jxl => {
                let header = jxl::header(bytes)?;
                (Decoder::Jxl, header.size, UPRIGHT, header.decoding)
            }
            Format::Png | Format::Webp | Format::Gif | Format::Bmp | Format::Tiff => {
                let mut decoder = image_decoder(bytes, format)?;
                let size = decoder.dimensions();
                let orientation = orientation(bytes, format, &mut *decoder);
                let decoding = decoding(format, &*decoder, orientation);
                (Decoder::Other(decoder), size, orientation, decoding)
            }
        };
        check((width, height), decoding, limits)?;
        let (width, height) = match swaps_sides(orientation) {
            true => (height, width),
            false => (width, height),
        };
        let header = Header {
            format,
            width,
            height,
            decoding,
        };
        Ok(Self {
            header,
            orientation,
            decoder,
        })
    }

    fn decode(self, bytes: &[u8], limits: &Limits) -> Result<Pixels, DecodeError> {
        let (picture, profile, premultiplied) = match self.decoder {
            Decoder::Jpeg(head) => {
                let (picture, profile) = head.decode(bytes)?;
                (picture, profile, false)
            }
            Decoder::Avif(file) => file.decode()?,
            Decoder::Jxl => {
                let (picture, premultiplied) = jxl::decode(bytes, limits.memory)?;
                (picture, None, premultiplied)
            }
            Decoder::Other(mut decoder) => {
                let icc = decoder.icc_profile().ok().flatten();
                let profile = match self.header.format {
                    Format::Png => colour::of_png(bytes, icc)?,
                    Format::Tiff => tiff::profile(bytes).and_then(colour::icc),
                    _ => icc.as_deref().and_then(colour::icc),
                };
                let premultiplied = self.header.format == Format::Tiff && tiff::is_premultiplied(bytes);
                if self.header.format == Format::Tiff {
                    let mut limits = image::Limits::no_limits();
                    limits.max_alloc = Some(self.header.decoding.saturating_add(METADATA));
                    decoder.set_limits(limits).map_err(corrupt)?;
                }
                (
                    DynamicImage::from_decoder(decoder).map_err(corrupt)?,
                    profile,
                    premultiplied,
                )
            }
        };
        Ok(Pixels {
            picture,
            profile,
            premultiplied,
        })
    }
}

fn check((width, height): (u32, u32), decoding: u64, limits: &Limits) -> Result<(), DecodeError> {
    if width == 0 || height == 0 {
        return Err(DecodeError::Corrupt("no pixels".into()));
    }
    if width > limits.side || height > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
        return Err(DecodeError::TooLarge { width, height });
    }
    if decoding > limits.memory {
        let megabytes = decoding.div_ceil(1_000_000);
        return Err(DecodeError::TooHungry {
            width,
            height,
            megabytes,
        });
    }
    Ok(())
}

/// The most bytes that decoding takes at once: what the decoder gives, what it works with, and the
/// copies on the way to upright RGB.
fn decoding(format: Format, decoder: &dyn ImageDecoder, orientation: Orientation) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let working = match format {
        Format::Png | Format::Bmp => 0,
        // Luma and chroma before they become colours; a canvas beside the frame; samples as stored.
        _ => 4,
    };
    let turned = orientation != UPRIGHT;
    let copies = match decoder.color_type() {
        ColorType::Rgb8 => 3 * u64::from(turned),
        // A turned copy, or RGB beside RGBA.
        ColorType::Rgba8 => 4,
        // RGBA or RGB of 8 bits first, then RGB.
        _ => 7,
    };
    decoder.total_bytes().saturating_add(pixels * (working + copies))
}

/// Bytes that a decoder may take for what is no pixel: profiles and texts, unpacked.
const METADATA: u64 = 64 << 20;

/// Our own limits are checked on the header, so the decoders' for pixels are lifted: they count working
/// memory, which differs from format to format.
fn image_decoder(bytes: &[u8], format: Format) -> Result<Box<dyn ImageDecoder + '_>, DecodeError> {
    let image_format = match format {
        Format::Webp => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Png | Format::Jpeg | Format::Avif | Format::Jxl => ImageFormat::Png,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format);
    reader.no_limits();
    if image_format == ImageFormat::Png {
        let mut limits = image::Limits::no_limits();
        limits.max_alloc = Some(METADATA);
        reader.limits(limits);
    }
    Ok(Box::new(reader.into_decoder().map_err(corrupt)?))
}

fn corrupt(error: image::ImageError) -> DecodeError {
    DecodeError::Corrupt(error.to_string())
}

const UPRIGHT: Orientation = Orientation::NoTransforms;

fn orientation(bytes: &[u8], format: Format, decoder: &mut dyn ImageDecoder) -> Orientation {
    let exif = match format {
        // It may also stand behind the picture, where the decoder does not look.
        Format::Png => animation::png_chunks(bytes)
            .find(|(kind, _)| kind == b"eXIf")
            .map(|(_, data)| data.to_vec()),
        Format::Webp => decoder.exif_metadata().ok().flatten(),
        _ => return decoder.orientation().unwrap_or(UPRIGHT),
    };
    exif.as_deref().map_or(UPRIGHT, orientation_of)
}

/// The turn that EXIF data ask for. Some programs write the name before them that belongs to JPEGs.
fn orientation_of(exif: &[u8]) -> Orientation {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(exif).unwrap_or(UPRIGHT)
}

fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}
