//! `trainer eval`.

use std::path::Path;
use std::process::Command;

use dataset::Split;
use serde_json::Value;

use super::common::freeze_splits;
use super::fixture::{data, done, eval, features, heads, refused, trained};

fn words(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn score(data: &Path, more: &[&str]) -> Value {
    let args = eval(data, more);
    serde_json::from_str(&done(data, &words(&args))).expect("is JSON")
}

fn number(score: &Value, path: &str) -> f64 {
    score
        .pointer(path)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{path} is in {score}"))
}

#[test]
fn a_score_stands_with_its_conditions_and_comes_out_again() {
    let data = trained();
    let saved = data.path().join("saved");
    let saved = saved.to_string_lossy();
    let first = score(data.path(), &["a", "--json", "--save", &saved]);
    assert_eq!(score(data.path(), &["--run", "a", "--json"]), first);
    let kept: Value = serde_json::from_slice(&std::fs::read(data.path().join("runs/a/scores.json")).expect("reads"))
        .expect("is JSON");
    assert_eq!(kept, Value::from(vec![first.clone()]), "the second is the first again");
    let conditions = &first["conditions"];
    for (key, value) in [("reals", 16), ("fakes", 16), ("side", 64)] {
        assert_eq!(conditions[key], value, "{key}");
    }
    for digest in ["network", "detector", "reals_digest"] {
        assert_eq!(conditions[digest].as_str().map(str::len), Some(64), "{digest}");
    }
    assert!(number(&first, "/faces_of_reals/found") > 0.8, "{first}");
    assert!(number(&first, "/faces/found") <= 1.0);
    assert!(
        number(&first, "/kid/value") > number(&first, "/kid_of_training/value"),
        "{first}"
    );
    let sheet = image::open(data.path().join("runs/a/neighbours.png")).expect("a sheet");
    assert!(sheet.width() > 800 && sheet.height() > 700, "{sheet:?}");
    other_counts_are_another_score(data.path());
}

fn other_counts_are_another_score(data: &Path) {
    let other = score(data, &["a", "--json", "--count", "18"]);
    assert_eq!(other["conditions"]["fakes"], 18);
    let kept = std::fs::read(data.join("runs/a/scores.json")).expect("reads");
    let kept: Vec<Value> = serde_json::from_slice(&kept).expect("is JSON");
    assert_eq!(kept.len(), 2);
}

#[test]
#[ignore = "needs a Python with numpy and scipy, named by TEST_PYTHON"]
fn python_finds_the_same_score_from_the_features_that_were_saved() {
    let data = trained();
    let saved = data.path().join("saved");
    let score = &score(data.path(), &["a", "--json", "--save", &saved.to_string_lossy()]);
    let python = std::env::var_os("TEST_PYTHON").expect("TEST_PYTHON names a Python");
    let answer = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference.py"))
        .args([saved.join("reals.npy"), saved.join("fakes.npy")])
        .output()
        .expect("python starts");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let peer: Value = serde_json::from_slice(&answer.stdout).expect("is JSON");
    let near =
        |ours: f64, theirs: f64, off: f64| assert!((ours - theirs).abs() <= off, "{ours} {theirs}: {peer} {score}");
    near(
        number(score, "/fid"),
        number(&peer, "/fid"),
        1e-3 * number(&peer, "/fid").abs(),
    );
    for name in ["precision", "recall", "density", "coverage"] {
        near(
            number(score, &format!("/neighbourhoods/{name}")),
            number(&peer, &format!("/{name}")),
            1e-9,
        );
    }
    // Ours is a mean over subsets: its standard error of the mean is a tenth of their deviation.
    near(
        number(score, "/kid/value"),
        number(&peer, "/kid"),
        number(score, "/kid/error"),
    );
}

#[test]
fn copies_are_searched_for_among_the_heads_that_the_run_was_trained_on() {
    let data = trained();
    let others = heads(300..400).take(30).enumerate();
    let split = |number| if number < 12 { Split::Train } else { Split::Validation };
    freeze_splits(data.path(), "v2", others.map(|(number, head)| (head, split(number))));
    let told = score(data.path(), &["a", "--manifest", "v2", "--json"]);
    assert_eq!(told["conditions"]["reals"], 18, "{told}");
    assert_eq!(told["memorisation"]["training"], 32, "{told}");
    for side in ["drawn", "unseen", "trained"] {
        let opinion = number(&told, &format!("/opinions/{side}"));
        assert!(opinion > 0.0 && opinion < 1.0, "{told}");
    }
    let asked = eval(data.path(), &["a", "--manifest", "v2", "--against", "train"]);
    refused(data.path(), 2, &words(&asked), "`v2` is another manifest");
    std::fs::remove_dir_all(data.path().join("manifests/v1")).expect("removes");
    let asked = eval(data.path(), &["a", "--manifest", "v2"]);
    refused(
        data.path(),
        2,
        &words(&asked),
        "its heads cannot be searched for copies",
    );
    let asked = eval(data.path(), &["a", "--manifest", "v2", "--no-neighbours"]);
    done(data.path(), &words(&asked));
}

#[test]
fn a_networks_layout_is_read_from_its_metadata() {
    let data = trained();
    let planes = score(data.path(), &["a", "--json"]);
    features(&data.path().join("features.onnx"), true);
    let pixels = score(data.path(), &["a", "--json"]);
    assert_eq!(pixels["conditions"]["form"]["layout"], "nhwc");
    assert_ne!(pixels["conditions"]["network"], planes["conditions"]["network"]);
    let off = (number(&pixels, "/fid") - number(&planes, "/fid")).abs();
    assert!(off < 1e-3 * number(&planes, "/fid"), "{off}");
}

#[test]
fn heads_of_the_same_kind_are_near_the_reals_and_copies_are_caught() {
    let data = data();
    let pictures = data.path().join("pictures");
    std::fs::create_dir_all(&pictures).expect("makes");
    for (number, head) in heads(200..300).take(24).enumerate() {
        head.save(pictures.join(format!("{number}.png"))).expect("writes");
    }
    let measured = |folder: &Path| {
        score(
            data.path(),
            &["--pictures", &folder.to_string_lossy(), "--manifest", "v1", "--json"],
        )
    };
    let alike = measured(&pictures);
    let (kid, error) = (number(&alike, "/kid/value"), number(&alike, "/kid/error"));
    assert!(kid.abs() < 4.0 * error, "{alike}");
    assert!(number(&alike, "/faces/found") > 0.8, "{alike}");
    assert!(number(&alike, "/memorisation/copies") < 0.2, "{alike}");
    let copied = data.path().join("copied");
    std::fs::create_dir_all(&copied).expect("makes");
    for (number, head) in heads(0..100).take(36).enumerate().filter(|(number, _)| number % 3 != 2) {
        head.save(copied.join(format!("{number}.png"))).expect("writes");
    }
    let copied = measured(&copied);
    assert!(number(&copied, "/memorisation/copies") > 0.95, "{copied}");
    assert!(
        number(&copied, "/memorisation/fakes") < 0.01 * number(&copied, "/memorisation/unseen"),
        "{copied}"
    );
}
