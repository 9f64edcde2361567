//! The `testbooru` program.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use testbooru::{Board, Invention, Pictures, Server, Setup};
use tokio::signal::unix::{SignalKind, signal};

/// A local image board that answers as Moebooru, Danbooru, Gelbooru, pixiv and Zerochan do
#[derive(Parser)]
#[command(version, after_help = "Example: testbooru serve --count 300 --seed 1 --port 8080")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a board on 127.0.0.1; the first line printed is its address
    #[command(
        after_help = "Examples:\n  testbooru serve --pictures ~/Pictures --port 8080 --minutes 30\n  testbooru serve --posts 1000000 --count 20 --plain"
    )]
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// Serve the picture files of this folder in place of drawn ones
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// How many pictures to draw; a folder is served whole
    #[arg(long, value_name = "N", default_value_t = 300)]
    count: usize,
    /// Make up so many posts that share the pictures, each file with a checksum of its own
    #[arg(long, value_name = "N")]
    posts: Option<u32>,
    /// Seed of pictures, times, votes and tags
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Make every post safe and active, where about a fifth would not be
    #[arg(long)]
    plain: bool,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 0)]
    port: u16,
    /// Stop after this time
    #[arg(long, value_name = "M", default_value_t = 120)]
    minutes: u64,
    /// Let this share (0 to 1) of files and listings go wrong, in the ways real ones do
    #[arg(long, value_name = "SEED:SHARE", value_parser = faults)]
    faults: Option<(u64, f64)>,
    /// Wait before each answer, as if the board were far away
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
    /// Let Danbooru show nothing but what is rated general
    #[arg(long)]
    safe_view: bool,
    /// The PHPSESSID that pixiv knows; without it any is good
    #[arg(long, value_name = "TEXT")]
    session: Option<String>,
    /// The user's number and key that Gelbooru's API wants; without it nobody is asked
    #[arg(long, value_name = "USER:KEY", value_parser = pair)]
    dapi_key: Option<(String, String)>,
    /// Let Gelbooru answer as boards of its older generation do
    #[arg(long)]
    old_dapi: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (user, key) = text.split_once(':').ok_or("not of the form USER:KEY")?;
    Ok((user.into(), key.into()))
}

fn faults(text: &str) -> Result<(u64, f64), String> {
    let parsed = text
        .split_once(':')
        .and_then(|(seed, share)| Some((seed.parse().ok()?, share.parse().ok()?)));
    parsed
        .filter(|(_, share)| (0.0..=1.0).contains(share))
        .ok_or_else(|| "not of the form SEED:SHARE with a share from 0 to 1, such as 7:0.1".into())
}

/// A line for each tenth of the pictures.
fn report(done: usize, total: usize) {
    if done * 10 / total > (done - 1) * 10 / total {
        eprintln!("{done} of {total} pictures ready");
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Serve(arguments) = Cli::parse().command;
    match serve_until_told(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve_until_told(arguments: Serve) -> anyhow::Result<()> {
    // Heard from the start: drawing takes a while, and must not outlive a Ctrl-C.
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = serve(arguments) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn serve(arguments: Serve) -> anyhow::Result<()> {
    let pictures = match arguments.pictures {
        Some(folder) => Pictures::Folder(folder),
        None => Pictures::Drawn {
            count: arguments.count,
            seed: arguments.seed,
        },
    };
    let invention = Invention {
        seed: arguments.seed,
        plain: arguments.plain,
        progress: report,
    };
    let build = move || match arguments.posts {
        Some(count) => Board::sparse(count, pictures, &invention),
        None => Board::build(pictures, &invention),
    };
    let board = tokio::task::spawn_blocking(build).await??;
    let posts = board.len();
    let setup = Setup {
        port: arguments.port,
        latency: Duration::from_millis(arguments.latency),
        safe_view: arguments.safe_view,
        session: arguments.session,
        dapi_key: arguments.dapi_key,
        old_dapi: arguments.old_dapi,
        forgetful: true,
        ..Setup::default()
    };
    let server = Server::start(board, setup)?;
    if let Some((seed, share)) = arguments.faults {
        server.faults_by_chance(seed, share);
    }
    println!("{}", server.root_url());
    std::io::stdout().flush()?;
    let minutes = arguments.minutes;
    eprintln!("{posts} posts; stops with Ctrl-C or after {minutes} minutes");
    tokio::time::sleep(Duration::from_secs(minutes.saturating_mul(60))).await;
    server.stop()
}
