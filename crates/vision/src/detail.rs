//! Which of two copies is the better one.

use image::RgbImage;

/// To be.
pub fn detail(head: &RgbImage) -> f64 {
    f64::from(head.width())
}
