//! `trainer attributes`, heads in the colours asked for, and a run in one file.

use std::path::{Path, PathBuf};

use image::RgbImage;
use trainer::engine::plan::Layer;
use trainer::eval::extract::best_faces;
use trainer::gan::trained::Trained;
use trainer::steer::looks;

use super::fixture::{detector, done, refused, train, trained};

/// A data folder with the base model alone.
pub fn base() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/base.safetensors");
    std::fs::copy(shipped, folder.path().join("base.safetensors")).expect("the base model is there");
    let settings = format!("[eval]\ndetector = {:?}\n", detector());
    std::fs::write(folder.path().join("stages.toml"), settings).expect("writes");
    folder
}

pub fn heads(folder: &Path, count: usize) -> Vec<RgbImage> {
    let path = |number| -> PathBuf { folder.join(format!("head-{number:04}.png")) };
    let open = |number| image::open(path(number)).expect("a head").into_rgb8();
    (1..=count).map(open).collect()
}

/// The mean of a number of [`looks::Looks`] over the heads that tell it.
pub fn mean(heads: &[RgbImage], column: usize) -> f32 {
    let faces = best_faces(heads, &detector(), "faces").expect("looks");
    let told = heads.iter().zip(faces).filter_map(|(head, face)| {
        let number = looks::measure(head, &face?.bbox)[column];
        number.is_finite().then_some(number)
    });
    let told: Vec<f32> = told.collect();
    assert!(2 * told.len() > heads.len(), "{} of {}", told.len(), heads.len());
    told.iter().sum::<f32>() / told.len() as f32
}

#[test]
fn the_base_model_draws_hair_and_eyes_as_asked() {
    let data = base();
    let drawn = |out: &str, more: &[&str]| -> Vec<RgbImage> {
        let folder = data.path().join(out);
        let mut args = vec![
            "sample", "base", "--count", "48", "--keep", "12", "--rank", "d", "--each", "--out",
        ];
        let folder_name = folder.to_string_lossy();
        args.push(&folder_name);
        args.extend(more);
        let said = done(data.path(), &args);
        assert!(more.is_empty() || said.contains("of 48 drawn have it"), "{said}");
        heads(&folder, 12)
    };
    let plain = drawn("plain", &[]);
    let (blue, blond) = (drawn("blue", &["--hair", "blue"]), drawn("blond", &["--hair", "blond"]));
    // b* is below 0 where it is blue, and above where it is yellow.
    assert!(mean(&blue, 2) < -8.0, "{}", mean(&blue, 2));
    assert!(mean(&blond, 2) > 15.0, "{}", mean(&blond, 2));
    let red = drawn("red", &["--eyes", "red"]);
    for (column, eye) in [(4, "left"), (7, "right")] {
        let (before, after) = (mean(&plain, column), mean(&red, column));
        assert!(after > before + 10.0, "a* of the {eye} eye: {before} to {after}");
    }
    // As blond as the head that is named by its file.
    let like = data.path().join("blond/head-0001.png");
    let like = drawn("like", &["--like", &like.to_string_lossy()]);
    assert!(mean(&like, 2) > 10.0, "{}", mean(&like, 2));

    let out = data.path().join("walk.gif");
    let out = out.to_string_lossy();
    let said = done(
        data.path(),
        &[
            "walk", "base", "--along", "hair", "--heads", "3", "--steps", "6", "--out", &out,
        ],
    );
    assert!(said.contains("6 frames"), "{said}");

    let far = ["sample", "base", "--like", "100000", "--out", "x"];
    refused(data.path(), 2, &far, "numbered up to 99999");
    let attributes = data.path().join("runs/base/attributes.json");
    let text = std::fs::read_to_string(&attributes).expect("is unpacked");
    let asked = ["sample", "base", "--hair", "blue", "--out", "x"];
    let digest = text.find("\"generator\":\"").expect("is named") + 13;
    let mut other = text.clone();
    other.replace_range(digest..digest + 4, "0000");
    std::fs::write(&attributes, other).expect("writes");
    refused(data.path(), 2, &asked, "of an earlier checkpoint");
    let slopes = text.replacen("\"slope\":[", "\"slope\":[1.0,", 1);
    std::fs::write(&attributes, slopes).expect("writes");
    refused(
        data.path(),
        1,
        &asked,
        "was changed; `trainer attributes base` measures them anew",
    );
    std::fs::write(&attributes, &text[..text.len() / 2]).expect("writes");
    refused(
        data.path(),
        1,
        &asked,
        "is damaged; `trainer attributes base` measures them anew",
    );
}

#[test]
fn what_cannot_be_steered_is_told() {
    let data = trained();
    let settings = format!("[eval]\ndetector = {:?}\n", detector());
    std::fs::write(data.path().join("stages.toml"), settings).expect("writes");
    let sample = |more: &[&'static str]| [&["sample", "a", "--out", "x"], more].concat();
    let unmeasured = "were not measured yet; `trainer attributes a` measures them";
    refused(data.path(), 2, &sample(&["--hair", "blue"]), unmeasured);
    refused(data.path(), 2, &sample(&["--eyes", "blau"]), "black, brown, blond");
    let few = ["attributes", "a", "--count", "400"];
    refused(data.path(), 2, &few, "no number can be told of 200 heads or more");
    let both = ["walk", "a", "--along", "hair", "--walks", "2", "--out", "x.gif"];
    refused(data.path(), 2, &both, "--along and --walks do not go together");
}

#[test]
fn a_run_in_one_file_draws_what_the_run_draws_and_is_begun_from() {
    let data = trained();
    let out = data.path().join("out");
    let said = done(
        data.path(),
        &["export", "a", "--formats", "run", "--out", &out.to_string_lossy()],
    );
    assert!(
        said.contains("without attributes (the attributes of `a` were not measured yet"),
        "{said}"
    );
    let packed = data.path().join("packed.safetensors");
    std::fs::rename(out.join("run.safetensors"), &packed).expect("moves");
    let drawn = |run: &str, out: &str| -> RgbImage {
        let folder = data.path().join(out);
        let folder = folder.to_string_lossy();
        done(
            data.path(),
            &[
                "sample", run, "--count", "4", "--keep", "4", "--rank", "d", "--out", &folder,
            ],
        );
        image::open(data.path().join(out).join("grid.png"))
            .expect("a grid")
            .into_rgb8()
    };
    let (run, file) = (drawn("a", "of-run"), drawn("packed", "of-file"));
    let apart = run
        .as_raw()
        .iter()
        .zip(file.as_raw())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(apart <= Some(3), "half precision rounds: {apart:?}");
    assert_eq!(drawn(&packed.to_string_lossy(), "again"), file);

    // Networks of the shape of the run's, which no flag asks for.
    train_from(data.path(), "packed", "b");
    let config = |run: &str| -> serde_json::Value {
        let text = std::fs::read(data.path().join("runs").join(run).join("run.json")).expect("reads");
        serde_json::from_slice::<serde_json::Value>(&text).expect("JSON")["config"].clone()
    };
    assert_eq!(config("b")["width"], config("a")["width"]);
    // What is frozen stays, and nothing else.
    let discriminator = |run: &str| {
        Trained::load(data.path(), Path::new(run))
            .expect("loads")
            .gan
            .discriminator
    };
    let (before, after) = (discriminator("packed"), discriminator("b"));
    let convolutions: Vec<usize> = (0..before.plan.layers.len())
        .filter(|row| matches!(before.plan.layers[*row], Layer::Conv { .. }))
        .collect();
    for (number, row) in convolutions.into_iter().enumerate() {
        let stays = before.tensor(row, "weight").equal(&after.tensor(row, "weight"));
        assert_eq!(stays, number < 2, "convolution {number}");
    }
    let frozen = ["run", "--manifest", "v1", "--name", "d", "--freeze", "1"];
    refused(data.path(), 2, &frozen, "name it by --from");
    train(data.path(), "c", &["--seed", "5"]);
    let bytes = std::fs::read(&packed).expect("reads");
    std::fs::write(data.path().join("half.safetensors"), &bytes[..bytes.len() / 2]).expect("writes");
    let mut other = bytes.clone();
    *other.last_mut().expect("has bytes") ^= 1;
    std::fs::write(data.path().join("changed.safetensors"), other).expect("writes");
    for name in ["half", "changed"] {
        refused(data.path(), 1, &["sample", name, "--out", "x"], "it is damaged");
        assert!(!data.path().join("runs").join(name).exists());
    }
    std::fs::copy(&packed, data.path().join("c.safetensors")).expect("copies");
    let file = data.path().join("c.safetensors");
    refused(
        data.path(),
        1,
        &["sample", &file.to_string_lossy(), "--out", "x"],
        "is another run than that of",
    );
}

fn train_from(data: &Path, from: &str, name: &str) {
    let args = [
        "run",
        "--manifest",
        "v1",
        "--from",
        from,
        "--name",
        name,
        "--batch",
        "8",
        "--freeze",
        "2",
        "--epochs",
        "1",
        "--threads",
        "1",
        "--precision",
        "f32",
    ];
    done(data, &args);
}
