//! `trainer card`: a run's model card, Markdown beside its pictures.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::gallery::{Layout, gallery};
use super::progress::grids;
use crate::engine::network::Network;
use crate::eval::record::{self, Score};
use crate::eval::report;
use crate::gan::folder::{RunFile, RunFolder};
use crate::gan::grid;
use crate::gan::trained::Trained;
use crate::named::Named;

/// Heads of the card's picture, and the seed of their noise.
const HEADS: usize = 64;
const SEED: u64 = 1;
/// The card, and its picture, in the run's folder.
const CARD: &str = "README.md";
const PICTURE: &str = "card.png";

/// Writes a run's model card: what it is made of, its settings, scores and pictures.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
}

/// Writes the card of a run.
///
/// # Errors
/// [`dataset::failure::Usage`] where the run is unknown or has no checkpoint; else what reading or
/// writing met.
pub fn run(args: &Args, data: &Path) -> Result<()> {
    let path = write(data, args.run.path()?)?;
    println!("model card: {}", path.display());
    Ok(())
}

/// The same for a run that has just ended.
///
/// # Errors
/// As [`run`].
pub fn write(data: &Path, run: &Path) -> Result<PathBuf> {
    let trained = Trained::load(data, run)?;
    let folder = trained.folder.path();
    let heads = trained.pictures(&trained.noise(SEED, HEADS));
    grid::save_png(&gallery(&heads, &[], Layout::default()), &folder.join(PICTURE))?;
    let scores = record::read(folder)?;
    let text = text(&trained, &scores, &pictures(&trained.folder)?)?;
    let path = folder.join(CARD);
    dataset::files::write_durably(&path, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The pictures that the run has, by their path in its folder and what they show.
fn pictures(folder: &RunFolder) -> Result<Vec<(String, &'static str)>> {
    let last = grids(&folder.path().join("grids"))?.pop();
    let last = last.map(|(epoch, _)| format!("grids/epoch-{epoch:04}.png"));
    let known = [
        ("progress.gif".to_owned(), "The same noise over the epochs."),
        (
            "neighbours.png".to_owned(),
            "Heads drawn, each beside the head trained on that is closest to it.",
        ),
        (
            "losses.png".to_owned(),
            "Losses, the discriminator's scores, learning rates.",
        ),
    ];
    let mut pictures: Vec<(String, &str)> = last
        .map(|last| (last, "The last grid of training."))
        .into_iter()
        .collect();
    pictures.extend(known);
    pictures.retain(|(name, _)| folder.path().join(name).is_file());
    Ok(pictures)
}

fn text(trained: &Trained, scores: &[Score], pictures: &[(String, &str)]) -> Result<String> {
    let (file, name) = (&trained.file, trained.name());
    let side = file.config.side;
    let mut card = format!("# {name}: anime heads, {side} px\n\n");
    writeln!(
        card,
        "![{HEADS} heads]({PICTURE})\n\n{HEADS} heads of the noise of seed {SEED}, none chosen.\n"
    )?;
    made_of(&mut card, trained)?;
    // Scores against heads trained on flatter: only where there is no other.
    let unseen = scores.iter().rfind(|score| score.conditions.are_unseen());
    if let Some(score) = unseen.or(scores.last()) {
        measured(&mut card, score)?;
    }
    if scores.is_empty() {
        writeln!(card, "## Scores\n\nNot measured yet: `trainer eval {name}` does it.\n")?;
    }
    settings(&mut card, file)?;
    if !pictures.is_empty() {
        writeln!(card, "## Pictures\n")?;
        for (path, what) in pictures {
            writeln!(card, "![{what}]({path})\n\n{what}\n")?;
        }
    }
    used(&mut card, &name)?;
    Ok(card)
}

fn made_of(card: &mut String, trained: &Trained) -> Result<()> {
    let (file, state) = (&trained.file, &trained.state);
    let config = &file.config;
    let manifest = Path::new(&file.manifest)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let millions = |network: &Network| network.plan.parameter_count() as f64 / 1e6;
    let preset = serde_json::to_value(config.preset)?;
    writeln!(card, "## What it is\n\n| | |\n|---|---|")?;
    let images = state.step * config.batch as u64;
    let mut rows = vec![
        (
            "kind",
            "generator of a GAN, from 100 normal numbers to a head; not conditional".into(),
        ),
        ("preset", preset.as_str().unwrap_or_default().to_owned()),
        (
            "values",
            format!(
                "generator {:.2} M, discriminator {:.2} M",
                millions(&trained.generator),
                millions(&trained.gan.discriminator)
            ),
        ),
        (
            "trained for",
            format!(
                "{} steps, {images} images seen, {:.1} minutes",
                state.step,
                state.seconds / 60.0
            ),
        ),
        ("manifest", format!("`{manifest}`, id `{}`", file.manifest_id)),
        (
            "heads trained on",
            format!("{}, digest `{}`", file.heads, file.heads_digest),
        ),
        (
            "program",
            format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        ),
    ];
    if let Some(from) = &file.from {
        rows.push(("began from", format!("run and step `{from}`")));
    }
    if let Some(revision) = revision() {
        rows.push(("source at the time of this card", revision));
    }
    for (key, value) in rows {
        writeln!(card, "| {key} | {value} |")?;
    }
    writeln!(
        card,
        "\nThe manifest names each picture's post, artist and source. The pictures belong to their artists; what this \
         network draws is made of what it saw of them. Look at its heads' nearest neighbours (`trainer eval` draws a \
         sheet of them) before you show them as new ones.\n"
    )?;
    Ok(())
}

/// The checkout's revision, where the program still lies in one.
fn revision() -> Option<String> {
    let asked = [
        "-C",
        env!("CARGO_MANIFEST_DIR"),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
    ];
    let answer = std::process::Command::new("git").args(asked).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    (answer.status.success() && !text.trim().is_empty()).then(|| format!("git `{}`", text.trim()))
}

fn measured(card: &mut String, score: &Score) -> Result<()> {
    let conditions = &score.conditions;
    writeln!(card, "## Scores\n\n| measure | value | |\n|---|--:|---|")?;
    for (name, value, note) in report::lines(score) {
        writeln!(card, "| {name} | {value} | {note} |")?;
    }
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    writeln!(
        card,
        "\nAt step {}: {} fakes (seed {}) against {} heads of the {} split (digest `{}`) at {} px; feature network \
         `{}`, {} px, {}, resized {}; face detector `{}`, {} px, score {} or more. Figures of other settings, feature networks \
         or counts cannot be compared with these.\n",
        score.step,
        conditions.fakes,
        score.seed,
        conditions.reals,
        conditions.split,
        short(&conditions.reals_digest),
        conditions.side,
        short(&conditions.network),
        conditions.form.side,
        serde_json::to_value(conditions.form.layout)?
            .as_str()
            .unwrap_or_default(),
        conditions.resize,
        short(&conditions.detector),
        conditions.detector_side,
        conditions.min_score,
    )?;
    Ok(())
}

fn settings(card: &mut String, file: &RunFile) -> Result<()> {
    writeln!(card, "## Settings\n\n| setting | value |\n|---|---|")?;
    if let Value::Object(config) = serde_json::to_value(&file.config)? {
        for (key, value) in config {
            writeln!(card, "| {key} | {} |", value.to_string().replace('"', ""))?;
        }
    }
    writeln!(card)?;
    Ok(())
}

fn used(card: &mut String, name: &str) -> Result<()> {
    writeln!(
        card,
        "## Use\n\n```sh\ntrainer sample {name} --out best         # draw many, keep the best\n\
         trainer walk {name} --out walk.webp      # from head to head\n\
         trainer export {name}                    # ONNX, TorchScript, safetensors\n```"
    )?;
    Ok(())
}
