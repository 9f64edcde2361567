//! A run in one file, in half precision: what it takes to draw, to steer and to begin another run from it. The base
//! model is such a file.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::checkpoint::{self, State};
use super::folder::{RunFile, RunFolder};
use super::gan_state::GanState;
use super::sample::keep_buffers;
use super::trained::Trained;
use crate::engine::checkpoint as file;
use crate::guide::encoder::{self, Encoder, Facts};
use crate::steer::attributes::Attributes;

/// What the vectors do not tell.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    run: RunFile,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoder: Option<Facts>,
}

/// Writes a run with the generator that its heads are drawn by, and with its attributes and encoder where there are
/// any.
///
/// # Errors
/// What the disk says.
pub fn write(trained: &Trained, attributes: Option<Attributes>, encoder: Option<&Encoder>, path: &Path) -> Result<()> {
    let half = |tensor: &Tensor| tensor.to_kind(Kind::Half);
    let (generator, discriminator) = (&trained.generator, &trained.gan.discriminator);
    let parameters = [half(&generator.parameters), half(&discriminator.parameters)];
    let rounded = parameters[0].to_kind(Kind::Float);
    let contents = Contents {
        run: trained.file.clone(),
        state: State {
            // Their runs are not gone on with, and the moments are left behind.
            generator_steps: 0,
            discriminator_steps: 0,
            ..trained.state.clone()
        },
        attributes: attributes.map(|attributes| attributes.of(&rounded)),
        encoder: encoder.map(|encoder| encoder.facts.clone().of(&rounded)),
    };
    let encoder = encoder.map(|encoder| (half(&encoder.network.parameters), &encoder.network.buffers));
    let mut tensors = vec![
        ("generator", &parameters[0]),
        ("generator.buffers", &generator.buffers),
        ("discriminator", &parameters[1]),
        ("discriminator.buffers", &discriminator.buffers),
    ];
    if let Some((parameters, buffers)) = &encoder {
        tensors.extend([("encoder", parameters), ("encoder.buffers", *buffers)]);
    }
    file::write(path, &tensors, &contents)
}

/// The run of a file, unpacked into `folder` unless it is there already.
///
/// # Errors
/// Where the file is none or damaged, or another run has the folder.
pub fn unpack(path: &Path, folder: &RunFolder) -> Result<RunFile> {
    let read = file::read::<Contents>(path).with_context(|| {
        format!(
            "{} is no run in one file (`trainer export --formats run`)",
            path.display()
        )
    })?;
    let Contents {
        run,
        state,
        attributes,
        encoder: facts,
    } = &read.state;
    if let Some(there) = folder.read()? {
        let steps = checkpoint::list(&folder.checkpoints())?;
        let is_it = there.digest() == run.digest();
        if is_it && steps.first().and_then(|path| checkpoint::step_of(path)) == Some(state.step) {
            // Of an earlier version of the file, which had none.
            if let (Some(facts), false) = (facts, encoder::path(folder).exists()) {
                Encoder::of(&read, facts.clone())?.write(folder)?;
            }
            return Ok(there);
        }
        // An earlier version of the file, which nobody trained on.
        if there.heads_digest != run.heads_digest || folder.metrics().exists() {
            bail!(
                "{} is another run than that of {}: move one of them away",
                folder.path().display(),
                path.display()
            );
        }
        std::fs::remove_dir_all(folder.path())
            .with_context(|| format!("cannot replace {}", folder.path().display()))?;
    }
    let mut gan = GanState::new(&run.config);
    read.copy_into(&[
        ("generator", &gan.generator.parameters),
        ("generator.buffers", &gan.generator.buffers),
        ("discriminator", &gan.discriminator.parameters),
        ("discriminator.buffers", &gan.discriminator.buffers),
    ])?;
    gan.ema = gan.ema.map(|_| gan.generator.parameters.copy());
    // Whole or not at all, also where two programs do it at once.
    let part = RunFolder::new(folder.path().with_extension(format!("{}.part", std::process::id())));
    let cannot = || format!("cannot unpack {} into {}", path.display(), folder.path().display());
    checkpoint::save(&part.checkpoints(), &gan, state, 1)?;
    keep_buffers(&part, &gan, &run.config, &gan.generator.buffers);
    if let Some(attributes) = attributes {
        attributes.write(&part)?;
    }
    if let Some(facts) = facts {
        Encoder::of(&read, facts.clone())?.write(&part)?;
    }
    part.begin(run)?;
    if let Err(error) = std::fs::rename(part.path(), folder.path()) {
        let _ = std::fs::remove_dir_all(part.path());
        if folder.read()?.is_none() {
            return Err(error).with_context(cannot);
        }
    }
    eprintln!("{} unpacked into {}", path.display(), folder.path().display());
    Ok(run.clone())
}
