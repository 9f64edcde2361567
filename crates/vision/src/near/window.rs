//! The parts of heads that are compared, and where their light is taken.

use crate::thumbnail::SIDE;

/// Places of a window, down and across, at which its light is taken.
pub(super) const PLACES: usize = 16;

/// A square part of a head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Its middle, as shares of the head's side.
    pub(super) x: f64,
    /// The same, down.
    pub(super) y: f64,
    /// Its side.
    pub(super) side: f64,
    /// By how much it is turned, in degrees.
    pub(super) angle: f64,
}

/// The whole head.
pub(super) const WHOLE: Window = Window {
    x: 0.5,
    y: 0.5,
    side: 1.0,
    angle: 0.0,
};

/// Where a window's places lie in the head.
#[expect(
    clippy::large_enum_variant,
    reason = "a few dozen are made, once, and read by the million"
)]
pub(super) enum Places {
    /// Each line and column between two pixels: the first, and the share of the second.
    Upright {
        lines: [(usize, f32); PLACES],
        columns: [(usize, f32); PLACES],
    },
    /// Each place between four pixels: the first, and the shares of all.
    Turned(Vec<(usize, [f32; 4])>),
}

impl Places {
    pub(super) fn of(window: Window) -> Self {
        let within = |place: usize| (place as f64 + 0.5) / PLACES as f64 - 0.5;
        let between = |at: f64| {
            let at = (at * SIDE as f64 - 0.5).clamp(0.0, SIDE as f64 - 1.0);
            let first = (at as usize).min(SIDE - 2);
            (first, (at - first as f64) as f32)
        };
        if window.angle == 0.0 {
            return Self::Upright {
                lines: std::array::from_fn(|place| between(window.y + within(place) * window.side)),
                columns: std::array::from_fn(|place| between(window.x + within(place) * window.side)),
            };
        }
        let (sine, cosine) = window.angle.to_radians().sin_cos();
        let place = |at: usize| {
            let (x, y) = (within(at % PLACES) * window.side, within(at / PLACES) * window.side);
            let (column, right) = between(window.x + cosine * x + sine * y);
            let (line, below) = between(window.y - sine * x + cosine * y);
            let (left, above) = (1.0 - right, 1.0 - below);
            let shares = [left * above, right * above, left * below, right * below];
            (line * SIDE + column, shares)
        };
        Self::Turned((0..PLACES * PLACES).map(place).collect())
    }

    #[inline(always)]
    pub(super) fn light(&self, levels: &[f32; SIDE * SIDE]) -> [[f32; PLACES]; PLACES] {
        let mut light = [[0.0; PLACES]; PLACES];
        match self {
            Self::Upright { lines, columns } => {
                for (light, (line, below)) in light.iter_mut().zip(lines) {
                    let upper: &[f32; SIDE] = levels[line * SIDE..][..SIDE].try_into().expect("a line");
                    let lower: &[f32; SIDE] = levels[(line + 1) * SIDE..][..SIDE].try_into().expect("a line");
                    let mut between = [0.0; SIDE];
                    for at in 0..SIDE {
                        between[at] = upper[at] + (lower[at] - upper[at]) * below;
                    }
                    for (light, (column, right)) in light.iter_mut().zip(columns) {
                        *light = between[*column] + (between[column + 1] - between[*column]) * right;
                    }
                }
            }
            Self::Turned(places) => {
                for (light, (first, shares)) in light.as_flattened_mut().iter_mut().zip(places) {
                    let upper = levels[*first] * shares[0] + levels[first + 1] * shares[1];
                    *light = upper + levels[first + SIDE] * shares[2] + levels[first + SIDE + 1] * shares[3];
                }
            }
        }
        light
    }
}
