//! The `trainer` program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use trainer::settings::{DataFolder, Settings};

/// Trains the GAN and the face detector.
#[derive(Parser)]
#[command(version, after_help = "Example:\n  trainer run --manifest v3 --side 64 --minutes 30")]
struct Cli {
    /// Settings file
    #[arg(long, global = true, value_name = "FILE", default_value = "stages.toml")]
    config: PathBuf,
    /// Folder of what is made at run time [default: `data` beside the settings file]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Trains a generator of heads on a manifest
    #[command(after_help = "Example:\n  trainer run --manifest v3 --minutes 30")]
    Run(Box<trainer::gan::run::Args>),
    /// Draws heads with a trained generator and keeps the best
    #[command(after_help = "Example:\n  trainer sample v3-default --count 512 --keep 64 --out best")]
    Sample(trainer::show::sample::Args),
    /// Measures a trained generator against heads it never saw
    #[command(after_help = "Example:\n  trainer eval v3-default --features features.onnx")]
    Eval(trainer::eval::Args),
    /// Puts runs side by side: charts, heads, settings, scores
    #[command(after_help = "Example:\n  trainer compare v3-report v3-default --out compare.png")]
    Compare(trainer::compare::Args),
    /// Animates a run's fixed noise over its epochs
    #[command(after_help = "Example:\n  trainer progress v3-default --out progress.webp")]
    Progress(trainer::show::progress::Args),
    /// Walks from head to head, as an animation that closes
    #[command(after_help = "Example:\n  trainer walk v3-default --heads 17,3,250 --out walk.gif")]
    Walk(trainer::show::walk::Args),
    /// Completes heads of which a part is missing
    #[command(after_help = "Example:\n  trainer complete v3-default --unseen 6 --mask left --out completed")]
    Complete(trainer::show::complete::Args),
    /// Measures what a run's heads differ in, and how its noise changes it
    #[command(after_help = "Example:\n  trainer attributes v3-default")]
    Attributes(trainer::steer::attributes::Args),
    /// Trains an encoder from coarse colour layouts to the noise of heads like them
    #[command(after_help = "Example:\n  trainer encoder v3-default")]
    Encoder(trainer::guide::teach::Args),
    /// Draws heads that follow the colours of a painted picture
    #[command(after_help = "Example:\n  trainer draw v3-default --layout painted.png --out followed")]
    Draw(trainer::guide::draw::Args),
    /// Opens the studio: a page in the browser to draw, change, complete and keep heads, and to watch runs
    #[command(after_help = "Example:\n  trainer serve v3-default   (then open the address that it prints)")]
    Serve(trainer::serve::Args),
    /// Writes a run's networks as ONNX, TorchScript and safetensors, or a page that draws with them
    #[command(
        after_help = "Examples:\n  trainer export v3-default --formats onnx --out exported\n  \
                            trainer export v3-default --page site   (then serve the folder `site`)"
    )]
    Export(trainer::export::Args),
    /// Writes a run's model card: settings, scores, pictures
    #[command(after_help = "Example:\n  trainer card v3-default")]
    Card(trainer::show::card::Args),
    /// Trains, measures and exports the face detector
    #[command(
        subcommand,
        after_help = "Example:\n  trainer detector eval --onnx data/face_yolov3.onnx --pictures DIR"
    )]
    Detector(trainer::detector::Args),
}

fn main() -> ExitCode {
    dataset::failure::end_when_unread();
    // Help and mistyped flags end here, before the program begins anew.
    let cli = Cli::parse();
    trainer::threads::spin_briefly();
    trainer::shim::keep_memory();
    let answer = match &cli.command {
        Command::Run(args) => with_settings(&cli, |settings, data| {
            trainer::gan::run::run(args, &settings.train, &settings.eval, data)
        }),
        Command::Sample(args) => with_settings(&cli, |settings, data| {
            trainer::show::sample::run(args, &settings.sample, &settings.eval, data)
        }),
        Command::Eval(args) => with_settings(&cli, |settings, data| trainer::eval::run(args, &settings.eval, data)),
        Command::Compare(args) => with_settings(&cli, |_, data| trainer::compare::run(args, data)),
        Command::Progress(args) => with_settings(&cli, |_, data| trainer::show::progress::run(args, data)),
        Command::Walk(args) => with_settings(&cli, |settings, data| {
            trainer::show::walk::run(args, &settings.sample, &settings.eval, data)
        }),
        Command::Complete(args) => with_settings(&cli, |_, data| trainer::show::complete::run(args, data)),
        Command::Attributes(args) => with_settings(&cli, |settings, data| {
            trainer::steer::attributes::run(args, &settings.eval, data)
        }),
        Command::Encoder(args) => with_settings(&cli, |_, data| trainer::guide::teach::run(args, data)),
        Command::Draw(args) => with_settings(&cli, |settings, data| {
            trainer::guide::draw::run(args, &settings.eval, data)
        }),
        Command::Serve(args) => with_settings(&cli, |settings, data| trainer::serve::run(args, settings, data)),
        Command::Export(args) => with_settings(&cli, |settings, data| {
            trainer::export::run(args, &settings.eval.detector, data)
        }),
        Command::Card(args) => with_settings(&cli, |_, data| trainer::show::card::run(args, data)),
        Command::Detector(args) => trainer::detector::run(args.clone()),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(dataset::failure::exit_code(&error))
        }
    }
}

/// Runs a command that reads stages.toml and the data folder.
fn with_settings(cli: &Cli, command: impl FnOnce(&Settings, &DataFolder) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let settings = Settings::load(&cli.config)?;
    let path = cli.data.as_deref().unwrap_or(&settings.default_data);
    command(&settings, &DataFolder::new(path, &settings.store))
}

#[cfg(test)]
#[path = "../../pipeline/tests/common/readme.rs"]
mod readme;

#[cfg(test)]
mod tests {
    use super::{Cli, readme};
    use clap::Parser;

    #[test]
    fn every_command_of_the_readme_is_understood() {
        let commands = readme::commands("trainer");
        assert!(commands.len() > 1, "{commands:?}");
        for words in commands {
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{}: {error}", words.join(" "));
            }
        }
    }
}
