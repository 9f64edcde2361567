//! Versions as they leave: comparing, bundles, exports, and what other programs read of them.

use std::path::Path;
use std::process::Command;

use pipeline::catalog::denied::Entry;
use pipeline::manifest::export::{self, Args, Form};
use pipeline::selection::Selection;
use pipeline::stop::Stop;

use crate::fixture::{House, picture, png};
use crate::manifest::freeze;

/// Posts `from` to `below` with one good face each and 100 likes a number.
async fn fill(house: &House, from: u32, below: u32) {
    for number in from..below {
        let bytes = png(&picture(number, &[(2, 2, 255)]));
        house.add(number.into(), Some(i64::from(number) * 100), &bytes).await;
    }
    house.crop(Selection::default()).await.expect("crops");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Python with datasets, webdataset and mlcroissant, named by TEST_PYTHON"]
async fn other_programs_read_the_exports_in_python() {
    let python = std::env::var("TEST_PYTHON").expect("TEST_PYTHON names a Python");
    let house = House::new().await;
    fill(&house, 1, 13).await;
    freeze(&house, Some("v1"), &Selection::default())
        .await
        .expect("freezes");
    let out = house.path("exports");
    for (form, name) in [
        (Form::Imagefolder, "imagefolder"),
        (Form::Webdataset, "webdataset"),
        (Form::Parquet, "parquet"),
    ] {
        let args = Args {
            name: "v1".into(),
            form,
            dir: out.join(name),
            side: Some(16),
            shard_megabytes: 1,
        };
        export::run(&house.path("manifests"), &house.store, &args, &Stop::never()).expect("exports");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_exports.py");
    let ended = Command::new(python).arg(script).arg(&out).output().expect("starts");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), "read 12");
}

/// What `pipeline manifest diff` says, as JSON.
async fn diff(house: &House, before: &str, after: &str) -> serde_json::Value {
    let manifests = house.path("manifests");
    let report = pipeline::manifest::diff::compare(&manifests, &house.catalog, before, after).await;
    serde_json::to_value(report.expect("compares")).expect("is JSON")
}

on_both!(every_row_that_came_or_went_has_its_reason);

async fn every_row_that_came_or_went_has_its_reason(house: House) {
    fill(&house, 1, 9).await;
    freeze(&house, Some("v1"), &Selection::default())
        .await
        .expect("freezes");
    // Stricter likes, another policy, a purge, new posts.
    house.purge(&[Entry::post("board", "8")]).await;
    fill(&house, 9, 12).await;
    let liked = Selection {
        min_likes: Some(300),
        ..Selection::default()
    };
    freeze(&house, Some("v2"), &liked).await.expect("freezes");
    let report = diff(&house, "v1", "v2").await;
    assert_eq!(report["same"], 5);
    assert_eq!(report["added"]["reasons"], serde_json::json!({"new since v1": 3}));
    let removed = serde_json::json!({"filter of v2: likes": 2, "purged": 1});
    assert_eq!(report["removed"]["reasons"], removed);
    assert_eq!(report["settings"][0]["what"], "filters");
    assert_eq!(report["settings"][0]["after"], "min-likes=300");

    // Back the other way the filter let them in again; what was purged stays away.
    freeze(&house, Some("v3"), &Selection::default())
        .await
        .expect("freezes");
    let report = diff(&house, "v2", "v3").await;
    assert_eq!(
        report["added"]["reasons"],
        serde_json::json!({"filter of v2: likes": 2})
    );
}
