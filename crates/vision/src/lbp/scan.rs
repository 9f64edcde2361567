//! A cascade at every place of a picture at one scale.

use super::cascade::{Cascade, Stage};
use super::grey::{Grey, integral, resize};

/// A window that passed every stage, in whole pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// The scales at which windows of at least `least` pixels a side are looked for, as OpenCV goes through
/// them: factors of the window's own size, rounded to even in single precision.
pub(super) fn scales(cascade: &Cascade, picture: (usize, usize), factor: f64, least: u32) -> Vec<f32> {
    let side = |length: usize, scale: f64| (length as f64 * scale).round_ties_even() as usize;
    let mut all = Vec::new();
    let mut scale = 1.0_f64;
    while side(cascade.window.0, scale) <= picture.0 && side(cascade.window.1, scale) <= picture.1 {
        all.push(scale as f32);
        scale *= factor;
    }
    let least = least as i32;
    let large_enough = |scale: &f32| {
        let (width, height) = window_size(cascade, *scale);
        width >= least && height >= least
    };
    let wanted: Vec<f32> = all.iter().copied().filter(large_enough).collect();
    if !wanted.is_empty() {
        return wanted;
    }
    // Where a picture is too small for such a window, OpenCV looks with the one nearest to it.
    let distance = |scale: &f32| {
        let (width, height) = window_size(cascade, *scale);
        (least - width).pow(2) + (least - height).pow(2)
    };
    all.into_iter().min_by_key(distance).into_iter().collect()
}

fn window_size(cascade: &Cascade, scale: f32) -> (i32, i32) {
    let side = |length: usize| (length as f32 * scale).round_ties_even() as i32;
    (side(cascade.window.0), side(cascade.window.1))
}

/// OpenCV shares the rows of a scale out to so many stripes.
pub(super) fn stripes(cascade: &Cascade, picture: &Grey, scales: &[f32]) -> usize {
    let across = scales.first().and_then(|scale| places(cascade, picture, *scale));
    across.map_or(1, |(across, _)| across.div_ceil(32).max(1))
}

/// The sides of a picture at a scale.
fn reduced(picture: &Grey, scale: f32) -> (usize, usize) {
    let side = |length: usize| (length as f32 / scale).round_ties_even() as usize;
    (side(picture.width), side(picture.height))
}

/// Places of a window at a scale, across and down; `None` where there is none.
fn places(cascade: &Cascade, picture: &Grey, scale: f32) -> Option<(usize, usize)> {
    let (width, height) = reduced(picture, scale);
    let across = (width + 1).checked_sub(cascade.window.0)?;
    Some((across, (height + 1).checked_sub(cascade.window.1)?))
}

/// The windows that pass at one scale.
pub(super) fn scan(cascade: &Cascade, picture: &Grey, scale: f32, stripes: usize) -> Vec<Window> {
    let Some((across, down)) = places(cascade, picture, scale) else {
        return Vec::new();
    };
    let (width, height) = reduced(picture, scale);
    // Every other place where a window is nearly as large as the cascade's own.
    let step = if scale >= 2.0 { 1 } else { 2 };
    // The stripes' height is rounded so that the last row is left out now and then: so it is here.
    let stripe = (down / step).div_ceil(stripes).max(1) * step;
    let down = down.min(stripe * stripes);
    let sums = integral(&resize(picture, width, height));
    let stride = width + 1;
    let corners: Vec<[usize; 16]> = cascade.features.iter().map(|rect| corners(*rect, stride)).collect();
    let (window_width, window_height) = window_size(cascade, scale);
    let place = |at: usize| (at as f32 * scale).round_ties_even() as i32;
    let mut found = Vec::new();
    for y in (0..down).step_by(step) {
        let mut x = 0;
        while x < across {
            match passed(cascade, &corners, &sums[y * stride + x..]) {
                Passed::All => found.push(Window {
                    x: place(x),
                    y: place(y),
                    width: window_width,
                    height: window_height,
                }),
                // Where the first stage says no, the next place is not asked.
                Passed::None => x += step,
                Passed::Some => {}
            }
            x += step;
        }
    }
    found
}

enum Passed {
    All,
    Some,
    None,
}

fn passed(cascade: &Cascade, corners: &[[usize; 16]], sums: &[u32]) -> Passed {
    for (number, stage) in cascade.stages.iter().enumerate() {
        if weight(stage, corners, sums) < f64::from(stage.threshold) {
            return if number == 0 { Passed::None } else { Passed::Some };
        }
    }
    Passed::All
}

fn weight(stage: &Stage, corners: &[[usize; 16]], sums: &[u32]) -> f64 {
    let mut weight = 0.0;
    for tree in &stage.trees {
        let mut way = 0;
        let leaf = loop {
            let node = &tree.nodes[way as usize];
            let pattern = pattern(&corners[node.feature], sums);
            let inside = node.patterns[pattern >> 5] >> (pattern & 31) & 1 == 1;
            way = if inside { node.inside } else { node.outside };
            if way <= 0 {
                break way.unsigned_abs() as usize;
            }
        };
        weight += f64::from(tree.leaves[leaf]);
    }
    weight
}

/// Places of the 4 x 4 corners of a feature's cells in the sums, by rows.
fn corners([x, y, width, height]: [usize; 4], stride: usize) -> [usize; 16] {
    std::array::from_fn(|at| (y + at / 4 * height) * stride + x + at % 4 * width)
}

/// Which of the eight cells round the middle are at least as bright as it, clockwise from the left upper
/// one as the highest bit.
fn pattern(corners: &[usize; 16], sums: &[u32]) -> usize {
    // One row's sums at a time: 16 reads in place of 36.
    let sum = corners.map(|corner| sums[corner]);
    let cell = |row: usize, column: usize| {
        let at = row * 4 + column;
        sum[at]
            .wrapping_sub(sum[at + 1])
            .wrapping_sub(sum[at + 4])
            .wrapping_add(sum[at + 5])
    };
    let middle = cell(1, 1);
    let ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)];
    ring.iter().fold(0, |bits, (row, column)| {
        bits << 1 | usize::from(cell(*row, *column) >= middle)
    })
}
