//! What may run beside what on one PostgreSQL catalog, and what whoever is refused is told.

use std::process::{Command, Output};

use dataset::Store;
use pipeline::access::Access;
use pipeline::catalog::Catalog;
use pipeline::catalog::session::{self, HEADS, Holder};
use tempfile::TempDir;
use testbooru::{Board, Invention, Pictures, Server, Setup};

use crate::common::schema_on;

async fn url() -> String {
    let server = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names a server");
    schema_on(&server).await
}

/// A command that has begun.
async fn begun(url: &str, command: &str, access: &Access) -> anyhow::Result<Catalog> {
    let catalog = Catalog::open(url).await.expect("opens");
    let (holder, locks) = (Holder::this(command, 60), access.locks());
    let catalog = catalog.hold(holder, access.alone(), &locks).await?;
    if !access.alone() {
        catalog.share().await?;
    }
    Ok(catalog)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn commands_exclude_one_another_by_the_table_on_postgres() {
    let url = url().await;
    let site = |name: &str| Access::Sites(vec![name.into()]);
    let all = [
        ("crawl a", site("a")),
        ("crawl b", site("b")),
        ("crop", Access::Crop),
        ("curate", Access::Heads),
        ("run", Access::Run(vec!["a".into()])),
        ("purge", Access::Alone),
    ];
    let beside: [&[&str]; 6] = [
        &["crawl b", "crop", "curate"],
        &["crawl a", "crop", "curate", "run"],
        &["crawl a", "crawl b", "crop"],
        &["crawl a", "crawl b"],
        &["crawl b"],
        &[],
    ];
    for ((first, access), beside) in all.iter().zip(beside) {
        let held = begun(&url, first, access).await.expect("nobody else is there");
        for (second, access) in &all {
            let tried = begun(&url, second, access).await;
            assert_eq!(tried.is_ok(), beside.contains(second), "{second} beside {first}");
            if let Err(error) = tried {
                assert_eq!(dataset::failure::exit_code(&error), dataset::failure::LOCKED);
                let process = format!("(pipeline {first}, process {} on ", std::process::id());
                let text = error.to_string();
                assert!(text.contains(&process) && text.contains(", since 20"), "{text}");
            }
        }
        held.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn the_last_of_several_workers_has_the_heads_alone_on_postgres() {
    let url = url().await;
    let first = begun(&url, "crop", &Access::Crop).await.expect("is free");
    let second = begun(&url, "crop", &Access::Crop).await.expect("is shared");
    assert_eq!(session::workers(&first).await.expect("reads").len(), 2);
    assert!(!first.last_of(HEADS).await.expect("asks"));
    assert!(second.last_of(HEADS).await.expect("asks"));
    assert!(second.last_of(HEADS).await.expect("asks"), "it has them already");
    assert!(!second.try_alone().await.expect("asks"), "the first is still there");
    first.close().await;
    // The other connection ends in its own time.
    while !second.try_alone().await.expect("asks") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn whoever_lost_its_locks_writes_nothing_more_on_postgres() {
    let url = url().await;
    let held = begun(&url, "curate", &Access::Heads).await.expect("is free");
    let write = held.write().await.expect("begins");
    write.commit().await.expect("commits");
    let other = Catalog::open(&url).await.expect("opens");
    let sql = "SELECT pg_terminate_backend(CAST(backend AS int)) FROM workers";
    sqlx::query(sql)
        .execute(other.pool())
        .await
        .expect("ends the connection");
    for _ in 0..2 {
        let error = held.write().await.err().expect("has no lock any more");
        let text = format!("{error:#}");
        assert!(text.contains("held this run's locks is lost"), "{text}");
    }
    begun(&url, "curate", &Access::Heads).await.expect("is free again");
}

/// A settings file and data folder for one catalog and one store, with two sites of a board.
struct Machine(TempDir);

impl Machine {
    fn new(root: &str, store: &Store) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("data")).expect("makes");
        std::os::unix::fs::symlink(store.folder().expect("a folder"), folder.path().join("data/store")).expect("links");
        let site = |name: &str| format!("[sites.{name}]\ndialect = \"moebooru\"\nroot = \"{root}\"\n");
        std::fs::write(folder.path().join("stages.toml"), site("one") + &site("two")).expect("writes");
        Self(folder)
    }

    fn command(&self, url: &str, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.env("HEADS_CATALOG_URL", url).arg("--config");
        command.arg(self.0.path().join("stages.toml")).args(words);
        command
    }

    fn pipeline(&self, url: &str, words: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = self.command(url, words).output().expect("runs");
        let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
        (status.code(), text.into_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn crawls_of_different_sites_run_at_once_and_two_of_one_do_not_on_postgres() {
    let invention = Invention {
        seed: 4,
        plain: true,
        ..Invention::default()
    };
    let server = Server::start(
        Board::build(Pictures::Drawn { count: 12, seed: 4 }, &invention).expect("draws"),
        Setup::default(),
    )
    .expect("listens");
    let url = url().await;
    let shared = tempfile::tempdir().expect("a folder");
    let store = Store::create(shared.path()).expect("creates");
    let [here, there] = [(); 2].map(|()| Machine::new(&server.root_url(), &store));
    let both = [(&here, "one"), (&there, "two")];
    let begun = both.map(|(machine, site)| machine.command(&url, &["crawl", site]).spawn().expect("starts"));
    for mut crawl in begun {
        assert!(crawl.wait().expect("ends").success());
    }
    let (_, status) = here.pipeline(&url, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect("is JSON");
    assert_eq!(status["posts_by_source"], serde_json::json!({ "one": 12, "two": 12 }));

    let held = self::begun(&url, "crawl one", &Access::Sites(vec!["one".into()])).await;
    let held = held.expect("is free");
    let (code, text) = there.pipeline(&url, &["crawl", "one"]);
    assert_eq!(code, Some(75), "{text}");
    assert!(
        text.contains("the crawl of one of the catalog (pipeline crawl one, process"),
        "{text}"
    );
    let (code, text) = there.pipeline(&url, &["crawl", "two"]);
    assert_eq!(code, Some(0), "{text}");
    let (_, status) = here.pipeline(&url, &["status"]);
    assert!(status.contains("worker       crawl one on "), "{status}");
    held.close().await;
}
