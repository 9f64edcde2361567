//! What is to be completed: a picture, and what became of it in the page.

use anyhow::Result;
use dataset::failure::Usage;
use image::{GrayImage, Luma, Rgb, RgbImage};

use crate::show::blend::{Blend, blend};
use crate::show::search::Search;

/// Difference of a channel from which on a pixel counts as painted.
const PAINTED: u8 = 4;
/// Weight of the other pixels where some are painted: what was painted is asked for.
const BESIDE_PAINT: u8 = 85;

/// What is to be completed.
pub struct Task {
    /// The picture before it was touched.
    picture: RgbImage,
    /// What the head is to agree with.
    pub target: RgbImage,
    /// How much each pixel of it counts, to 255.
    pub weights: GrayImage,
    /// 0 where the picture was painted over, and where it was erased; 255 elsewhere.
    unpainted: GrayImage,
    unerased: GrayImage,
    /// How the search goes.
    pub how: Search,
    /// How what was erased is put in.
    pub blend: Blend,
}

impl Task {
    /// Of a picture and what became of it in the page (RGBA, row by row): transparent pixels were erased and are
    /// filled, others that differ were painted over and are followed.
    ///
    /// # Errors
    /// [`Usage`] where nothing was touched, nothing is left, or the sizes differ.
    pub fn new(picture: RgbImage, touched: &[u8], how: Search, blend: Blend) -> Result<Self> {
        let (width, height) = picture.dimensions();
        if touched.len() != 4 * width as usize * height as usize {
            return Err(Usage(format!(
                "{} bytes came, and {width} x {height} pixels of RGBA are expected",
                touched.len()
            ))
            .into());
        }
        let pixel = |x, y| &touched[4 * (y as usize * width as usize + x as usize)..][..4];
        let mask = |keeps: &dyn Fn(u32, u32) -> bool| {
            GrayImage::from_fn(width, height, |x, y| Luma([if keeps(x, y) { 255 } else { 0 }]))
        };
        let is_erased = |x, y| pixel(x, y)[3] < 128;
        let is_same = |x, y| {
            let pairs = pixel(x, y).iter().zip(picture.get_pixel(x, y).0);
            pairs.into_iter().all(|(now, before)| now.abs_diff(before) <= PAINTED)
        };
        let unerased = mask(&|x, y| !is_erased(x, y));
        let unpainted = mask(&|x, y| is_erased(x, y) || is_same(x, y));
        let all = |mask: &GrayImage, value: u8| mask.as_raw().iter().all(|pixel| *pixel == value);
        if all(&unerased, 255) && all(&unpainted, 255) {
            return Err(Usage("nothing was erased or painted over: there is nothing to complete".into()).into());
        }
        if all(&unerased, 0) {
            return Err(Usage("everything was erased: leave a part to go by".into()).into());
        }
        let beside = if all(&unpainted, 255) { 255 } else { BESIDE_PAINT };
        let weights = GrayImage::from_fn(width, height, |x, y| {
            let is_painted = unpainted.get_pixel(x, y).0[0] == 0;
            Luma([if is_painted {
                255
            } else {
                beside.min(unerased.get_pixel(x, y).0[0])
            }])
        });
        Ok(Self {
            target: RgbImage::from_fn(width, height, |x, y| {
                Rgb([pixel(x, y)[0], pixel(x, y)[1], pixel(x, y)[2]])
            }),
            picture,
            weights,
            unpainted,
            unerased,
            how,
            blend,
        })
    }

    /// The picture with a head put in: as it is where it was painted over, whose colours are wanted, and blended
    /// where it was erased.
    pub fn completed(&self, head: &RgbImage, how: Blend) -> RgbImage {
        let followed = blend(&self.picture, head, &self.unpainted, Blend::Plain);
        blend(&followed, head, &self.unerased, how)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A search of a few steps from one start.
    pub fn how() -> Search {
        Search {
            steps: 5,
            rate: 0.01,
            weight: 0.1,
            clip: 1.0,
            tries: 1,
            seed: 1,
            every: 1,
        }
    }

    fn task(change: impl Fn(usize, &mut [u8])) -> Result<Task> {
        let picture = RgbImage::from_pixel(4, 4, Rgb([90, 120, 200]));
        let mut touched: Vec<u8> = picture
            .pixels()
            .flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2], 255])
            .collect();
        touched
            .chunks_exact_mut(4)
            .enumerate()
            .for_each(|(place, pixel)| change(place, pixel));
        Task::new(picture, &touched, how(), Blend::Plain)
    }

    #[test]
    fn erased_pixels_are_filled_and_painted_ones_followed() {
        let made = task(|place, pixel| match place {
            0 => pixel.fill(0),
            1 => pixel[0] = 255,
            2 => pixel[1] += PAINTED,
            _ => {}
        });
        let made = made.expect("is one");
        assert_eq!(made.weights.as_raw()[..3], [0, 255, BESIDE_PAINT]);
        assert_eq!(made.target.get_pixel(1, 0).0, [255, 120, 200]);
        let completed = made.completed(&RgbImage::from_pixel(4, 4, Rgb([1, 2, 3])), Blend::Plain);
        let pixels: Vec<[u8; 3]> = completed.pixels().take(3).map(|pixel| pixel.0).collect();
        assert_eq!(pixels, [[1, 2, 3], [1, 2, 3], [90, 120, 200]]);
        let erased = task(|place, pixel| pixel[3] = if place == 0 { 0 } else { 255 }).expect("is one");
        assert_eq!(erased.weights.as_raw()[..2], [0, 255]);
    }

    #[test]
    fn what_leaves_nothing_to_do_or_to_go_by_is_refused() {
        let refused = |made: Result<Task>| made.map(|_| ()).expect_err("is refused").to_string();
        assert!(refused(task(|_, _| {})).contains("nothing was erased"));
        assert!(refused(task(|_, pixel| pixel.fill(0))).contains("everything was erased"));
        let short = Task::new(RgbImage::new(4, 4), &[0; 63], how(), Blend::Plain);
        assert!(refused(short).contains("63 bytes came"));
    }
}
