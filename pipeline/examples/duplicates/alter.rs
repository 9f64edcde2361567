//! What is done to heads: copies, other expressions, worse copies.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use vision::picture::{Limits, decode};

/// A way to alter a head.
pub type Alter = fn(&RgbImage) -> RgbImage;

/// What is done to a head that stays the same head.
pub const COPIES: [(&str, Alter); 27] = [
    ("JPEG 30", |head| jpeg(head, 30)),
    ("half size", |head| scaled(head, 0.5, FilterType::Triangle)),
    ("double size", |head| scaled(head, 2.0, FilterType::Lanczos3)),
    ("blurred, 1.5 px", |head| imageops::blur(head, 1.5)),
    ("mirrored", imageops::flip_horizontal),
    ("cut 5 % at each side", |head| cut(head, 0.05, 0.05, 0.9)),
    ("cut 10 % at each side", |head| cut(head, 0.1, 0.1, 0.8)),
    ("corner of 90 %", |head| cut(head, 0.0, 0.0, 0.9)),
    ("corner of 85 %", |head| cut(head, 0.15, 0.15, 0.85)),
    ("corner of 80 %", |head| cut(head, 0.2, 0.0, 0.8)),
    ("text bar below, 15 %", |head| bar(head, 0.15, true)),
    ("text bar below, 20 %", |head| bar(head, 0.2, true)),
    ("text bar above, 15 %", |head| bar(head, 0.15, false)),
    ("white border, 5 %", |head| border(head, 0.05, 255)),
    ("white border, 10 %", |head| border(head, 0.1, 255)),
    ("black border, 10 %", |head| border(head, 0.1, 0)),
    ("black border, 15 %", |head| border(head, 0.15, 0)),
    ("turned by 5°, edge repeated", |head| turned(head, 5.0, None)),
    ("turned by 10°, black corners", |head| turned(head, 10.0, Some(0))),
    ("turned by -10°, white corners", |head| turned(head, -10.0, Some(255))),
    ("turned by 15°, black corners", |head| turned(head, 15.0, Some(0))),
    ("grey", grey),
    ("sepia", |head| {
        toned(head, |[red, green, blue]| {
            let light = 0.299 * red + 0.587 * green + 0.114 * blue;
            [light * 1.07 + 10.0, light * 0.87 + 8.0, light * 0.6]
        })
    }),
    ("brighter by 1.3", |head| {
        toned(head, |pixel| pixel.map(|part| part * 1.3))
    }),
    ("brighter by 1.5", |head| {
        toned(head, |pixel| pixel.map(|part| part * 1.5))
    }),
    ("darker by 0.6", |head| {
        toned(head, |pixel| pixel.map(|part| part * 0.6))
    }),
    ("gamma 0.7", |head| {
        toned(head, |pixel| pixel.map(|part| 255.0 * (part / 255.0).powf(0.7)))
    }),
];

/// What makes another expression of it.
pub const EXPRESSIONS: [(&str, Alter); 3] = [
    ("mouth open", |head| {
        painted(head, |x, y| {
            ((x - 0.5) / 0.08).powi(2) + ((y - 0.76) / 0.06).powi(2) < 1.0
        })
    }),
    ("eyes upside down", eyes_upside_down),
    ("eyes gone", |head| {
        let soft = imageops::blur(head, head.width() as f32 / 16.0);
        let side = head.width() as f32;
        RgbImage::from_fn(head.width(), head.height(), |x, y| {
            let (across, down) = (x as f32 / side, y as f32 / side);
            let eyes = (0.22..0.78).contains(&across) && (0.44..0.62).contains(&down);
            *if eyes { &soft } else { head }.get_pixel(x, y)
        })
    }),
];

/// What makes a worse copy of it.
pub const WORSE: [(&str, Alter); 22] = [
    ("blurred, 0.7 px", |head| imageops::blur(head, 0.7)),
    ("blurred, 1 px", |head| imageops::blur(head, 1.0)),
    ("blurred, 2 px", |head| imageops::blur(head, 2.0)),
    ("JPEG 30", |head| jpeg(head, 30)),
    ("JPEG 50", |head| jpeg(head, 50)),
    ("JPEG 60", |head| jpeg(head, 60)),
    ("JPEG 75", |head| jpeg(head, 75)),
    ("enlarged 2x, nearest", |head| scaled(head, 2.0, FilterType::Nearest)),
    ("enlarged 2x, bilinear", |head| scaled(head, 2.0, FilterType::Triangle)),
    ("enlarged 2x, bicubic", |head| scaled(head, 2.0, FilterType::CatmullRom)),
    ("enlarged 2x, Lanczos", |head| scaled(head, 2.0, FilterType::Lanczos3)),
    ("enlarged 1.5x, Lanczos", |head| scaled(head, 1.5, FilterType::Lanczos3)),
    ("enlarged 2x, sharpened", |head| {
        sharpened(&scaled(head, 2.0, FilterType::Lanczos3), 1.5, 1.0)
    }),
    ("noise of 4 levels", |head| noisy(head, 4.0)),
    ("noise of 8 levels", |head| noisy(head, 8.0)),
    ("noise of 16 levels", |head| noisy(head, 16.0)),
    ("sharpened, 1 px", |head| sharpened(head, 1.0, 1.0)),
    ("sharpened, 1.5 px, twice", |head| sharpened(head, 1.5, 2.0)),
    ("reduced to .75", |head| scaled(head, 0.75, FilterType::Triangle)),
    ("reduced to .5", |head| scaled(head, 0.5, FilterType::Triangle)),
    ("reduced to .33", |head| scaled(head, 0.33, FilterType::Triangle)),
    ("reduced and enlarged", |head| {
        imageops::resize(
            &scaled(head, 0.5, FilterType::Triangle),
            head.width(),
            head.height(),
            FilterType::CatmullRom,
        )
    }),
];

fn jpeg(head: &RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    let written = head.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality));
    written.expect("a JPEG can be written");
    decode(&bytes, &Limits::default()).expect("and read")
}

fn scaled(head: &RgbImage, by: f32, filter: FilterType) -> RgbImage {
    let side = (head.width() as f32 * by).round() as u32;
    // The image crate's filters do not widen where they reduce by half and more as one would have it.
    match by < 1.0 {
        true => vision::letterbox::resize(head, side, side),
        false => imageops::resize(head, side, side, filter),
    }
}

/// A square part: its left upper corner and side, as shares.
fn cut(head: &RgbImage, x: f32, y: f32, side: f32) -> RgbImage {
    let pixels = |share: f32| (share * head.width() as f32).round() as u32;
    imageops::crop_imm(head, pixels(x), pixels(y), pixels(side), pixels(side)).to_image()
}

/// A dark bar with light strokes in it.
fn bar(head: &RgbImage, share: f32, below: bool) -> RgbImage {
    let (mut copy, side) = (head.clone(), head.width());
    let height = (share * side as f32).round() as u32;
    let top = if below { side - height } else { 0 };
    for (x, y) in (top..top + height).flat_map(|y| (0..side).map(move |x| (x, y))) {
        let line = (height / 4..height * 3 / 4).contains(&(y - top));
        let stroke = line && (x / 4) % 3 != 0 && (x * 7 / 3 + y) % 3 != 0;
        copy.put_pixel(x, y, Rgb([if stroke { 255 } else { 10 }; 3]));
    }
    copy
}

fn border(head: &RgbImage, share: f32, level: u8) -> RgbImage {
    let width = (share * head.width() as f32).round() as u32;
    let side = head.width() + 2 * width;
    let mut framed = RgbImage::from_pixel(side, side, Rgb([level; 3]));
    imageops::replace(&mut framed, head, width.into(), width.into());
    framed
}

/// Turned about its middle; beyond its edges a level, or what is at the edge.
fn turned(head: &RgbImage, degrees: f32, beyond: Option<u8>) -> RgbImage {
    let last = head.width() as f32 - 1.0;
    let (sine, cosine) = degrees.to_radians().sin_cos();
    RgbImage::from_fn(head.width(), head.height(), |x, y| {
        let (x, y) = (x as f32 - last / 2.0, y as f32 - last / 2.0);
        let (x, y) = (last / 2.0 + cosine * x + sine * y, last / 2.0 - sine * x + cosine * y);
        let outside = x.min(y) < -0.5 || x.max(y) > last + 0.5;
        match beyond.filter(|_| outside) {
            Some(level) => Rgb([level; 3]),
            None => imageops::interpolate_bilinear(head, x.clamp(0.0, last), y.clamp(0.0, last)).unwrap_or(Rgb([0; 3])),
        }
    })
}

fn toned(head: &RgbImage, tone: impl Fn([f32; 3]) -> [f32; 3]) -> RgbImage {
    let mut copy = head.clone();
    for pixel in copy.pixels_mut() {
        // A cast of a float ends at the bounds of the whole number.
        pixel.0 = tone(pixel.0.map(f32::from)).map(|part| part.round() as u8);
    }
    copy
}

pub fn grey(head: &RgbImage) -> RgbImage {
    toned(head, |[red, green, blue]| {
        [0.299 * red + 0.587 * green + 0.114 * blue; 3]
    })
}

fn noisy(head: &RgbImage, levels: f32) -> RgbImage {
    let mut random = fastrand::Rng::with_seed(u64::from(head.get_pixel(0, 0).0[0]));
    let mut copy = head.clone();
    for part in copy.pixels_mut().flat_map(|pixel| &mut pixel.0) {
        // Four even numbers together are nearly normal.
        let drawn = (0..4).map(|_| random.f32() - 0.5).sum::<f32>() * 3_f32.sqrt();
        *part = (f32::from(*part) + levels * drawn).round() as u8;
    }
    copy
}

fn sharpened(head: &RgbImage, radius: f32, amount: f32) -> RgbImage {
    let soft = imageops::blur(head, radius);
    RgbImage::from_fn(head.width(), head.height(), |x, y| {
        let (own, soft) = (
            head.get_pixel(x, y).0.map(f32::from),
            soft.get_pixel(x, y).0.map(f32::from),
        );
        Rgb(std::array::from_fn(|at| {
            (own[at] + amount * (own[at] - soft[at])).round() as u8
        }))
    })
}

/// A dark red spot where a place, as shares of the side, says so.
fn painted(head: &RgbImage, spot: impl Fn(f32, f32) -> bool) -> RgbImage {
    let side = head.width() as f32;
    RgbImage::from_fn(head.width(), head.height(), |x, y| {
        match spot(x as f32 / side, y as f32 / side) {
            true => Rgb([150, 50, 60]),
            false => *head.get_pixel(x, y),
        }
    })
}

fn eyes_upside_down(head: &RgbImage) -> RgbImage {
    let side = head.width() as f32;
    let (top, bottom) = ((0.42 * side) as u32, (0.64 * side) as u32);
    RgbImage::from_fn(head.width(), head.height(), |x, y| {
        let own = head.get_pixel(x, y);
        if !(top..bottom).contains(&y) || !(0.2 * side..0.8 * side).contains(&(x as f32)) {
            return *own;
        }
        let other = head.get_pixel(x, bottom - 1 - (y - top));
        let share = ((y - top).min(bottom - 1 - y) as f32 / (side / 24.0)).min(1.0);
        Rgb(std::array::from_fn(|at| {
            (f32::from(own.0[at]) * (1.0 - share) + f32::from(other.0[at]) * share) as u8
        }))
    })
}
