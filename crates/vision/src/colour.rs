//! Colours as the eye tells them apart: CIE L*a*b* under D65.

/// L* (0 to 100), a* and b*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lab(pub [f32; 3]);

impl Lab {
    /// Of sRGB bytes.
    pub fn of(rgb: [u8; 3]) -> Self {
        let linear = rgb.map(|byte| {
            let value = f32::from(byte) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        });
        let [r, g, b] = linear;
        let curve = |value: f32| {
            if value > 0.008_856 {
                value.cbrt()
            } else {
                7.787 * value + 16.0 / 116.0
            }
        };
        let x = curve((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
        let y = curve(0.2126 * r + 0.7152 * g + 0.0722 * b);
        let z = curve((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
        Self([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])
    }

    /// CIE76: the straight distance; 2 is just seen, 20 is another shade, 50 another colour.
    pub fn distance(self, other: Self) -> f32 {
        let apart = [0, 1, 2].map(|channel: usize| self.0[channel] - other.0[channel]);
        apart.map(|value| value * value).iter().sum::<f32>().sqrt()
    }

    /// How far from grey: 0 to some 130.
    pub fn chroma(self) -> f32 {
        self.0[1].hypot(self.0[2])
    }

    /// The median of each channel; none of no pixels.
    pub fn median(pixels: &[Self]) -> Option<Self> {
        if pixels.is_empty() {
            return None;
        }
        Some(Self([0, 1, 2].map(|channel: usize| {
            let mut values: Vec<f32> = pixels.iter().map(|pixel| pixel.0[channel]).collect();
            values.sort_by(f32::total_cmp);
            values[values.len() / 2]
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_and_red_have_the_lab_values_of_the_books() {
        let Lab([l, a, b]) = Lab::of([255, 255, 255]);
        assert!((l - 100.0).abs() < 0.1 && a.abs() < 0.1 && b.abs() < 0.1);
        let Lab([l, a, b]) = Lab::of([255, 0, 0]);
        assert!((l - 53.2).abs() < 0.2 && (a - 80.1).abs() < 0.3 && (b - 67.2).abs() < 0.3);
    }
}
