//! From the colours that a file means to those of sRGB.

use image::{DynamicImage, RgbImage};
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, TransformExecutor, TransformOptions, XyY,
};

use super::DecodeError;
use super::animation::png_chunks;

/// The colours that an ICC profile describes; `None` where it cannot be read or used: as every viewer
/// does, the picture is then taken for sRGB.
pub(super) fn icc(bytes: &[u8]) -> Option<ColorProfile> {
    ColorProfile::new_from_slice(bytes).ok()
}

/// The colours that code points (ITU-T H.273) of primaries and transfer name; `None` for sRGB, and for
/// what has no name there. The transfers of television are taken for that of sRGB, as browsers do.
///
/// # Errors
/// [`DecodeError::OtherFormat`] for high dynamic range, which has no place in eight bits.
pub(super) fn code_points(primaries: u8, transfer: u8) -> Result<Option<ColorProfile>, DecodeError> {
    let transfer = match transfer {
        16 | 18 => return Err(DecodeError::OtherFormat("high dynamic range (PQ or HLG)")),
        4 | 5 | 8 => transfer,
        _ => 13,
    };
    let named = CicpColorPrimaries::try_from(primaries)
        .ok()
        .zip(TransferCharacteristics::try_from(transfer).ok());
    let Some((color_primaries, transfer_characteristics)) = named.filter(|_| (primaries, transfer) != (1, 13)) else {
        return Ok(None);
    };
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    Ok(profile.red_trc.is_some().then_some(profile))
}

/// The colours that a PNG's chunks describe, the first of these that is there: code points, an ICC
/// profile, sRGB, or primaries and gamma.
///
/// # Errors
/// As [`code_points`].
pub(super) fn of_png(bytes: &[u8], profile: Option<Vec<u8>>) -> Result<Option<ColorProfile>, DecodeError> {
    let (mut gamma, mut primaries, mut is_srgb) = (None, None, false);
    for (kind, data) in png_chunks(bytes) {
        match (&kind, data) {
            (b"IDAT", _) => break,
            (b"cICP", [primaries, transfer, ..]) => return code_points(*primaries, *transfer),
            (b"sRGB", _) => is_srgb = true,
            (b"gAMA", _) => gamma = parts(data).map(|[gamma]| gamma),
            (b"cHRM", _) => primaries = parts::<8>(data),
            _ => {}
        }
    }
    if let Some(profile) = profile {
        return Ok(icc(&profile));
    }
    Ok(if is_srgb { None } else { measured(gamma, primaries) })
}

/// Numbers in units of 1/100,000.
fn parts<const COUNT: usize>(data: &[u8]) -> Option<[f32; COUNT]> {
    let mut numbers = data.chunks_exact(4).map(|number| {
        let number = u32::from_be_bytes([number[0], number[1], number[2], number[3]]);
        number as f32 / 100_000.0
    });
    let mut read = [0.0; COUNT];
    for number in &mut read {
        *number = numbers.next()?;
    }
    Some(read)
}

/// The gamma of sRGB as PNG's specification rounds it.
const SRGB_GAMMA: f32 = 0.45455;
/// White, red, green and blue of sRGB, x and y each.
const SRGB_PRIMARIES: [f32; 8] = [0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06];

/// The colours of a gamma and of primaries; `None` for those of sRGB and for what makes no sense.
fn measured(gamma: Option<f32>, primaries: Option<[f32; 8]>) -> Option<ColorProfile> {
    let is_near = |a: f32, b: f32| (a - b).abs() < 0.002;
    let gamma = gamma.filter(|gamma| (0.1..=10.0).contains(gamma) && !is_near(*gamma, SRGB_GAMMA));
    let sound = |primaries: &[f32; 8]| {
        primaries
            .chunks_exact(2)
            .all(|point| point[1] > 0.001 && point[0] + point[1] <= 1.0)
    };
    let same = |primaries: &[f32; 8]| primaries.iter().zip(SRGB_PRIMARIES).all(|(a, b)| is_near(*a, b));
    let primaries = primaries.filter(|primaries| sound(primaries) && !same(primaries));
    if gamma.is_none() && primaries.is_none() {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    if let Some([wx, wy, rx, ry, gx, gy, bx, by]) = primaries {
        let white = XyY::new(wx.into(), wy.into(), 1.0);
        let point = |x, y| Chromaticity { x, y };
        let primaries = ColorPrimaries {
            red: point(rx, ry),
            green: point(gx, gy),
            blue: point(bx, by),
        };
        profile.update_rgb_colorimetry(white, primaries);
    }
    if let Some(gamma) = gamma {
        let curve = Some(ToneReprCurve::Parametric(vec![1.0 / gamma]));
        (profile.red_trc, profile.green_trc, profile.blue_trc) = (curve.clone(), curve.clone(), curve);
    }
    Some(profile)
}

/// A picture in 8 bits of sRGB on white. `premultiplied`: its colours are already multiplied by alpha.
pub(super) fn on_white(mut picture: DynamicImage, profile: Option<&ColorProfile>, premultiplied: bool) -> RgbImage {
    if premultiplied && picture.color().has_alpha() {
        picture = divided_by_alpha(picture);
    }
    if let Some(profile) = profile {
        picture = converted(picture, profile);
    }
    flatten(picture)
}

/// The same of inks, four bytes a pixel from none (0) to all (255).
pub(super) fn of_inks(inks: &[u8], size: (u32, u32), profile: Option<&ColorProfile>) -> Option<RgbImage> {
    let mut colours = vec![0; inks.len() / 4 * 3];
    let transform = profile
        .filter(|profile| profile.color_space == DataColorSpace::Cmyk)
        .and_then(|profile| {
            let srgb = ColorProfile::new_srgb();
            profile
                .create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, TransformOptions::default())
                .ok()
        });
    let done = transform.is_some_and(|transform| transform.transform(inks, &mut colours).is_ok());
    if !done {
        for (to, from) in colours.chunks_exact_mut(3).zip(inks.chunks_exact(4)) {
            let light = 255 - u32::from(from[3]);
            for channel in 0..3 {
                to[channel] = ((255 - u32::from(from[channel])) * light / 255) as u8;
            }
        }
    }
    RgbImage::from_raw(size.0, size.1, colours)
}

/// The picture in sRGB; as it is where the profile is of another kind of colours, or sRGB's own.
fn converted(picture: DynamicImage, profile: &ColorProfile) -> DynamicImage {
    let alpha = picture.color().has_alpha();
    let grey = match (profile.color_space, picture.color().has_color()) {
        (DataColorSpace::Rgb, _) => false,
        (DataColorSpace::Gray, false) => true,
        _ => return picture,
    };
    let (from, to) = match (grey, alpha) {
        (true, false) => (Layout::Gray, Layout::Rgb),
        (true, true) => (Layout::GrayAlpha, Layout::Rgba),
        (false, false) => (Layout::Rgb, Layout::Rgb),
        (false, true) => (Layout::Rgba, Layout::Rgba),
    };
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let Ok(eight) = profile.create_transform_8bit(from, &srgb, to, options) else {
        return picture;
    };
    if changes_nothing(&*eight, from.channels(), to.channels()) {
        return picture;
    }
    let size = (picture.width(), picture.height());
    let deep = picture.color().bytes_per_pixel() > picture.color().channel_count();
    if deep && let Ok(sixteen) = profile.create_transform_16bit(from, &srgb, to, options) {
        let samples = match from {
            Layout::Gray => picture.into_luma16().into_raw(),
            Layout::GrayAlpha => picture.into_luma_alpha16().into_raw(),
            Layout::Rgb => picture.into_rgb16().into_raw(),
            _ => picture.into_rgba16().into_raw(),
        };
        let samples = by_rows(samples, size.0, (from, to), &*sixteen);
        return match to {
            Layout::Rgb => image::ImageBuffer::from_raw(size.0, size.1, samples).map(DynamicImage::ImageRgb16),
            _ => image::ImageBuffer::from_raw(size.0, size.1, samples).map(DynamicImage::ImageRgba16),
        }
        .unwrap_or_default();
    }
    let samples = match from {
        Layout::Gray => picture.into_luma8().into_raw(),
        Layout::GrayAlpha => picture.into_luma_alpha8().into_raw(),
        Layout::Rgb => picture.into_rgb8().into_raw(),
        _ => picture.into_rgba8().into_raw(),
    };
    let samples = by_rows(samples, size.0, (from, to), &*eight);
    match to {
        Layout::Rgb => image::ImageBuffer::from_raw(size.0, size.1, samples).map(DynamicImage::ImageRgb8),
        _ => image::ImageBuffer::from_raw(size.0, size.1, samples).map(DynamicImage::ImageRgba8),
    }
    .unwrap_or_default()
}

/// Row by row, in the memory of the samples themselves where as many come out.
fn by_rows<T: Copy + Default>(
    mut samples: Vec<T>,
    width: u32,
    (from, to): (Layout, Layout),
    transform: &dyn TransformExecutor<T>,
) -> Vec<T> {
    let (wide_from, wide_to) = (width as usize * from.channels(), width as usize * to.channels());
    let mut row = vec![T::default(); wide_to];
    if from == to {
        for samples in samples.chunks_exact_mut(wide_from.max(1)) {
            if transform.transform(samples, &mut row).is_ok() {
                samples.copy_from_slice(&row);
            }
        }
        return samples;
    }
    let mut all = Vec::with_capacity(samples.len() / from.channels() * to.channels());
    for samples in samples.chunks_exact(wide_from.max(1)) {
        if transform.transform(samples, &mut row).is_ok() {
            all.extend_from_slice(&row);
        }
    }
    all
}

/// Whether a transform moves no colour of a grid by more than a level: that of one of the many profiles
/// of sRGB itself, which most files that have a profile have.
fn changes_nothing(transform: &dyn TransformExecutor<u8>, from: usize, to: usize) -> bool {
    const LEVELS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    let colours = from.min(3) - usize::from(from == 2);
    let count = LEVELS.len().pow(colours as u32);
    let mut grid = Vec::with_capacity(count * from);
    for number in 0..count {
        let level = |channel: usize| LEVELS[number / LEVELS.len().pow(channel as u32) % LEVELS.len()];
        grid.extend((0..colours).map(level));
        grid.extend((colours..from).map(|_| 255));
    }
    let mut out = vec![0; count * to];
    let same = |(before, after): (&[u8], &[u8])| {
        (0..3).all(|channel| before[channel.min(colours - 1)].abs_diff(after[channel]) <= 1)
    };
    transform.transform(&grid, &mut out).is_ok() && grid.chunks_exact(from).zip(out.chunks_exact(to)).all(same)
}

fn divided_by_alpha(picture: DynamicImage) -> DynamicImage {
    let mut picture = picture.into_rgba16();
    for pixel in picture.pixels_mut() {
        let alpha = u32::from(pixel[3]);
        for channel in 0..3 {
            let colour = (u32::from(pixel[channel]) * 65_535 + alpha / 2).checked_div(alpha);
            pixel[channel] = colour.map_or(pixel[channel], |colour| colour.min(65_535) as u16);
        }
    }
    picture.into()
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
