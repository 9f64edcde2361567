//! A coarse colour layout: where what colour is wanted of a head, and where nothing is.

use std::path::Path;

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::RgbaImage;
use tch::{Device, Kind, Tensor};

use crate::gan::grid;

/// Side of a layout, in its pixels: each stands for four by four of a head of 96 px.
pub const SIDE: i64 = 24;
/// Channels: red, green and blue in -1..1 (0 where nothing is wanted), and how much of the pixel is wanted, 0..1.
pub const CHANNELS: i64 = 4;

/// The layouts [n, 4, 24, 24] of heads [n, 3, side, side] in -1..1 of which a part is wanted, [1 or n, 1, side, side].
pub fn of_heads(heads: &Tensor, wanted: &Tensor) -> Tensor {
    let pooled = |map: &Tensor| map.adaptive_avg_pool2d([SIDE, SIDE]);
    let weight = pooled(wanted).expand([heads.size()[0], 1, SIDE, SIDE], false);
    let colour = pooled(&(heads * wanted)) / weight.clamp_min(1e-4);
    Tensor::cat(&[colour, weight], 1)
}

/// The layouts of whole heads.
pub fn of_whole(heads: &Tensor) -> Tensor {
    let side = *heads.size().last().expect("heads have sides");
    of_heads(heads, &Tensor::ones([1, 1, side, side], (Kind::Float, heads.device())))
}

/// The layout [1, 4, 24, 24] of a painted picture, whose transparent parts are left to the generator.
///
/// # Errors
/// [`Usage`] where the picture is not square, smaller than a layout, or nothing is painted.
pub fn of_picture(picture: &RgbaImage) -> Result<Tensor> {
    let (width, height) = picture.dimensions();
    if width != height || i64::from(width) < SIDE {
        return Err(Usage(format!(
            "the layout is {width} x {height}: a square of {SIDE} pixels a side or more is expected"
        ))
        .into());
    }
    let side = i64::from(width);
    let pixels = Tensor::from_data_size(picture.as_raw(), &[1, side, side, 4], Kind::Uint8);
    let pixels = pixels.permute([0, 3, 1, 2]).to_kind(Kind::Float) / 255.0;
    let (colour, wanted) = (pixels.narrow(1, 0, 3) * 2 - 1, pixels.narrow(1, 3, 1));
    let layout = of_heads(&colour, &wanted);
    match layout.narrow(1, 3, 1).max().double_value(&[]) > 0.0 {
        true => Ok(layout),
        false => Err(Usage("the layout is transparent everywhere: paint what is wanted".into()).into()),
    }
}

/// Reads a painted picture: any format with 8 bits a channel that the `image` crate knows.
///
/// # Errors
/// Where it cannot be read.
pub fn read(path: &Path) -> Result<RgbaImage> {
    let picture = image::open(path).with_context(|| format!("cannot read the layout {}", path.display()))?;
    Ok(picture.into_rgba8())
}

/// A layout [1, 4, 24, 24] as a picture of `side` pixels, grey where nothing is wanted.
pub fn picture(layout: &Tensor, side: u32) -> image::RgbImage {
    let (colour, weight) = (layout.narrow(1, 0, 3), layout.narrow(1, 3, 1));
    let side = i64::from(side);
    let shown = (colour * weight.ge(0.5)).upsample_nearest2d([side, side], None, None);
    grid::pictures(&shown).remove(0)
}

/// Layouts as a hand may paint them, from those of whole heads: coarser, in colours a little off, and half of them in
/// part only. Draws from libtorch's generator.
pub fn as_painted(layouts: &Tensor) -> Tensor {
    let count = layouts.size()[0];
    let uniform = |shape: &[i64]| Tensor::rand(shape, (Kind::Float, Device::Cpu));
    let coarse = |side: i64| {
        let pooled = layouts.adaptive_avg_pool2d([side, side]);
        pooled.upsample_nearest2d([SIDE, SIDE], None, None)
    };
    let which = uniform(&[count, 1, 1, 1]);
    let blocks = layouts.where_self(
        &which.lt(FINE),
        &coarse(SIDE / 2).where_self(&which.lt(MIDDLING), &coarse(SIDE / 3)),
    );
    let off = Tensor::randn([count, 3, 1, 1], (Kind::Float, Device::Cpu)) * OFF;
    let colour = (blocks.narrow(1, 0, 3) + off).clamp(-1.0, 1.0);
    // A rectangle, of which the inside or the outside is wanted.
    let places = Tensor::arange(SIDE, (Kind::Float, Device::Cpu)) / SIDE as f64;
    let between = |places: Tensor| {
        let (centre, half) = (uniform(&[count, 1, 1, 1]), uniform(&[count, 1, 1, 1]) * 0.5);
        (places - centre).abs().lt_tensor(&half)
    };
    let inside = between(places.view([1, 1, SIDE, 1])).logical_and(&between(places.view([1, 1, 1, SIDE])));
    let chosen = inside.logical_xor(&uniform(&[count, 1, 1, 1]).lt(0.5));
    let wanted = chosen
        .logical_or(&uniform(&[count, 1, 1, 1]).lt(WHOLE))
        .to_kind(Kind::Float);
    Tensor::cat(&[colour * &wanted, wanted], 1)
}

/// Shares of the finest blocks, and of those and the next ones.
const FINE: f64 = 0.5;
const MIDDLING: f64 = 0.75;
/// Standard deviation of the colour that a hand misses, of -1..1.
const OFF: f64 = 0.05;
/// Share of layouts that are painted everywhere.
const WHOLE: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgba;

    #[test]
    fn what_is_transparent_is_not_wanted_and_what_is_painted_keeps_its_colour() {
        let half = RgbaImage::from_fn(48, 48, |x, _| match x < 24 {
            true => Rgba([255, 0, 102, 255]),
            false => Rgba([9, 9, 9, 0]),
        });
        let layout = of_picture(&half).expect("is one");
        let at = |channel: i64, x: i64| layout.double_value(&[0, channel, 5, x]);
        assert_eq!((at(3, 0), at(3, 11), at(3, 12), at(3, 23)), (1.0, 1.0, 0.0, 0.0));
        assert!((at(0, 3) - 1.0).abs() < 1e-5 && (at(1, 3) + 1.0).abs() < 1e-5 && (at(2, 3) + 0.2).abs() < 1e-5);
        assert_eq!(at(0, 20), 0.0);
        assert_eq!(picture(&layout, 48).get_pixel(2, 2).0, [255, 0, 102]);

        let refused = |picture: RgbaImage| of_picture(&picture).expect_err("is refused").to_string();
        assert!(refused(RgbaImage::new(48, 48)).contains("transparent everywhere"));
        assert!(refused(RgbaImage::new(48, 40)).contains("48 x 40"));
        assert!(refused(RgbaImage::new(8, 8)).contains("24 pixels"));
    }

    #[test]
    fn painted_layouts_are_whole_or_have_a_part_that_is_not_wanted() {
        tch::manual_seed(3);
        let heads = Tensor::rand([200, 3, 96, 96], (Kind::Float, Device::Cpu));
        let painted = as_painted(&of_whole(&heads));
        assert_eq!(painted.size(), [200, CHANNELS, SIDE, SIDE]);
        let wanted = painted
            .narrow(1, 3, 1)
            .mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float);
        let whole = wanted.eq(1.0).sum(Kind::Int64).int64_value(&[]);
        assert!((80..140).contains(&whole), "{whole}");
        let beside = painted.narrow(1, 0, 3) * (painted.narrow(1, 3, 1) - 1);
        assert_eq!(beside.abs().max().double_value(&[]), 0.0);
    }
}
