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

/// A colour that is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    colour: Lab,
    /// How far L* may be from the colour's.
    free: f32,
}

/// Distance in CIE Lab from which on the eye speaks of another colour.
pub const ANOTHER: f32 = 25.0;
/// A word says a hue more than a lightness.
const FREE: f32 = 15.0;
/// Deviations from the mean colour within which a word's is looked for.
const RAREST: f32 = 2.5;

impl Asked {
    /// What is wanted of something that has a colour now, among others of a mean colour and its deviations: a word
    /// means as much of its hue as there is, and about its lightness.
    pub fn near(self, own: Option<Lab>, (mean, deviation): (Lab, Lab)) -> Lab {
        let Lab([l, a, b]) = self.colour;
        if self.free == 0.0 {
            return self.colour;
        }
        let own = own.map_or(l, |own| own.0[0]);
        let away = [a - mean.0[1], b - mean.0[2]];
        let rare = (away[0] / deviation.0[1]).hypot(away[1] / deviation.0[2]);
        let share = (RAREST / rare).min(1.0);
        Lab([
            own.clamp(l - self.free, l + self.free),
            mean.0[1] + share * away[0],
            mean.0[2] + share * away[1],
        ])
    }
}

impl FromStr for Asked {
    type Err = String;

    /// A word, or `#rrggbb`, which is meant as it is.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_lowercase();
        let named = NAMED.iter().find(|(name, _)| *name == text).map(|(_, rgb)| *rgb);
        let hex = || {
            let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
            let mut rgb = [0; 3];
            hex::decode_to_slice(digits, &mut rgb).ok().map(|()| rgb)
        };
        let free = if named.is_some() { FREE } else { 0.0 };
        let colour = named.or_else(hex).map(Lab::of);
        colour.map(|colour| Self { colour, free }).ok_or_else(|| {
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
        let own = Some(Lab([10.0, 0.0, 0.0]));
        let usual = (Lab([50.0, 0.0, 0.0]), Lab([20.0, 20.0, 20.0]));
        for text in ["#30a060", "#000000", "#ffffff", "#7f80ff"] {
            assert_eq!(
                text.parse::<Asked>().expect("a colour").near(own, usual).to_string(),
                text
            );
        }
        let (blue, Lab([l, a, b])) = (" Blue ".parse::<Asked>().expect("a word"), Lab::of([95, 130, 205]));
        assert_eq!(blue.near(None, usual), Lab([l, a, b]));
        assert_eq!(blue.near(own, usual), Lab([l - FREE, a, b]));
        assert_eq!(blue.near(Some(Lab([l + 1.0, 0.0, 0.0])), usual), Lab([l + 1.0, a, b]));
        let pale = (Lab([50.0, 0.0, 0.0]), Lab([10.0, 4.0, 4.0]));
        let Lab([_, pale_a, pale_b]) = blue.near(None, pale);
        assert!((pale_a.hypot(pale_b) - 10.0).abs() < 0.01 && (pale_a / pale_b - a / b).abs() < 0.01);
        for text in ["", "blau", "#30a06", "#30a06g", "30a060", "#é0a06"] {
            assert!(text.parse::<Asked>().is_err(), "{text}");
        }
    }
}
