//! `trainer export --page`: the page in a real browser, and what keeps it from being written.

mod page;
mod runtime;

use std::path::Path;
use std::process::{Command, Output};

use super::common::trainer;

/// `trainer export RUN --page FOLDER`.
fn export(data: &Path, run: &str, folder: &Path) -> Command {
    let mut command = trainer(data);
    command.args(["export", run, "--page"]).arg(folder);
    command
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
