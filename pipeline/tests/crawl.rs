//! The crawl over real HTTP against a local board, into a real database and a real store.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use dataset::failure::{USAGE, exit_code};
use dataset::{Key, Store};
use image::{ImageFormat, Rgb, RgbImage};
use pipeline::catalog::Catalog;
use pipeline::crawl::{self, Args, CrawlSettings, Network, SiteSettings};
use pipeline::journal::Journal;
use pipeline::outcome::Tally;
use pipeline::selection::SelectionArgs;
use pipeline::stop::Stop;
use sqlx::Row;
use tempfile::TempDir;
use testbooru::{Board, Fault, NewPost, Rating, RetryAfter, Server, Setup, Status, Target};

/// 2021-01-01, UTC.
const START: i64 = 1_609_459_200;

/// A small picture, another one for each number.
fn png(number: u32) -> Vec<u8> {
    let [_, red, green, blue] = number.to_be_bytes();
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(8, 6, Rgb([red, green, blue]))
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("encodes");
    bytes.into_inner()
}

fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        created_at: Some(START + i64::from(number)),
        ..NewPost::default()
    }
}

/// A crawl with filters.
fn filtered(select: SelectionArgs) -> Args {
    Args {
        select,
        ..Args::default()
    }
}

fn likes(least: i64) -> Args {
    filtered(SelectionArgs {
        min_likes: Some(least),
        ..SelectionArgs::default()
    })
}

/// A board, and what is crawled from it.
struct Crawl {
    _folder: TempDir,
    catalog: Catalog,
    store: Store,
    server: Server,
    settings: CrawlSettings,
    site: SiteSettings,
}

impl Crawl {
    async fn of(posts: impl IntoIterator<Item = NewPost>) -> Self {
        Self::with(posts, Setup::default()).await
    }

    async fn with(posts: impl IntoIterator<Item = NewPost>, setup: Setup) -> Self {
        let board = Board::empty();
        for post in posts {
            board.add(post);
        }
        let server = Server::start(board, setup).expect("listens");
        let (folder, catalog) = common::sqlite().await;
        Self::into(folder, catalog, server)
    }

    fn into(folder: TempDir, catalog: Catalog, server: Server) -> Self {
        Self {
            store: Store::create(&folder.path().join("store")).expect("makes a store"),
            _folder: folder,
            catalog,
            server,
            settings: CrawlSettings {
                loopback_backoff: 0.001,
                ..CrawlSettings::default()
            },
            site: SiteSettings {
                root: "https://board.example".into(),
                page: 4,
                ..SiteSettings::default()
            },
        }
    }

    async fn run(&self, args: Args) -> anyhow::Result<Tally> {
        let site = if args.site.is_empty() {
            "board".to_string()
        } else {
            args.site.clone()
        };
        let args = Args {
            root: Some(args.root.clone().unwrap_or_else(|| self.server.root_url())),
            site: site.clone(),
            ..args
        };
        let sites = BTreeMap::from([(site, self.site.clone())]);
        let request = args.resolve(&self.settings, &sites)?;
        let network = Network::new(&self.catalog, &self.settings, &Stop::never());
        crawl::run(&self.catalog, &self.store, &network, &request, &Journal::default()).await
    }

    async fn all(&self) -> Tally {
        self.run(Args::default()).await.expect("crawls")
    }

    /// Each file's outcome with its reason, by post.
    async fn files(&self) -> BTreeMap<u64, String> {
        let rows = sqlx::query("SELECT post, outcome, reason, attempts FROM files").fetch_all(self.catalog.pool());
        let outcome = |row: &sqlx::any::AnyRow| {
            let reason: Option<String> = row.get("reason");
            let word: String = row.get("outcome");
            reason.map_or(word.clone(), |reason| {
                format!("{word}: {reason} ({})", row.get::<i64, _>("attempts"))
            })
        };
        let post = |row: &sqlx::any::AnyRow| row.get::<String, _>("post").parse().expect("a number");
        rows.await
            .expect("reads")
            .iter()
            .map(|row| (post(row), outcome(row)))
            .collect()
    }

    /// What the catalog holds, counted.
    async fn count(&self, table: &'static str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS rows FROM {table}"));
        sqlx::query(sql)
            .fetch_one(self.catalog.pool())
            .await
            .expect("counts")
            .get("rows")
    }

    /// Paths of the pictures asked for since the last call.
    fn downloads(&self) -> Vec<String> {
        let paths = self.server.requests().into_iter().map(|request| request.path);
        let downloads = paths.filter(|path| path.starts_with("/image/")).collect();
        self.server.clear_requests();
        downloads
    }

    /// Queries of the listings asked for so far.
    fn listings(&self) -> Vec<String> {
        let requests = self.server.requests().into_iter();
        requests
            .filter(|request| request.path == "/post.json")
            .map(|request| request.query)
            .collect()
    }
}

#[tokio::test]
async fn what_is_selected_is_stored_and_the_rest_is_not_fetched() {
    let crawl = Crawl::of([
        post(1),
        NewPost { score: 9, ..post(2) },
        NewPost {
            rating: Rating::Explicit,
            ..post(3)
        },
        NewPost {
            status: Status::Pending,
            ..post(4)
        },
        NewPost { held: true, ..post(5) },
        NewPost {
            created_at: Some(START - 1),
            ..post(6)
        },
        NewPost {
            status: Status::Deleted,
            ..post(7)
        },
        post(8),
    ])
    .await;
    let ids: Vec<u64> = crawl.server.board().posts().iter().map(|post| post.id).collect();
    let args = filtered(SelectionArgs {
        min_likes: Some(10),
        since: Some("2021".into()),
        ..SelectionArgs::default()
    });
    let tally = crawl.run(args).await.expect("crawls");
    assert_eq!((tally.done, tally.failed), (2, 0), "{tally:?}");
    let stored: Vec<u64> = crawl.files().await.into_keys().collect();
    assert_eq!(stored, [ids[0], ids[7]]);
    assert_eq!(crawl.downloads().len(), 2);

    let rows = sqlx::query("SELECT p.page_url, i.* FROM images AS i JOIN posts AS p ON p.md5 = i.md5");
    for row in rows.fetch_all(crawl.catalog.pool()).await.expect("reads") {
        let key = Key::image(row.get("image"), "png").expect("a hash");
        let bytes = crawl.store.get(&key).await.expect("is stored");
        assert_eq!((row.get::<i64, _>("width"), row.get::<i64, _>("height")), (8, 6));
        assert_eq!(row.get::<i64, _>("bytes"), bytes.len() as i64);
        assert!(row.get::<String, _>("page_url").contains("/post/show/"));
    }
    assert_eq!(crawl.store.list("images").await.expect("lists").len(), 2);
}

#[tokio::test]
async fn a_second_run_fetches_nothing_twice() {
    let crawl = Crawl::of((0..10).map(post)).await;
    assert_eq!(crawl.all().await.done, 10);
    assert_eq!(crawl.downloads().len(), 10);
    let again = crawl.all().await;
    assert_eq!((again.done, again.skipped), (0, 4), "one page, all of it there");
    assert_eq!(crawl.listings().len(), 1, "posts of 2021 are long out of the window");
    assert_eq!(crawl.downloads(), Vec::<String>::new());
}

#[tokio::test]
async fn a_crawl_fills_postgresql_as_it_fills_sqlite() {
    let Some(catalog) = common::postgres().await else {
        return;
    };
    let board = Board::empty();
    for number in 0..10 {
        board.add(post(number));
    }
    let server = Server::start(board, Setup::default()).expect("listens");
    let crawl = Crawl::into(tempfile::tempdir().expect("a folder"), catalog, server);
    let args = || Args {
        limit: Some(7),
        ..filtered(SelectionArgs {
            min_likes: Some(10),
            tags: Some("sky -comic".into()),
            ..SelectionArgs::default()
        })
    };
    assert_eq!(crawl.run(args()).await.expect("crawls").done, 7);
    assert_eq!(crawl.run(args()).await.expect("crawls").done, 3);
    assert_eq!(crawl.downloads().len(), 10);
    assert_eq!((crawl.count("posts").await, crawl.count("images").await), (10, 10));
}

#[tokio::test]
async fn a_listing_goes_down_by_number_until_a_page_is_empty() {
    let crawl = Crawl::of((0..9).map(post)).await;
    crawl.all().await;
    let listings = crawl.listings();
    assert_eq!(listings.len(), 5, "4, 4, 1, none, and none again: {listings:?}");
    assert!(
        listings[1..].iter().all(|query| query.contains("id%3A%3C")),
        "{listings:?}"
    );
    assert!(
        listings.iter().all(|query| query.contains("rating%3As")),
        "{listings:?}"
    );
    assert_eq!(crawl.count("posts").await, 9);
}

#[tokio::test]
async fn each_fault_ends_in_its_outcome_and_only_failures_are_tried_again() {
    let faults = [
        (Fault::Truncated, "failed: truncated"),
        (Fault::Half, "failed: truncated"),
        (Fault::HtmlAsImage, "failed: web-page"),
        (Fault::Empty, "failed: empty"),
        (Fault::WrongType, "refused: md5-mismatch"),
        (Fault::OtherBytes, "refused: md5-mismatch"),
        (Fault::Status(404), "refused: http-404"),
        (Fault::Status(410), "refused: http-410"),
        (Fault::Status(451), "refused: http-451"),
        (Fault::Status(500), "failed: server-error"),
        (Fault::Busy(503, RetryAfter::Seconds(0)), "failed: busy"),
        (Fault::Redirect("http://localhost:9/x.png".into()), "refused: redirect"),
    ];
    let crawl = Crawl::of((0..faults.len() as u32 + 1).map(post)).await;
    let ids: Vec<u64> = crawl.server.board().posts().iter().map(|post| post.id).collect();
    let mut expected = BTreeMap::from([(ids[faults.len()], "stored".to_string())]);
    for ((fault, outcome), id) in faults.iter().zip(&ids) {
        crawl.server.fault(Target::Post(*id), fault.clone(), u32::MAX);
        // A busy host costs its files no attempt.
        let attempts = u32::from(!outcome.ends_with("busy"));
        expected.insert(*id, format!("{outcome} ({attempts})"));
    }
    let tally = crawl.all().await;
    assert_eq!(crawl.files().await, expected);
    assert_eq!((tally.done, tally.failed), (1, faults.len() as u64));
    assert_eq!(crawl.store.list("images").await.expect("lists").len(), 1);

    crawl.server.clear_faults();
    crawl.server.clear_requests();
    crawl.all().await;
    for outcome in expected.values_mut().filter(|outcome| outcome.starts_with("failed")) {
        *outcome = "stored".into();
    }
    assert_eq!(crawl.files().await, expected);
    assert_eq!(crawl.downloads().len(), 6, "the six that failed");
}

#[tokio::test]
async fn a_failure_is_tried_in_so_many_runs_and_no_more() {
    let crawl = Crawl::of([post(1)]).await;
    crawl.server.fault(Target::AnyFile, Fault::Empty, u32::MAX);
    for _ in 0..5 {
        crawl.all().await;
    }
    assert_eq!(crawl.downloads().len(), crawl.settings.file_attempts as usize);
    let outcomes: Vec<String> = crawl.files().await.into_values().collect();
    assert_eq!(outcomes, ["failed: empty (3)"]);
}

#[tokio::test]
async fn a_busy_host_is_asked_again_in_the_same_run() {
    let crawl = Crawl::of((0..3).map(post)).await;
    let path = || Target::Path("/post.json".into());
    crawl.server.fault(path(), Fault::Busy(429, RetryAfter::Date(-5)), 1);
    crawl.server.fault(path(), Fault::Busy(421, RetryAfter::Silent), 1);
    crawl.server.fault(path(), Fault::Status(502), 1);
    crawl
        .server
        .fault(Target::AnyFile, Fault::Busy(503, RetryAfter::Seconds(0)), 2);
    crawl.server.fault(Target::AnyFile, Fault::Truncated, 1);
    assert_eq!(crawl.all().await.done, 3);
    assert_eq!(crawl.downloads().len(), 6);
}

#[tokio::test]
async fn a_host_that_asks_for_a_long_wait_is_left_and_the_pictures_wait() {
    let mut crawl = Crawl::of((0..3).map(post)).await;
    crawl.settings.connections = 1;
    crawl
        .server
        .fault(Target::AnyFile, Fault::Busy(429, RetryAfter::Seconds(86_400)), 1);
    let tally = crawl.all().await;
    assert_eq!((tally.done, tally.failed), (0, 0), "{tally:?}");
    let left = |line: &(String, u64)| line.0.contains("asks to wait 86400 s") && line.1 == 3;
    assert!(tally.lines.iter().any(left), "{tally:?}");
    assert_eq!(crawl.downloads().len(), 1, "the others were not asked for");
    assert_eq!(crawl.all().await.done, 3, "all still waited");
}

#[tokio::test]
async fn a_host_that_fails_again_and_again_is_left_and_the_rest_waits() {
    let mut crawl = Crawl::of((0..20).map(post)).await;
    crawl.settings.attempts = 1;
    crawl.settings.connections = 1;
    crawl.server.fault(Target::AnyFile, Fault::Status(500), u32::MAX);
    let tally = crawl.all().await;
    let left = |line: &(String, u64)| line.0.contains("failed 5 requests in a row");
    assert!(tally.lines.iter().any(left), "{tally:?}");
    assert_eq!((crawl.files().await.len(), crawl.downloads().len()), (5, 5));
    crawl.server.clear_faults();
    assert_eq!(crawl.all().await.done, 20, "neither a post nor a page was lost");
}

#[tokio::test]
async fn a_challenge_is_reported_and_not_worked_round() {
    let crawl = Crawl::of([post(1)]).await;
    let path = || Target::Path("/post.json".into());
    for (fault, expected) in [
        (Fault::Challenge, "browser challenge"),
        (Fault::ChallengeAs200, "web page where JSON was due"),
        (Fault::BrokenJson, "no JSON"),
        (Fault::Status(451), "cannot list board"),
    ] {
        crawl.server.clear_requests();
        crawl.server.fault(path(), fault.clone(), 1);
        let error = format!("{:#}", crawl.run(Args::default()).await.expect_err("ends"));
        assert!(error.contains(expected), "{expected} is not in {error}");
        assert_eq!(crawl.listings().len(), 1, "{fault:?}");
    }
    assert_eq!(crawl.all().await.done, 1);
}

#[tokio::test]
async fn an_interrupted_listing_goes_on_where_it_stood() {
    let crawl = Crawl::of((0..12).map(post)).await;
    let path = || Target::Path("/post.json".into());
    crawl.server.fault(path(), Fault::Header("x-fine", "1".into()), 2);
    crawl.server.fault(path(), Fault::Challenge, 1);
    crawl.run(Args::default()).await.expect_err("ends at the third page");
    assert_eq!(crawl.count("posts").await, 8);
    let before = crawl.count("files").await.unsigned_abs();
    assert!(before <= 8, "pictures are fetched of committed pages only");
    crawl.server.board().add(post(12));
    crawl.server.clear_requests();
    assert_eq!(
        crawl.all().await.done + before,
        13,
        "nothing is left out, what arrived meanwhile included"
    );
    let listings = crawl.listings();
    assert!(listings[0].contains("id%3A%3C"), "{listings:?}");
}

#[tokio::test]
async fn a_post_that_ripens_in_the_window_is_picked_up() {
    let recent = pipeline::catalog::now() - 3 * 86_400;
    let crawl = Crawl::of((0..4).map(|number| NewPost {
        created_at: Some(recent + i64::from(number)),
        score: 100 + i64::from(number),
        ..post(number)
    }))
    .await;
    let args = || likes(102);
    assert_eq!(crawl.run(args()).await.expect("crawls").done, 2);
    let ripe = crawl.server.board().posts()[0].id;
    crawl.server.board().set_score(ripe, 500);
    assert_eq!(crawl.run(args()).await.expect("crawls").done, 1);
    assert!(crawl.files().await.contains_key(&ripe));
    assert_eq!(crawl.downloads().len(), 3);
}

#[tokio::test]
async fn a_lower_threshold_later_fetches_only_what_is_new() {
    let crawl = Crawl::of((0..6).map(|number| NewPost {
        score: i64::from(number),
        ..post(number)
    }))
    .await;
    for (least, stored) in [(4, 2), (1, 3)] {
        assert_eq!(crawl.run(likes(least)).await.expect("crawls").done, stored);
    }
    assert_eq!(crawl.downloads().len(), 5);
}

#[tokio::test]
async fn a_replaced_file_is_fetched_again_and_a_deleted_post_is_left() {
    let recent = pipeline::catalog::now() - 86_400;
    let crawl = Crawl::of((0..3).map(|number| NewPost {
        created_at: Some(recent + i64::from(number)),
        ..post(number)
    }))
    .await;
    let ids: Vec<u64> = crawl.server.board().posts().iter().map(|post| post.id).collect();
    crawl.server.fault(Target::Post(ids[2]), Fault::Empty, u32::MAX);
    assert_eq!(crawl.all().await.done, 2);
    crawl.server.clear_faults();
    crawl.server.board().replace_file(ids[0], png(77));
    crawl.server.board().delete(ids[2]);
    crawl.server.clear_requests();
    assert_eq!(crawl.all().await.done, 1);
    assert_eq!(crawl.downloads().len(), 1, "the replaced one");
    assert_eq!(crawl.count("images").await, 3);
}

#[tokio::test]
async fn the_same_file_at_two_sites_is_fetched_once() {
    let crawl = Crawl::of((0..3).map(post)).await;
    crawl.all().await;
    let args = Args {
        site: "mirror".into(),
        ..Args::default()
    };
    let tally = crawl.run(args).await.expect("crawls");
    assert_eq!(tally.done, 3, "{tally:?}");
    assert!(
        tally.lines.contains(&("pictures that were there".into(), 3)),
        "{tally:?}"
    );
    assert_eq!(crawl.downloads().len(), 3);
    assert_eq!((crawl.count("images").await, crawl.count("files").await), (3, 6));
}

#[tokio::test]
async fn a_limited_run_lists_and_fetches_no_more_than_it_needs() {
    let crawl = Crawl::of((0..20).map(post)).await;
    let mut fetched = BTreeSet::new();
    for (expected, pages) in [(3, 1), (3, 1), (3, 1)] {
        let args = Args {
            limit: Some(3),
            ..Args::default()
        };
        assert_eq!(crawl.run(args).await.expect("crawls").done, expected);
        assert_eq!(crawl.listings().len(), pages);
        fetched.extend(crawl.downloads());
    }
    assert_eq!(fetched.len(), 9);
    assert_eq!(crawl.all().await.done, 11);
}

#[tokio::test]
async fn a_file_above_the_cap_is_not_read() {
    let mut crawl = Crawl::of([post(1)]).await;
    crawl.settings.max_bytes = 20;
    crawl.all().await;
    let outcomes: Vec<String> = crawl.files().await.into_values().collect();
    assert_eq!(outcomes, ["refused: too-many-bytes (1)"]);
}

#[tokio::test]
async fn the_contact_goes_with_every_request() {
    let mut crawl = Crawl::of([post(1)]).await;
    crawl.settings.contact = "me@example.org".into();
    crawl.all().await;
    let requests = crawl.server.requests();
    let honest = requests.iter().filter(|request| {
        let agent = request.headers.get("user-agent").and_then(|agent| agent.to_str().ok());
        agent.is_some_and(|agent| agent.contains("(me@example.org)"))
    });
    assert_eq!(honest.count(), requests.len());
    assert!(requests.iter().any(|request| request.path == "/robots.txt"));
}

#[tokio::test]
async fn https_is_spoken_to_a_host_whose_authority_is_trusted() {
    let authority = rcgen::KeyPair::generate().expect("a key");
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = parameters.self_signed(&authority).expect("signs itself");
    let issuer = rcgen::Issuer::new(parameters, authority);
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
    let leaf = rcgen::CertificateParams::new(names)
        .expect("names")
        .signed_by(&key, &issuer)
        .expect("signs");
    let identity = testbooru::Identity {
        certificates: leaf.pem(),
        key: key.serialize_pem(),
    };
    let setup = Setup {
        identity: Some(identity),
        ..Setup::default()
    };
    let mut crawl = Crawl::with((0..3).map(post), setup).await;
    crawl.settings.attempts = 1;
    let error = format!("{:#}", crawl.run(Args::default()).await.expect_err("is not trusted"));
    assert!(error.contains("certificate"), "{error}");

    let file = crawl._folder.path().join("ca.pem");
    std::fs::write(&file, root.pem()).expect("writes");
    crawl.settings.ca_file = Some(file);
    assert_eq!(crawl.all().await.done, 3);
    assert!(crawl.server.root_url().starts_with("https://"));
}

#[tokio::test]
async fn a_filter_the_site_cannot_answer_is_a_usage_error_before_any_request() {
    let crawl = Crawl::of([post(1)]).await;
    let args = filtered(SelectionArgs {
        min_views: Some(10),
        ..SelectionArgs::default()
    });
    let error = crawl.run(args).await.expect_err("is refused");
    assert_eq!(exit_code(&error), USAGE, "{error:#}");
    assert!(crawl.server.requests().is_empty());
}

#[tokio::test]
async fn a_store_that_vanished_ends_the_run() {
    let crawl = Crawl::of([post(1)]).await;
    std::fs::remove_dir_all(crawl.store.folder()).expect("vanishes");
    let error = format!("{:#}", crawl.run(Args::default()).await.expect_err("ends"));
    assert!(error.contains("vanished"), "{error}");
    assert_eq!(crawl.count("files").await, 0);
}
