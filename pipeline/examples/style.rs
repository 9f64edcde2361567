//! How well a network's layers tell styles: of two folders of heads, the share of pairs in which the
//! stranger is farther from the set's middle than a head of the set (area under the ROC curve; .5 is
//! chance). The middle is the mean of the first folder and of each other one together, as it is where
//! strangers have come into a catalog; and, as wanted heads, of the other folder's first half alone.
//!
//! `cargo run --example style -- NETWORK LAYER,LAYER SET OTHER…` prints a line for each OTHER.

use std::path::Path;

use anyhow::Context;
use vision::picture::{Limits, decode};
use vision::{Style, StyleNet};

/// Heads read of a folder, and strangers mixed into the set.
const MOST: usize = 600;
const STRANGERS: usize = 60;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [network, layers, set, others @ ..] = words.as_slice() else {
        anyhow::bail!("say: style NETWORK LAYER,LAYER SET OTHER…");
    };
    let layers: Vec<String> = layers.split_terminator(',').map(String::from).collect();
    let net = StyleNet::load(Path::new(network), &layers, 0)?;
    let own = styles(&net, Path::new(set))?;
    println!("{:>8} {:>8}  heads  folder", "set", "wanted");
    for other in others {
        let strangers = styles(&net, Path::new(other))?;
        let mixed = &strangers[..strangers.len().min(STRANGERS)];
        let all: Vec<Style> = own.iter().chain(mixed).copied().collect();
        let among = farther(&own, mixed, &mean(&all));
        let (wanted, rest) = strangers.split_at(strangers.len() / 2);
        let wanted = farther(rest, &own, &mean(wanted));
        println!("{among:8.3} {wanted:8.3}  {:5}  {other}", strangers.len());
    }
    Ok(())
}

fn styles(net: &StyleNet, folder: &Path) -> anyhow::Result<Vec<Style>> {
    let mut all = Vec::new();
    for path in dataset::files::sorted_entries(folder)?.iter().take(MOST) {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        all.extend(net.styles(&[decode(&bytes, &Limits::default())?])?);
    }
    anyhow::ensure!(all.len() > 1, "{} holds less than two heads", folder.display());
    Ok(all)
}

fn mean(styles: &[Style]) -> Vec<f64> {
    let sum = |at: usize| styles.iter().map(|style| f64::from(style[at])).sum::<f64>();
    (0..vision::features::STYLE_LENGTH)
        .map(|at| sum(at) / styles.len() as f64)
        .collect()
}

/// The share of pairs in which one of `far` is farther from the middle than one of `near`.
fn farther(near: &[Style], far: &[Style], middle: &[f64]) -> f64 {
    let away = |style: &Style| -> f64 {
        let squares = style.iter().zip(middle);
        squares
            .map(|(number, middle)| (f64::from(*number) - middle).powi(2))
            .sum()
    };
    let near: Vec<f64> = near.iter().map(away).collect();
    let pairs = far
        .iter()
        .map(away)
        .map(|far| near.iter().filter(|near| **near < far).count());
    pairs.sum::<usize>() as f64 / (near.len() * far.len()) as f64
}
