//! How well near-duplicates are told, on the heads of a folder: altered copies that are found, by way of
//! altering, beside a plain 64-bit pHash; different heads that are taken for one another, in colour, in grey
//! and tinted; heads with another expression that are kept apart; and how often the original is the best copy.
//!
//! `cargo run --example duplicates -- FOLDER [HEADS]` prints the tables of docs/curating.md. The copies are made of
//! the heads themselves, as if a picture of one head had been altered.

use std::path::{Path, PathBuf};

use anyhow::Context;
use image::RgbImage;
use pipeline::curate::CurateSettings;
use rayon::prelude::*;
use vision::detail::detail;
use vision::near::sets;
use vision::picture::{Limits, decode};
use vision::thumbnail::Thumbnail;

use alter::{Alter, COPIES, EXPRESSIONS, WORSE, grey};

mod alter;

/// Heads of which copies are made.
const ALTERED: usize = 300;

/// Bits of 64 in which the pHash of a near-duplicate differs at most, the usual bound.
const PHASH: u32 = 10;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().context("name a folder of heads")?);
    let most: usize = words.next().map_or(Ok(4000), |word| word.parse())?;
    let bound = CurateSettings::default().near_duplicate;
    let heads = read(&folder, most)?;
    println!("{} heads, near_duplicate = {bound}", heads.len());
    let tinted = COPIES
        .iter()
        .find(|copy| copy.0 == "sepia")
        .map_or(grey as Alter, |copy| copy.1);
    for (what, alter) in [
        ("colour", None),
        ("grey", Some(grey as Alter)),
        ("tinted", Some(tinted)),
    ] {
        different(&heads, what, alter, bound);
    }
    let step = (heads.len() / ALTERED).max(1);
    let some: Vec<&RgbImage> = heads.iter().step_by(step).take(ALTERED).collect();
    println!("\nnear-duplicates found, of {}\n  found  pHash", some.len());
    for (what, alter) in COPIES {
        println!(
            "  {:.3}  {:.3}  {what}",
            share(&some, |head| same(head, &alter(head), bound)),
            share(&some, |head| {
                (phash(head) ^ phash(&alter(head))).count_ones() <= PHASH
            })
        );
    }
    println!("\nanother expression kept apart, of {}", some.len());
    for (what, alter) in EXPRESSIONS {
        println!("  {:.3}  {what}", share(&some, |head| !same(head, &alter(head), bound)));
    }
    println!("\nthe original is the best copy, of {}", some.len());
    for (what, alter) in WORSE {
        println!(
            "  {:.3}  {what}",
            share(&some, |head| detail(head) > detail(&alter(head)))
        );
    }
    Ok(())
}

/// Heads spread over the folder.
fn read(folder: &Path, most: usize) -> anyhow::Result<Vec<RgbImage>> {
    let paths = dataset::files::sorted_entries(folder)?;
    let read = |path: &PathBuf| decode(&std::fs::read(path).ok()?, &Limits::default()).ok();
    let heads: Vec<RgbImage> = paths[..most.min(paths.len())].par_iter().filter_map(read).collect();
    anyhow::ensure!(heads.len() > 1, "{} holds no pictures", folder.display());
    Ok(heads)
}

/// Tells how many of the heads are taken for another, and the pairs of the pHash.
fn different(heads: &[RgbImage], what: &str, alter: Option<Alter>, bound: u32) {
    let thumbnail = |head: &RgbImage| match alter {
        Some(alter) => Thumbnail::of(&alter(head)),
        None => Thumbnail::of(head),
    };
    let thumbnails: Vec<Thumbnail> = heads.par_iter().map(thumbnail).collect();
    let began = std::time::Instant::now();
    let mut sets = sets(&thumbnails, heads.len(), bound);
    let seconds = began.elapsed().as_secs_f64();
    let mut sizes = vec![0; heads.len()];
    for at in 0..heads.len() {
        sizes[sets.first(at)] += 1;
    }
    let groups = sizes.iter().filter(|size| **size > 1).count();
    let refused: usize = sizes.iter().filter(|size| **size > 1).map(|size| size - 1).sum();
    let largest = sizes.iter().max().copied().unwrap_or(0);
    println!("{what}: {groups} groups, {refused} refused, the largest of {largest}; {seconds:.1} s");
    let hashes: Vec<u64> = heads.par_iter().map(phash).collect();
    let pairs = hashes
        .iter()
        .enumerate()
        .flat_map(|(at, a)| hashes[..at].iter().map(move |b| a ^ b));
    let pairs = pairs.filter(|differ| differ.count_ones() <= PHASH).count();
    if alter.is_none() {
        println!("  pHash: {pairs} pairs");
    }
}

fn share(heads: &[&RgbImage], holds: impl Fn(&RgbImage) -> bool + Sync) -> f64 {
    heads.par_iter().filter(|head| holds(head)).count() as f64 / heads.len() as f64
}

fn same(head: &RgbImage, copy: &RgbImage, bound: u32) -> bool {
    sets(&[Thumbnail::of(head), Thumbnail::of(copy)], 2, bound).first(1) == 0
}

/// The usual hash: of 8 x 8 low frequencies of the light at 32 x 32, which lie above the median.
fn phash(head: &RgbImage) -> u64 {
    const SIDE: usize = 32;
    let small = vision::letterbox::resize(head, SIDE as u32, SIDE as u32);
    let light: Vec<f32> = grey(&small).pixels().map(|pixel| f32::from(pixel.0[0])).collect();
    let wave =
        |frequency: usize, at: usize| (std::f32::consts::PI * frequency as f32 * (at as f32 + 0.5) / SIDE as f32).cos();
    let amplitude = |number: usize| -> f32 {
        let (down, across) = (number / 8, number % 8);
        let weighed = |(at, light): (usize, &f32)| light * wave(down, at / SIDE) * wave(across, at % SIDE);
        light.iter().enumerate().map(weighed).sum()
    };
    let all: Vec<f32> = (0..64).map(amplitude).collect();
    let mut sorted = all[1..].to_vec();
    sorted.sort_by(f32::total_cmp);
    all.iter()
        .enumerate()
        .fold(0, |hash, (at, value)| hash | u64::from(*value > sorted[31]) << at)
}
