//! Near-duplicates among many heads: the same drawing saved again, scaled, lit otherwise, in grey, in a
//! mirror, turned by some degrees, cut, framed or with a bar across.
//!
//! Three steps, each of which leaves fewer pairs. The signs of a head's sketch are cut into parts, and only
//! heads that have a part in common are looked at (hashing that keeps neighbours together: Indyk and Motwani
//! 1998); of these, pairs with like sketches are candidates; and a candidate is accepted where one
//! thumbnail, laid over the other, explains it. What was cut or turned shows the same as its original through
//! a window of that, so each head is sketched through several windows in turn, and compared with the whole
//! of the others.
//!
//! Whether two heads are near follows from the two alone, so that groups are the same in any order.

use rayon::prelude::*;

use crate::thumbnail::Thumbnail;
pub use sets::Sets;
use sets::Shared;
use sketch::{Frame, Sketch, WHOLE, Window};
use table::{PARTS, Table, VALUES, first_shared};

mod align;
mod sets;
mod sketch;
mod table;
mod usual;

/// Likeness of two sketches from which the heads are laid over one another. Of eight million pairs of different
/// heads thirty are beyond it, all of them the same drawing; of heads cut or turned nearly all.
const LIKE: f32 = 0.9;

/// The largest difference in the middle, where eyes and mouth are: two expressions differ more, copies less.
const EXPRESSION: f32 = 0.32;

/// Values of a part that one thread takes at once.
const VALUES_AT_ONCE: usize = 256;

/// As few heads are compared all with all: to fill tables would take longer.
const FEW: usize = 100;

/// One way to compare: the heads seen through a window with others through the same, or with the whole.
struct Pass {
    window: Window,
    same: bool,
    mirrored: bool,
}

/// Windows that together come near to what copies show: parts beside one another for heads that were cut or
/// framed, turns, and for heads with a bar at one edge the other part.
fn passes() -> Vec<Pass> {
    let window = |x: f64, y: f64, side: f64, angle: f64| {
        let free = (1.0 - side) / 2.0;
        Window {
            x: 0.5 + x * free,
            y: 0.5 + y * free,
            side,
            angle,
        }
    };
    let pass = |window: Window, mirrored: bool| Pass {
        window,
        same: false,
        mirrored,
    };
    let mut all = vec![Pass {
        window: WHOLE,
        same: true,
        mirrored: true,
    }];
    for side in [0.93, 0.87, 0.8] {
        all.push(pass(window(0.0, 0.0, side, 0.0), true));
        for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
            all.push(pass(window(x, y, side, 0.0), false));
        }
    }
    for (x, y) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)] {
        all.push(pass(window(x, y, 0.87, 0.0), false));
        all.push(Pass {
            window: window(x, y, 0.78, 0.0),
            same: true,
            mirrored: false,
        });
    }
    for angle in [-9.0, 9.0] {
        all.push(pass(window(0.0, 0.0, 1.0, angle), true));
        all.push(pass(window(0.0, 0.0, 0.86, angle), true));
    }
    all
}

/// Sets of heads that are joined by steps between near-duplicates. The first `new` are compared with all, the
/// others with these alone. `bound` is the share of the light and dark, in per cent, that one need not explain
/// of the other; with 0 none are joined.
pub fn sets(heads: &[Thumbnail], new: usize, bound: u32) -> Sets {
    let search = Search {
        heads,
        shows: heads.iter().map(|head| !head.is_blank()).collect(),
        new,
        most: bound as f32 / 100.0,
        sets: Shared::new(heads.len()),
    };
    if bound > 0 && new > 0 && heads.len() > 1 {
        let whole = search.sketches(WHOLE);
        for pass in passes() {
            search.run(&pass, &whole);
        }
    }
    search.sets.into()
}

struct Search<'heads> {
    heads: &'heads [Thumbnail],
    /// Whether a head shows anything at all.
    shows: Vec<bool>,
    new: usize,
    most: f32,
    sets: Shared,
}

impl Search<'_> {
    fn sketches(&self, window: Window) -> Vec<Sketch> {
        let frame = Frame::new(window);
        self.heads.par_iter().map(|head| frame.sketch(head)).collect()
    }

    fn run(&self, pass: &Pass, whole: &[Sketch]) {
        let own: Vec<Sketch>;
        let mut seen = whole;
        if pass.window != WHOLE {
            own = self.sketches(pass.window);
            seen = &own;
        }
        let against = if pass.same { seen } else { whole };
        self.join(pass, false, seen, against);
        if pass.mirrored {
            let mirrored: Vec<Sketch> = seen.par_iter().map(Sketch::mirrored).collect();
            self.join(pass, true, &mirrored, against);
        }
    }

    /// Joins heads to those that are near.
    fn join(&self, pass: &Pass, mirrored: bool, seen: &[Sketch], against: &[Sketch]) {
        let count = self.heads.len();
        let check = |one: usize, other: usize, part: Option<u32>| {
            let shared = first_shared(&seen[one], &against[other]);
            // Each way that leads to a pair is gone once; what looks the same way from both sides, from one.
            let again = (pass.same && self.heads[one] > self.heads[other]) || (part.is_some() && shared != part);
            if one == other || shared.is_none() || again || self.sets.joined(one as u32, other as u32) {
                return;
            }
            if table::near(&seen[one], &against[other])
                && seen[one].likeness(&against[other]) >= LIKE
                && self.fits(pass, mirrored, one, other)
            {
                self.sets.join(one as u32, other as u32);
            }
        };
        if count <= FEW {
            let shown = || (0..count).filter(|head| self.shows[*head]);
            for one in shown() {
                shown()
                    .filter(|other| one < self.new || *other < self.new)
                    .for_each(|other| check(one, other, None));
            }
            return;
        }
        (0..PARTS).into_par_iter().for_each(|part| {
            let table = |sketches: &[Sketch], some| Table::new(sketches, some, &self.shows, part);
            let mut meetings = vec![(table(seen, 0..self.new), table(against, 0..count))];
            if self.new < count {
                meetings.push((table(seen, self.new..count), table(against, 0..self.new)));
            }
            let values = (0..VALUES).into_par_iter().with_min_len(VALUES_AT_ONCE);
            values.for_each(|value| {
                for (own, others) in &meetings {
                    own.each_near(others, value, |one, other| {
                        check(one as usize, other as usize, Some(part))
                    });
                }
            });
        });
    }

    /// Whether a head that is like another lies on it.
    fn fits(&self, pass: &Pass, mirrored: bool, one: usize, other: usize) -> bool {
        let window = if pass.same { WHOLE } else { pass.window };
        let mut still = self.heads[other].levels();
        if mirrored {
            still
                .chunks_exact_mut(crate::thumbnail::SIDE)
                .for_each(<[f32]>::reverse);
        }
        let fit = align::align(&still, &self.heads[one].levels(), window);
        fit.is_some_and(|fit| fit.unlike <= self.most && fit.middle <= EXPRESSION)
    }
}
