//! Where a face stands in its head crop.
//!
//! Eyes that wander up and down between the pictures of a set end as four eyes in one generated
//! head, so every head shows its face box at the same place and the same size, but for those at an edge of
//! their picture: they may give way within bounds.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::geometry::BBox;
use crate::letterbox::resize;

/// The rule that turns a face box into a square crop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CropRule {
    /// Side of the crop in units of the face box's size (the root of its area).
    pub margin: f32,
    /// Where the centre of the face box stands, as a share of the crop's height from its top; the
    /// centre is at .5 across.
    pub centre_y: f32,
    /// Longest side of a stored head in pixels; larger crops are reduced to it.
    pub max_side: u32,
    /// How far the face may leave its place where the crop would reach over the picture's edge, as a
    /// share of the crop's side.
    #[serde(default, skip_serializing_if = "is_none")]
    pub max_shift: f32,
    /// By what share of its side the crop may shrink where it would still reach over.
    #[serde(default, skip_serializing_if = "is_none")]
    pub max_shrink: f32,
}

/// A rule that moves nothing is written as it was before there were such rules: its digest stays.
fn is_none(share: &f32) -> bool {
    *share == 0.0
}

impl Default for CropRule {
    /// 2.0 and .58 hold hair and chin of most heads: the face fills the middle half, a little low. .05 and
    /// .15 keep three of four heads at an edge that would be refused, and move faces by a standard deviation
    /// of 2 to 4 of 96 pixels (docs/curating.md).
    fn default() -> Self {
        Self {
            margin: 2.0,
            centre_y: 0.58,
            max_side: 512,
            max_shift: 0.05,
            max_shrink: 0.15,
        }
    }
}

/// A square region of a picture, in whole pixels; it may reach over the picture's edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Left edge.
    pub x: i64,
    /// Upper edge.
    pub y: i64,
    /// Width and height; at least 1.
    pub side: u32,
}

/// One axis of a crop: where the face's centre is in the picture, where it belongs in the crop (a share
/// of the side), and the picture's length.
#[derive(Clone, Copy)]
struct Axis {
    centre: f32,
    place: f32,
    length: f32,
}

impl Axis {
    /// The longest side that lies inside the picture, the face at most `shift` off its place.
    fn longest_inside(&self, shift: f32) -> f32 {
        let (before, after) = (self.place - shift, 1.0 - self.place - shift);
        let bound = |room: f32, share: f32| if share > 0.0 { room / share } else { f32::INFINITY };
        self.length
            .min(bound(self.centre, before))
            .min(bound(self.length - self.centre, after))
    }

    /// Where a crop of that side begins: as near to the face's place as lies inside, or as far from it as
    /// `shift` allows.
    fn start(&self, side: f32, shift: f32) -> i64 {
        let start = self.centre - side * self.place;
        let spare = self.length - side;
        let inside = start.clamp(spare.min(0.0), spare.max(0.0));
        inside.clamp(start - shift * side, start + shift * side).round() as i64
    }
}

impl CropRule {
    /// The square round a face of a picture of that size. Where it would reach over the edge, the face
    /// moves off its place first, which keeps its size, and then the square shrinks.
    pub fn region(&self, face: &BBox, width: u32, height: u32) -> Region {
        let (x, y) = face.centre();
        let across = Axis {
            centre: x,
            place: 0.5,
            length: width as f32,
        };
        let down = Axis {
            centre: y,
            place: self.centre_y,
            length: height as f32,
        };
        let whole = (face.area().sqrt() * self.margin).round().max(1.0);
        let least = (whole * (1.0 - self.max_shrink)).round().max(1.0);
        let inside = across
            .longest_inside(self.max_shift)
            .min(down.longest_inside(self.max_shift));
        let side = match inside > 0.0 {
            true => inside.floor().max(least).min(whole),
            // A face whose centre lies outside: a smaller square would show less of the picture.
            false => whole,
        };
        Region {
            x: across.start(side, self.max_shift),
            y: down.start(side, self.max_shift),
            side: side as u32,
        }
    }

    /// Where the face lies in its head: its centre from the left and the top, and its size, as shares of
    /// the head's side.
    pub fn place(&self, face: &BBox, width: u32, height: u32) -> [f64; 3] {
        let region = self.region(face, width, height);
        let side = f64::from(region.side);
        let (x, y) = face.centre();
        [
            (f64::from(x) - region.x as f64) / side,
            (f64::from(y) - region.y as f64) / side,
            f64::from(face.area().sqrt()) / side,
        ]
    }

    /// Cuts the region out at its native resolution (at most `max_side`). What lies beyond the
    /// picture repeats its nearest edge pixel: a fixed colour would teach a generator to draw bars.
    pub fn cut(&self, picture: &RgbImage, region: Region) -> RgbImage {
        let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
        let side = i64::from(region.side);
        // Of each row: pixels left of the picture, those within it, and pixels right of it.
        let (from, to) = (region.x.clamp(0, width), (region.x + side).clamp(0, width));
        let left = (from - region.x).clamp(0, side);
        let right = side - left - (to - from);
        let within = 3 * from as usize..3 * to as usize;
        let mut pixels = Vec::with_capacity(3 * (side * side) as usize);
        for y in 0..side {
            let above = (region.y + y).clamp(0, height - 1) * width;
            let row = &picture.as_raw()[3 * above as usize..][..3 * width as usize];
            (0..left).for_each(|_| pixels.extend_from_slice(&row[..3]));
            pixels.extend_from_slice(&row[within.clone()]);
            (0..right).for_each(|_| pixels.extend_from_slice(&row[row.len() - 3..]));
        }
        let head = RgbImage::from_raw(region.side, region.side, pixels).expect("three bytes a pixel");
        if region.side <= self.max_side {
            head
        } else {
            resize(&head, self.max_side, self.max_side)
        }
    }

    /// The share of the region that lies inside a picture of that size, 0 to 1.
    pub fn inside(&self, region: Region, width: u32, height: u32) -> f32 {
        let side = i64::from(region.side);
        let across = (region.x + side).min(i64::from(width)) - region.x.max(0);
        let down = (region.y + side).min(i64::from(height)) - region.y.max(0);
        (across.max(0) * down.max(0)) as f32 / (side * side) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn the_face_stands_at_the_same_place_whatever_its_size_and_shape() {
        let (_, rule) = rules(0.0, 0.0);
        for (x, y, width, height) in [
            (300.0, 200.0, 80.0, 80.0),
            (500.5, 400.0, 120.0, 100.0),
            (10.0, 5.0, 40.0, 64.0),
        ] {
            let region = rule.region(&BBox::from_centre(x, y, width, height), 4000, 3000);
            let side = region.side as f32;
            assert!(((x - region.x as f32) / side - 0.5).abs() <= 1.0 / side);
            assert!(((y - region.y as f32) / side - rule.centre_y).abs() <= 1.0 / side);
            assert!(((width * height).sqrt() / side - 1.0 / rule.margin).abs() <= 1.0 / side);
        }
    }

    /// A rule that moves and shrinks so far, and one that does neither.
    fn rules(max_shift: f32, max_shrink: f32) -> (CropRule, CropRule) {
        let fixed = CropRule {
            max_shift: 0.0,
            max_shrink: 0.0,
            ..CropRule::default()
        };
        let moving = CropRule {
            max_shift,
            max_shrink,
            ..fixed
        };
        (moving, fixed)
    }

    #[test]
    fn at_the_edge_the_face_moves_first_and_the_square_shrinks_then() {
        let (moving, fixed) = rules(0.1, 0.25);
        let face = |x, y| BBox::from_centre(x, y, 100.0, 100.0);
        // Room enough: the same square.
        let middle = face(500.0, 500.0);
        assert_eq!(moving.region(&middle, 1000, 1000), fixed.region(&middle, 1000, 1000));
        // 20 pixels over the upper edge: the tenth of the side that the face may move.
        let high = moving.region(&face(500.0, 96.0), 1000, 1000);
        assert_eq!((high.x, high.y, high.side), (400, 0, 200));
        assert_eq!(fixed.region(&face(500.0, 96.0), 1000, 1000).y, -20);
        // Further over: moved as far as may be, and smaller by what is left.
        let higher = moving.region(&face(500.0, 80.0), 1000, 1000);
        assert_eq!((higher.y, higher.side), (0, 166));
        let place = moving.place(&face(500.0, 80.0), 1000, 1000);
        assert!(
            (place[1] - 0.48).abs() < 0.01 && (place[2] - 0.6).abs() < 0.01,
            "{place:?}"
        );
        // Beyond both bounds the rest reaches over, and is told.
        let highest = moving.region(&face(500.0, 40.0), 1000, 1000);
        assert_eq!((highest.y, highest.side), (-32, 150));
        assert!(moving.inside(highest, 1000, 1000) < 0.8);
        // A picture smaller than the head.
        let all = moving.region(&face(60.0, 70.0), 120, 120);
        assert_eq!((all.side, moving.inside(all, 120, 120) < 0.7), (150, true));
    }

    #[test]
    fn a_square_that_may_move_is_never_worse_inside_and_keeps_its_bounds() {
        for (shift, shrink) in [(0.0, 0.0), (0.1, 0.0), (0.0, 0.25), (0.07, 0.13), (0.25, 0.5)] {
            let (moving, fixed) = rules(shift, shrink);
            for step in 0..3000_u32 {
                let (x, y) = (step % 61, step % 47);
                let (width, height) = (20 + step % 37, 20 + step % 53);
                let face = BBox::from_centre(
                    x as f32 - 2.3,
                    y as f32 - 1.7,
                    4.0 + (step % 11) as f32,
                    5.0 + (step % 7) as f32,
                );
                let (region, before) = (moving.region(&face, width, height), fixed.region(&face, width, height));
                let inside = [region, before].map(|region| moving.inside(region, width, height));
                // To whole pixels.
                assert!(
                    inside[0] >= inside[1] - 2.0 / region.side as f32,
                    "{face:?} {region:?} {before:?}"
                );
                let side = region.side as f32;
                assert!(side + 0.5 >= before.side as f32 * (1.0 - shrink) && region.side <= before.side);
                let [across, down, _] = moving.place(&face, width, height);
                let most = f64::from(shift + 1.0 / side);
                let off = [across - 0.5, down - f64::from(fixed.centre_y)];
                assert!(off.iter().all(|off| off.abs() <= most), "{face:?} {region:?}");
            }
        }
    }

    #[test]
    fn a_rule_that_moves_nothing_keeps_the_digest_it_had() {
        let (moving, fixed) = rules(0.1, 0.0);
        let text = |rule: &CropRule| serde_json::to_string(rule).expect("is JSON");
        assert_eq!(text(&fixed), r#"{"margin":2.0,"centre_y":0.58,"max_side":512}"#);
        assert!(text(&moving).contains("max_shift") && !text(&moving).contains("max_shrink"));
    }

    #[test]
    fn beyond_the_edge_the_edge_repeats() {
        let picture = RgbImage::from_fn(10, 10, |x, _| Rgb([x as u8, 0, 0]));
        let rule = CropRule {
            margin: 1.0,
            centre_y: 0.5,
            ..CropRule::default()
        };
        let region = Region { x: -5, y: 0, side: 10 };
        let head = rule.cut(&picture, region);
        assert_eq!(head.get_pixel(0, 0), &Rgb([0, 0, 0]));
        assert_eq!(head.get_pixel(9, 0), &Rgb([4, 0, 0]));
        assert_eq!(rule.inside(region, 10, 10), 0.5);
    }

    #[test]
    fn every_pixel_of_a_head_is_the_nearest_of_the_picture() {
        let picture = RgbImage::from_fn(13, 9, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        let rule = CropRule::default();
        for (x, y, side) in (-20..20).flat_map(|x| [(x, -12, 5), (x, 3, 1), (x, -4, 17), (x, 11, 8), (x, 2, 40)]) {
            let head = rule.cut(&picture, Region { x, y, side });
            let nearest = RgbImage::from_fn(side, side, |across, down| {
                let (x, y) = (x + i64::from(across), y + i64::from(down));
                *picture.get_pixel(x.clamp(0, 12) as u32, y.clamp(0, 8) as u32)
            });
            assert_eq!(head, nearest, "{x} {y} {side}");
        }
    }
}
