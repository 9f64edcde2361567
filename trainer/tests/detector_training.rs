//! `trainer detector` as it is called: train, go on, export, measure.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use clap::Parser;
use image::{Rgb, RgbImage};
use trainer::detector::checkpoint::{LAST, load};
use trainer::detector::{Args, run};
use trainer::onnx::read::Contents;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    args: Args,
}

fn call(words: &[&str]) -> anyhow::Result<()> {
    let words = std::iter::once("trainer").chain(words.iter().copied());
    run(Cli::try_parse_from(words)?.args)
}

/// `detector train` on a folder of pictures, as small as it gets.
const TRAIN: [&str; 11] = [
    "train",
    "--hold-out",
    "2",
    "--validation",
    "2",
    "--side",
    "128",
    "--batch",
    "2",
    "--precision",
    "f32",
];

fn train(pictures: &Path, run: &Path, more: &[&str]) -> anyhow::Result<()> {
    let folders = ["--pictures", pictures.to_str().unwrap(), "--out", run.to_str().unwrap()];
    call(&[&TRAIN[..], &folders, more].concat())
}

/// A folder of grey pictures with one pale disc each, which stands for a face.
fn pictures(folder: &Path, count: u32) {
    let mut table = String::from("file,x0,y0,x1,y1\n");
    for number in 0..count {
        let (x, y, radius) = (30.0 + 4.0 * number as f32, 50.0, 14.0 + number as f32);
        let picture = RgbImage::from_fn(120, 100, |column, row| {
            let inside = (column as f32 - x).hypot(row as f32 - y) < radius;
            Rgb(if inside { [250, 220, 200] } else { [60, 80, 90] })
        });
        picture.save(folder.join(format!("disc_{number}.png"))).unwrap();
        let (x0, x1) = (x - radius, x + radius);
        table += &format!("disc_{number}.png,{x0},{},{x1},{}\n", y - radius, y + radius);
    }
    std::fs::write(folder.join("boxes.csv"), table).unwrap();
}

#[test]
fn a_run_goes_on_from_its_checkpoint_and_its_export_can_be_measured() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pictures(data.path(), 8);
    let run = out.path().join("run");
    train(data.path(), &run, &["--steps", "2"]).unwrap();
    let refused = train(data.path(), &run, &["--steps", "4"]).unwrap_err();
    assert_eq!(dataset::failure::exit_code(&refused), dataset::failure::USAGE);
    train(data.path(), &run, &["--steps", "4", "--resume"]).unwrap();
    let (_, state) = load(&run.join(LAST)).unwrap();
    assert_eq!((state.step, state.images, state.held_out.len()), (4, 8, 2));

    let onnx = out.path().join("face.onnx");
    let onnx = onnx.to_str().unwrap();
    let (pictures, run) = (data.path().to_str().unwrap(), run.to_str().unwrap());
    let (chart, sheet) = (out.path().join("chart.png"), out.path().join("errors.png"));
    call(&["export", "--run", run, "--out", onnx]).unwrap();
    call(&[
        "eval",
        "--onnx",
        onnx,
        "--pictures",
        pictures,
        "--part",
        "all",
        "--view",
        "plain,small,close80,turned90",
        "--chart",
        chart.to_str().unwrap(),
        "--errors",
        sheet.to_str().unwrap(),
        "--json",
    ])
    .unwrap();
    assert_eq!(image::open(&chart).unwrap().width(), 660);
    assert!(sheet.exists());
    call(&[
        "eval", "--onnx", onnx, "--onnx", onnx, "--heads", pictures, "--crops", "3",
    ])
    .unwrap();
    let nothing = call(&["eval", "--onnx", onnx, "--pictures", pictures, "--hold-out", "0"]).unwrap_err();
    assert!(nothing.to_string().contains("--part all"), "{nothing:#}");
}

/// `trainer detector train` as a process of its own: 50 small steps.
fn fifty_steps(pictures: &Path, run: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command
        .arg("detector")
        .args(TRAIN)
        .args(["--steps", "50", "--threads", "1"]);
    // A checkpoint after every step: the one that is found after the kill may be any of them.
    command.args(["--checkpoint-minutes", "0", "--resume"]);
    command.arg("--pictures").arg(pictures).arg("--out").arg(run);
    command
}

#[test]
fn fifty_steps_make_the_same_file_again_killed_half_way_or_not() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pictures(data.path(), 8);
    let made = |name: &str, killed: bool| {
        let run = out.path().join(name);
        if killed {
            let mut child = fifty_steps(data.path(), &run).stdout(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap().starts_with("step     20")));
            child.kill().unwrap();
            child.wait().unwrap();
            let (_, state) = load(&run.join(LAST)).unwrap();
            assert!((19..50).contains(&state.step), "{}", state.step);
        }
        let ended = fifty_steps(data.path(), &run).stdout(Stdio::null()).status().unwrap();
        assert!(ended.success());
        let file = out.path().join(format!("{name}.onnx"));
        call(&[
            "export",
            "--run",
            run.to_str().unwrap(),
            "--out",
            file.to_str().unwrap(),
        ])
        .unwrap();
        std::fs::read(file).unwrap()
    };
    let undisturbed = made("undisturbed", false);
    assert!(undisturbed == made("again", false), "a second run made another file");
    assert!(undisturbed == made("killed", true), "the resumed run made another file");
}

#[test]
fn a_run_that_begins_with_a_file_has_its_weights_and_goes_on_from_them() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pictures(data.path(), 8);
    let path = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let train = |run: &str, more: &[&str]| train(data.path(), &out.path().join(run), more);
    let exported = |run: &str| {
        let file = path(&format!("{run}.onnx"));
        call(&["export", "--run", &path(run), "--out", &file]).unwrap();
        Contents::parse(&std::fs::read(file).unwrap()).unwrap()
    };
    train("first", &["--steps", "2"]).unwrap();
    let first = exported("first");
    let from = path("first.onnx");
    train("same", &["--from", &from, "--steps", "1", "--rate", "0"]).unwrap();
    let same = exported("same");
    assert_eq!(same.constants, first.constants);
    assert_eq!(same.metadata["anchors"], first.metadata["anchors"]);

    train("further", &["--from", &from, "--steps", "1"]).unwrap();
    let table = data.path().join("boxes.csv");
    let table = table.to_str().unwrap();
    for other in [["--seed", "2"], ["--from", table]] {
        let asked = [&["--steps", "2", "--resume"], &other[..]].concat();
        let refused = train("further", &asked).unwrap_err().to_string();
        assert!(refused.contains(&format!("another {}", other[0])), "{refused}");
    }
    train("further", &["--from", &from, "--steps", "2", "--resume"]).unwrap();
    let (model, state) = load(&Path::new(&path("further")).join(LAST)).unwrap();
    assert!(state.started_from.is_some() && state.step == 2);
    assert_eq!(
        model.network.buffers.min().double_value(&[]),
        0.0,
        "no batch moved the means"
    );
    assert_ne!(exported("further").constants, first.constants);

    let error = train("none", &["--from", table, "--steps", "1"]).unwrap_err();
    assert!(
        format!("{error:#}").contains("no file of `trainer detector export`"),
        "{error:#}"
    );
}

#[test]
fn a_folder_without_boxes_is_named() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let out = out.path().join("run");
    let words = [
        "train",
        "--pictures",
        data.path().to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let error = call(&words).unwrap_err();
    assert!(format!("{error:#}").contains("boxes.csv"), "{error:#}");
}
