//! The real program, killed at seeded moments of crop and manifest: the same command again ends in the
//! same tables and the same files as a run that nobody disturbed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pipeline::catalog::Catalog;
use sha2::{Digest, Sha256};

use crate::fixture::{picture, png, rows_of, tables_of};
use crate::model;

const PICTURES: u32 = 40;
const SETTINGS: &str = "[crop]\ndetector = \"red.onnx\"\nworkers = 2\n[curate]\nmin_second_score = 0.0\n[manifest]\nvalidation_share = 0.3\n[run]\nmax_failed_share = 1.0\n";
/// Moments of each story.
const KILLS: u32 = 20;

fn command(data: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    let config = data.parent().expect("has a parent").join("stages.toml");
    command.arg("--config").arg(config).arg("--data").arg(data).args(words);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn finish(data: &Path, words: &[&str]) {
    let ended = command(data, words).output().expect("runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Starts the program and kills it after a share of `whole`, drawn from the seed.
fn kill(data: &Path, words: &[&str], whole: Duration, seed: u32) {
    let mut child = command(data, words).stderr(Stdio::null()).spawn().expect("starts");
    let drawn = seed.wrapping_mul(0x9E37_79B1) >> 8;
    let moment = Instant::now() + whole.mul_f64(f64::from(drawn) / f64::from(1 << 24));
    while Instant::now() < moment {
        std::thread::yield_now();
    }
    // An error means that it had ended by itself: a moment after the last.
    let _ = child.kill();
    child.wait().expect("ends");
}

/// Every row that a purge may touch, every file but the database's and the lock.
async fn state_after_purge(data: &Path) -> Vec<String> {
    let mut state = state(data).await;
    let catalog = Catalog::open(&Catalog::sqlite_url(&data.join("catalog.sqlite")))
        .await
        .expect("opens");
    for sql in [
        "SELECT source, post FROM posts ORDER BY source, post",
        "SELECT source, post, image FROM files ORDER BY source, post",
        "SELECT image FROM images ORDER BY image",
        "SELECT kind, source, name, because FROM denied ORDER BY kind, source, name",
        "SELECT object FROM removals",
    ] {
        state.extend(rows_of(&catalog, sql).await);
    }
    catalog.close().await;
    for folder in ["packs", "sheets"] {
        let paths = dataset::files::sorted_entries(&data.join(folder)).expect("lists");
        let names = paths.iter().filter_map(|path| path.file_name());
        state.extend(names.map(|name| format!("{folder}/{}", name.display())));
    }
    state
}

/// A data folder with imported pictures, closed, beside its settings.
async fn template(folder: &Path) -> PathBuf {
    std::fs::write(folder.join("stages.toml"), SETTINGS).expect("writes");
    std::fs::write(folder.join("red.onnx"), model::bytes()).expect("writes");
    let pictures = folder.join("pictures");
    std::fs::create_dir(&pictures).expect("a folder");
    for number in 0..PICTURES {
        // Every third shares its first head with the one before, so that duplicates are settled too.
        let seed = if number % 3 == 2 { number - 1 } else { number };
        let mut drawn = picture(seed, &[(1, 1, 255), (4, 3, 200), (1, 4, 120)]);
        drawn.put_pixel(191, 191, image::Rgb([number as u8, 0, 90]));
        let bytes = png(&drawn);
        let whole = if number % 10 == 9 {
            bytes.len() - 30
        } else {
            bytes.len()
        };
        std::fs::write(pictures.join(format!("{number:02}.png")), &bytes[..whole]).expect("writes");
    }
    let data = folder.join("template");
    let pictures = pictures.display().to_string();
    finish(&data, &["import", &pictures, "--as", "pictures", "--source", "set"]);
    data
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for path in dataset::files::sorted_entries(from).expect("lists") {
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).expect("copies")),
        }
    }
}

/// Every row but its times, and every file but the database's, each with its length.
async fn state(data: &Path) -> Vec<String> {
    let catalog = Catalog::open(&Catalog::sqlite_url(&data.join("catalog.sqlite")))
        .await
        .expect("opens");
    let mut state = tables_of(&catalog).await;
    let dropped =
        "SELECT image, CASE WHEN dropped_at > 0 THEN 1 ELSE dropped_at END AS dropped FROM images ORDER BY image";
    state.extend(rows_of(&catalog, dropped).await);
    catalog.close().await;
    let mut folders = vec![data.join("manifests"), data.join("store")];
    while let Some(folder) = folders.pop() {
        for path in dataset::files::sorted_entries(&folder).expect("lists") {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(data).expect("is below").display().to_string();
                state.push(format!("{name} {}", std::fs::metadata(&path).expect("is there").len()));
            }
        }
    }
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_crop_ends_as_an_undisturbed_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = template(folder.path()).await;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/face_yolov3.onnx");
    let style = format!(
        "[curate.style]\nmax_distance = 1.2\nnetwork = '{}'\n",
        shipped.display()
    );
    let settings = format!("{SETTINGS}[store]\nkeep_originals = false\n{style}");
    std::fs::write(folder.path().join("stages.toml"), settings).expect("writes");
    let calm = folder.path().join("calm");
    copy(&template, &calm);
    let begun = Instant::now();
    finish(&calm, &["crop"]);
    let whole = begun.elapsed();
    let expected = state(&calm).await;
    let kept = expected.iter().filter(|line| line.starts_with("store/images/")).count();
    assert_eq!(kept, 0, "all originals are dropped");
    assert!(expected.iter().any(|line| line.contains("duplicate")) && expected.len() > 300);
    assert!(expected.iter().any(|line| line.contains(" style ")));
    // Five kills in a row each time: what one leaves is what the next begins with.
    for round in 0..KILLS / 5 {
        let data = folder.path().join(format!("killed{round}"));
        copy(&template, &data);
        for seed in round * 5..round * 5 + 5 {
            kill(&data, &["crop"], whole, seed + 1);
        }
        finish(&data, &["crop"]);
        assert_eq!(state(&data).await, expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_curate_ends_as_an_undisturbed_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = template(folder.path()).await;
    finish(&template, &["crop"]);
    // All of it is to do: measures, groups, second scores and verdicts.
    let catalog = Catalog::open(&Catalog::sqlite_url(&template.join("catalog.sqlite"))).await;
    let catalog = catalog.expect("opens");
    for sql in [
        "UPDATE heads SET measures = 0, perceptual = '', colour = 0, contrast = 0, crossings = 0, detail = 0",
        "DELETE FROM thumbnails",
        "DELETE FROM duplicate_groups",
        "DELETE FROM verdicts",
    ] {
        rows_of(&catalog, sql).await;
    }
    catalog.close().await;
    // The network of this test finds no face in a head alone, so that a second look leaves none to group.
    let stories = [
        ("min_second_score = 0.2", "no-face"),
        ("min_second_score = 0.0\nmax_per_picture = 1", "duplicate"),
    ];
    for (number, (filters, reason)) in stories.into_iter().enumerate() {
        let settings = SETTINGS.replace("min_second_score = 0.0", filters);
        std::fs::write(folder.path().join("stages.toml"), settings).expect("writes");
        let calm = folder.path().join(format!("calm{number}"));
        copy(&template, &calm);
        let begun = Instant::now();
        finish(&calm, &["curate"]);
        let whole = begun.elapsed();
        let expected = state(&calm).await;
        assert!(expected.iter().any(|line| line.contains(reason)), "{reason}");
        for round in 0..KILLS / 10 {
            let data = folder.path().join(format!("killed{number}-{round}"));
            copy(&template, &data);
            for seed in round * 5..round * 5 + 5 {
                kill(&data, &["curate"], whole, seed + 500 + 10 * number as u32);
            }
            finish(&data, &["curate"]);
            assert_eq!(state(&data).await, expected, "{reason}, round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_manifest_is_whole_or_absent_and_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = template(folder.path()).await;
    finish(&template, &["crop"]);
    let words = ["manifest", "create", "v1"];
    let calm = folder.path().join("calm");
    copy(&template, &calm);
    let begun = Instant::now();
    finish(&calm, &words);
    let whole = begun.elapsed();
    let expected = state(&calm).await;
    for seed in 0..KILLS {
        let data = folder.path().join(format!("killed{seed}"));
        copy(&template, &data);
        kill(&data, &words, whole, seed + 100);
        if let Ok(names) = dataset::manifest::list(&data.join("manifests"))
            && names == ["v1"]
        {
            dataset::Manifest::load(&data.join("manifests/v1")).expect("is whole");
        }
        finish(&data, &words);
        assert_eq!(state(&data).await, expected, "moment {seed}");
        finish(&data, &["manifest", "verify", "v1"]);
        std::fs::remove_dir_all(&data).expect("removes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_purge_is_finished_by_whatever_writes_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = template(folder.path()).await;
    finish(&template, &["crop"]);
    finish(&template, &["manifest", "create", "v1"]);
    std::fs::create_dir(template.join("packs")).expect("a folder");
    std::fs::write(template.join("packs/old.pack"), b"").expect("writes");
    finish(&template, &["sheet"]);
    let untouched = state_after_purge(&template).await;
    let posts: Vec<String> = (0..PICTURES / 2)
        .map(|number| format!("import:set/{number:02}.png"))
        .collect();
    let mut words = vec!["purge"];
    for post in &posts {
        words.extend(["--post", post]);
    }
    let calm = folder.path().join("calm");
    copy(&template, &calm);
    let begun = Instant::now();
    finish(&calm, &words);
    let whole = begun.elapsed();
    let expected = state_after_purge(&calm).await;
    finish(&calm, &["manifest", "verify", "v1"]);
    for seed in 0..KILLS {
        let data = folder.path().join("killed");
        copy(&template, &data);
        kill(&data, &words, whole, seed + 300);
        // Whatever stands, the version can be verified: no head is missed that is not known as purged.
        let (place, store) = (data.join("manifests/v1"), data.join("store"));
        let store = dataset::Store::open(&store).expect("opens");
        let report = dataset::manifest::verify(&place, &store, false, |_| ()).expect("verifies");
        assert!(report.problems.is_empty(), "moment {seed}: {:?}", report.problems);
        finish(&data, &["curate"]);
        let tombstones = |line: &&String| line.starts_with("manifests/v1/tombstones");
        let between = state_after_purge(&data).await;
        let whole = between == expected;
        let nothing = between.iter().filter(|line| !tombstones(line)).eq(untouched.iter());
        assert!(whole || nothing, "moment {seed}: half a purge was left");
        finish(&data, &words);
        assert_eq!(state_after_purge(&data).await, expected, "moment {seed}");
        std::fs::remove_dir_all(&data).expect("removes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ways_to_the_same_catalog_give_the_same_manifest() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = template(folder.path()).await;
    let id = |data: &Path| -> String {
        finish(data, &["manifest", "create", "v1"]);
        dataset::Manifest::load(&data.join("manifests/v1")).expect("reads").id()
    };
    let (at_once, in_steps) = (folder.path().join("at_once"), folder.path().join("in_steps"));
    copy(&template, &at_once);
    copy(&template, &in_steps);
    finish(&at_once, &["crop"]);
    for limit in ["7", "20", "100"] {
        finish(&in_steps, &["crop", "--limit", limit]);
    }
    assert_eq!(id(&at_once), id(&in_steps));
}

/// Every file below a folder with the hash of its bytes, hidden ones too.
fn tree(folder: &Path) -> std::collections::BTreeMap<PathBuf, String> {
    let hash = |path: &Path| hex::encode(Sha256::digest(std::fs::read(path).expect("reads")));
    let mut files = std::collections::BTreeMap::new();
    for path in dataset::files::sorted_entries(folder).expect("lists") {
        match path.is_dir() {
            true => files.extend(tree(&path)),
            false => drop(files.insert(path.clone(), hash(&path))),
        }
    }
    let strip = |(path, hash): (PathBuf, String)| match path.strip_prefix(folder) {
        Ok(rest) => (rest.to_path_buf(), hash),
        Err(_) => (path, hash),
    };
    files.into_iter().map(strip).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_bundle_or_export_is_finished_by_the_same_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = template(folder.path()).await;
    finish(&data, &["crop"]);
    finish(&data, &["manifest", "create", "v1"]);
    let place = |name: &str| folder.path().join(name).display().to_string();
    let stories: [(&str, &[&str]); 4] = [
        ("bundle", &[]),
        ("export", &["--as", "imagefolder", "--side", "32"]),
        ("export", &["--as", "webdataset"]),
        ("export", &["--as", "parquet"]),
    ];
    for (story, (verb, flags)) in stories.iter().enumerate() {
        let (calm, killed) = (place(&format!("calm{story}")), place(&format!("killed{story}")));
        let words = |target| [&["manifest", verb, "v1", target], *flags].concat();
        let text = format!("{verb} {}", flags.join(" "));
        let begun = Instant::now();
        finish(&data, &words(&calm));
        let whole = begun.elapsed();
        for seed in 0..KILLS / 2 {
            kill(&data, &words(&killed), whole, seed + 400);
            // An export is there whole or not at all; a bundle's manifest is.
            if *verb == "export" && Path::new(&killed).exists() {
                assert_eq!(
                    tree(Path::new(&killed)),
                    tree(Path::new(&calm)),
                    "moment {seed} of {text}"
                );
            }
        }
        finish(&data, &words(&killed));
        assert_eq!(tree(Path::new(&killed)), tree(Path::new(&calm)), "{text}");
        if let Some(data) = (*verb == "bundle").then(|| PathBuf::from(&killed)) {
            finish(&data, &["manifest", "verify", "v1"]);
        }
    }
}
