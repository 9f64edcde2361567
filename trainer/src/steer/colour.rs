//! Colours that are asked for, by words or as `#rrggbb`.

use std::str::FromStr;

use vision::Lab;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_read() {
        let own = Some(Lab([10.0, 0.0, 0.0]));
        let usual = (Lab([50.0, 0.0, 0.0]), Lab([20.0, 20.0, 20.0]));
        for (text, rgb) in [
            ("#30a060", [0x30, 0xa0, 0x60]),
            ("#000000", [0; 3]),
            ("#ffffff", [255; 3]),
            ("#7f80ff", [0x7f, 0x80, 0xff]),
        ] {
            let asked = text.parse::<Asked>().expect("a colour");
            assert_eq!(asked.near(own, usual), Lab::of(rgb), "{text}");
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
