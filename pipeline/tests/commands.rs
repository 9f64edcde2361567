//! The program as cron and scripts meet it: exit codes, messages, and the whole of `pipeline run`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dataset::Manifest;
use dataset::manifest::Tombstones;
use dataset::pack::Pack;
use serde_json::Value;
use tempfile::TempDir;
use testbooru::{Board, Fault, Invention, Pictures, Server, Setup, Target};

/// A settings file and data folder of their own; the detector is the shipped one.
struct Place(TempDir);

impl Place {
    /// `extra` is added to the shipped settings, whose site `konachan` is moved to `root`.
    fn new(root: &str, extra: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let shipped = std::fs::read_to_string(checkout.join("stages.toml")).expect("is shipped");
        let detector = checkout.join("data/face_yolov3.onnx");
        let text = shipped
            .replace(
                "\"data/face_yolov3.onnx\"",
                &format!("{:?}", detector.display().to_string()),
            )
            .replacen("https://konachan.net", root, 1);
        std::fs::write(folder.path().join("stages.toml"), text + extra).expect("is written");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// As cron does: an empty environment, from `/`.
    fn pipeline(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command
            .env_clear()
            .current_dir("/")
            .arg("--config")
            .arg(self.path("stages.toml"))
            .args(arguments);
        command.output().expect("the program starts")
    }

    /// Runs a command that must end with `code`; gives both outputs.
    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.pipeline(arguments);
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        text.into_owned()
    }

    fn status(&self) -> Value {
        let text = self.pipeline(&["status", "--json"]).stdout;
        serde_json::from_slice(&text).expect("is JSON")
    }
}

#[test]
fn a_reader_that_leaves_ends_the_program_without_a_panic() {
    let place = Place::new("http://127.0.0.1:1", "");
    std::fs::create_dir(place.path("data")).expect("is made");
    place.expect(0, &["status"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command.arg("--config").arg(place.path("stages.toml")).arg("status");
    let output = command.stdout(writer).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), text.as_ref()), (Some(141), ""));
}

fn board(count: usize) -> Server {
    let invention = Invention {
        seed: 4,
        plain: true,
        ..Invention::default()
    };
    let board = Board::build(Pictures::Drawn { count, seed: 4 }, &invention).expect("draws");
    Server::start(board, Setup::default()).expect("listens")
}

#[test]
fn a_refresh_makes_a_version_and_a_second_one_only_if_rows_changed() {
    let server = board(8);
    let place = Place::new(&server.root_url(), "[[run.crawl]]\nsite = \"konachan\"\n");
    let first = place.expect(0, &["run"]);
    assert!(first.contains("manifest v1: created"), "{first}");
    let status = place.status();
    assert_eq!(status["posts"], 8);
    assert_eq!(status["images"], 8);
    assert_eq!(status["failures"], 0);
    assert_eq!(status["manifests"], serde_json::json!(["v1"]));
    let refused: u64 = status["rejected"]
        .as_object()
        .expect("by reason")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    let accepted = status["accepted"].as_u64().expect("a number");
    assert!(accepted > 0);
    assert_eq!(status["heads"], accepted + refused);

    server.clear_requests();
    let second = place.expect(0, &["run"]);
    assert!(second.contains("manifest v1: unchanged"), "{second}");
    assert!(
        !server
            .requests()
            .iter()
            .any(|request| request.path.starts_with("/image/")),
        "nothing is fetched twice"
    );
    let but_times = |mut status: Value| {
        for changes in ["listings", "bytes_today"] {
            assert!(status[changes].take() != Value::Null);
        }
        status
    };
    assert_eq!(but_times(place.status()), but_times(status));
    place.expect(0, &["manifest", "verify", "v1"]);
    assert!(place.expect(0, &["manifest", "list"]).contains("v1"));
}

#[test]
fn machines_read_events_and_the_log_has_every_failure() {
    let server = board(6);
    let gone = server.board().posts()[2].id;
    server.fault(Target::Post(gone), Fault::Status(404), u32::MAX);
    let place = Place::new(&server.root_url(), "");
    let output = place.pipeline(&["crawl", "konachan", "--json"]);
    assert_eq!(output.status.code(), Some(3), "one of six is gone");
    let events: Vec<Value> = String::from_utf8(output.stdout)
        .expect("is text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("is an object"))
        .collect();
    let of = |word: &str| events.iter().filter(|event| event["event"] == word).collect::<Vec<_>>();
    assert_eq!(of("crawl")[0]["site"], "konachan");
    assert_eq!(
        of("listing").last().map(|event| &event["listed"]),
        Some(&Value::from(6))
    );
    let [failure] = of("failure")[..] else {
        panic!("one failure, not {events:?}");
    };
    assert_eq!(
        (&failure["post"], &failure["reason"]),
        (&gone.to_string().into(), &"http-404".into())
    );
    let [funnel] = of("funnel")[..] else {
        panic!("one funnel, not {events:?}");
    };
    assert_eq!(funnel["counts"]["pictures stored"], 5);
    assert_eq!(funnel["counts"]["waiting"], 0);
    assert!(events.iter().all(|event| event["at"].is_u64()));

    let logs = dataset::files::sorted_entries(&place.path("data/logs")).expect("lists");
    let [log] = &logs[..] else {
        panic!("one log, not {logs:?}");
    };
    let log = std::fs::read_to_string(log).expect("reads");
    assert!(
        log.contains(&format!("refused konachan/{gone} picture 0: http-404")),
        "{log}"
    );
    assert!(log.contains("pictures stored"), "{log}");

    let listed = place.expect(0, &["failures", "--site", "konachan", "--reason", "http-404"]);
    assert!(
        listed.contains(&format!("konachan/{gone}")) && listed.contains("1 failure\n"),
        "{listed}"
    );
    server.clear_faults();
    place.expect(0, &["failures", "--again"]);
    place.expect(0, &["crawl", "konachan"]);
    assert_eq!(
        (&place.status()["images"], &place.status()["failures"]),
        (&6.into(), &0.into())
    );
    place.expect(2, &["failures", "--again"]);
}

#[test]
fn an_unknown_site_and_a_filter_the_site_cannot_answer_are_usage_errors() {
    let place = Place::new("http://127.0.0.1:9", "");
    let text = place.expect(2, &["crawl", "konachn"]);
    assert!(
        text.contains("no site `konachn`") && text.contains("konachan"),
        "{text}"
    );
    let text = place.expect(2, &["crawl", "konachan", "--min-views", "10"]);
    assert!(text.contains("views"), "{text}");
    assert!(!place.path("data").exists(), "nothing was made");
}

#[test]
fn a_dry_run_says_what_a_crawl_would_cost_and_leaves_nothing_behind() {
    let server = board(3);
    let place = Place::new(&server.root_url(), "");
    let text = place.expect(
        0,
        &["crawl", "konachan", "--min-likes", "5", "--since", "3y", "--dry-run"],
    );
    for expected in [
        "rating:s",
        "score:>=5",
        "votes",
        "asked with one request",
        "robots.txt of",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert!(!place.path("data").exists(), "nothing was made");
    assert!(!server.requests().iter().any(|request| request.path == "/post.json"));
}

#[test]
fn a_real_site_is_not_asked_without_a_contact() {
    let place = Place::new("https://konachan.net", "");
    let text = place.expect(2, &["crawl", "konachan"]);
    assert!(text.contains("contact"), "{text}");
}

#[test]
fn mistakes_in_three_tables_are_reported_together_with_their_lines() {
    let place = Place::new("http://127.0.0.1:9", "");
    let path = place.path("stages.toml");
    let text = std::fs::read_to_string(&path).expect("is there");
    let wrong = [
        ("margin = 2.0", "margn = 2.0"),
        ("min_side = 64", "min_side = \"big\""),
        ("split_seed = 0", "split_seed = -1"),
    ];
    let broken = wrong
        .iter()
        .fold(text.clone(), |text, (right, wrong)| text.replacen(right, wrong, 1));
    std::fs::write(&path, &broken).expect("is written");
    let answer = place.expect(2, &["status"]);
    for (_, wrong) in wrong {
        let line = broken.lines().position(|line| line == wrong).expect("is in the file") + 1;
        assert!(
            answer.contains(&format!("line {line}:")),
            "line {line} is not in {answer}"
        );
    }
}

#[test]
fn missing_and_corrupt_weights_are_named() {
    let server = board(1);
    for weights in [None, Some("no model")] {
        let place = Place::new(&server.root_url(), "");
        let (path, file) = (place.path("stages.toml"), place.path("weights.onnx"));
        let text = std::fs::read_to_string(&path).expect("is there");
        let named = text.lines().map(|line| {
            if line.starts_with("detector = ") {
                "detector = \"weights.onnx\""
            } else {
                line
            }
        });
        std::fs::write(&path, named.collect::<Vec<_>>().join("\n")).expect("is written");
        if let Some(bytes) = weights {
            std::fs::write(&file, bytes).expect("is written");
        }
        place.expect(0, &["crawl", "konachan"]);
        let text = place.expect(1, &["crop"]);
        assert!(text.contains("weights.onnx"), "{text}");
    }
}

#[test]
fn a_store_that_vanished_stops_the_run_instead_of_being_made_anew() {
    let server = board(1);
    let place = Place::new(&server.root_url(), "");
    place.expect(0, &["crawl", "konachan"]);
    std::fs::rename(place.path("data/store"), place.path("elsewhere")).expect("is moved");
    let text = place.expect(1, &["crawl", "konachan"]);
    assert!(text.contains("store"), "{text}");
    assert!(!place.path("data/store").exists());
    std::fs::rename(place.path("elsewhere"), place.path("data/store")).expect("is moved back");
    place.expect(0, &["crawl", "konachan"]);
}

#[test]
fn a_second_run_at_once_is_refused_with_who_holds_the_lock() {
    let place = Place::new("http://127.0.0.1:9", "");
    let _held = dataset::lock::Lock::take(&place.path("data"), "a test").expect("is free");
    for command in [
        &["crawl", "konachan"][..],
        &["crop"],
        &["curate"],
        &["run"],
        &["manifest", "create", "v1"],
    ] {
        let text = place.expect(75, command);
        assert!(text.contains("a test"), "{text}");
    }
}

#[test]
fn a_manifest_that_is_missing_and_one_that_was_changed_have_different_errors() {
    let server = board(4);
    let place = Place::new(&server.root_url(), "");
    place.expect(0, &["crawl", "konachan"]);
    place.expect(0, &["crop"]);
    place.expect(0, &["manifest", "create", "v1"]);
    let text = place.expect(2, &["manifest", "verify", "v2"]);
    assert!(text.contains("v1"), "the versions that exist are named: {text}");
    // A pack that the trainer would make, then changed by a byte.
    let manifest = place.path("data/manifests/v1");
    let id = Manifest::load(&manifest).expect("reads").id();
    let tombstones = Tombstones::load(&manifest).expect("reads");
    let pack = place
        .path("data/packs")
        .join(format!("{}8.pack", Pack::name_start(&id, &tombstones)));
    let head = |_| Ok(image::RgbImage::new(8, 8));
    dataset::pack::build(&pack, 8, 1, head, |_| ()).expect("packs");
    place.expect(0, &["manifest", "verify", "v1"]);
    let mut bytes = std::fs::read(&pack).expect("reads");
    *bytes.last_mut().expect("has bytes") ^= 1;
    std::fs::write(&pack, bytes).expect("is written");
    let text = place.expect(1, &["manifest", "verify", "v1"]);
    assert!(text.contains("was changed after it was packed; delete it"), "{text}");
    std::fs::remove_file(&pack).expect("is removed");
    let heads = place.path("data/store/heads");
    let shelf = std::fs::read_dir(heads)
        .expect("has shelves")
        .next()
        .expect("one")
        .expect("is readable")
        .path();
    let head = std::fs::read_dir(shelf)
        .expect("has heads")
        .next()
        .expect("one")
        .expect("is readable")
        .path();
    std::fs::write(&head, b"other bytes").expect("is written");
    let name = head.file_stem().expect("has a name").to_string_lossy().into_owned();
    let text = place.expect(1, &["manifest", "verify", "v1"]);
    assert!(text.contains(&name), "the changed head is named: {text}");
}

#[test]
fn a_threshold_above_every_post_names_the_highest_and_a_useful_one() {
    let server = board(6);
    let place = Place::new(&server.root_url(), "");
    place.expect(0, &["crawl", "konachan"]);
    let highest = server
        .board()
        .posts()
        .iter()
        .map(|post| post.score)
        .max()
        .expect("has posts");
    let text = place.expect(2, &["crop", "--min-likes", "100000"]);
    assert!(text.contains(&highest.to_string()), "{highest} is not in {text}");
}

#[test]
fn a_refresh_of_imported_heads_alone_freezes_them() {
    let place = Place::new("http://127.0.0.1:9", "");
    let heads = place.path("heads");
    std::fs::create_dir(&heads).expect("is made");
    for seed in 0..3 {
        let image = drawn_head(seed);
        image.save(heads.join(format!("{seed}.png"))).expect("is written");
    }
    let folder = heads.display().to_string();
    place.expect(0, &["import", &folder, "--as", "heads"]);
    let text = place.expect(0, &["run"]);
    assert!(text.contains("manifest v1: created, 3 heads"), "{text}");
}

/// A patch of coloured squares of its own: sharp enough for a head.
fn drawn_head(seed: u8) -> image::RgbImage {
    let mut random = fastrand::Rng::with_seed(u64::from(seed));
    let colours: Vec<[u8; 3]> = (0..64).map(|_| [random.u8(..), random.u8(..), random.u8(..)]).collect();
    image::RgbImage::from_fn(96, 96, |x, y| image::Rgb(colours[(x / 12 + y / 12 * 8) as usize]))
}
