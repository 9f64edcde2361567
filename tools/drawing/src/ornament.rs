//! What is worn on the head: ears of beasts, ribbons, hats and the like. Units as in `face`.

mod hat;

use crate::colour::{Colour, WHITE, rgb};
use crate::pen::{Pen, Spot, blob, brush, ellipse, polygon};
use crate::rng::Rng;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    CatEars,
    RabbitEars,
    Horns,
    Halo,
    BigRibbon,
    SideRibbons,
    Flower,
    Pins,
    Band,
    Headphones,
    Beret,
    WitchHat,
    Cap,
    Crown,
    Frill,
}

/// The ornaments of one head.
pub struct Ornaments {
    kinds: Vec<Kind>,
    colour: Colour,
    hair: Colour,
    side: f32,
    size: f32,
}

impl Ornaments {
    /// None, one or two ornaments in `colour` for hair of colour `hair`.
    pub fn new(rng: &mut Rng, colour: Colour, hair: Colour) -> Self {
        let table = [
            (Kind::CatEars, 1.4),
            (Kind::RabbitEars, 0.3),
            (Kind::Horns, 0.4),
            (Kind::Halo, 0.25),
            (Kind::BigRibbon, 0.9),
            (Kind::SideRibbons, 0.9),
            (Kind::Flower, 0.9),
            (Kind::Pins, 1.2),
            (Kind::Band, 0.9),
            (Kind::Headphones, 0.4),
            (Kind::Beret, 0.4),
            (Kind::WitchHat, 0.3),
            (Kind::Cap, 0.3),
            (Kind::Crown, 0.3),
            (Kind::Frill, 0.4),
        ];
        let mut kinds = Vec::new();
        if rng.chance(0.58) {
            kinds.push(rng.weighted(&table));
        }
        if rng.chance(0.15) {
            kinds.push(rng.weighted(&[(Kind::Pins, 1.0), (Kind::Flower, 1.0), (Kind::SideRibbons, 0.5)]));
        }
        Self {
            kinds,
            colour,
            hair,
            side: rng.sign(),
            size: rng.range(0.85, 1.2),
        }
    }

    /// How far above the chin's opposite the ornaments reach: the y of their top.
    pub fn top(&self) -> f32 {
        let top = |kind: &Kind| match kind {
            Kind::RabbitEars | Kind::WitchHat => -3.0,
            Kind::CatEars | Kind::BigRibbon | Kind::Halo | Kind::Horns => -2.2,
            _ => -1.75,
        };
        self.kinds.iter().map(top).fold(-1.75, f32::min)
    }

    /// What stands behind the front hair.
    pub fn draw_behind(&self, pen: &mut Pen, dome: Spot) {
        for kind in &self.kinds {
            match kind {
                Kind::CatEars => self.draw_ears(pen, dome, 0.75, 0.3),
                Kind::RabbitEars => self.draw_ears(pen, dome, 1.7, 0.22),
                Kind::Horns => self.draw_horns(pen, dome),
                Kind::Halo => {
                    let ring = ellipse((0.0, -dome.1 - 0.35), 0.75, 0.2);
                    pen.fill(&ring, WHITE, 0.0);
                    pen.stroke(&ring, 0.13, rgb(0xf7d774), 0.9);
                    pen.stroke(&ring, 0.05, rgb(0xfff8d8), 1.0);
                }
                _ => {}
            }
        }
    }

    /// What lies on the hair.
    pub fn draw_front(&self, pen: &mut Pen, dome: Spot) {
        let (v, top) = dome;
        for kind in &self.kinds {
            match kind {
                Kind::BigRibbon => self.draw_ribbon(pen, (0.0, -top - 0.02), 0.75 * self.size),
                Kind::SideRibbons => {
                    self.draw_ribbon(pen, (-0.82 * v, -0.82), 0.36 * self.size);
                    self.draw_ribbon(pen, (0.82 * v, -0.82), 0.36 * self.size);
                }
                Kind::Flower => self.draw_flower(pen, (self.side * 0.72 * v, -0.7), 0.3 * self.size),
                Kind::Pins => self.draw_pins(pen, v),
                Kind::Band => self.draw_band(pen, dome, 0.13),
                Kind::Frill => self.draw_frill(pen, dome),
                Kind::Headphones => self.draw_headphones(pen, dome),
                Kind::Beret => self.draw_beret(pen, dome),
                Kind::WitchHat => self.draw_witch_hat(pen, dome),
                Kind::Cap => self.draw_cap(pen, dome),
                Kind::Crown => self.draw_crown(pen, dome),
                Kind::CatEars | Kind::RabbitEars | Kind::Horns | Kind::Halo => {}
            }
        }
    }

    fn piece(&self, pen: &mut Pen, path: &tiny_skia::Path, colour: Colour, y: (f32, f32)) {
        pen.fill_along(
            path,
            (0.0, y.0),
            (0.0, y.1),
            &[(0.0, colour.tint(0.12), 1.0), (1.0, colour.shade(0.28), 1.0)],
        );
        pen.stroke(path, 0.032, colour.line(), 1.0);
    }

    fn draw_ears(&self, pen: &mut Pen, (v, top): Spot, length: f32, wide: f32) {
        for side in [-1.0, 1.0] {
            let (x, y) = (side * 0.62 * v, -top + 0.32);
            let lean = side * 0.2;
            let ear = |s: f32| {
                blob(&[
                    (x - wide * s, y + 0.1),
                    (x + lean * 0.5 - wide * 0.9 * s, y - length * 0.45 * s),
                    (x + lean, y - length * s),
                    (x + lean * 0.6 + wide * 0.95 * s, y - length * 0.4 * s),
                    (x + wide * 1.1 * s + side * 0.1, y + 0.15),
                ])
            };
            self.piece(pen, &ear(1.0), self.hair, (y - length, y + 0.4));
            pen.fill(&ear(0.62), rgb(0xf6b6b8).mix(self.hair, 0.15), 1.0);
        }
    }

    fn draw_horns(&self, pen: &mut Pen, (v, top): Spot) {
        for side in [-1.0, 1.0] {
            let (x, y) = (side * 0.55 * v, -top + 0.3);
            let horn = brush(
                &[(x, y), (x + side * 0.3, y - 0.35), (x + side * 0.28, y - 0.8)],
                0.26,
                (0.26, 0.01),
                0.1,
            );
            self.piece(pen, &horn, self.colour.shade(0.5), (y - 0.8, y));
        }
    }

    fn draw_ribbon(&self, pen: &mut Pen, (x, y): Spot, size: f32) {
        for side in [-1.0, 1.0] {
            let s = side * size;
            let tail = polygon(&[
                (x, y),
                (x + s * 0.55, y + size * 0.95),
                (x + s * 0.35, y + size * 0.8),
                (x + s * 0.15, y + size * 0.95),
            ]);
            self.piece(pen, &tail, self.colour.shade(0.12), (y, y + size));
            let loops = blob(&[
                (x, y),
                (x + s * 0.5, y - size * 0.5),
                (x + s * 1.05, y - size * 0.42),
                (x + s * 1.0, y + size * 0.3),
                (x + s * 0.45, y + size * 0.25),
            ]);
            self.piece(pen, &loops, self.colour, (y - size * 0.5, y + size * 0.4));
            let fold = brush(
                &[(x + s * 0.1, y), (x + s * 0.6, y - size * 0.08)],
                size * 0.08,
                (0.02, 0.005),
                0.3,
            );
            pen.fill(&fold, self.colour.line(), 0.7);
        }
        self.piece(
            pen,
            &ellipse((x, y), size * 0.2, size * 0.22),
            self.colour,
            (y - size * 0.2, y + size * 0.2),
        );
    }

    fn draw_flower(&self, pen: &mut Pen, (x, y): Spot, size: f32) {
        for petal in 0..5 {
            let (sine, cosine) = (petal as f32 * 1.2566 + 0.3).sin_cos();
            let shape = ellipse(
                (x + cosine * size * 0.6, y + sine * size * 0.6),
                size * 0.48,
                size * 0.48,
            );
            self.piece(pen, &shape, self.colour.tint(0.35), (y - size, y + size));
        }
        self.piece(
            pen,
            &ellipse((x, y), size * 0.3, size * 0.3),
            rgb(0xf5d25a),
            (y - size, y + size),
        );
    }

    fn draw_pins(&self, pen: &mut Pen, v: f32) {
        let x = self.side * 0.68 * v;
        for (dy, slope) in [(-0.42, 0.12), (-0.28, -0.06)] {
            let pin = brush(
                &[(x - 0.17, dy + slope * 0.5), (x + 0.17, dy - slope * 0.5)],
                0.075,
                (0.06, 0.06),
                0.5,
            );
            pen.fill(&pin, self.colour, 1.0);
            pen.stroke(&pin, 0.022, self.colour.line(), 1.0);
        }
    }

    fn band(&self, (v, top): Spot) -> [Spot; 5] {
        [
            (-v * 1.0, -0.3),
            (-v * 0.78, -top * 0.68),
            (0.0, -top * 0.93),
            (v * 0.78, -top * 0.68),
            (v * 1.0, -0.3),
        ]
    }

    fn draw_band(&self, pen: &mut Pen, dome: Spot, width: f32) {
        let path = brush(&self.band(dome), width, (width * 0.8, width * 0.8), 0.5);
        self.piece(pen, &path, self.colour, (-dome.1, 0.0));
    }

    fn draw_frill(&self, pen: &mut Pen, dome: Spot) {
        let points = crate::pen::resample(&self.band(dome), 4);
        for point in &points[2..points.len() - 2] {
            self.piece(
                pen,
                &ellipse((point.0, point.1 - 0.06), 0.13, 0.13),
                rgb(0xf6f4fa),
                (-dome.1, 0.0),
            );
        }
        self.draw_band(pen, dome, 0.12);
    }
}
