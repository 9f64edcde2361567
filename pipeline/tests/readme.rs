//! README.md shows commands that the program takes.

#[path = "common/readme.rs"]
mod readme;

use clap::Parser;
use pipeline::cli::Cli;

#[test]
fn every_command_of_the_readme_is_understood() {
    let commands = readme::commands("pipeline");
    assert!(commands.len() > 10, "{commands:?}");
    for words in commands {
        if let Err(error) = Cli::try_parse_from(&words) {
            panic!("{}: {error}", words.join(" "));
        }
    }
}
