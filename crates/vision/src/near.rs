//! Near-duplicates among many heads: the same drawing saved again, scaled, lit otherwise, in grey, in a
//! mirror, turned by some degrees, cut, framed or with a bar across.
//!
//! Three steps, each of which leaves fewer pairs. Each head has some keys, and only heads that have a key in common
//! are looked at (hashing that keeps neighbours together: Indyk and Motwani 1998; by the largest of some numbers
//! and its sign, as the cross-polytope hashes of Andoni and others, 2015); of these, pairs with like sketches are
//! candidates; and a candidate is accepted where one thumbnail, laid over the other, explains it. What was cut or
//! turned shows the same as its original through a window of that, so each head is sketched through several
//! windows in turn, and compared with the whole of the others.
//!
//! Whether two heads are near follows from the two alone, so that groups are the same in any order.

use rayon::prelude::*;

use crate::thumbnail::Thumbnail;
pub use sets::Sets;
use sets::Shared;
use sketch::{Frame, KEYS};
use sketches::{Sketches, Slice};
use table::{Table, VALUES};
use usual::Usual;
use window::{WHOLE, Window};

mod align;
mod expression;
mod sets;
mod sketch;
mod sketches;
mod table;
mod usual;
mod window;

/// Likeness of two sketches from which the heads are laid over one another.
const LIKE: f32 = 0.86;

/// Heads that are compared with the others at once: their sketches are held, some 160 bytes each.
const AT_ONCE: usize = 1 << 18;

/// Values of a key that one thread takes at once.
const VALUES_AT_ONCE: usize = 256;

/// As few heads are compared all with all: to fill tables would take longer.
const FEW: usize = 100;

/// One way to compare: the heads seen through a window with others through the same, or with the whole.
#[derive(Clone, Copy)]
struct Pass {
    window: Window,
    same: bool,
    mirrored: bool,
}

/// A window at a side or corner (-1 to 1 across and down).
fn window(x: f64, y: f64, side: f64, angle: f64) -> Window {
    let free = (1.0 - side) / 2.0;
    Window {
        x: 0.5 + x * free,
        y: 0.5 + y * free,
        side,
        angle,
    }
}

/// What heads show beside a bar at one edge, and how a usual head looks there.
fn beside_bars() -> [(Pass, Usual); 4] {
    [
        (-1.0, 0.0, usual::LEFT),
        (1.0, 0.0, usual::LEFT.mirrored()),
        (0.0, -1.0, usual::TOP),
        (0.0, 1.0, usual::BOTTOM),
    ]
    .map(|(x, y, usual)| {
        let pass = Pass {
            window: window(x, y, 0.78, 0.0),
            same: true,
            mirrored: false,
        };
        (pass, usual)
    })
}

/// Windows that together come near to what copies show that were cut, framed or turned.
fn parts() -> Vec<Pass> {
    let pass = |window: Window, mirrored: bool| Pass {
        window,
        same: false,
        mirrored,
    };
    let mut all = Vec::new();
    for side in [0.93, 0.87, 0.8] {
        all.push(pass(window(0.0, 0.0, side, 0.0), true));
        for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
            all.push(pass(window(x, y, side, 0.0), false));
        }
    }
    for (x, y) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)] {
        all.push(pass(window(x, y, 0.87, 0.0), false));
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
        search.run();
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

/// New heads that others are compared with, by key.
struct Index<'sketches> {
    sketches: Slice<'sketches>,
    /// None where there are few heads.
    tables: Vec<Table>,
}

/// What is compared.
struct Meeting<'search> {
    pass: Pass,
    mirrored: bool,
    /// The first head of the queries.
    first: usize,
    queries: Slice<'search>,
    index: &'search Index<'search>,
    /// Whether it is the heads of the index that are seen through the window.
    index_seen: bool,
}

impl Search<'_> {
    fn run(&self) {
        let count = self.heads.len();
        for (pass, usual) in beside_bars() {
            let seen = Sketches::of(self.heads, &Frame::new(pass.window, &usual));
            let index = self.index(seen.all().part(0..self.new));
            self.in_parts(0, seen.all(), |first, some| self.seen(pass, first, some, &index));
        }
        let whole = Sketches::of(self.heads, &Frame::new(WHOLE, &usual::WHOLE));
        let whole = whole.all();
        let index = self.index(whole.part(0..self.new));
        let pass = Pass {
            window: WHOLE,
            same: true,
            mirrored: true,
        };
        self.in_parts(0, whole, |first, some| self.seen(pass, first, some, &index));
        for pass in parts() {
            let frame = Frame::new(pass.window, &usual::WHOLE);
            for first in (0..count).step_by(AT_ONCE) {
                let seen = Sketches::of(&self.heads[first..count.min(first + AT_ONCE)], &frame);
                self.seen(pass, first, seen.all(), &index);
            }
            if self.new < count {
                self.known(pass, &frame, whole.part(self.new..count));
            }
        }
    }

    /// Some sketches after the other, with the head of the first of each.
    fn in_parts<'some>(&self, first: usize, all: Slice<'some>, each: impl Fn(usize, Slice<'some>)) {
        for at in (0..all.len()).step_by(AT_ONCE) {
            each(first + at, all.part(at..all.len().min(at + AT_ONCE)));
        }
    }

    fn index<'sketches>(&self, sketches: Slice<'sketches>) -> Index<'sketches> {
        let table = |key| Table::new(sketches, key, |_, place| self.shows[place]);
        let tables = match self.heads.len() <= FEW {
            true => Vec::new(),
            false => (0..KEYS).into_par_iter().map(table).collect(),
        };
        Index { sketches, tables }
    }

    /// Compares heads from the `first` on, seen through the window, with those of the index.
    fn seen(&self, pass: Pass, first: usize, seen: Slice, index: &Index) {
        let meet = |queries: Slice, mirrored: bool| {
            self.meet(&Meeting {
                pass,
                mirrored,
                first,
                queries,
                index,
                index_seen: false,
            });
        };
        meet(seen, false);
        if pass.mirrored {
            meet(seen.mirrored().all(), true);
        }
    }

    /// Compares the whole of known heads with new ones, seen through the window.
    fn known(&self, pass: Pass, frame: &Frame, whole: Slice) {
        let seen = Sketches::of(&self.heads[..self.new], frame);
        let meet = |seen: Slice, mirrored: bool| {
            let index = self.index(seen);
            self.in_parts(self.new, whole, |first, queries| {
                self.meet(&Meeting {
                    pass,
                    mirrored,
                    first,
                    queries,
                    index: &index,
                    index_seen: true,
                });
            });
        };
        meet(seen.all(), false);
        if pass.mirrored {
            meet(seen.all().mirrored().all(), true);
        }
    }

    fn meet(&self, meeting: &Meeting) {
        let (queries, index) = (meeting.queries, meeting.index);
        if index.tables.is_empty() {
            for query in 0..queries.len() {
                for place in 0..index.sketches.len() {
                    let shown = self.shows[meeting.first + query] && self.shows[place];
                    if let Some(key) = queries.first_shared(query, &index.sketches, place)
                        && shown
                        && table::near(queries.signs[query], index.sketches.signs[place])
                    {
                        self.check(meeting, query, place, key);
                    }
                }
            }
            return;
        }
        index.tables.par_iter().enumerate().for_each(|(key, table)| {
            let wanted = |value, query: usize| table.has(value) && self.shows[meeting.first + query];
            let own = Table::new(queries, key, wanted);
            let values = (0..VALUES).into_par_iter().with_min_len(VALUES_AT_ONCE);
            values.for_each(|value| {
                own.each_near(table, value, |query, place| {
                    self.check(meeting, query as usize, place as usize, key);
                });
            });
        });
    }

    /// Joins a head to one of the index, met by a key, if they are near.
    fn check(&self, meeting: &Meeting, query: usize, place: usize, key: usize) {
        let (head, queries, others) = (meeting.first + query, &meeting.queries, &meeting.index.sketches);
        // What looks the same way from both sides is looked at from one, and what is met by several keys once.
        let again = head == place || (meeting.pass.same && head < place);
        if again
            || queries.likeness(query, others, place) < LIKE
            || queries.first_shared(query, others, place) != Some(key)
            || self.sets.joined(head as u32, place as u32)
        {
            return;
        }
        let (one, other) = match meeting.index_seen {
            true => (place, head),
            false => (head, place),
        };
        if self.fits(meeting, one, other) {
            self.sets.join(one as u32, other as u32);
        }
    }

    /// Whether a head that is like another lies on it.
    fn fits(&self, meeting: &Meeting, one: usize, other: usize) -> bool {
        let (mut one, mut other) = (&self.heads[one], &self.heads[other]);
        let mut window = meeting.pass.window;
        if meeting.pass.same {
            // Either may be the first: the order is that of what they show.
            (one, other) = (one.min(other), one.max(other));
            window = WHOLE;
        }
        let mut still = other.levels();
        if meeting.mirrored {
            still
                .chunks_exact_mut(crate::thumbnail::SIDE)
                .for_each(<[f32]>::reverse);
        }
        align::fits(&still, &one.levels(), window, self.most)
    }
}
