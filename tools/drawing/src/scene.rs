//! A picture: its size, who stands where, light over all.

use image::RgbImage;
use tiny_skia::{Pixmap, Transform};

use crate::background;
use crate::character::Character;
use crate::colour::{INK, WHITE, hsl};
use crate::pen::{Extent, Pen, rectangle};
use crate::rng::Rng;
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
    let mut rng = Rng::new(seed);
    let (width, height) = size(&mut rng, settings.side.max(64));
    let area = (width as f32, height as f32);
    let mut pixmap = Pixmap::new(width, height).expect("both sides are at least 1 and far below the limit");
    let mut pen = Pen::new(&mut pixmap, Transform::identity());
    let mut placed = place(&mut rng.fork(), area);
    backdrop(&mut rng.fork(), &mut pen, area, placed.is_empty());
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
    background::draw_before(&mut rng.fork(), &mut pen, area, &heads);
    light(&mut rng.fork(), &mut pen, area);
    Drawing {
        image: rgb(&pixmap),
        faces,
        heads,
    }
}

/// The background, sharp or out of focus.
fn backdrop(rng: &mut Rng, pen: &mut Pen, area: (f32, f32), busy: bool) {
    let blur = rng.weighted(&[(1.0, 0.6), (6.0, 0.2), (14.0, 0.2)]);
    let small = Pixmap::new((area.0 / blur).ceil() as u32 + 1, (area.1 / blur).ceil() as u32 + 1);
    match small {
        Some(mut small) if blur > 1.0 => {
            let mut far = Pen::new(&mut small, Transform::from_scale(1.0 / blur, 1.0 / blur));
            background::draw(rng, &mut far, (area.0 + blur, area.1 + blur), busy);
            soften(&mut small);
            enlarge(&small, pen.pixmap, blur);
        }
        _ => background::draw(rng, pen, area, busy),
    }
}

/// Blurs an opaque pixmap a little (1 2 1 across and down), so that no step shows once enlarged.
fn soften(pixmap: &mut Pixmap) {
    let stride = pixmap.width() as usize * 4;
    for step in [4, stride] {
        let before = pixmap.data().to_vec();
        let last = before.len() - step;
        for (at, value) in pixmap.data_mut().iter_mut().enumerate().take(last).skip(step) {
            let sum = u32::from(before[at - step]) + 2 * u32::from(before[at]) + u32::from(before[at + step]);
            *value = (sum / 4) as u8;
        }
    }
}

/// Fills `large` with `small` enlarged `by` times, bilinearly; both are opaque. (The general
/// resampling of the drawing library takes several times as long.)
fn enlarge(small: &Pixmap, large: &mut Pixmap, by: f32) {
    let (width, rows) = (small.width() as usize, small.height() as usize);
    let across: Vec<(usize, u32)> = (0..large.width()).map(|x| source(x, by, width)).collect();
    let from = small.data();
    let row_bytes = across.len() * 4;
    let mut blended = vec![0u32; width * 4];
    for (y, line) in large.data_mut().chunks_exact_mut(row_bytes).enumerate() {
        let (top, share) = source(y as u32, by, rows);
        let (upper, lower) = from[top * width * 4..].split_at(width * 4);
        for ((value, a), b) in blended.iter_mut().zip(upper).zip(lower) {
            *value = u32::from(*a) * (256 - share) + u32::from(*b) * share;
        }
        for (pixel, &(left, share)) in line.chunks_exact_mut(4).zip(&across) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let (a, b) = (blended[left * 4 + channel], blended[left * 4 + 4 + channel]);
                *value = ((a * (256 - share) + b * share) >> 16) as u8;
            }
        }
    }
}

/// The first of the two source pixels under target pixel `at`, and the second one's share of 256.
fn source(at: u32, by: f32, count: usize) -> (usize, u32) {
    let exact = at as f32 / by;
    let first = (exact as usize).min(count - 2);
    (first, ((exact - first as f32).min(1.0) * 256.0) as u32)
}

fn size(rng: &mut Rng, side: u32) -> (u32, u32) {
    let shorter = (side as f32 * if rng.chance(0.2) { 1.0 } else { rng.range(0.6, 1.0) }).round() as u32;
    if rng.chance(0.6) {
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
fn place(rng: &mut Rng, (width, height): (f32, f32)) -> Vec<Placed> {
    if rng.chance(EMPTY_SHARE) {
        return Vec::new();
    }
    let wanted = rng.weighted(&[(1, 0.5), (2, 0.28), (3, 0.14), (4, 0.08)]);
    let short = width.min(height);
    let largest = match wanted {
        1 => 0.54,
        2 => 0.36,
        3 => 0.28,
        _ => 0.24,
    };
    let mut placed: Vec<Placed> = Vec::new();
    for _ in 0..wanted {
        let seed = rng.word();
        for attempt in 0..40 {
            let shrink = 1.0 - attempt as f32 * 0.012;
            let least = (SMALLEST_FACE / short).max(largest * 0.35);
            let face = (short * rng.range(least, largest) * shrink).max(SMALLEST_FACE);
            let scale = face / FACE_WIDTH;
            // Mostly with room for the whole head, sometimes cut off by the picture's edge.
            let (aside, above) = if rng.chance(0.8) { (1.9, 2.1) } else { (1.1, 1.2) };
            let aside = (aside * scale).min(width * 0.48);
            let x = rng.range(aside, width - aside);
            let y = rng.range(
                (above * scale).min(height * 0.55),
                (height - 1.7 * scale).min(height * 0.75),
            );
            let candidate = Placed {
                character: Character::new(&mut Rng::new(seed)),
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
fn light(rng: &mut Rng, pen: &mut Pen, (width, height): (f32, f32)) {
    let all = rectangle(0.0, 0.0, width, height);
    match rng.weighted(&[(0, 0.62), (1, 0.07), (2, 0.06), (3, 0.08), (4, 0.17)]) {
        0 => {}
        1 => pen.fill(&all, INK.mix(hsl(235.0, 0.6, 0.2), 0.6), rng.range(0.3, 0.55)),
        2 => pen.fill(&all, WHITE, rng.range(0.15, 0.32)),
        3 => pen.fill(&all, hsl(rng.range(0.0, 360.0), 0.7, 0.5), rng.range(0.08, 0.22)),
        _ => {
            let (corner, radius) = (rng.index(2) as f32 * width, width.max(height) * rng.range(0.6, 1.0));
            let warm = hsl(rng.range(20.0, 60.0), 1.0, 0.8);
            pen.glow((corner, 0.0), radius, radius, warm, rng.range(0.3, 0.6));
        }
    }
}

/// The opaque pixmap without its alpha channel.
fn rgb(pixmap: &Pixmap) -> RgbImage {
    let mut bytes = vec![0; (pixmap.width() * pixmap.height() * 3) as usize];
    for (to, from) in bytes.chunks_exact_mut(3).zip(pixmap.data().chunks_exact(4)) {
        to.copy_from_slice(&from[..3]);
    }
    RgbImage::from_raw(pixmap.width(), pixmap.height(), bytes).expect("three bytes a pixel")
}
