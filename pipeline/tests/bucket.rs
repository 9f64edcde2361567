//! The whole job over a bucket, by the program and a service that checks signatures and misbehaves: rows and
//! objects are in the end those of a store in a folder.

#[path = "heads/model.rs"]
#[expect(dead_code, reason = "each test uses a part")]
mod model;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use dataset::{Manifest, files};
use image::{Rgb, RgbImage};
use pipeline::catalog::Catalog;
use sqlx::Row;
use testbooru::{Board, NewPost};
use tests3::{Fault, KEY, SECRET};

const POSTS: u8 = 40;

/// A settings file and the data folder beside it.
struct Place {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    /// With the store in the data folder.
    fn new(board: &testbooru::Server) -> Self {
        Self::with(board, "", Vec::new())
    }

    /// With the store in the bucket; a stalled request is given up soon.
    fn in_bucket(board: &testbooru::Server, service: &tests3::Server) -> Self {
        let settings = format!(
            "objects = \"s3://heads/a/job\"\ns3_endpoint = \"{}\"\n",
            service.endpoint()
        );
        let variables = [
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_TIMEOUT", "2s"),
        ];
        let variables = variables.map(|(name, value)| (name.to_string(), value.to_string()));
        Self::with(board, &settings, variables.to_vec())
    }

    fn with(board: &testbooru::Server, store: &str, environment: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let board = board.root_url();
        let settings = format!(
            "[store]\n{store}[crop]\ndetector = \"red.onnx\"\nworkers = 2\n[curate]\nmin_second_score = 0.0\n\
             [sites.board]\nroot = \"{board}\"\n"
        );
        std::fs::write(folder.path().join("stages.toml"), settings).expect("writes");
        std::fs::write(folder.path().join("red.onnx"), model::bytes()).expect("writes");
        Self { folder, environment }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.env_clear().envs(self.environment.iter().cloned());
        command.current_dir(self.folder.path()).args(words);
        command
    }

    /// Runs a command that must end with `code`; gives both outputs, which hold no key.
    fn expect(&self, code: i32, words: &[&str]) -> String {
        let output = self.command(words).output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        assert!(!text.contains(SECRET) && !text.contains(KEY), "{words:?}: {text}");
        text.into_owned()
    }

    /// Every row but its times.
    async fn rows(&self) -> BTreeMap<&'static str, Vec<String>> {
        let url = Catalog::sqlite_url(&self.path("data/catalog.sqlite"));
        let catalog = Catalog::open(&url).await.expect("opens");
        let mut rows = BTreeMap::new();
        for (table, sql) in [
            (
                "posts",
                "SELECT source || post || status || COALESCE(md5, '') || waiting AS line FROM posts ORDER BY 1",
            ),
            (
                "images",
                "SELECT image || format || bytes || width || height || md5 AS line FROM images ORDER BY 1",
            ),
            (
                "files",
                "SELECT source || post || page || COALESCE(image, '') || outcome || COALESCE(reason, '') || attempts AS line \
                 FROM files ORDER BY 1",
            ),
            (
                "heads",
                "SELECT image || ordinal || crop || head AS line FROM heads ORDER BY 1",
            ),
            ("removals", "SELECT object AS line FROM removals ORDER BY 1"),
        ] {
            let found = sqlx::query(sql).fetch_all(catalog.pool()).await.expect("reads");
            rows.insert(table, found.iter().map(|row| row.get("line")).collect());
        }
        catalog.close().await;
        rows
    }

    /// Every object of a store in a folder.
    fn objects(&self) -> Vec<String> {
        let store = self.path("data/store");
        let mut names = files::files_below(&store).expect("lists");
        names.sort();
        let name = |path: &PathBuf| path.strip_prefix(&store).expect("is below").display().to_string();
        names.iter().map(name).collect()
    }

    /// No file holds a key.
    fn holds_no_key(&self) {
        let mut seen = 0;
        for path in files::files_below(self.folder.path()).expect("lists") {
            let bytes = std::fs::read(&path).expect("reads");
            let holds = |key: &str| bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!holds(SECRET) && !holds(KEY), "{}", path.display());
            seen += 1;
        }
        assert!(seen > 5);
    }
}

/// Every object in the bucket, below the prefix.
fn objects(service: &tests3::Server) -> Vec<String> {
    let names = service.objects().into_iter();
    let name = |name: String| name.strip_prefix("a/job/").expect("lies below the prefix").to_string();
    names.map(name).collect()
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

fn board() -> (testbooru::Server, Vec<String>) {
    let board = Board::empty();
    let add = |number: u8| {
        let bytes = picture(number);
        board.add(NewPost {
            bytes,
            ..NewPost::default()
        })
    };
    let ids = (0..POSTS).map(|number| add(number).to_string()).collect();
    let server = testbooru::Server::start(board, testbooru::Setup::default());
    (server.expect("listens"), ids)
}

/// From nothing to a version that is bundled and exported, and from which a post was purged.
fn whole_job(place: &Place, purged: &str) {
    place.expect(0, &["crawl", "board"]);
    place.expect(0, &["crop"]);
    place.expect(0, &["curate"]);
    place.expect(0, &["manifest", "create", "v1"]);
    place.expect(0, &["sheet"]);
    place.expect(0, &["manifest", "verify", "v1"]);
    place.expect(0, &["manifest", "verify", "v1", "--quick"]);
    place.expect(0, &["manifest", "bundle", "v1", "bundle"]);
    place.expect(0, &["manifest", "bundle", "v1", "bundle.tar"]);
    place.expect(0, &["manifest", "export", "v1", "--as", "imagefolder", "folder"]);
    place.expect(0, &["manifest", "verify", "v1", "bundle", "bundle.tar", "folder"]);
    place.expect(0, &["export", "pictures"]);
    place.expect(0, &["purge", "--post", &format!("board/{purged}")]);
    place.expect(0, &["manifest", "bundle", "v1", "bundle"]);
    let text = place.expect(0, &["crawl", "board"]);
    assert!(!text.contains("gone from the store"), "{text}");
    place.expect(0, &["crop"]);
}

/// What a finished job leaves beside its rows and objects.
fn made(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let mut made = BTreeMap::new();
    for folder in ["bundle/store", "folder", "pictures"] {
        for path in files::files_below(&place.path(folder)).expect("lists") {
            let is_text = |ending: &str| path.extension().is_some_and(|found| found == ending);
            // What tells when it was made.
            if !is_text("md") && !is_text("json") && !is_text("jsonl") {
                let name = path.strip_prefix(place.folder.path()).expect("is below");
                made.insert(name.display().to_string(), std::fs::read(&path).expect("reads"));
            }
        }
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_job_ends_as_over_a_folder_whatever_the_service_does() {
    let (board, ids) = board();
    let folder = Place::new(&board);
    whole_job(&folder, &ids[3]);
    let expected = folder.rows().await;
    assert_eq!((expected["images"].len(), expected["heads"].len()), (39, 39));
    let rows = Manifest::load(&folder.path("data/manifests/v1")).expect("reads").rows;

    let service = tests3::Server::start();
    let place = Place::in_bucket(&board, &service);
    // Every seventh request fails, in turns; a stall takes two seconds.
    service.misbehave(|asked| {
        let faults = [Fault::Internal, Fault::SlowDown, Fault::Drop, Fault::Cut];
        match asked.number % 7 {
            3 if asked.number == 70 => Some(Fault::Stall),
            3 => Some(faults[asked.number / 7 % faults.len()]),
            _ => None,
        }
    });
    whole_job(&place, &ids[3]);
    assert_eq!(place.rows().await, expected);
    assert_eq!(objects(&service), folder.objects());
    assert_eq!(
        Manifest::load(&place.path("data/manifests/v1")).expect("reads").rows,
        rows
    );
    assert_eq!(made(&place), made(&folder));
    assert!(
        !place.path("data/store").exists(),
        "no second store is begun beside the bucket"
    );
    place.holds_no_key();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_is_killed_or_denied_goes_on_where_it_was() {
    let (board, _) = board();
    let folder = Place::new(&board);
    folder.expect(0, &["crawl", "board"]);
    let expected = (folder.rows().await, folder.objects());

    let service = tests3::Server::start();
    let place = Place::in_bucket(&board, &service);
    let (put, puts) = channel();
    let put = Mutex::new(put);
    // The first pictures are stored, and those after them never answered.
    service.misbehave(move |asked| {
        let picture = asked.method == "PUT" && asked.path.contains("/images/");
        let sent = picture && put.lock().expect("is whole").send(()).is_ok();
        (sent && asked.number > 60).then_some(Fault::Stall)
    });
    let mut child = place.command(&["crawl", "board"]);
    let mut child = child
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    for _ in 0..15 {
        puts.recv_timeout(Duration::from_secs(60)).expect("pictures are stored");
    }
    child.kill().expect("is killed");
    child.wait().expect("ends");

    service.misbehave(|asked| (asked.method == "PUT").then_some(Fault::Denied));
    let text = place.expect(1, &["crawl", "board"]);
    assert!(
        text.contains("AccessDenied") && text.contains("what they may do in the bucket"),
        "{text}"
    );
    let stored = place.rows().await["images"].len();
    assert!(
        stored < usize::from(POSTS) && stored < objects(&service).len(),
        "bytes first, then the row"
    );

    service.misbehave(|_| None);
    place.expect(0, &["crawl", "board"]);
    assert_eq!((place.rows().await, objects(&service)), expected);
    // What is taken out of the bucket is missed, and fetched again.
    let lost = objects(&service).pop().expect("has some");
    std::fs::remove_file(service.file(&format!("a/job/{lost}"))).expect("removes");
    let text = place.expect(0, &["crawl", "board"]);
    assert!(text.contains("gone from the store"), "{text}");
    assert_eq!(objects(&service), expected.1);
    place.holds_no_key();
}

#[test]
fn wrong_settings_end_the_run_at_once_with_what_to_set() {
    let (board, _) = board();
    let service = tests3::Server::start();
    for (name, value, code, expected) in [
        ("AWS_SECRET_ACCESS_KEY", "another", 1, "AWS_SECRET_ACCESS_KEY"),
        (
            "HEADS_STORE_URL",
            "s3://other/a",
            1,
            "check the bucket in [store] objects or HEADS_STORE_URL",
        ),
        (
            "HEADS_STORE_URL",
            "gs://heads/a",
            2,
            "HEADS_STORE_URL: write s3://BUCKET/PREFIX",
        ),
    ] {
        let mut place = Place::in_bucket(&board, &service);
        place.set(name, value);
        let text = place.expect(code, &["crawl", "board"]);
        assert!(text.contains(expected), "{text}");
        assert!(!place.path("data/store").exists());
    }
    assert!(service.objects().is_empty());
    let place = Place::with(&board, "objects = \"gs://heads\"\n", Vec::new());
    let text = place.expect(2, &["crawl", "board"]);
    assert!(
        text.contains("line 2: [store] objects: write s3://BUCKET/PREFIX"),
        "{text}"
    );

    let place = Place::in_bucket(&board, &service);
    place.expect(0, &["crawl", "board"]);
    std::fs::remove_file(service.file("a/job/STORE")).expect("vanishes");
    for words in [&["crawl", "board"][..], &["crop"], &["status"]] {
        let text = place.expect(1, words);
        assert!(text.contains("the store s3://heads/a/job vanished"), "{text}");
    }
    assert!(!Path::new(&service.file("a/job/STORE")).exists());
}

#[test]
fn pictures_are_stored_side_by_side() {
    let (board, _) = board();
    let service = tests3::Server::start();
    let mut place = Place::in_bucket(&board, &service);
    place.set("AWS_TIMEOUT", "60s");
    place.expect(0, &["crawl", "board", "--list-only"]);
    // One by one, none of them would ever be answered.
    service.gather(16);
    place.expect(0, &["crawl", "board"]);
    assert_eq!(objects(&service).len(), 1 + usize::from(POSTS));
}
