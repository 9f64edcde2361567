//! What cannot be is told with its cause and way out, and nothing is written.

use image::{Rgb, RgbImage};

use super::common::{discs, freeze};
use super::fixture::{data, eval, refused, run, train, trained};

#[test]
fn feature_networks_that_cannot_be_used_are_told() {
    let data = trained();
    let measured = |code, more: &[&str], expected: &str| {
        let args = eval(data.path(), more);
        refused(
            data.path(),
            code,
            &args.iter().map(String::as_str).collect::<Vec<_>>(),
            expected,
        );
    };
    let text = data.path().join("text.onnx");
    std::fs::write(&text, "no network").expect("writes");
    refused(
        data.path(),
        1,
        &["eval", "a", "--features", &text.to_string_lossy()],
        "is not a usable feature network",
    );
    refused(
        data.path(),
        1,
        &["eval", "a", "--features", "nothing.onnx"],
        "name an existing ONNX file",
    );
    refused(
        data.path(),
        2,
        &["eval", "a"],
        "no feature network is named: say in stages.toml",
    );
    measured(
        1,
        &["a", "--features-output", "logits"],
        "it has no output `logits`; there are [\"features\"]",
    );
    measured(1, &["a", "--features-std", "0"], "cannot be divided by");
    measured(2, &["a", "--count", "3"], "--count must be 16 or more");
    let grids = data.path().join("runs/a/grids");
    let grids = grids.to_string_lossy();
    measured(2, &["--pictures", &grids, "--manifest", "v1"], "scores want 16 or more");
    measured(2, &["a", "--manifest", "nobody"], "nobody");
    assert!(!data.path().join("runs/a/scores.json").exists());
}

#[test]
fn a_set_without_heads_to_measure_by_is_told() {
    let data = data();
    freeze(data.path(), "v2", discs(30));
    train(data.path(), "c", &["--manifest", "v2", "--enlarge"]);
    let args = eval(data.path(), &["c"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    refused(data.path(), 2, &args, "has no head of its validation split left");
    assert!(
        run(data.path(), &[&args[..], &["--against", "train"]].concat())
            .status
            .success()
    );
}

#[test]
fn runs_without_a_whole_checkpoint_are_told() {
    let data = trained();
    let checkpoints = data.path().join("runs/a/checkpoints");
    for path in dataset::files::sorted_entries(&checkpoints).expect("lists") {
        let length = std::fs::metadata(&path).expect("reads").len();
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opens");
        file.set_len(length / 2).expect("truncates");
    }
    let out = data.path().join("out.gif");
    let out = out.to_string_lossy();
    let commands: [&[&str]; 6] = [
        &["sample", "a", "--out", &out],
        &["walk", "a", "--out", &out],
        &["complete", "a", "--unseen", "1", "--out", &out],
        &["export", "a", "--out", &out],
        &["compare", "a"],
        &["card", "a"],
    ];
    for args in commands {
        refused(data.path(), 1, args, "is damaged");
    }
    std::fs::remove_dir_all(&checkpoints).expect("removes");
    for args in commands {
        refused(data.path(), 2, args, "has no checkpoint yet");
        refused(
            data.path(),
            2,
            &[&[args[0], "nobody"], &args[2..]].concat(),
            "there is no run `nobody` (there are: a)",
        );
    }
    assert!(!data.path().join("out.gif").exists());
}

#[test]
fn masks_and_numbers_that_cannot_be_are_told() {
    let data = trained();
    let path = |name: &str| data.path().join(name).to_string_lossy().into_owned();
    let save = |name: &str, (width, height): (u32, u32), shade: u8| {
        RgbImage::from_pixel(width, height, Rgb([shade; 3]))
            .save(data.path().join(name))
            .expect("writes");
        path(name)
    };
    let out = path("out");
    let complete = |more: &[&str], expected: &str| {
        refused(
            data.path(),
            2,
            &[&["complete", "a", "--unseen", "1", "--out", &out], more].concat(),
            expected,
        );
    };
    complete(
        &["--mask", &save("black.png", (64, 64), 0)],
        "the mask hides everything",
    );
    complete(&["--mask", &save("white.png", (64, 64), 255)], "the mask hides nothing");
    complete(
        &["--mask", &save("large.png", (80, 80), 0)],
        "is 80 x 80: it must be 64 x 64",
    );
    complete(&["--rate", "0"], "--rate and --clip must be above 0");
    complete(
        &["--pictures", &save("wide.png", (80, 64), 9)],
        "is 80 x 64, and heads are square",
    );
    refused(data.path(), 2, &["complete", "a", "--out", &out], "or give --unseen N");
    refused(
        data.path(),
        1,
        &["complete", "a", "--unseen", "1", "--out", &out, "--mask", "midle"],
        "centre, random, left, grid or a picture",
    );
    refused(
        data.path(),
        2,
        &["sample", "a", "--out", &out, "--count", "4", "--keep", "5"],
        "--keep must be 1 to count (4)",
    );
    refused(
        data.path(),
        2,
        &["sample", "a", "--out", &out, "--truncation", "0"],
        "it must be .05 to 10 standard deviations",
    );
    refused(
        data.path(),
        2,
        &["walk", "a", "--out", &path("walk.mp4")],
        "must end in .gif or .webp",
    );
    refused(
        data.path(),
        2,
        &["walk", "a", "--out", &path("walk.gif"), "--heads", "4"],
        "names two heads or more",
    );
    refused(data.path(), 2, &["walk", "--out", &path("walk.gif")], "name a run");
    refused(
        data.path(),
        2,
        &["sample", "a", "--run", "a", "--out", &out],
        "cannot be used with",
    );
    assert!(!data.path().join("out").exists());
}
