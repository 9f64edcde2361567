//! Where a face stands in its head crop.
//!
//! Eyes that wander up and down between the pictures of a set end as four eyes in one generated
//! head, so every head shows its face box at the same place and the same size.

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
}

impl Default for CropRule {
    /// 2.0 and .58 hold hair and chin of most heads: the face fills the middle half, a little low.
    fn default() -> Self {
        Self {
            margin: 2.0,
            centre_y: 0.58,
            max_side: 512,
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

impl CropRule {
    /// The square round a face.
    pub fn region(&self, face: &BBox) -> Region {
        let side = (face.area().sqrt() * self.margin).round().max(1.0);
        let (x, y) = face.centre();
        Region {
            x: (x - side / 2.0).round() as i64,
            y: (y - side * self.centre_y).round() as i64,
            side: side as u32,
        }
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
        let rule = CropRule::default();
        for (x, y, width, height) in [
            (300.0, 200.0, 80.0, 80.0),
            (500.5, 400.0, 120.0, 100.0),
            (10.0, 5.0, 40.0, 64.0),
        ] {
            let region = rule.region(&BBox::from_centre(x, y, width, height));
            let side = region.side as f32;
            assert!(((x - region.x as f32) / side - 0.5).abs() <= 1.0 / side);
            assert!(((y - region.y as f32) / side - rule.centre_y).abs() <= 1.0 / side);
            assert!(((width * height).sqrt() / side - 1.0 / rule.margin).abs() <= 1.0 / side);
        }
    }

    #[test]
    fn beyond_the_edge_the_edge_repeats() {
        let picture = RgbImage::from_fn(10, 10, |x, _| Rgb([x as u8, 0, 0]));
        let rule = CropRule {
            margin: 1.0,
            centre_y: 0.5,
            max_side: 512,
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
