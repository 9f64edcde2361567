//! Scores while training, and the best checkpoint by them.

use std::path::Path;

use super::fixture::{data, detector, done, refused, train, training};
use super::processes::{begin, ended};
use super::runs::poison;

/// Settings that name the small feature network, with so many fakes.
fn settings(data: &Path, count: usize) {
    let text = format!(
        "[eval]\nfeatures = {:?}\ndetector = {:?}\ncount = {count}\n",
        data.join("features.onnx"),
        detector()
    );
    std::fs::write(data.join("stages.toml"), text).expect("writes");
}

fn scores(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read(run.join("scores.json")).expect("reads");
    serde_json::from_slice(&text).expect("is JSON")
}

#[test]
fn a_run_is_measured_while_it_trains_and_its_best_checkpoint_is_a_run() {
    let data = data();
    settings(data.path(), 16);
    // Measured after epochs 2 and 4, of which the second is another sitting's.
    train(data.path(), "a", &["--eval-epochs", "2"]);
    let whole = data.path().join("runs/a");
    assert_eq!(scores(&whole).len(), 1);
    let more = [
        "run",
        "--name",
        "a",
        "--resume",
        "--epochs",
        "4",
        "--threads",
        "1",
        "--eval-epochs",
        "2",
    ];
    done(data.path(), &more);
    let measured = scores(&whole);
    let steps: Vec<_> = measured.iter().map(|score| score["step"].as_u64()).collect();
    assert_eq!(steps, [Some(8), Some(16)]);
    let kid = |score: &serde_json::Value| score["kid"]["value"].as_f64().expect("a number");
    let lowest = measured.iter().min_by(|a, b| kid(a).total_cmp(&kid(b))).expect("two");
    let best = scores(&whole.join("best"));
    assert_eq!(best.last(), Some(lowest));
    let kept = dataset::files::sorted_entries(&whole.join("best/checkpoints")).expect("lists");
    assert_eq!(kept.len(), 1);
    // It is a run that every command takes, and measured again it gives the same score.
    let path = whole.join("best").display().to_string();
    done(data.path(), &["eval", &path, "--no-neighbours"]);
    let again = scores(&whole.join("best"));
    let apart = kid(again.last().expect("a score")) - kid(lowest);
    // Another number of threads rounds otherwise.
    assert!(apart.abs() < 0.01 * kid(lowest).abs(), "{apart}");
}

#[test]
fn the_first_of_two_ranks_measures_while_the_other_waits() {
    let data = data();
    settings(data.path(), 16);
    let flags = ["--eval-epochs", "1", "--resume"];
    for rank in ended(begin(|| training(data.path(), "a", &flags))) {
        assert!(rank.status.success(), "{rank:?}");
    }
    let steps: Vec<_> = scores(&data.path().join("runs/a"))
        .iter()
        .map(|score| score["step"].as_u64())
        .collect();
    assert_eq!(steps, [Some(4), Some(8)]);
}

#[test]
fn scores_of_steps_that_a_way_back_gives_up_are_gone() {
    let data = data();
    settings(data.path(), 16);
    train(data.path(), "a", &["--eval-epochs", "2"]);
    let run = data.path().join("runs/a");
    let mut measured = scores(&run);
    assert_eq!(measured[0]["step"], 8);
    // Three steps on a score, and a checkpoint that ends in NaN or infinity.
    let mut later = measured[0].clone();
    later["step"] = 11.into();
    measured.push(later);
    let text = serde_json::to_vec(&measured).expect("is JSON");
    std::fs::write(run.join("scores.json"), text).expect("writes");
    assert_eq!(poison(data.path(), "a", 3, 2).0, 8);
    done(
        data.path(),
        &["run", "--name", "a", "--resume", "--threads", "1", "--epochs", "20"],
    );
    let steps: Vec<_> = scores(&run).iter().map(|score| score["step"].as_u64()).collect();
    assert_eq!(steps, [Some(8)]);
}

#[test]
fn a_score_of_other_conditions_is_not_the_one_to_beat() {
    let data = data();
    settings(data.path(), 16);
    train(data.path(), "a", &["--eval-epochs", "2"]);
    let best = data.path().join("runs/a/best");
    // Lower than any that comes.
    let mut unbeatable = scores(&best);
    unbeatable[0]["kid"]["value"] = (-1e3).into();
    let text = serde_json::to_vec(&unbeatable).expect("is JSON");
    std::fs::write(best.join("scores.json"), text).expect("writes");
    let goes_on = |epochs: &str| {
        let words = ["run", "--name", "a", "--resume", "--threads", "1", "--eval-epochs", "2"];
        done(data.path(), &[&words[..], &["--epochs", epochs]].concat());
        scores(&best).last().expect("a score")["step"].as_u64()
    };
    assert_eq!(goes_on("4"), Some(8));
    settings(data.path(), 24);
    assert_ne!(goes_on("6"), Some(8));
}

#[test]
fn what_cannot_be_measured_is_told_before_the_run_begins() {
    let data = data();
    let asked = [
        "run",
        "--manifest",
        "v1",
        "--name",
        "b",
        "--side",
        "64",
        "--eval-epochs",
        "1",
    ];
    refused(
        data.path(),
        2,
        &asked,
        "no feature network is named: say in stages.toml",
    );
    std::fs::write(data.path().join("stages.toml"), "[eval]\nfeatures = \"stages.toml\"\n").expect("writes");
    refused(data.path(), 1, &asked, "is not a usable feature network");
    assert!(!data.path().join("runs/b").exists());
}
