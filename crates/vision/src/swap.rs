//! A head set over another one in a picture: the face of the one on the face of the other, turned and mirrored so
//! that it looks the same way, its edges faded.

use image::{Rgb, RgbImage};

use crate::colour::Lab;
use crate::crop::Region;
use crate::geometry::BBox;
use crate::letterbox::resize;

/// Side of the small grey picture by which two faces are compared.
const PATCH: usize = 32;
/// Side of what is kept of a face: there is room to turn the patch.
const SIDE: usize = 2 * PATCH;
/// How much of a face is compared, in units of its box: eyes, nose and mouth, little of the hair.
const SEEN: f32 = 1.1;
/// Angles that are tried, in degrees to both sides.
const TURNS: i32 = 30;
/// Degrees between two of them.
const TURN: i32 = 5;
/// How far a face may be moved to fit better, in steps of a patch's pixel.
const SHIFTS: i32 = 3;
/// By how much more a turned face must be alike to be turned: what is not measured well stays upright.
const WORTH: f32 = 0.04;
/// Width of the faded edge, as a share of what the head's picture shows beyond the face.
const FADED: f32 = 0.6;
/// How much of the difference between the two faces' colours is taken away.
const MATCHED: f32 = 0.5;

/// A face as it is compared: levels of light in a square round it, upright.
#[derive(Clone, Debug)]
pub struct Face {
    /// [`SIDE`] by [`SIDE`], the face in the middle.
    grey: Vec<f32>,
    /// The usual colour above the face.
    hair: Lab,
    /// The usual colour of the middle of the face.
    skin: [f32; 3],
}

/// How a head's picture is laid over another picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Clockwise, in degrees.
    pub turned: i32,
    /// Left for right.
    pub mirrored: bool,
    /// To the right and down, in units of the face's size.
    pub shift: (f32, f32),
    /// How alike the two faces are then, -1 to 1.
    pub alike: f32,
}

impl Face {
    /// Reads the face in a box of a picture.
    pub fn of(picture: &RgbImage, face: &BBox) -> Self {
        let size = face.area().sqrt();
        let (x, y) = face.centre();
        let whole = (2.0 * SEEN * size).round().max(2.0);
        let region = Region {
            x: (x - whole / 2.0).round() as i64,
            y: (y - whole / 2.0).round() as i64,
            side: whole as u32,
        };
        let small = resize(&cut(picture, region), SIDE as u32, SIDE as u32);
        let grey = small.pixels().map(|pixel| light(*pixel)).collect();
        let band = |left: f32, top: f32, right: f32, bottom: f32| BBox {
            x0: x + left * size,
            y0: y + top * size,
            x1: x + right * size,
            y1: y + bottom * size,
        };
        Self {
            grey,
            hair: Lab::of(usual(picture, &band(-0.4, -0.75, 0.4, -0.5))),
            skin: usual(picture, &band(-0.2, 0.05, 0.2, 0.4)).map(f32::from),
        }
    }

    /// Levels of light on the patch's grid, the face turned, mirrored and moved.
    fn patch(&self, turned: i32, mirrored: bool, shift: (i32, i32)) -> [f32; PATCH * PATCH] {
        let (sin, cos) = (turned as f32).to_radians().sin_cos();
        let middle = SIDE as f32 / 2.0;
        std::array::from_fn(|at| {
            let half = PATCH as f32 / 2.0;
            let x = (at % PATCH) as f32 + 0.5 - half - shift.0 as f32;
            let y = (at / PATCH) as f32 + 0.5 - half - shift.1 as f32;
            let (across, down) = (x * cos + y * sin, y * cos - x * sin);
            let across = if mirrored { -across } else { across };
            self.grey_at(middle + across - 0.5, middle + down - 0.5)
        })
    }

    fn grey_at(&self, x: f32, y: f32) -> f32 {
        let most = SIDE as f32 - 1.0;
        let (x, y) = (x.clamp(0.0, most), y.clamp(0.0, most));
        let (left, top) = (x.floor() as usize, y.floor() as usize);
        let (right, bottom) = ((left + 1).min(SIDE - 1), (top + 1).min(SIDE - 1));
        let (across, down) = (x - left as f32, y - top as f32);
        let of = |x: usize, y: usize| self.grey[y * SIDE + x];
        let upper = of(left, top) * (1.0 - across) + of(right, top) * across;
        let lower = of(left, bottom) * (1.0 - across) + of(right, bottom) * across;
        upper * (1.0 - down) + lower * down
    }

    /// How another head's face lies on this one best.
    pub fn fit(&self, head: &Self) -> Fit {
        let own = normal(self.patch(0, false, (0, 0)));
        let best_of = |turned: i32, mirrored: bool| {
            let mut best = Fit {
                turned,
                mirrored,
                shift: (0.0, 0.0),
                alike: f32::MIN,
            };
            for down in -SHIFTS..=SHIFTS {
                for across in -SHIFTS..=SHIFTS {
                    let other = normal(head.patch(turned, mirrored, (across, down)));
                    let alike: f32 = own.iter().zip(&other).map(|(a, b)| a * b).sum();
                    if alike > best.alike {
                        let share = |pixels: i32| pixels as f32 * SEEN / PATCH as f32;
                        (best.alike, best.shift) = (alike, (share(across), share(down)));
                    }
                }
            }
            best
        };
        let better = |a: Fit, b: Fit| if b.alike > a.alike { b } else { a };
        let upright = better(best_of(0, false), best_of(0, true));
        let turns = (-TURNS..=TURNS).step_by(TURN as usize).filter(|turned| *turned != 0);
        let turned = turns
            .flat_map(|turned| [best_of(turned, false), best_of(turned, true)])
            .reduce(better);
        match turned {
            Some(turned) if turned.alike > upright.alike + WORTH => turned,
            _ => upright,
        }
    }

    /// How far apart the colours of the hair are, about as they are seen: 2 is hardly seen, 100 is black and white.
    pub fn hair_distance(&self, other: &Self) -> f32 {
        self.hair.distance(other.hair)
    }
}

/// Lays a head over a face of a picture; `on` and `of` are the faces in the picture and in the head.
pub fn lay(picture: &mut RgbImage, on: (&BBox, &Face), head: &RgbImage, of: (&BBox, &Face), fit: Fit) {
    let size = on.0.area().sqrt();
    let scale = size / of.0.area().sqrt().max(1.0);
    let scaled = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    let laid = resize(head, scaled(head.width()), scaled(head.height()));
    let (across, down) = (
        laid.width() as f32 / head.width() as f32,
        laid.height() as f32 / head.height() as f32,
    );
    let (face_x, face_y) = (of.0.centre().0 * across, of.0.centre().1 * down);
    let centre = on.0.centre();
    let centre = (centre.0 + fit.shift.0 * size, centre.1 + fit.shift.1 * size);
    let (sin, cos) = (fit.turned as f32).to_radians().sin_cos();
    let gain: [f32; 3] = std::array::from_fn(|channel| {
        let ratio = (on.1.skin[channel] + 8.0) / (of.1.skin[channel] + 8.0);
        ratio.clamp(0.6, 1.6).powf(MATCHED)
    });
    // A turned square reaches as far as its diagonal.
    let reach = (laid.width() as f32).hypot(laid.height() as f32);
    let bound = |at: f32, most: u32| (at.max(0.0) as u32).min(most);
    let rows = bound(centre.1 - reach, picture.height())..bound(centre.1 + reach + 1.0, picture.height());
    let columns = bound(centre.0 - reach, picture.width())..bound(centre.0 + reach + 1.0, picture.width());
    for y in rows {
        for x in columns.clone() {
            let (from_x, from_y) = (x as f32 + 0.5 - centre.0, y as f32 + 0.5 - centre.1);
            let (across, down) = (from_x * cos + from_y * sin, from_y * cos - from_x * sin);
            let across = if fit.mirrored { -across } else { across };
            let (at_x, at_y) = (face_x + across, face_y + down);
            let share = opaque(&laid, (face_x, face_y), size, (at_x, at_y));
            if share > 0.0 {
                let above = bilinear(&laid, at_x - 0.5, at_y - 0.5);
                let below = picture.get_pixel_mut(x, y);
                for channel in 0..3 {
                    let mixed = above[channel] * gain[channel] * share + f32::from(below[channel]) * (1.0 - share);
                    below[channel] = mixed.round().clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
}

/// How much of a place of the head is seen: all of the face and what is near it, nothing at the edges of its picture,
/// whose corners are round.
fn opaque(head: &RgbImage, face: (f32, f32), size: f32, at: (f32, f32)) -> f32 {
    let (width, height) = (head.width() as f32, head.height() as f32);
    // From the face's middle to each side of the picture: half the face is face.
    let part = |at: f32, face: f32, length: f32| {
        let (from, room) = match at < face {
            true => (face - at, face),
            false => (at - face, length - face),
        };
        from / room.max(size / 2.0)
    };
    let (across, down) = (part(at.0, face.0, width), part(at.1, face.1, height));
    let inside = at.0 >= 0.0 && at.1 >= 0.0 && at.0 < width && at.1 < height;
    if !inside {
        return 0.0;
    }
    let out = (across.powi(3) + down.powi(3)).cbrt();
    let share = ((1.0 - out) / (FADED * 0.5)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

fn cut(picture: &RgbImage, region: Region) -> RgbImage {
    let (right, bottom) = (i64::from(picture.width()) - 1, i64::from(picture.height()) - 1);
    RgbImage::from_fn(region.side, region.side, |x, y| {
        let (x, y) = (region.x + i64::from(x), region.y + i64::from(y));
        *picture.get_pixel(x.clamp(0, right) as u32, y.clamp(0, bottom) as u32)
    })
}

fn bilinear(picture: &RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (x, y) = (
        x.clamp(0.0, picture.width() as f32 - 1.0),
        y.clamp(0.0, picture.height() as f32 - 1.0),
    );
    let (left, top) = (x.floor() as u32, y.floor() as u32);
    let (right, bottom) = ((left + 1).min(picture.width() - 1), (top + 1).min(picture.height() - 1));
    let (across, down) = (x - left as f32, y - top as f32);
    let of = |x: u32, y: u32, channel: usize| f32::from(picture.get_pixel(x, y)[channel]);
    std::array::from_fn(|channel| {
        let upper = of(left, top, channel) * (1.0 - across) + of(right, top, channel) * across;
        let lower = of(left, bottom, channel) * (1.0 - across) + of(right, bottom, channel) * across;
        upper * (1.0 - down) + lower * down
    })
}

fn light(pixel: Rgb<u8>) -> f32 {
    0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2])
}

/// Mean 0 and length 1, the middle weighing most; all zeros of a surface.
fn normal(mut patch: [f32; PATCH * PATCH]) -> [f32; PATCH * PATCH] {
    let mean = patch.iter().sum::<f32>() / patch.len() as f32;
    let half = PATCH as f32 / 2.0;
    for (at, value) in patch.iter_mut().enumerate() {
        let from = |place: usize| (place as f32 + 0.5 - half) / half;
        let (x, y) = (from(at % PATCH), from(at / PATCH));
        *value = (*value - mean) * (1.0 - 0.5 * (x * x + y * y)).max(0.0);
    }
    let length = patch.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 1e-3 {
        patch.iter_mut().for_each(|value| *value /= length);
    }
    patch
}

/// The median of each channel in the part of a box that lies in the picture; grey where none does.
fn usual(picture: &RgbImage, part: &BBox) -> [u8; 3] {
    let part = part.clipped(picture.width() as f32, picture.height() as f32);
    let mut channels = [[0_u32; 256]; 3];
    let mut count = 0;
    for y in part.y0 as u32..part.y1 as u32 {
        for x in part.x0 as u32..part.x1 as u32 {
            let pixel = picture.get_pixel(x, y);
            for (channel, levels) in channels.iter_mut().enumerate() {
                levels[usize::from(pixel[channel])] += 1;
            }
            count += 1;
        }
    }
    channels.map(|levels| {
        let mut seen = 0;
        let median = levels.iter().position(|level| {
            seen += level;
            2 * seen > count
        });
        median.map_or(128, |level| level as u8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face of its own kind: two dark eyes, one larger, a mouth to one side.
    fn drawn(side: u32, turned: f32, hair: [u8; 3]) -> RgbImage {
        let (sin, cos) = turned.to_radians().sin_cos();
        RgbImage::from_fn(side, side, |x, y| {
            let unit = side as f32 / 2.0;
            let (x, y) = (x as f32 / unit - 1.0, y as f32 / unit - 1.0);
            let (x, y) = (x * cos + y * sin, y * cos - x * sin);
            let dark = |at_x: f32, at_y: f32, width: f32, height: f32| {
                ((x - at_x) / width).powi(2) + ((y - at_y) / height).powi(2) < 1.0
            };
            match () {
                () if dark(-0.2, 0.0, 0.1, 0.12) || dark(0.22, 0.0, 0.07, 0.1) || dark(0.08, 0.3, 0.1, 0.03) => {
                    Rgb([40, 20, 40])
                }
                () if y < -0.3 => Rgb(hair),
                () => Rgb([250, 220, 200]),
            }
        })
    }

    fn face(side: u32) -> BBox {
        let side = side as f32;
        BBox::from_centre(side / 2.0, side / 2.0, side / 2.0, side / 2.0)
    }

    #[test]
    fn a_turned_and_a_mirrored_face_is_known() {
        let target = drawn(200, 0.0, [90, 60, 30]);
        let on = Face::of(&target, &face(200));
        let upright = drawn(120, 0.0, [90, 60, 30]);
        let fit = on.fit(&Face::of(&upright, &face(120)));
        assert_eq!((fit.turned, fit.mirrored), (0, false), "{fit:?}");
        let mirrored = image::imageops::flip_horizontal(&upright);
        let fit = on.fit(&Face::of(&mirrored, &face(120)));
        assert_eq!((fit.turned, fit.mirrored), (0, true), "{fit:?}");
        let turned = on.fit(&Face::of(&drawn(120, -20.0, [90, 60, 30]), &face(120)));
        assert!((15..=25).contains(&turned.turned) && !turned.mirrored, "{turned:?}");
    }

    #[test]
    fn a_head_covers_the_face_and_leaves_the_rest() {
        let white = RgbImage::from_pixel(400, 300, Rgb([255; 3]));
        let (target, head) = (drawn(200, 0.0, [200, 30, 30]), drawn(100, 0.0, [200, 30, 30]));
        let on = BBox::from_centre(150.0, 140.0, 80.0, 80.0);
        let mut picture = white.clone();
        let of = Face::of(&head, &face(100));
        let fit = Fit {
            turned: 0,
            mirrored: false,
            shift: (0.0, 0.0),
            alike: 1.0,
        };
        lay(
            &mut picture,
            (&on, &Face::of(&target, &face(200))),
            &head,
            (&face(100), &of),
            fit,
        );
        // The left eye: .2 of the half side of 80 pixels left of the middle.
        assert!(light(*picture.get_pixel(134, 140)) < 60.0);
        assert_eq!(picture.get_pixel(69, 140), &Rgb([255; 3]), "beyond the head's picture");
        assert_eq!(picture.get_pixel(72, 62), &Rgb([255; 3]), "its corner");
        // Beyond the picture's edge nothing is written.
        let corner = BBox::from_centre(2.0, 298.0, 80.0, 80.0);
        lay(&mut picture, (&corner, &of), &head, (&face(100), &of), fit);
    }

    #[test]
    fn hair_is_compared_as_it_is_seen() {
        let of = |hair| Face::of(&drawn(100, 0.0, hair), &face(100));
        let brown = of([90, 60, 30]);
        assert!(brown.hair_distance(&of([95, 65, 33])) < 5.0);
        assert!(brown.hair_distance(&of([90, 160, 230])) > 40.0);
    }
}
