//! The locks over the forehead.

use crate::pen::Spot;
use crate::rng::Rng;

#[derive(Clone, Copy, PartialEq)]
enum Bangs {
    Straight,
    Spiky,
    Parted,
    Swept,
    Middle,
}

/// One lock of the bangs: it grows between two roots and ends in a point.
pub(super) struct Lock {
    /// Its left root; the next lock's is its right one.
    pub root: Spot,
    /// Its point.
    pub tip: Spot,
}

/// The parting's x and the locks of the bangs from left to right.
pub(super) fn locks(rng: &mut Rng, side: f32) -> (f32, Vec<Lock>) {
    let bangs = rng.weighted(&[
        (Bangs::Straight, 1.4),
        (Bangs::Spiky, 1.5),
        (Bangs::Parted, 0.9),
        (Bangs::Swept, 1.3),
        (Bangs::Middle, 1.2),
    ]);
    let count = match bangs {
        Bangs::Straight => 5 + rng.index(4),
        Bangs::Spiky => 4 + rng.index(3),
        _ => 5 + rng.index(2),
    };
    let part = match bangs {
        Bangs::Parted => rng.range(-0.15, 0.15),
        Bangs::Swept => side * rng.range(0.3, 0.5),
        _ => rng.range(-0.2, 0.2),
    };
    let low = rng.range(-0.08, 0.06);
    let locks = (0..count)
        .map(|k| {
            let left = -0.78 + 1.56 * k as f32 / count as f32;
            let middle = left + 0.78 / count as f32;
            let away = (middle - part).abs();
            let (root, tip) = match bangs {
                Bangs::Straight => (-0.16, (middle, low + rng.range(-0.03, 0.03))),
                Bangs::Spiky => (
                    rng.range(-0.45, -0.3),
                    (middle - side * 0.12, low + rng.range(-0.06, 0.1)),
                ),
                Bangs::Parted => (
                    -0.75 + 0.4 * away,
                    (middle + (middle - part) * 0.25, -0.5 + 0.62 * away + low),
                ),
                Bangs::Swept => (
                    -0.7 + 0.35 * away,
                    (middle + (middle - part) * 0.12, -0.4 + 0.48 * away + low),
                ),
                Bangs::Middle => (
                    -0.48 + 0.15 * away,
                    (
                        middle,
                        if away < 0.2 {
                            0.12 + low
                        } else {
                            -0.28 + 0.5 * away + low
                        },
                    ),
                ),
            };
            Lock {
                root: (left, root),
                tip,
            }
        })
        .collect();
    (part, locks)
}
