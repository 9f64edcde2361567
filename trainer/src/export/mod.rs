//! `trainer export`: a run's networks for programs that know nothing of it, and a page that draws with them.
//!
//! Every file is read back and compared with libtorch before it gets its name: a file that is there
//! is one that draws the same heads.

mod page;
mod runtime;
pub mod weights;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use dataset::files::{make_folder, write_durably};
use tch::{CModule, Kind, Tensor};

use crate::engine::fold::folded;
use crate::engine::network::{Mode, Network};
use crate::engine::onnx::{self, Names, numbers};
use crate::gan::gan_state::{Draw, noise, seed};
use crate::gan::packed;
use crate::gan::sample::draw;
use crate::gan::trained::Trained;
use crate::guide::encoder::Encoder;
use crate::guide::layout;
use crate::named::Named;
use crate::onnx::Storage;
use crate::steer::attributes::Attributes;

/// Largest difference from libtorch's own output that is let through, of heads in -1..1 (a step of
/// a byte is .0078).
const TOLERANCE: f64 = 1e-3;
/// Pictures of the two batches that every file is checked with: it must take any number.
const BATCHES: [i64; 2] = [3, 1];

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For ONNX Runtime and whatever else reads ONNX (opset 17).
    Onnx,
    /// For PyTorch and libtorch.
    Torchscript,
    /// Both networks' parameters and buffers by name.
    Safetensors,
    /// The run in one file, in half precision: for `trainer COMMAND FILE` and `trainer run --from FILE`.
    Run,
}

/// Writes a run's networks as ONNX, TorchScript and safetensors, each checked against libtorch.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// Formats, between commas; what is left out is not written
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["onnx", "torchscript", "safetensors"])]
    formats: Vec<Format>,
    /// Also writes the discriminator, as ONNX and TorchScript: heads [n, 3, side, side] in -1..1 to
    /// one logit each
    #[arg(long)]
    discriminator: bool,
    /// Folder for the files, made where it is missing [default: export in the run's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Writes a page that draws heads in the browser instead, into this new folder: plain files for any static host.
    /// The runtime that it needs is fetched by npm, once
    #[arg(long, value_name = "DIR", conflicts_with_all = ["formats", "discriminator", "out"])]
    page: Option<PathBuf>,
}

/// One network on its way out.
struct Part<'a> {
    name: &'a str,
    input: &'a str,
    output: &'a str,
    /// The network, folded.
    network: Network,
    /// What goes in and what libtorch makes of it.
    examples: Vec<(Tensor, Tensor)>,
}

/// Writes the files.
///
/// # Errors
/// [`dataset::failure::Usage`] where the run is unknown or has no checkpoint, or the page's folder is not empty; else
/// what writing met, or that a file draws something else than libtorch.
pub fn run(args: &Args, detector: &Path, data: &Path) -> Result<()> {
    if let Some(folder) = &args.page {
        page::check(folder)?;
        return page::write(&Trained::load(data, args.run.path()?)?, detector, folder);
    }
    let trained = Trained::load(data, args.run.path()?)?;
    let out = args.out.clone().unwrap_or_else(|| trained.folder.path().join("export"));
    make_folder(&out)?;
    let facts = weights::facts(&trained)?;
    let encoder = Encoder::load(&trained);
    let mut parts = vec![generator(&trained)];
    if let Ok(encoder) = &encoder {
        parts.push(encoder_part(&trained, encoder));
    }
    if args.discriminator {
        parts.push(discriminator(&trained));
    }
    for format in &args.formats {
        match format {
            Format::Onnx => parts.iter().try_for_each(|part| write_onnx(part, &out, &facts))?,
            Format::Torchscript => parts.iter().try_for_each(|part| write_torchscript(part, &out))?,
            Format::Safetensors => {
                let path = out.join("weights.safetensors");
                let bytes = weights::bytes(&trained, &facts)?;
                write_durably(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
                tell(&path, bytes.len(), "parameters and buffers, as trained");
            }
            Format::Run => {
                let path = out.join("run.safetensors");
                let attributes = Attributes::load(&trained);
                let with = |what: &str, why: Option<&anyhow::Error>| match why {
                    None => format!("with its {what}"),
                    Some(why) => format!("without {what} ({why:#})"),
                };
                let attributes_go = with("attributes", attributes.as_ref().err());
                let encoder_goes = with("encoder", encoder.as_ref().err());
                packed::write(&trained, attributes.ok(), encoder.as_ref().ok(), &path)?;
                let length = std::fs::metadata(&path).map_or(0, |file| file.len() as usize);
                tell(
                    &path,
                    length,
                    &format!("the run in half precision, {attributes_go}, {encoder_goes}"),
                );
            }
        }
    }
    Ok(())
}

fn generator(trained: &Trained) -> Part<'static> {
    seed(1, Draw::Sample, 0);
    let inputs = BATCHES.map(noise);
    part("generator", "noise", "heads", &trained.generator, inputs)
}

fn discriminator(trained: &Trained) -> Part<'static> {
    seed(1, Draw::Sample, 0);
    let heads = BATCHES.map(|count| tch::no_grad(|| trained.generator.forward(&noise(count), Mode::Eval)));
    part("discriminator", "heads", "logits", &trained.gan.discriminator, heads)
}

fn encoder_part(trained: &Trained, encoder: &Encoder) -> Part<'static> {
    seed(1, Draw::Sample, 0);
    let layouts = BATCHES.map(|count| layout::of_whole(&draw(&trained.generator, &noise(count))));
    part("encoder", "layouts", "noise", &encoder.network, layouts)
}

fn part(
    name: &'static str,
    input: &'static str,
    output: &'static str,
    network: &Network,
    inputs: [Tensor; 2],
) -> Part<'static> {
    let answer = |x: Tensor| {
        let y = tch::no_grad(|| network.forward(&x, Mode::Eval)).to_kind(Kind::Float);
        (x, y)
    };
    Part {
        name,
        input,
        output,
        network: folded(network),
        examples: inputs.into_iter().map(answer).collect(),
    }
}

fn write_onnx(part: &Part, out: &Path, facts: &[(String, String)]) -> Result<()> {
    let path = out.join(format!("{}.onnx", part.name));
    let names = Names::new(&part.network, part.input, part.output);
    let mut graph = onnx::graph(&part.network, &names, Storage::F32);
    for (key, text) in facts {
        graph.metadata(key, text);
    }
    let bytes = graph.into_bytes(part.name);
    let worst = worst(part, |x| {
        let shape: Vec<usize> = x.size().iter().map(|length| *length as usize).collect();
        let (shape, values) = vision::runtime::answer(&bytes, &shape, &numbers(x))?;
        Ok(Tensor::from_slice(&values).view(shape.as_slice()))
    })
    .with_context(|| format!("ONNX Runtime does not run the {}", part.name))?;
    check(&path, worst)?;
    write_durably(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    tell(
        &path,
        bytes.len(),
        &format!("ONNX Runtime differs from libtorch by {worst:.1e} at most"),
    );
    Ok(())
}

fn write_torchscript(part: &Part, out: &Path) -> Result<()> {
    let path = out.join(format!("{}.pt", part.name));
    let bytes = torchscript(&part.network, &part.examples[0].0, &path)?;
    let module = CModule::load_data(&mut bytes.as_slice())?;
    let worst = worst(part, |x| Ok(tch::no_grad(|| module.forward_ts(&[x]))?))?;
    check(&path, worst)?;
    write_durably(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    tell(
        &path,
        bytes.len(),
        &format!("read back, it differs by {worst:.1e} at most"),
    );
    Ok(())
}

/// The largest difference between libtorch's answers and another's.
fn worst(part: &Part, answer: impl Fn(&Tensor) -> Result<Tensor>) -> Result<f64> {
    let mut worst: f64 = 0.0;
    for (x, expected) in &part.examples {
        let found = answer(x)?;
        ensure!(
            found.size() == expected.size(),
            "an output of shape {:?} came, and {:?} was expected",
            found.size(),
            expected.size()
        );
        worst = worst.max((found - expected).abs().max().double_value(&[]));
    }
    Ok(worst)
}

fn check(path: &Path, worst: f64) -> Result<()> {
    // Written so that what is no number does not pass.
    ensure!(
        worst <= TOLERANCE,
        "{} would differ from libtorch by {worst:.1e}, more than {TOLERANCE:.0e}: it was not written",
        path.display()
    );
    Ok(())
}

fn tell(path: &Path, length: usize, what: &str) {
    println!("{}: {:.1} MB; {what}", path.display(), length as f64 / 1e6);
}

/// A folded network as a TorchScript module, by tracing one pass: the bytes of a module with the method `forward`. libtorch writes files only: `path`
/// names the place of one that is gone afterwards.
///
/// # Errors
/// What libtorch or the disk says.
pub fn torchscript(network: &Network, example: &Tensor, path: &Path) -> Result<Vec<u8>> {
    let _guard = tch::no_grad_guard();
    let mut pass = |inputs: &[Tensor]| vec![network.forward(&inputs[0], Mode::Trace)];
    let module = CModule::create_by_tracing("Network", "forward", &[example.shallow_clone()], &mut pass)
        .context("libtorch cannot trace the network")?;
    let traced = path.with_added_extension("traced");
    let cannot = || format!("cannot write {}", traced.display());
    module.save(&traced).with_context(cannot)?;
    let bytes = std::fs::read(&traced).with_context(cannot)?;
    std::fs::remove_file(&traced).with_context(cannot)?;
    Ok(bytes)
}
