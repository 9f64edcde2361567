//! The `pipeline` program.

use std::process::ExitCode;

use clap::Parser;
use pipeline::cli::{Cli, Command};
use pipeline::secrets;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    dataset::failure::end_when_unread();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    let mut builder = match cli.command {
        // Pages are answered while heads are decided.
        Command::Serve(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the system gives no threads: {error}");
            return ExitCode::from(dataset::failure::FAILED);
        }
    };
    match runtime.block_on(pipeline::commands::execute(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {}", secrets::redact(&format!("{error:#}")));
            ExitCode::from(dataset::failure::exit_code(&error))
        }
    }
}

/// The help, or what is wrong with the command line: it is repeated there, and may hold a password.
fn not_understood(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    match error.use_stderr() {
        true => eprint!("{}", secrets::redact(&text)),
        false => print!("{text}"),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(dataset::failure::USAGE))
}
