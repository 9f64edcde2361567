//! `trainer export --page`: the studio's drawing page as plain files. What the studio asks its program for, the page
//! asks the generator in the browser for; all else of it is the studio's own (`serve/shared.rs`).

mod colours;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use dataset::failure::Usage;
use dataset::files::{make_folder, make_folder_of, write_durably};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::runtime;
use crate::engine::fold::folded;
use crate::engine::onnx::{self, Names, numbers};
use crate::gan::config::NOISE;
use crate::gan::gan_state::{Draw, seed};
use crate::gan::grid;
use crate::gan::sample::{draw_rows, rate};
use crate::gan::trained::Trained;
use crate::onnx::Storage;
use crate::serve::head::Source;
use crate::serve::shared;

/// Heads that the networks are compared with libtorch over.
const COMPARED: i64 = 64;
/// Largest difference of a head's bytes, and of the discriminator's score (0 to 1), that half precision may make.
const LEVELS: f64 = 1.0;
const SCORES: f64 = 0.01;
/// The page's own files.
const OWN: [(&str, &str); 9] = [
    ("source.js", include_str!("source.js")),
    ("main.js", include_str!("main.js")),
    ("before.js", include_str!("before.js")),
    ("walk.js", include_str!("walk.js")),
    ("png.js", include_str!("png.js")),
    ("worker.js", include_str!("worker.js")),
    ("head.js", include_str!("head.js")),
    ("noise.js", include_str!("noise.js")),
    ("colours.js", include_str!("colours.js")),
];
const README: &str = include_str!("README.txt");

/// Refuses a folder that has files in it.
///
/// # Errors
/// [`Usage`] where it is not empty; else why it cannot be looked at.
pub fn check(folder: &Path) -> Result<()> {
    let shown = folder.display();
    let is_free = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => {
            return Err(Usage(format!(
                "--page {shown} cannot be a folder for the page ({error}): name a new one"
            ))
            .into());
        }
    };
    match is_free {
        true => Ok(()),
        false => Err(Usage(format!(
            "--page {shown} is not empty: name a new folder, or remove it first"
        ))
        .into()),
    }
}

/// Writes the page: under another name first, so that it is whole or not there.
///
/// # Errors
/// Where the runtime cannot be had, or a network draws something else than libtorch; what the disk says.
pub fn write(trained: &Trained, detector: &Path, folder: &Path) -> Result<()> {
    let runtime = runtime::files()?;
    let mut files: Vec<(String, Vec<u8>)> = networks(trained)?;
    for (name, bytes) in runtime {
        files.push((format!("runtime/{name}"), bytes));
    }
    let about = about(trained, detector, &files)?;
    files.push(("about.json".into(), serde_json::to_vec(&about)?));
    files.push(("index.html".into(), shared::page(shared::Kind::Exported).into()));
    files.push(("runtime/LICENSE".into(), runtime::LICENCE.into()));
    files.push(("README.txt".into(), README.into()));
    let scripts = OWN.iter().chain(&shared::SCRIPTS).chain(&shared::STYLES);
    files.extend(scripts.map(|(name, text)| ((*name).to_owned(), (*text).into())));
    let part = folder.with_added_extension("part");
    let cannot = || format!("cannot write {}", part.display());
    if part.exists() {
        std::fs::remove_dir_all(&part).with_context(cannot)?;
    }
    make_folder(&part)?;
    for (name, bytes) in &files {
        let path = part.join(name);
        make_folder_of(&path)?;
        write_durably(&path, bytes).with_context(cannot)?;
    }
    std::fs::rename(&part, folder).with_context(|| format!("cannot name {} {}", part.display(), folder.display()))?;
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    println!(
        "{}: {} files, {:.1} MB; any web server shows it: `python3 -m http.server --directory {0}`",
        folder.display(),
        files.len(),
        total as f64 / 1e6
    );
    Ok(())
}

/// Both networks as ONNX files.
fn networks(trained: &Trained) -> Result<Vec<(String, Vec<u8>)>> {
    seed(1, Draw::Sample, 0);
    let count = 1 + trained.generator.plan.modulated_sides().len() as i64;
    let rows = Tensor::randn([COMPARED, count, NOISE], (Kind::Float, Device::Cpu));
    let heads = draw_rows(&trained.generator, &rows);
    let generator = folded(&trained.generator);
    let drawn = |bytes: &[u8]| {
        let (shape, values) = vision::runtime::answer(bytes, &lengths(&rows), &numbers(&rows))?;
        let found = grid::bytes(&Tensor::from_slice(&values).view(shape.as_slice()));
        Ok((found.to_kind(Kind::Float) - grid::bytes(&heads).to_kind(Kind::Float))
            .abs()
            .max()
            .double_value(&[]))
    };
    let generator = smallest("generator.onnx", LEVELS, drawn, |storage| {
        onnx::graph_by_rows(&generator, "heads", storage).into_bytes("generator")
    })?;
    let discriminator = folded(&trained.gan.discriminator);
    let names = Names::new(&discriminator, "heads", "logits");
    let scores = Tensor::from_slice(&rate(&trained.gan.discriminator, &heads));
    let scored = |bytes: &[u8]| {
        let (_, values) = vision::runtime::answer(bytes, &lengths(&heads), &numbers(&heads))?;
        let found = Tensor::from_slice(&values).to_kind(Kind::Double).sigmoid();
        Ok((found - &scores).abs().max().double_value(&[]))
    };
    let discriminator = smallest("discriminator.onnx", SCORES, scored, |storage| {
        onnx::graph(&discriminator, &names, storage).into_bytes("discriminator")
    })?;
    Ok(vec![generator, discriminator])
}

fn lengths(tensor: &Tensor) -> Vec<usize> {
    tensor.size().iter().map(|length| *length as usize).collect()
}

/// A network in half precision where that differs from libtorch by no more than the limit, else whole.
fn smallest(
    name: &str,
    limit: f64,
    worst: impl Fn(&[u8]) -> Result<f64>,
    bytes: impl Fn(Storage) -> Vec<u8>,
) -> Result<(String, Vec<u8>)> {
    let half = bytes(Storage::F16);
    if worst(&half)? <= limit {
        return Ok((name.into(), half));
    }
    let whole = bytes(Storage::F32);
    let worst = worst(&whole)?;
    // Written so that what is no number does not pass.
    ensure!(
        worst <= limit,
        "{name} would differ from libtorch by {worst:.3}, more than {limit}: no page was written"
    );
    Ok((name.into(), whole))
}

/// What the page must know: as the studio's `/api/state`, and what it draws with.
fn about(trained: &Trained, detector: &Path, files: &[(String, Vec<u8>)]) -> Result<Value> {
    let source = Source::of(trained);
    let colours = colours::measured(trained, detector);
    let lengths: serde_json::Map<String, Value> = files
        .iter()
        .map(|(name, bytes)| (name.clone(), bytes.len().into()))
        .collect();
    Ok(json!({
        "source": source.to_string(),
        "run": source.run,
        "step": source.step,
        "side": trained.file.config.side,
        "sides": trained.generator.plan.modulated_sides(),
        "detector": false,
        "newer": null,
        "colourless": colours.as_ref().err().map(|why| format!("{why:#}")),
        "colours": colours.ok(),
        "files": lengths,
    }))
}
