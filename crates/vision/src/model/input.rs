//! From pictures to the numbers a model is given.

use image::RgbImage;

use super::plan::COARSEST;
use super::settings::{ColourOrder, InputLayout, ModelSettings};
use crate::letterbox::{Fit, GREY, Letterbox};

/// How a picture becomes numbers.
pub(super) struct InputPlan {
    /// The input's name.
    pub(super) name: String,
    pub(super) layout: InputLayout,
    fit: Fit,
    fill: [u8; 3],
    /// For each number of a pixel as the model wants them: which of red, green, blue it is (0 to 2), and
    /// what becomes of its 256 values.
    values: [(usize, [f32; 256]); 3],
}

impl InputPlan {
    /// # Errors
    /// Where a divisor or deviation is 0, or a number is none.
    pub(super) fn new(name: String, layout: InputLayout, settings: &ModelSettings) -> Result<Self, String> {
        let divisor = settings.divisor.unwrap_or(255.0);
        let mean = settings.mean.unwrap_or([0.0; 3]);
        let deviation = settings.deviation.unwrap_or([1.0; 3]);
        let usable = |number: &f32| number.is_finite() && *number != 0.0;
        if !usable(&divisor) || !deviation.iter().all(usable) || !mean.iter().all(|mean| mean.is_finite()) {
            return Err("divisor and deviation must be numbers other than 0, and mean numbers".into());
        }
        let order = match settings.colours.unwrap_or_default() {
            ColourOrder::Rgb => [0, 1, 2],
            ColourOrder::Bgr => [2, 1, 0],
        };
        let values = order.map(|colour| {
            let value = |pixel: usize| (pixel as f32 / divisor - mean[colour]) / deviation[colour];
            (colour, std::array::from_fn(value))
        });
        Ok(Self {
            name,
            layout,
            fit: settings.fit.unwrap_or_default(),
            fill: settings.fill.unwrap_or([GREY; 3]),
            values,
        })
    }

    /// The frame of a picture where an input of at most that (width, height) is asked for.
    pub(super) fn frame(&self, picture: &RgbImage, input: (u32, u32)) -> Letterbox {
        let fitted = |input| Letterbox::fitted(picture.dimensions(), input, self.fit, self.fill);
        let frame = fitted(input);
        if !self.is_tight() {
            return frame;
        }
        fitted(whole_cells(frame.inner(), input))
    }

    /// The frame of a picture reduced to a longer side of `side`: in an input as small as whole cells
    /// allow, or in the middle of the only one that the model takes.
    pub(super) fn reduced(&self, picture: &RgbImage, side: u32, only: Option<(u32, u32)>) -> Letterbox {
        let reduced = |input| Letterbox::reduced(picture.dimensions(), side, input, self.fill);
        only.map_or_else(
            || reduced(whole_cells(reduced((side, side)).inner(), (side, side))),
            reduced,
        )
    }

    /// Whether inputs are cut down to what a picture needs.
    pub(super) fn is_tight(&self) -> bool {
        self.fit == Fit::Tight
    }

    /// The lengths of an input of `count` pictures.
    pub(super) fn lengths(&self, count: usize, (width, height): (u32, u32)) -> [usize; 4] {
        match self.layout {
            InputLayout::Nchw => [count, 3, height as usize, width as usize],
            InputLayout::Nhwc => [count, height as usize, width as usize, 3],
        }
    }

    /// Appends a framed picture's numbers.
    pub(super) fn append(&self, framed: &RgbImage, input: &mut Vec<f32>) {
        let pixels = framed.as_raw().chunks_exact(3);
        match self.layout {
            InputLayout::Nchw => {
                for (colour, values) in &self.values {
                    input.extend(pixels.clone().map(|pixel| values[usize::from(pixel[*colour])]));
                }
            }
            InputLayout::Nhwc => input.extend(pixels.flat_map(|pixel| {
                self.values
                    .each_ref()
                    .map(|(colour, values)| values[usize::from(pixel[*colour])])
            })),
        }
    }
}

/// The least input of whole cells that holds so many pixels.
fn whole_cells(inner: (u32, u32), most: (u32, u32)) -> (u32, u32) {
    let whole = |length: u32, most: u32| length.next_multiple_of(COARSEST).min(most);
    (whole(inner.0, most.0), whole(inner.1, most.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn pixels_become_numbers_as_the_settings_say() {
        let mut picture = RgbImage::new(2, 1);
        picture.put_pixel(0, 0, Rgb([10, 20, 30]));
        picture.put_pixel(1, 0, Rgb([40, 50, 60]));
        let numbers = |layout: InputLayout, settings: ModelSettings| {
            let mut numbers = Vec::new();
            let plan = InputPlan::new("images".into(), layout, &settings).expect("is sound");
            plan.append(&picture, &mut numbers);
            numbers
        };
        let bare = ModelSettings {
            divisor: Some(1.0),
            ..ModelSettings::default()
        };
        assert_eq!(
            numbers(InputLayout::Nchw, bare.clone()),
            [10.0, 40.0, 20.0, 50.0, 30.0, 60.0]
        );
        assert_eq!(
            numbers(InputLayout::Nhwc, bare.clone()),
            [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
        );
        let scaled = ModelSettings {
            divisor: Some(10.0),
            mean: Some([1.0, 2.0, 3.0]),
            deviation: Some([1.0, 1.0, 0.5]),
            colours: Some(ColourOrder::Bgr),
            ..bare
        };
        assert_eq!(
            numbers(InputLayout::Nchw, scaled.clone()),
            [0.0, 6.0, 0.0, 3.0, 0.0, 3.0]
        );
        let broken = ModelSettings {
            divisor: Some(0.0),
            ..scaled
        };
        assert!(InputPlan::new("images".into(), InputLayout::Nchw, &broken).is_err());
    }
}
