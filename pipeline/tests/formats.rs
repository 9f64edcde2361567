//! Data folders that earlier builds made (tests/formats, a folder a version) are read, and go on.

use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline::catalog::{Catalog, summary};
use pipeline::digests::Digests;
use pipeline::manifest::{self, ManifestSettings, Origin};
use pipeline::selection::Selection;
use vision::crop::CropRule;

/// Copies of the folders of every version.
fn folders() -> Vec<(tempfile::TempDir, PathBuf)> {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/formats");
    let versions = dataset::files::sorted_entries(&formats).expect("lists");
    let versions: Vec<PathBuf> = versions.into_iter().filter(|path| path.is_dir()).collect();
    assert!(!versions.is_empty());
    let copied = |version: &PathBuf| {
        let folder = tempfile::tempdir().expect("a folder");
        let copied = Command::new("cp")
            .arg("-r")
            .arg(version)
            .arg(folder.path().join("data"))
            .status();
        assert!(copied.expect("cp is there").success());
        let data = folder.path().join("data");
        (folder, data)
    };
    versions.iter().map(copied).collect()
}

fn pipeline(data: &Path, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    let command = command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let ended = command.arg("--data").arg(data).args(words).output().expect("runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended.status.success(), "{words:?}: {}", said(&ended.stderr));
    said(&ended.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_and_a_version_of_an_earlier_build_are_read() {
    for (_folder, data) in folders() {
        assert!(pipeline(&data, &["manifest", "verify", "v1"]).contains("v1"));
        let status: serde_json::Value = serde_json::from_str(&pipeline(&data, &["status", "--json"])).expect("is JSON");
        assert!(status.to_string().contains("konachan"), "{status}");
        assert!(pipeline(&data, &["reject", "--list"]).contains("the smallest hash"));

        // Frozen once more by what its own build decided, the rows are the same.
        let first = manifest::open(&data.join("manifests"), "v1").expect("opens");
        let catalog = Catalog::open(&Catalog::sqlite_url(&data.join("catalog.sqlite")))
            .await
            .expect("opens");
        let body = &first.body;
        let origin = Origin {
            selection: &Selection::default(),
            digests: &Digests {
                detector: body.detectors[0].clone(),
                crop: body.crop.clone(),
                policy: body.policy.clone(),
            },
            rule: CropRule::default(),
            settings: &body.settings,
            popularity: &body.popularity,
        };
        let settings = ManifestSettings::default();
        let again = manifest::create(&catalog, &data.join("manifests"), &settings, &origin, "v2").await;
        assert_eq!(again.expect("freezes").manifest.rows_digest, first.rows_digest);
        let rows: usize = first
            .batches()
            .expect("opens")
            .map(|rows| rows.expect("is whole").len())
            .sum();
        assert_eq!(rows, 24);
        assert_eq!(summary::counts(&catalog).await.expect("counts").posts["konachan"], 12);
    }
}
