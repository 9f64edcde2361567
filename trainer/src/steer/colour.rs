//! Colours as the eye tells them apart: CIE L*a*b* under D65.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// L* (0 to 100), a* and b*.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lab(pub [f32; 3]);

/// The words that stand for colours of hair and eyes, with sRGB bytes: shades that drawings use, which are
/// softer than the web's colours of these names.
const NAMED: [(&str, [u8; 3]); 16] = [
    ("black", [40, 36, 44]),
    ("brown", [115, 75, 55]),
    ("blond", [235, 205, 135]),
    ("blonde", [235, 205, 135]),
    ("yellow", [235, 205, 90]),
    ("orange", [225, 140, 75]),
    ("red", [190, 60, 60]),
    ("pink", [240, 165, 185]),
    ("purple", [140, 105, 175]),
    ("blue", [95, 130, 205]),
    ("aqua", [110, 200, 210]),
    ("green", [110, 175, 120]),
    ("grey", [160, 160, 170]),
    ("gray", [160, 160, 170]),
    ("silver", [200, 202, 212]),
    ("white", [235, 235, 240]),
];

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

    /// The nearest sRGB bytes.
    pub fn rgb(self) -> [u8; 3] {
        let [l, a, b] = self.0;
        let y = (l + 16.0) / 116.0;
        let curve = |value: f32| match value.powi(3) {
            cube if cube > 0.008_856 => cube,
            _ => (value - 16.0 / 116.0) / 7.787,
        };
        let (x, y, z) = (0.9505 * curve(y + a / 500.0), curve(y), 1.089 * curve(y - b / 200.0));
        let linear = [
            3.2406 * x - 1.5372 * y - 0.4986 * z,
            -0.9689 * x + 1.8758 * y + 0.0415 * z,
            0.0557 * x - 0.2040 * y + 1.0570 * z,
        ];
        linear.map(|value| {
            let value = match value {
                low if low <= 0.003_130_8 => 12.92 * low,
                high => 1.055 * high.powf(1.0 / 2.4) - 0.055,
            };
            (255.0 * value).round().clamp(0.0, 255.0) as u8
        })
    }

    /// CIE76: the straight distance; 2 is just seen, 20 is another shade, 50 another colour.
    pub fn distance(self, other: Self) -> f32 {
        let apart = [0, 1, 2].map(|channel: usize| self.0[channel] - other.0[channel]);
        apart.map(|value| value * value).iter().sum::<f32>().sqrt()
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

impl FromStr for Lab {
    type Err = String;

    /// A word, or `#rrggbb`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_lowercase();
        let named = NAMED.iter().find(|(name, _)| *name == text).map(|(_, rgb)| *rgb);
        let hex = || {
            let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
            let mut rgb = [0; 3];
            hex::decode_to_slice(digits, &mut rgb).ok().map(|()| rgb)
        };
        named.or_else(hex).map(Self::of).ok_or_else(|| {
            let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
            format!("no colour: it may be {} or #rrggbb", names.join(", "))
        })
    }
}

impl fmt::Display for Lab {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        write!(to, "#{}", hex::encode(self.rgb()))
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

    #[test]
    fn a_colour_is_read_and_written() {
        for text in ["#30a060", "#000000", "#ffffff", "#7f80ff"] {
            assert_eq!(text.parse::<Lab>().expect("a colour").to_string(), text);
        }
        assert_eq!(" Blue ".parse::<Lab>(), Ok(Lab::of([95, 130, 205])));
        for text in ["", "blau", "#30a06", "#30a06g", "30a060", "#é0a06"] {
            assert!(text.parse::<Lab>().is_err(), "{text}");
        }
    }
}
