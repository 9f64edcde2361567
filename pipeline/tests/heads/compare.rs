//! `pipeline detect --compare`, as it is called.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::fixture::{picture, png, program};
use crate::model;

/// A folder with settings, a detector of red cells, the shipped one, and pictures with three red cells.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/face_yolov3.onnx");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    std::fs::copy(shipped, folder.path().join("data/face_yolov3.onnx")).expect("copies");
    std::fs::write(folder.path().join("stages.toml"), "").expect("writes");
    for name in ["red.onnx", "copy.onnx"] {
        std::fs::write(folder.path().join(name), model::bytes()).expect("writes");
    }
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).expect("a folder");
    for (number, cells) in [(1, &[(1, 1, 255), (4, 3, 200)][..]), (2, &[]), (3, &[(2, 2, 255)])] {
        std::fs::write(pictures.join(format!("{number}.png")), png(&picture(number, cells))).expect("writes");
    }
    std::fs::write(pictures.join("notes.txt"), "no picture").expect("writes");
    (folder, pictures)
}

fn pipeline(folder: &Path, words: &[&str]) -> Output {
    let mut command = program(folder);
    command.args(["--config", "stages.toml"]).args(words);
    command.output().expect("runs")
}

fn report(folder: &Path, words: &[&str]) -> Value {
    let output = pipeline(folder, &[&["detect", "--json", "--compare"], words].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("is JSON")
}

#[test]
fn two_detectors_are_compared_on_a_folder_and_on_the_catalog() {
    let (folder, pictures) = place();
    let (folder, pictures) = (folder.path(), pictures.display().to_string());
    let same = report(folder, &["red.onnx", "copy.onnx", &pictures]);
    assert_eq!(
        (&same["pictures"], &same["both"], &same["agreement"]),
        (&3.into(), &3.into(), &1.0.into())
    );
    assert!(
        !folder.join("data/sheets/compare.png").exists(),
        "there is nothing to show"
    );

    let other = report(folder, &["shipped", "red.onnx", &pictures, "--out", "differ.png"]);
    assert_eq!((&other["both"], &other["agreement"]), (&0.into(), &0.0.into()));
    assert_eq!(other["pictures_that_differ"], 2);
    let [shipped, red] = [0, 1].map(|which| &other["detectors"][which]);
    assert_eq!((&shipped["name"], &shipped["faces"]), (&"shipped".into(), &0.into()));
    assert_eq!(
        (&red["faces"], &red["alone"], &red["pictures_with_faces"]),
        (&3.into(), &3.into(), &2.into())
    );
    assert!(red["median_milliseconds"].as_f64() > Some(0.0));
    let sheet = image::open(folder.join("differ.png"))
        .expect("is a picture")
        .into_rgb8();
    let blue = sheet.pixels().filter(|pixel| pixel.0 == [0, 110, 230]).count();
    assert!(blue > 300, "{blue} pixels of three boxes");

    let nothing = pipeline(folder, &["detect", "--compare", "shipped", "red.onnx"]);
    assert_eq!(nothing.status.code(), Some(2), "no picture is stored");
    // A text of no picture is no failure of an import.
    let imported = pipeline(folder, &["import", &pictures, "--as", "pictures", "--source", "set"]);
    assert!(
        imported.status.success(),
        "{}",
        String::from_utf8_lossy(&imported.stderr)
    );
    let stored = report(folder, &["shipped", "red.onnx"]);
    assert_eq!(
        (&stored["pictures"], &stored["detectors"][1]["faces"]),
        (&3.into(), &3.into())
    );
    assert!(folder.join("data/sheets/compare.png").exists());
    let few = report(folder, &["shipped", "red.onnx", "--limit", "1"]);
    assert_eq!(few["pictures"], 1);
}

#[test]
fn a_detector_or_picture_that_is_not_there_is_named() {
    let (folder, pictures) = place();
    let pictures = pictures.display().to_string();
    for (words, expected) in [
        (["lbp", "red.onnx", &pictures], "[crop.lbp] cascade"),
        (["red.onnx", "no.onnx", &pictures], "no.onnx"),
        (["red.onnx", "copy.onnx", "data"], "no picture file lies in data"),
    ] {
        let output = pipeline(folder.path(), &[&["detect", "--compare"], &words[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{said}");
    }
}

#[test]
fn folders_are_read_through_and_what_is_passed_over_is_reported() {
    let (folder, pictures) = place();
    let deeper = pictures.join("deeper/still");
    std::fs::create_dir_all(&deeper).expect("folders");
    std::fs::write(deeper.join("4.PNG"), png(&picture(4, &[(2, 2, 255)]))).expect("writes");
    std::fs::write(deeper.join("no ending"), png(&picture(5, &[(1, 1, 255), (4, 4, 255)]))).expect("writes");
    std::fs::write(deeper.join("film.webm"), [0x1a, 0x45, 0xdf, 0xa3]).expect("writes");
    std::fs::write(deeper.join("b.txt"), "no picture").expect("writes");
    std::fs::write(deeper.join(".hidden.png"), "no picture").expect("writes");
    std::os::unix::fs::symlink(&pictures, deeper.join("round")).expect("links");
    let shown = pipeline(folder.path(), &["detect", "--json", "pictures"]);
    let said = String::from_utf8_lossy(&shown.stderr);
    assert!(shown.status.success(), "{said}");
    assert!(
        said.contains("passed over in pictures") && said.contains("2 .txt") && said.contains("1 .webm"),
        "{said}"
    );
    let lines = String::from_utf8(shown.stdout).expect("is text");
    let files: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("is JSON")["file"].clone())
        .collect();
    let expected = [
        "pictures/1.png",
        "pictures/2.png",
        "pictures/3.png",
        "pictures/deeper/still/4.PNG",
        "pictures/deeper/still/no ending",
    ];
    assert_eq!(files, expected);
    let pictures = pictures.display().to_string();
    let both = report(folder.path(), &["red.onnx", "copy.onnx", &pictures]);
    assert_eq!((&both["pictures"], &both["both"]), (&5.into(), &6.into()));
}

#[test]
fn the_shipped_detector_is_found_wherever_the_settings_lie() {
    let (folder, pictures) = place();
    std::fs::remove_file(folder.path().join("data/face_yolov3.onnx")).expect("removes");
    let pictures = pictures.display().to_string();
    let other = report(
        folder.path(),
        &["shipped", "red.onnx", &pictures, "--out", "differ.png"],
    );
    assert_eq!(other["pictures"], 3);
    // As the default of [crop], and as it stands in the settings.
    for text in ["", "[crop]\ndetector = \"data/face_yolov3.onnx\"\n"] {
        std::fs::write(folder.path().join("stages.toml"), text).expect("writes");
        let shown = pipeline(folder.path(), &["detect", &pictures]);
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    }
    std::fs::write(
        folder.path().join("stages.toml"),
        "[crop]\ndetector = \"data/mine.onnx\"\n",
    )
    .expect("writes");
    assert!(!pipeline(folder.path(), &["detect", &pictures]).status.success());
}
