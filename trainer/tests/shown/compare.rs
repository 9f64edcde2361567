//! `trainer compare`.

use super::fixture::{done, eval, features, refused, train, trained};

fn measure(data: &std::path::Path, run: &str) {
    let args = eval(data, &[run, "--no-neighbours"]);
    done(data, &args.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn runs_stand_side_by_side_with_what_differs_and_their_scores() {
    let data = trained();
    train(data.path(), "b", &["--loss", "lsgan", "--upsampling", "pixelshuffle"]);
    let out = data.path().join("compare.png");
    let table = done(data.path(), &["compare", "a", "b"]);
    assert!(
        table.contains("| upsampling ") && table.contains("pixelshuffle"),
        "{table}"
    );
    assert!(!table.contains("| batch "), "what is the same is left out: {table}");
    assert!(!table.contains("KID"), "{table}");
    let picture = image::open(&out).expect("a picture");
    assert!(picture.width() >= 250 + 2 * 588, "{picture:?}");
    measure(data.path(), "a");
    let half = done(data.path(), &["compare", "a", "b", "--json"]);
    let half: serde_json::Value = serde_json::from_str(&half).expect("is JSON");
    assert_eq!(half["b"]["FID"], "-");
    measure(data.path(), "b");
    let table = done(data.path(), &["compare", "a", "b"]);
    let kid = table
        .lines()
        .find(|line| line.starts_with("| KID x 1000"))
        .expect("a row");
    assert_eq!(kid.matches('*').count(), 1, "one is better: {kid}");
}

#[test]
fn scores_of_different_settings_are_refused_until_there_are_common_ones() {
    let data = trained();
    train(data.path(), "b", &[]);
    measure(data.path(), "a");
    features(&data.path().join("features.onnx"), true);
    measure(data.path(), "b");
    refused(data.path(), 2, &["compare", "a", "b"], "network");
    measure(data.path(), "a");
    done(data.path(), &["compare", "a", "b"]);
    refused(data.path(), 2, &["compare", "a", "nobody"], "there is no run `nobody`");
    refused(
        data.path(),
        2,
        &["compare", "a", "b", "--out", "x.gif"],
        "must end in .png",
    );
}
