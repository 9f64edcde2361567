//! A picture: its size, who stands where, light over all.

use image::RgbImage;
use tiny_skia::{FilterQuality, Pixmap, PixmapPaint, Transform};

use crate::background;
use crate::character::Character;
use crate::colour::{INK, WHITE, hsl};
use crate::dice::Dice;
use crate::pen::{Extent, Pen, rectangle};
use crate::{Drawing, Settings};

/// Share of pictures without any character.
const EMPTY_SHARE: f32 = 0.04;
/// A face box is about this wide in face units.
const FACE_WIDTH: f32 = 1.9;
/// Smallest face in pixels; smaller ones teach nothing.
const SMALLEST_FACE: f32 = 44.0;

/// A character and its place.
struct Placed {
    character: Character,
    x: f32,
    y: f32,
    /// Pixels a face unit.
    scale: f32,
}

impl Placed {
    fn transform(&self) -> Transform {
        Transform::from_translate(self.x, self.y).pre_scale(self.scale, self.scale)
    }

    fn face(&self) -> Extent {
        self.character.face_box(self.transform())
    }

    /// Everything it may paint over: from its top downwards.
    fn covers(&self) -> Extent {
        let reach = (self.character.reach() + 0.35) * self.scale;
        [
            self.x - reach,
            self.y + self.character.top() * self.scale,
            self.x + reach,
            f32::INFINITY,
        ]
    }
}

/// See [`crate::draw`].
pub fn draw(seed: u64, settings: &Settings) -> Drawing {
    let mut dice = Dice::new(seed);
    let (width, height) = size(&mut dice, settings.side.max(64));
    let area = (width as f32, height as f32);
    let mut pixmap = Pixmap::new(width, height).expect("both sides are at least 1 and far below the limit");
    let mut pen = Pen::new(&mut pixmap, Transform::identity());
    let mut placed = place(&mut dice.fork(), area);
    backdrop(&mut dice.fork(), &mut pen, area, placed.is_empty());
    // Bodies hang downwards: whoever stands higher is painted first and covered by nobody's body.
    placed.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut faces = Vec::new();
    let mut heads = Vec::new();
    for one in &placed {
        let mut boxes = None;
        pen.under(one.transform(), |pen| boxes = Some(one.character.draw(pen)));
        if let Some(boxes) = boxes {
            faces.push(inside(boxes.face, area));
            heads.push(inside(boxes.head, area));
        }
    }
    background::draw_before(&mut dice.fork(), &mut pen, area, &faces);
    light(&mut dice.fork(), &mut pen, area);
    Drawing {
        image: rgb(&pixmap),
        faces,
        heads,
    }
}

/// The background, sharp or out of focus.
fn backdrop(dice: &mut Dice, pen: &mut Pen, area: (f32, f32), busy: bool) {
    let blur = dice.weighted(&[(1.0, 0.6), (6.0, 0.2), (14.0, 0.2)]);
    let small = Pixmap::new((area.0 / blur).ceil() as u32 + 1, (area.1 / blur).ceil() as u32 + 1);
    match small {
        Some(mut small) if blur > 1.0 => {
            let mut far = Pen::new(&mut small, Transform::from_scale(1.0 / blur, 1.0 / blur));
            background::draw(dice, &mut far, (area.0 + blur, area.1 + blur), busy);
            let paint = PixmapPaint {
                quality: FilterQuality::Bicubic,
                ..PixmapPaint::default()
            };
            let grow = Transform::from_scale(blur, blur);
            pen.pixmap.fill(WHITE.skia(1.0));
            pen.pixmap.draw_pixmap(0, 0, small.as_ref(), &paint, grow, None);
        }
        _ => background::draw(dice, pen, area, busy),
    }
}

fn size(dice: &mut Dice, side: u32) -> (u32, u32) {
    let shorter = (side as f32 * if dice.chance(0.2) { 1.0 } else { dice.range(0.6, 1.0) }).round() as u32;
    if dice.chance(0.6) {
        (shorter, side)
    } else {
        (side, shorter)
    }
}

fn inside(extent: Extent, (width, height): (f32, f32)) -> Extent {
    [
        extent[0].max(0.0),
        extent[1].max(0.0),
        extent[2].min(width),
        extent[3].min(height),
    ]
}

/// Chooses who is in the picture and where, so that nobody covers a face.
fn place(dice: &mut Dice, (width, height): (f32, f32)) -> Vec<Placed> {
    if dice.chance(EMPTY_SHARE) {
        return Vec::new();
    }
    let wanted = dice.weighted(&[(1, 0.5), (2, 0.28), (3, 0.14), (4, 0.08)]);
    let short = width.min(height);
    let largest = match wanted {
        1 => 0.54,
        2 => 0.36,
        3 => 0.28,
        _ => 0.24,
    };
    let mut placed: Vec<Placed> = Vec::new();
    for _ in 0..wanted {
        let seed = dice.word();
        for attempt in 0..40 {
            let shrink = 1.0 - attempt as f32 * 0.012;
            let least = (SMALLEST_FACE / short).max(largest * 0.35);
            let face = (short * dice.range(least, largest) * shrink).max(SMALLEST_FACE);
            let scale = face / FACE_WIDTH;
            // Mostly with room for the whole head, sometimes cut off by the picture's edge.
            let (aside, above) = if dice.chance(0.8) { (1.9, 2.1) } else { (1.1, 1.2) };
            let aside = (aside * scale).min(width * 0.48);
            let x = dice.range(aside, width - aside);
            let y = dice.range(
                (above * scale).min(height * 0.55),
                (height - 1.7 * scale).min(height * 0.75),
            );
            let candidate = Placed {
                character: Character::new(&mut Dice::new(seed)),
                x,
                y,
                scale,
            };
            if fits(&candidate, &placed, (width, height)) {
                placed.push(candidate);
                break;
            }
        }
    }
    placed
}

fn fits(candidate: &Placed, others: &[Placed], (width, height): (f32, f32)) -> bool {
    let face = candidate.face();
    let within = face[0] >= 1.0 && face[1] >= 1.0 && face[2] <= width - 1.0 && face[3] <= height - 1.0;
    within
        && others.iter().all(|other| {
            let (upper, lower) = if other.y <= candidate.y {
                (other, candidate)
            } else {
                (candidate, other)
            };
            !overlap(upper.face(), lower.covers())
        })
}

fn overlap(a: Extent, b: Extent) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// Now and then a dark, a pale or a tinted picture, or light from a corner.
fn light(dice: &mut Dice, pen: &mut Pen, (width, height): (f32, f32)) {
    let all = rectangle(0.0, 0.0, width, height);
    match dice.weighted(&[(0, 0.62), (1, 0.07), (2, 0.06), (3, 0.08), (4, 0.17)]) {
        0 => {}
        1 => pen.fill(&all, INK.mix(hsl(235.0, 0.6, 0.2), 0.6), dice.range(0.3, 0.55)),
        2 => pen.fill(&all, WHITE, dice.range(0.15, 0.32)),
        3 => pen.fill(&all, hsl(dice.range(0.0, 360.0), 0.7, 0.5), dice.range(0.08, 0.22)),
        _ => {
            let (corner, radius) = (dice.index(2) as f32 * width, width.max(height) * dice.range(0.6, 1.0));
            let warm = hsl(dice.range(20.0, 60.0), 1.0, 0.8);
            pen.glow((corner, 0.0), radius, radius, warm, dice.range(0.3, 0.6));
        }
    }
}

/// The opaque pixmap without its alpha channel.
fn rgb(pixmap: &Pixmap) -> RgbImage {
    let bytes = pixmap
        .data()
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect();
    RgbImage::from_raw(pixmap.width(), pixmap.height(), bytes).expect("three bytes a pixel")
}
