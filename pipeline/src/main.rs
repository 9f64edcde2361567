//! The `pipeline` program.

use std::process::ExitCode;

use clap::Parser;
use pipeline::cli::Cli;

fn main() -> ExitCode {
    dataset::failure::end_when_unread();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the system gives no threads: {error}");
            return ExitCode::from(dataset::failure::FAILED);
        }
    };
    match runtime.block_on(pipeline::commands::execute(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(dataset::failure::exit_code(&error))
        }
    }
}
