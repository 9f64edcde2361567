//! `trainer encoder`, and heads that follow a painted layout.

use std::path::{Path, PathBuf};

use image::{Rgba, RgbaImage};
use trainer::steer::looks::HAIR;

use super::fixture::{detector, done, refused, trained};
use super::steer::{base, heads, mean};

/// Hair of a colour round a face, on a ground that is left open.
fn painted(folder: &Path, hair: [u8; 3]) -> PathBuf {
    let picture = RgbaImage::from_fn(96, 96, |x, y| {
        let from = |x0: f32, y0: f32| ((x as f32 - x0).powi(2) + (y as f32 - y0).powi(2)).sqrt();
        match (from(48.0, 60.0) < 24.0 && y > 42, from(48.0, 44.0) < 40.0) {
            (true, _) => Rgba([250, 225, 205, 255]),
            (_, true) => Rgba([hair[0], hair[1], hair[2], 255]),
            _ => Rgba([0; 4]),
        }
    });
    let path = folder.join(format!("{}.png", hex::encode(hair)));
    picture.save(&path).expect("writes");
    path
}

#[test]
fn heads_of_the_base_model_follow_what_was_painted() {
    let data = base();
    let drawn = |hair: [u8; 3]| {
        let (layout, out) = (painted(data.path(), hair), data.path().join(hex::encode(hair)));
        let [layout, out] = [&layout, &out].map(|path| path.to_string_lossy().into_owned());
        let args = [
            "draw", "base", "--layout", &layout, "--count", "12", "--each", "--out", &out,
        ];
        let said = done(data.path(), &args);
        assert!(said.contains("12 heads, the layout before them"), "{said}");
        heads(Path::new(&out), 12)
    };
    // b* is below 0 where it is blue, and above where it is yellow.
    let (blue, blond) = (drawn([95, 130, 205]), drawn([235, 205, 135]));
    let (blue, blond) = (mean(&blue, HAIR + 2), mean(&blond, HAIR + 2));
    assert!(blue < 0.0 && blond > 15.0, "{blue} and {blond}");
}

#[test]
fn an_encoder_is_of_one_checkpoint_and_goes_with_its_run() {
    let data = trained();
    let settings = format!("[eval]\ndetector = {:?}\n", detector());
    std::fs::write(data.path().join("stages.toml"), settings).expect("writes");
    let layout = painted(data.path(), [190, 60, 60]);
    let layout = layout.to_string_lossy();
    let draw = |layout: &str, code: i32, expected: &str| {
        refused(
            data.path(),
            code,
            &["draw", "a", "--layout", layout, "--out", "x"],
            expected,
        )
    };
    draw(&layout, 2, "`a` has no encoder yet; `trainer encoder a` trains one");
    let said = done(data.path(), &["encoder", "a", "--heads", "640", "--threads", "1"]);
    assert!(said.contains("of 512 drawn heads that it did not see"), "{said}");
    let out = data.path().join("out");
    let out = out.to_string_lossy();
    let said = done(
        data.path(),
        &["export", "a", "--formats", "onnx,torchscript,run", "--out", &out],
    );
    assert!(
        said.contains("encoder.onnx") && said.contains("encoder.pt") && said.contains("with its encoder"),
        "{said}"
    );
    std::fs::rename(
        data.path().join("out/run.safetensors"),
        data.path().join("packed.safetensors"),
    )
    .expect("moves");
    for run in ["a", "packed"] {
        let args = [
            "draw", run, "--layout", &layout, "--count", "2", "--steps", "0", "--out", &out,
        ];
        assert!(done(data.path(), &args).contains("2 heads"));
    }
    let said = done(
        data.path(),
        &["complete", "a", "--unseen", "1", "--tries", "2", "--out", &out],
    );
    assert!(said.contains("picture 1 of 1"), "{said}");

    draw("nothing.png", 1, "cannot read the layout nothing.png");
    let narrow = data.path().join("narrow.png");
    RgbaImage::new(96, 64).save(&narrow).expect("writes");
    draw(&narrow.to_string_lossy(), 2, "the layout is 96 x 64: a square");
    let encoder = data.path().join("runs/a/encoder.safetensors");
    let bytes = std::fs::read(&encoder).expect("is there");
    std::fs::write(&encoder, &bytes[..bytes.len() / 2]).expect("writes");
    draw(&layout, 1, "it is damaged");
    std::fs::write(&encoder, bytes).expect("writes");
    done(
        data.path(),
        &["run", "--name", "a", "--resume", "--epochs", "3", "--threads", "1"],
    );
    draw(
        &layout,
        2,
        "the encoder of `a` is of an earlier checkpoint; `trainer encoder a` trains one anew",
    );
}
