//! `trainer detector` as it is called: train, go on, export, measure.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use clap::Parser;
use image::{Rgb, RgbImage};
use trainer::detector::checkpoint::{LAST, load};
use trainer::detector::{Args, run};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    args: Args,
}

fn call(words: &[&str]) -> anyhow::Result<()> {
    let words = std::iter::once("trainer").chain(words.iter().copied());
    run(Cli::try_parse_from(words)?.args)
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
    let pictures = data.path().to_str().unwrap();
    let run = out.path().join("run");
    let run = run.to_str().unwrap();
    let train = |steps: &str, resume: bool| {
        let mut words = vec![
            "train",
            "--pictures",
            pictures,
            "--out",
            run,
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
            "--steps",
            steps,
        ];
        words.extend(resume.then_some("--resume"));
        call(&words)
    };
    train("2", false).unwrap();
    let refused = train("4", false).unwrap_err();
    assert_eq!(dataset::failure::exit_code(&refused), dataset::failure::USAGE);
    train("4", true).unwrap();
    let (_, _, state) = load(&Path::new(run).join(LAST), 0.0).unwrap();
    assert_eq!((state.step, state.images, state.held_out.len()), (4, 8, 2));

    let onnx = out.path().join("face.onnx");
    let onnx = onnx.to_str().unwrap();
    call(&["export", "--run", run, "--out", onnx]).unwrap();
    call(&[
        "eval",
        "--onnx",
        onnx,
        "--pictures",
        pictures,
        "--part",
        "all",
        "--json",
    ])
    .unwrap();
    let nothing = call(&["eval", "--onnx", onnx, "--pictures", pictures, "--hold-out", "0"]).unwrap_err();
    assert!(nothing.to_string().contains("--part all"), "{nothing:#}");
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
