//! The program purges what it crawled, cropped and froze; nothing brings it back.

#[path = "heads/model.rs"]
#[expect(dead_code, reason = "each test uses a part")]
mod model;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use dataset::manifest::Tombstones;
use dataset::pack::Pack;
use dataset::{Manifest, files};
use image::{Rgb, RgbImage};
use testbooru::{Board, NewPost, Server, Setup};

/// A settings file with two sites, and the data folder beside it.
struct Place(tempfile::TempDir);

impl Place {
    fn new(board: &Server, other: &Server) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (board, other) = (board.root_url(), other.root_url());
        let settings = format!(
            "[crop]\ndetector = \"red.onnx\"\nworkers = 2\n[curate]\nmin_second_score = 0.0\n[sites.board]\nroot = \"{board}\"\n[sites.other]\nroot = \"{other}\"\n"
        );
        std::fs::write(folder.path().join("stages.toml"), settings).expect("writes");
        std::fs::write(folder.path().join("red.onnx"), model::bytes()).expect("writes");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command that must end with `code`; gives both outputs.
    fn expect(&self, code: i32, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        let output = command
            .arg("--config")
            .arg(self.path("stages.toml"))
            .args(words)
            .output();
        let output = output.expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        text.into_owned()
    }

    /// Every object in the store.
    fn objects(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for kind in ["images", "heads"] {
            for shelf in files::sorted_entries(&self.path("data/store").join(kind)).expect("lists") {
                let objects = files::sorted_entries(&shelf).expect("lists").into_iter();
                found.extend(objects.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())));
            }
        }
        found
    }

    /// An empty file for a pack of `manifest` as it stands.
    fn pack(&self, manifest: &str) -> PathBuf {
        let folder = self.path("data/manifests").join(manifest);
        let id = Manifest::load(&folder).expect("reads").id();
        let name = format!(
            "{}64.pack",
            Pack::name_start(&id, &Tombstones::load(&folder).expect("reads"))
        );
        let path = self.path("data/packs").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, b"").expect("writes");
        path
    }
}

/// A picture of its own with one face.
fn picture(number: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut random = fastrand::Rng::with_seed(u64::from(number));
    let squares: Vec<[u8; 3]> = (0..400).map(|_| [0, random.u8(..), random.u8(..)]).collect();
    RgbImage::from_fn(model::SIDE, model::SIDE, |x, y| {
        match (x / model::CELL, y / model::CELL) == (2, 2) {
            true => Rgb([255, 0, 0]),
            false => Rgb(squares[(x / 10 + y / 10 * 20) as usize]),
        }
    })
    .write_to(&mut bytes, image::ImageFormat::Png)
    .expect("encodes");
    bytes.into_inner()
}

fn serve(pictures: &[u8]) -> (Server, Vec<String>) {
    let board = Board::empty();
    let add = |number: &u8| {
        let bytes = picture(*number);
        board.add(NewPost {
            bytes,
            ..NewPost::default()
        })
    };
    let ids = pictures.iter().map(|number| add(number).to_string()).collect();
    (Server::start(board, Setup::default()).expect("listens"), ids)
}

fn downloads(server: &Server) -> usize {
    let requests = server.requests();
    requests
        .iter()
        .filter(|request| request.path.starts_with("/image/"))
        .count()
}

/// Crawled, cropped, and frozen as `v1`.
fn prepared(board: &Server, other: &Server) -> Place {
    let place = Place::new(board, other);
    place.expect(0, &["crawl", "board"]);
    place.expect(0, &["crop"]);
    place.expect(0, &["manifest", "create", "v1"]);
    place
}

fn rows(place: &Path, manifest: &str) -> Vec<(String, String, String)> {
    let manifest = Manifest::load(&place.join("data/manifests").join(manifest)).expect("reads");
    let rows = manifest.rows.into_iter();
    rows.map(|row| (row.post, row.image, row.head)).collect()
}

#[test]
fn a_purged_post_leaves_every_place_but_the_frozen_rows() {
    let (board, ids) = serve(&[1, 2, 3]);
    let (other, _) = serve(&[]);
    let place = prepared(&board, &other);
    place.expect(0, &["sheet"]);
    let pack = place.pack("v1");
    // As `trainer eval` leaves it with a run.
    let sheet = place.path("data/runs/a/best/neighbours.png");
    std::fs::create_dir_all(sheet.parent().expect("has one")).expect("makes");
    std::fs::write(&sheet, b"drawn").expect("writes");
    let (before, frozen) = (place.objects(), rows(place.0.path(), "v1"));
    let (_, image, head) = frozen.iter().find(|(post, ..)| *post == ids[1]).expect("is frozen");
    let named = format!("board/{}", ids[1]);

    let text = place.expect(0, &["purge", "--post", &named, "--dry-run"]);
    assert!(text.contains("nothing removed yet"), "{text}");
    assert!(pack.exists() && place.objects() == before, "a dry run changes nothing");

    let text = place.expect(0, &["purge", "--post", &named]);
    assert!(text.contains("heads of manifest v1"), "{text}");
    let gone: BTreeSet<&String> = BTreeSet::from([image, head]);
    let left = place.objects();
    assert_eq!(before.difference(&left).collect::<BTreeSet<_>>(), gone);
    assert!(!pack.exists() && !place.path("data/sheets").exists());
    assert!(!sheet.exists());
    assert_eq!(rows(place.0.path(), "v1"), frozen, "what was frozen stays as it was");
    let text = place.expect(0, &["manifest", "verify", "v1"]);
    assert!(text.contains("2 heads as they were frozen, 1 purged"), "{text}");
    assert!(place.expect(0, &["manifest", "list"]).contains("(1 purged)"));
    assert!(place.expect(0, &["manifest", "show", "v1"]).contains("(1 purged)"));

    let pack = place.pack("v1");
    let text = place.expect(0, &["purge", "--post", &named]);
    assert!(text.contains("purge: 0 done"), "{text}");
    assert!(pack.exists() && place.objects() == left, "a second purge finds nothing");
}

#[test]
fn neither_its_site_nor_another_nor_a_folder_brings_a_purged_picture_back() {
    let (board, ids) = serve(&[1, 2, 3]);
    let (other, _) = serve(&[2, 4]);
    let place = prepared(&board, &other);
    let named = format!("board/{}", ids[1]);
    place.expect(0, &["purge", "--post", &named]);
    let left = place.objects();

    board.clear_requests();
    let text = place.expect(0, &["crawl", "board"]);
    assert!(
        text.contains("not selected: denied") && downloads(&board) == 0,
        "{text}"
    );
    let text = place.expect(0, &["crawl", "other"]);
    assert!(text.contains("skipped: denied"), "{text}");
    assert_eq!(downloads(&other), 1, "what is denied is not even fetched");
    let folder = place.path("folder");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("a.png"), picture(2)).expect("writes");
    let text = place.expect(0, &["import", &folder.display().to_string(), "--as", "pictures"]);
    assert!(text.contains("refused: denied"), "{text}");
    let new: Vec<String> = place.objects().difference(&left).cloned().collect();
    assert_eq!(new.len(), 1, "the other site's other picture alone: {new:?}");

    let entry = format!("post:{named}");
    let text = place.expect(0, &["purge", "--list"]);
    assert!(text.contains(&entry), "{text}");
    place.expect(0, &["purge", "--allow", &entry]);
    assert!(place.expect(0, &["purge", "--list"]).contains("nothing is denied"));
    place.expect(2, &["purge", "--allow", &entry]);
    place.expect(0, &["crawl", "board"]);
    assert_eq!(downloads(&board), 1, "allowed again, it is fetched again");
    let text = place.expect(0, &["crawl", "other"]);
    assert!(!text.contains("denied"), "{text}");
    place.expect(0, &["crop"]);
    let text = place.expect(0, &["manifest", "create", "v2"]);
    assert!(text.contains("4 heads"), "{text}");
    let text = place.expect(0, &["manifest", "verify", "v2"]);
    assert!(
        text.contains("4 heads as they were frozen") && !text.contains("purged"),
        "{text}"
    );
    assert!(place.expect(0, &["manifest", "verify", "v1"]).contains("1 purged"));
}

#[test]
fn a_picture_that_another_post_has_stays_until_that_one_is_purged() {
    let (board, ids) = serve(&[1, 2, 2]);
    let (other, _) = serve(&[]);
    let place = prepared(&board, &other);
    let before = place.objects();
    let named = |index: usize| format!("board/{}", ids[index]);
    let text = place.expect(0, &["purge", "--post", &named(1)]);
    assert!(text.contains(&format!("{} has it too", named(2))), "{text}");
    assert_eq!(place.objects(), before);
    assert!(!place.expect(0, &["manifest", "verify", "v1"]).contains("purged"));
    place.expect(0, &["purge", "--post", &named(2)]);
    assert_eq!(place.objects().len(), before.len() - 2);
    place.expect(0, &["manifest", "verify", "v1"]);
}

#[test]
fn a_purge_that_names_nothing_there_is_says_so() {
    let (board, _) = serve(&[1]);
    let (other, _) = serve(&[]);
    let place = prepared(&board, &other);
    place.expect(2, &["purge"]);
    let text = place.expect(2, &["purge", "--post", "bord/1"]);
    assert!(text.contains("no site `bord`") && text.contains("board"), "{text}");
    let text = place.expect(2, &["purge", "--post", "1"]);
    assert!(text.contains("SITE/ID"), "{text}");
    let text = place.expect(0, &["purge", "--post", "board/9999"]);
    assert!(text.contains("not in the catalog; it is denied all the same"), "{text}");
    assert_eq!(place.objects().len(), 2);
}
