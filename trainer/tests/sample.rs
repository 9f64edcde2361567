//! `trainer sample` as a process.

mod common;

use std::path::Path;
use std::process::Output;

use common::{discs, freeze, trainer};

fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    freeze(folder.path(), "v1", discs(40));
    let output = trainer(folder.path())
        .args([
            "run",
            "--manifest",
            "v1",
            "--name",
            "a",
            "--preset",
            "default",
            "--side",
            "16",
            "--width",
            "4",
        ])
        .args(["--batch", "8", "--epochs", "4", "--threads", "1"])
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

fn sample(data: &Path, run: &Path, out: &str, more: &[&str]) -> Output {
    trainer(data)
        .args(["sample", "--threads", "1", "--run"])
        .arg(run)
        .arg("--out")
        .arg(data.join(out))
        .args(more)
        .output()
        .expect("the program starts")
}

#[test]
fn the_best_of_many_stand_in_a_grid_and_each_by_itself() {
    let data = trained();
    let flags = ["--count", "100", "--keep", "9", "--seed", "5", "--each"];
    assert!(sample(data.path(), Path::new("a"), "one", &flags).status.success());
    let names: Vec<String> = dataset::files::sorted_entries(&data.path().join("one"))
        .expect("lists")
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.len(), 10);
    assert_eq!((names[0].as_str(), names[9].as_str()), ("grid.png", "head-0009.png"));
    let grid = image::open(data.path().join("one/grid.png"))
        .expect("opens")
        .into_rgb8();
    assert_eq!(grid.dimensions(), (3 * 18 + 2, 3 * 18 + 2));
    let second = image::open(data.path().join("one/head-0002.png"))
        .expect("opens")
        .into_rgb8();
    assert_eq!(second.get_pixel(3, 4), grid.get_pixel(20 + 3, 2 + 4));
}

#[test]
fn the_seed_fixes_the_heads_and_a_path_serves_as_well_as_a_name() {
    let data = trained();
    let path = data.path().join("runs/a");
    assert!(
        sample(data.path(), Path::new("a"), "one", &["--count", "70", "--seed", "5"])
            .status
            .success()
    );
    assert!(
        sample(data.path(), &path, "two", &["--count", "70", "--seed", "5"])
            .status
            .success()
    );
    assert!(
        sample(data.path(), &path, "three", &["--count", "70", "--seed", "6"])
            .status
            .success()
    );
    let grid = |out: &str| std::fs::read(data.path().join(out).join("grid.png")).expect("reads");
    assert_eq!(grid("one"), grid("two"));
    assert_ne!(grid("one"), grid("three"));
}

#[test]
fn the_averaged_generators_buffers_are_kept_with_the_run() {
    let data = trained();
    let kept = data.path().join("runs/a/ema_buffers.safetensors");
    let drawn = |out: &str| {
        assert!(
            sample(data.path(), Path::new("a"), out, &["--count", "70"])
                .status
                .success()
        );
        std::fs::read(data.path().join(out).join("grid.png")).expect("reads")
    };
    let mut tensors = tch::Tensor::read_safetensors(&kept).expect("the training left them");
    let first = drawn("first");
    // What is kept is what is drawn with …
    tensors[0].1 += 1.0;
    tch::Tensor::write_safetensors(&tensors, &kept).expect("writes");
    assert_ne!(drawn("altered"), first);
    // … unless it is of another checkpoint, damaged, or gone.
    tensors[0].0 = "another".into();
    tch::Tensor::write_safetensors(&tensors, &kept).expect("writes");
    assert_eq!(drawn("other"), first);
    std::fs::write(&kept, b"no tensors").expect("writes");
    assert_eq!(drawn("damaged"), first);
    std::fs::remove_file(&kept).expect("is there again");
    assert_eq!(drawn("gone"), first);
    assert!(kept.is_file());
}

#[test]
fn unknown_runs_and_impossible_numbers_are_usage_errors() {
    let data = trained();
    let refused = |run: &str, flags: &[&str], expected: &str| {
        let output = sample(data.path(), Path::new(run), "out", flags);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{expected:?} is not in {text}");
    };
    refused("b", &[], "there are: a");
    refused("a", &["--count", "4", "--keep", "5"], "--keep must be 1 to count (4)");
    std::fs::remove_dir_all(data.path().join("runs/a/checkpoints")).expect("removes");
    refused("a", &[], "has no checkpoint yet");
}
