//! Manifests as text and JSON.

use std::path::Path;

use anyhow::Result;
use dataset::manifest::{Opened, Tombstones};
use serde_json::json;

/// Prints every version with its size and id, or what is wrong with it.
///
/// # Errors
/// Where the folder cannot be read.
pub fn list(folder: &Path, as_json: bool) -> Result<()> {
    let names = dataset::manifest::list(folder)?;
    if names.is_empty() && !as_json {
        println!("no manifest yet; `pipeline manifest create NAME` makes one");
    }
    for name in names {
        match open_with_purged(folder, &name) {
            Ok((opened, purged)) if as_json => println!(
                "{}",
                json!({
                    "name": name, "id": opened.id, "heads": opened.rows, "purged": purged, "parent": opened.body.parent
                })
            ),
            Ok((opened, purged)) => {
                let filters = opened.body.filters.join(" ");
                println!(
                    "{name:<16} {:>8} heads{}  {}  {filters}",
                    opened.rows,
                    shown(purged),
                    &opened.id[..16]
                );
            }
            Err(error) if as_json => println!("{}", json!({"name": name, "error": error.to_string()})),
            Err(error) => println!("{name:<16} {error}"),
        }
    }
    Ok(())
}

/// Opens a manifest by name; how many of its heads were purged. Its rows are not read.
fn open_with_purged(folder: &Path, name: &str) -> Result<(Opened, usize)> {
    let opened = super::open(folder, name)?;
    let purged = Tombstones::load(opened.folder())?.len();
    Ok((opened, purged))
}

/// How many of a version's heads were purged, where some were.
fn shown(purged: usize) -> String {
    match purged {
        0 => String::new(),
        purged => format!(" ({purged} purged)"),
    }
}

/// Prints what a version was made from, its funnel and its figures.
///
/// # Errors
/// As [`super::open`].
pub fn show(folder: &Path, name: &str, as_json: bool) -> Result<()> {
    let (opened, purged) = open_with_purged(folder, name)?;
    let body = &opened.body;
    if as_json {
        let shown = json!({
            "name": opened.name,
            "format": dataset::manifest::FORMAT,
            "id": opened.id,
            "rows_digest": opened.rows_digest,
            "rows": opened.rows,
            "purged": purged,
            "body": body,
        });
        println!("{shown}");
        return Ok(());
    }
    println!("{name}: {} heads{}, id {}", opened.rows, shown(purged), opened.id);
    if let Some(parent) = &body.parent {
        println!("parent    {} ({})", parent.name, &parent.id[..16]);
    }
    println!("sources   {}", body.sources.join(", "));
    for (source, likes) in &body.popularity {
        println!("likes     {source}: {likes}");
    }
    println!(
        "filters   {}",
        if body.filters.is_empty() {
            "none".into()
        } else {
            body.filters.join(" ")
        }
    );
    println!("detector  {}", body.detectors.join(", "));
    println!("crop      {}", body.crop);
    println!("policy    {}", body.policy);
    for (setting, value) in &body.settings {
        println!("  {setting} = {value}");
    }
    println!(
        "split     seed {}, {} for validation",
        body.split.seed, body.split.validation
    );
    println!("funnel");
    for step in &body.funnel {
        println!("  {:<24} {:>8}", step.step, step.count);
    }
    let figures = &body.statistics;
    println!("figures");
    println!("  train {}, validation {}", figures.train, figures.validation);
    println!("  {} pictures, {} artists", figures.pictures, figures.artists);
    println!("  side, quartiles   {:?}", figures.side);
    println!("  likes, quartiles  {:?}", figures.likes);
    println!("  views, quartiles  {:?}", figures.views);
    println!("  score, quartiles  {:?}", figures.score);
    println!(
        "  face centre {:.3} ± {:.4} of the side from the top, face size ± {:.4}",
        figures.face_centre_y_mean, figures.face_centre_y_deviation, figures.face_scale_deviation
    );
    for (word, heads) in figures.sources.iter().chain(&figures.ratings) {
        println!("  {word}  {heads:>8}");
    }
    for (year, heads) in &figures.years {
        println!("  {year}  {heads:>8}");
    }
    Ok(())
}
