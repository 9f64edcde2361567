//! Tiny runs of the program, and what they leave.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use trainer::gan::checkpoint::{self, State};
use trainer::gan::folder::RunFolder;
use trainer::gan::gan_state::GanState;

use super::common::{discs, freeze, trainer};

/// A data folder with the manifest `v1` of `count` heads.
pub fn data(count: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    freeze(folder.path(), "v1", discs(count));
    folder
}

/// A tiny run: networks of a few thousand values at 16 px.
pub fn tiny(data: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = trainer(data);
    // Threads that wait without turning round: a busy machine would take minutes for two of them.
    command.env("OMP_WAIT_POLICY", "passive");
    command.args(["run", "--name", name]);
    for (flag, value) in [
        ("--preset", "default"),
        ("--side", "16"),
        ("--width", "4"),
        ("--batch", "8"),
        ("--threads", "1"),
        ("--precision", "f32"),
    ] {
        if !more.contains(&flag) {
            command.args([flag, value]);
        }
    }
    command.args(more);
    command
}

pub fn run(mut command: Command) -> Output {
    command.output().expect("the program starts")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn assert_refused(output: &Output, code: i32, expected: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(expected), "{expected:?} is not in {text}");
}

pub fn checkpoints(data: &Path, name: &str) -> Vec<PathBuf> {
    let folder = data.join("runs").join(name).join("checkpoints");
    dataset::files::sorted_entries(&folder).expect("lists")
}

/// Writes a checkpoint that ends in NaN or infinity, so many steps after a run's newest one; so many are
/// kept. Gives the steps of the newest that was there, and the path of the new one.
pub fn poison(data: &Path, name: &str, later: u64, keep: usize) -> (u64, PathBuf) {
    let place = RunFolder::new(data.join("runs").join(name));
    let file = place.read().expect("reads").expect("is there");
    let mut gan = GanState::new(&file.config);
    let good = checkpoint::load_newest(&place.checkpoints(), &mut gan, &file.digest());
    let good = good.expect("reads").expect("is there").step;
    let _ = gan.generator.parameters.fill_(3e38);
    let poisoned = State::new(&gan, good + later, &file);
    let path = checkpoint::save(&place.checkpoints(), &gan, &poisoned, keep).expect("writes");
    (good, path)
}

/// The vectors of the newest checkpoint: what follows the header, whose seconds differ.
pub fn final_bits(data: &Path, name: &str) -> Vec<u8> {
    let newest = checkpoints(data, name).pop().expect("a checkpoint");
    let content = std::fs::read(newest).expect("reads");
    let length = u64::from_le_bytes(*content.first_chunk().expect("a header"));
    content[8 + length as usize..].to_vec()
}

/// metrics.jsonl without its times.
pub fn metrics(data: &Path, name: &str) -> Vec<serde_json::Value> {
    let path = data.join("runs").join(name).join("metrics.jsonl");
    let text = std::fs::read_to_string(path).expect("reads");
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("is JSON");
        line["seconds"].take();
        line
    };
    text.lines().map(line).collect()
}
