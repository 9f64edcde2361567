//! The exports of a small version, byte by byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::manifest::{FunnelStep, Manifest, ManifestBody, SplitRule, Tombstones, pixel_hash};
use dataset::{Key, ManifestRow, Split, Store};
use image::{Rgb, RgbImage};

use super::place::{Place, Ticket};
use super::shards::{ShardKind, Shards};
use super::{Args, Form, run, sample};
use crate::manifest::statistics::Figures;
use crate::stop::Stop;

fn head(number: u32) -> RgbImage {
    RgbImage::from_fn(20, 20, |x, y| {
        Rgb([(x * 12) as u8, (y * 12) as u8, (number * 40) as u8])
    })
}

fn row(number: u32, store: &Store) -> ManifestRow {
    let picture = head(number);
    let png = sample::encode(&picture).expect("encodes");
    let hash = dataset::sha256(&png);
    store
        .put_blocking(&Key::head(&hash).expect("a hash"), png)
        .expect("stores");
    ManifestRow {
        source: "konachan".into(),
        post: number.to_string(),
        page: 0,
        ordinal: 0,
        artist: (number != 3).then(|| format!("artist \"{}\", the_{}th", number % 2, number % 2)),
        page_url: Some(format!("https://konachan.example/post/show/{number}")),
        source_url: None,
        rating: "safe".into(),
        tags: "blue_hair smile".into(),
        likes: Some(i64::from(number) * 100),
        views: None,
        created_at: 1_700_000_000,
        image: "1".repeat(64),
        image_width: 1500,
        image_height: 1000,
        detector: "2".repeat(64),
        x0: 10.25,
        y0: 20.0,
        x1: 110.5,
        y1: 121.0,
        score: 0.93,
        head: hash.clone(),
        pixels: pixel_hash(&picture),
        side: 20,
        sharpness: 0.5,
        duplicate_group: hash,
        split: if number == 5 { Split::Validation } else { Split::Train },
        perceptual: Some("00ff00ff00ff00ff".into()),
    }
}

/// A data folder with `v1` of six heads, one of them for validation.
fn frozen() -> (tempfile::TempDir, Store, Manifest) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(&folder.path().join("store")).expect("creates");
    let rows: Vec<ManifestRow> = (1..7).map(|number| row(number, &store)).collect();
    let mut figures = Figures::new(vision::crop::CropRule::default(), 1);
    rows.iter().for_each(|row| figures.push(row));
    let body = ManifestBody {
        sources: vec!["konachan".into()],
        filters: vec!["min-likes=100".into(), "since=2023-01-01".into()],
        popularity: BTreeMap::from([("konachan".into(), "likes = score".into())]),
        funnel: vec![
            FunnelStep::new("posts", 10),
            FunnelStep::new("refused: score", 2),
            FunnelStep::new("different heads", 6),
        ],
        detectors: vec!["2".repeat(64)],
        crop: "3".repeat(64),
        policy: "4".repeat(64),
        settings: BTreeMap::from([("crop.margin".into(), "2".into())]),
        split: SplitRule {
            seed: 0,
            validation: 0.2,
        },
        statistics: figures.finish(),
        ..ManifestBody::default()
    };
    let manifest = Manifest::new("v1", body, rows).expect("a manifest");
    manifest.write(&folder.path().join("manifests")).expect("writes");
    (folder, store, manifest)
}

fn export(folder: &Path, store: &Store, form: Form, to: &str, side: Option<u32>) -> anyhow::Result<PathBuf> {
    let args = Args {
        name: "v1".into(),
        form,
        dir: folder.join(to),
        side,
        shard_megabytes: 1,
    };
    run(&folder.join("manifests"), store, &args, &Stop::never()).map(|()| args.dir)
}

/// Every file below a folder, with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for path in dataset::files::sorted_entries(folder).expect("lists") {
        match path.is_dir() {
            true => files.extend(tree(&path)),
            false => drop(files.insert(path.clone(), std::fs::read(&path).expect("reads"))),
        }
    }
    files
}

fn relative(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let strip = |(path, bytes): (PathBuf, Vec<u8>)| (path.strip_prefix(folder).expect("lies in it").into(), bytes);
    tree(folder).into_iter().map(strip).collect()
}

/// Compares with a file of `tests/snapshots`; UPDATE_SNAPSHOTS=1 writes it. Hashes and lengths of
/// packed files are left out: another version of a codec may change them.
fn assert_snapshot(name: &str, text: &str) {
    let mut plain = String::new();
    for word in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let (body, end) = word.split_at(
            word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric())
                .len(),
        );
        // A whole hash, or the beginning of an id in a file's name.
        let is_hash = [8, 64].contains(&body.len()) && body.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.push_str(if is_hash { "HASH" } else { body });
        plain.push_str(end);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &plain).expect("writes");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(plain, expected, "{name} differs; UPDATE_SNAPSHOTS=1 writes it anew");
}

#[test]
fn cards_and_descriptions_are_as_they_were() {
    let (folder, store, manifest) = frozen();
    let purged = manifest.rows[0].head.clone();
    Tombstones::add(&folder.path().join("manifests/v1"), [purged.clone()]).expect("adds");
    for form in [Form::Imagefolder, Form::Webdataset, Form::Parquet] {
        let place = export(folder.path(), &store, form, form.word(), None).expect("exports");
        let read = |name: &str| std::fs::read_to_string(place.join(name)).expect("reads");
        assert_snapshot(&format!("{}.card.md", form.word()), &read("README.md"));
        let lengths = read("croissant.json");
        let lines = lengths.lines().filter(|line| !line.contains("contentSize"));
        assert_snapshot(
            &format!("{}.croissant.json", form.word()),
            &(lines.collect::<Vec<_>>().join("\n") + "\n"),
        );
        for (path, bytes) in tree(&place) {
            let found = bytes.windows(64).any(|window| window == purged.as_bytes());
            assert!(
                !found && !path.to_string_lossy().contains(&purged),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn a_version_gives_the_same_bytes_each_time_and_follows_a_purge() {
    let (folder, store, manifest) = frozen();
    for form in [Form::Imagefolder, Form::Webdataset, Form::Parquet] {
        let place = |to: &str| export(folder.path(), &store, form, &format!("{}-{to}", form.word()), Some(16));
        let (first, second) = (place("a").expect("exports"), place("b").expect("exports"));
        assert_eq!(relative(&first), relative(&second));
        place("a").expect("is there already");
        assert_eq!(relative(&first), relative(&second));
    }
    Tombstones::add(&folder.path().join("manifests/v1"), [manifest.rows[1].head.clone()]).expect("adds");
    let again = export(folder.path(), &store, Form::Imagefolder, "imagefolder-a", Some(16)).expect("exports anew");
    let purged = format!("{}.png", manifest.rows[1].head);
    assert!(tree(&again).keys().all(|path| !path.ends_with(&purged)));
    let rows = std::fs::read_to_string(again.join("train/metadata.jsonl")).expect("reads");
    assert_eq!(rows.lines().count(), 4);
}

#[test]
fn what_is_there_already_is_not_overwritten() {
    let (folder, store, _) = frozen();
    let thesis = folder.path().join("thesis");
    std::fs::create_dir(&thesis).expect("a folder");
    std::fs::write(thesis.join("thesis.txt"), "years of work").expect("writes");
    let error = export(folder.path(), &store, Form::Parquet, "thesis", None).expect_err("is no export");
    assert!(error.to_string().contains("is no export"), "{error}");
    export(folder.path(), &store, Form::Parquet, "new", None).expect("exports");
    let error = export(folder.path(), &store, Form::Webdataset, "new", None).expect_err("is another export");
    assert!(error.to_string().contains("another export"), "{error}");
}

#[test]
fn shards_end_at_their_bound_and_go_on_where_a_killed_run_was() {
    let (folder, store, manifest) = frozen();
    let ticket = Ticket {
        format: 1,
        manifest: "v1".into(),
        id: manifest.id(),
        kind: "webdataset".into(),
        side: None,
        shard_bytes: 3000,
        purged: String::new(),
    };
    // All at once, and with an end after each row: what was not finished then is done again.
    let fill = |to: &str, rows: usize| {
        let mut place = Place::begin(&folder.path().join(to), &ticket)
            .expect("begins")
            .expect("is not there");
        let mut shards = Shards::new(&mut place, ShardKind::Tar, "train", ticket.shard_bytes);
        let finished = shards.finished_rows() as usize;
        let left = manifest.rows[finished..].iter().take(rows).cloned().collect();
        for sample in sample::read(left, &store, None).expect("reads") {
            shards.add(sample).expect("writes");
        }
        if finished + rows >= manifest.rows.len() {
            shards.close().expect("ends");
            place.finish().expect("is whole");
            return true;
        }
        false
    };
    assert!(fill("whole", 6));
    assert!((0..6).any(|_| fill("parts", 3)));
    let (whole, parts) = (
        relative(&folder.path().join("whole")),
        relative(&folder.path().join("parts")),
    );
    assert_eq!(whole, parts);
    assert!(whole.len() > 3, "several shards: {:?}", whole.keys());
}
