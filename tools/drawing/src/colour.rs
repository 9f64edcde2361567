//! Colours and the palettes characters are painted from.

use crate::rng::Rng;

/// An opaque colour, channels in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Red.
    pub r: f32,
    /// Green.
    pub g: f32,
    /// Blue.
    pub b: f32,
}

/// A colour from 8-bit channels written as 0xRRGGBB.
pub const fn rgb(hex: u32) -> Colour {
    Colour {
        r: ((hex >> 16) & 255) as f32 / 255.0,
        g: ((hex >> 8) & 255) as f32 / 255.0,
        b: (hex & 255) as f32 / 255.0,
    }
}

/// A colour from hue in degrees, saturation and lightness in 0..=1.
pub fn hsl(hue: f32, saturation: f32, lightness: f32) -> Colour {
    let chroma = saturation * lightness.min(1.0 - lightness);
    let channel = |n: f32| {
        let k = (n + hue.rem_euclid(360.0) / 30.0) % 12.0;
        lightness - chroma * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)
    };
    Colour {
        r: channel(0.0),
        g: channel(8.0),
        b: channel(4.0),
    }
}

/// White.
pub const WHITE: Colour = rgb(0xffffff);
/// The near-black of pupils and lashes.
pub const INK: Colour = rgb(0x1c1420);

impl Colour {
    /// This colour moved towards `other` by `t` in 0..=1.
    pub fn mix(self, other: Colour, t: f32) -> Colour {
        let lerp = |a: f32, b: f32| a + (b - a) * t;
        Colour {
            r: lerp(self.r, other.r),
            g: lerp(self.g, other.g),
            b: lerp(self.b, other.b),
        }
    }

    /// Channel-wise product: this colour under light of colour `light`.
    pub fn under(self, light: Colour) -> Colour {
        Colour {
            r: self.r * light.r,
            g: self.g * light.g,
            b: self.b * light.b,
        }
    }

    /// A shadow of this colour; `t` in 0..=1 is its depth. Shadows lean to violet as painters do it.
    pub fn shade(self, t: f32) -> Colour {
        self.mix(self.under(rgb(0x7a5a9c)), t)
    }

    /// A lighter version.
    pub fn tint(self, t: f32) -> Colour {
        self.mix(WHITE, t)
    }

    /// The outline colour for a shape filled with this colour.
    pub fn line(self) -> Colour {
        self.under(rgb(0x6a4a5c)).mix(INK, 0.45)
    }

    /// Relative luminance in 0..=1.
    pub fn luminance(self) -> f32 {
        0.299 * self.r + 0.587 * self.g + 0.114 * self.b
    }

    /// As a tiny-skia colour with the given opacity.
    pub fn skia(self, alpha: f32) -> tiny_skia::Color {
        let fit = |v: f32| v.clamp(0.0, 1.0);
        tiny_skia::Color::from_rgba(fit(self.r), fit(self.g), fit(self.b), fit(alpha))
            .unwrap_or(tiny_skia::Color::BLACK)
    }
}

/// Hair colours in fashion, with how often each is drawn.
const HAIR: [(Colour, f32); 22] = [
    (rgb(0x2b2430), 1.3), // black
    (rgb(0x39435f), 0.9), // blue-black
    (rgb(0x4d3229), 1.1), // dark brown
    (rgb(0x7d4e35), 1.2), // brown
    (rgb(0xa9744a), 1.0), // light brown
    (rgb(0xc79a62), 0.9), // ash blond
    (rgb(0xf0cd7c), 1.4), // blond
    (rgb(0xf7e3b2), 0.9), // pale blond
    (rgb(0xe8863e), 0.7), // orange
    (rgb(0xc2433f), 0.8), // red
    (rgb(0x8c2a3c), 0.5), // wine
    (rgb(0xf29cb4), 1.1), // pink
    (rgb(0xf9c6d2), 0.7), // pale pink
    (rgb(0xb48ad6), 0.8), // lilac
    (rgb(0x6f4ca3), 0.6), // violet
    (rgb(0x4a78c9), 0.8), // blue
    (rgb(0x8fc3ee), 0.9), // sky blue
    (rgb(0x4fb7a8), 0.6), // teal
    (rgb(0x6fae5c), 0.5), // green
    (rgb(0xa8a3b3), 0.7), // grey
    (rgb(0xdfe2ec), 1.1), // silver
    (rgb(0xf4f0ee), 0.6), // white
];

/// Iris colours.
const EYES: [Colour; 12] = [
    rgb(0x2f7fd6),
    rgb(0x35a7c9),
    rgb(0x2f9e6b),
    rgb(0x79b13c),
    rgb(0xd69a27),
    rgb(0xc5682b),
    rgb(0x8a4b2c),
    rgb(0xc72f45),
    rgb(0xd85a9a),
    rgb(0x8e4fc4),
    rgb(0x5157c9),
    rgb(0x5d6675),
];

/// Skin colours with weights.
const SKIN: [(Colour, f32); 8] = [
    (rgb(0xfff0e6), 1.6),
    (rgb(0xffe8db), 1.8),
    (rgb(0xfde0cd), 1.6),
    (rgb(0xf8d3b8), 1.0),
    (rgb(0xf7e6e6), 0.7),
    (rgb(0xe6b48f), 0.6),
    (rgb(0xc58a63), 0.5),
    (rgb(0x9a6446), 0.3),
];

/// A colour near `base`.
fn vary(rng: &mut Rng, base: Colour, by: f32) -> Colour {
    Colour {
        r: base.r + by * rng.normal(),
        g: base.g + by * rng.normal(),
        b: base.b + by * rng.normal(),
    }
}

/// A hair colour.
pub fn hair(rng: &mut Rng) -> Colour {
    let base = rng.weighted(&HAIR);
    vary(rng, base, 0.02)
}

/// An iris colour.
pub fn iris(rng: &mut Rng) -> Colour {
    let base = rng.pick(&EYES);
    vary(rng, base, 0.02)
}

/// A skin colour.
pub fn skin(rng: &mut Rng) -> Colour {
    let base = rng.weighted(&SKIN);
    vary(rng, base, 0.008)
}

/// A colour for cloth: white, dark, or any hue.
pub fn cloth(rng: &mut Rng) -> Colour {
    match rng.weighted(&[(0, 1.2), (1, 1.2), (2, 1.5), (3, 1.5)]) {
        0 => hsl(rng.range(0.0, 360.0), 0.15, rng.range(0.88, 0.97)),
        1 => hsl(rng.range(200.0, 300.0), rng.range(0.1, 0.4), rng.range(0.15, 0.28)),
        2 => hsl(rng.range(0.0, 360.0), rng.range(0.35, 0.7), rng.range(0.35, 0.55)),
        _ => hsl(rng.range(0.0, 360.0), rng.range(0.4, 0.7), rng.range(0.7, 0.85)),
    }
}

/// A strong colour for ribbons, ties and ornaments.
pub fn accent(rng: &mut Rng) -> Colour {
    hsl(rng.range(0.0, 360.0), rng.range(0.6, 0.85), rng.range(0.42, 0.62))
}
