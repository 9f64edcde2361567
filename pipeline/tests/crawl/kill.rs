//! The real program, killed at random moments of a crawl: the same command again ends in the same
//! tables and the same store as a run that nobody disturbed.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::{ImageFormat, Rgb, RgbImage};
use pipeline::catalog::{Catalog, traffic};
use sqlx::Row;
use testbooru::{Board, Fault, NewPost, Server, Setup, TagType, Target};

const POSTS: u32 = 60;
/// Moments of each dialect's story.
const KILLS: u64 = 20;

/// How a dialect's site is set up, and what is asked of it.
struct Story {
    site: &'static str,
    words: &'static [&'static str],
}

const MOEBOORU: Story = Story {
    site: "dialect = \"moebooru\"\npage = 20",
    words: &[],
};
const DANBOORU: Story = Story {
    site: "dialect = \"danbooru\"\npage = 20",
    words: &[],
};
const PIXIV: Story = Story {
    site: "dialect = \"pixiv\"\npage = 60\nacknowledged = true\nmax_pages = 2",
    words: &["--tags", "sky"],
};

const ZEROCHAN: Story = Story {
    site: "dialect = \"zerochan\"\npage = 20",
    words: &["--tags", "sky"],
};

fn picture(number: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_fn(40, 40, |x, y| Rgb([number as u8, (x * y) as u8, (x + number) as u8]))
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("encodes");
    bytes.into_inner()
}

/// A board with a picture that is gone and two posts that share their bytes; as works, some have more
/// pictures.
async fn board() -> Server {
    board_with(|_| Vec::new()).await
}

/// The same; these of its ids make a page of a list fail.
async fn board_with(unlistable: impl Fn(&[u64]) -> Vec<u64>) -> Server {
    let board = Board::empty();
    for number in 0..POSTS {
        board.add(NewPost {
            bytes: picture(number.max(1)),
            pages: (0..number % 3).map(|page| picture(100 + 2 * number + page)).collect(),
            tags: vec![("sky".into(), TagType::General)],
            ..NewPost::default()
        });
    }
    let ids: Vec<u64> = board.posts().iter().map(|post| post.id).collect();
    let gone = ids[30];
    let setup = Setup {
        unlistable: unlistable(&ids),
        latency: Duration::from_millis(2),
        ..Setup::default()
    };
    let server = Server::start(board, setup).expect("listens");
    server.fault(Target::Post(gone), Fault::Status(404), u32::MAX);
    server
}

fn crawl(folder: &Path, server: &Server, story: &Story) -> Child {
    let settings = folder.join("stages.toml");
    let text = format!(
        "[crawl]\nconnections = 8\n[sites.board]\nroot = \"https://board.example\"\n{}\n",
        story.site
    );
    std::fs::write(&settings, text).expect("writes");
    Command::new(env!("CARGO_BIN_EXE_pipeline"))
        .arg("--config")
        .arg(settings)
        .args(["crawl", "board", "--root", &server.root_url()])
        .args(story.words)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}

async fn finish(child: Child) {
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output())
        .await
        .expect("waits");
    let ended = ended.expect("ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Every row but its times, and every file in the store.
async fn state(folder: &Path) -> BTreeMap<&'static str, Vec<String>> {
    let url = Catalog::sqlite_url(&folder.join("data/catalog.sqlite"));
    let catalog = Catalog::open(&url).await.expect("opens");
    let tables = [
        (
            "posts",
            "SELECT source || post || number || status || created_at || COALESCE(likes, '') || rating || tags || COALESCE(file_url, '') \
             || COALESCE(md5, '') || waiting AS line FROM posts ORDER BY source, post",
        ),
        (
            "images",
            "SELECT image || format || bytes || width || height || md5 AS line FROM images ORDER BY image",
        ),
        (
            "files",
            "SELECT source || post || page || COALESCE(image, '') || COALESCE(md5, '') || outcome || COALESCE(reason, '') || attempts \
             AS line FROM files ORDER BY source, post, page",
        ),
        (
            "holes",
            "SELECT source || query || kind || below || start || tries || given_up || place || reason AS line \
             FROM holes ORDER BY source, query, below",
        ),
        (
            "cursors",
            "SELECT source || query || newest || begun_at || top || oldest || (finished_at > 0) AS line FROM cursors \
             ORDER BY source, query",
        ),
    ];
    let mut state = BTreeMap::new();
    for (table, sql) in tables {
        let rows = sqlx::query(sql).fetch_all(catalog.pool()).await.expect("reads");
        state.insert(table, rows.iter().map(|row| row.get("line")).collect());
    }
    catalog.close().await;
    let mut stored = Vec::new();
    files_below(&folder.join("data/store"), &mut stored);
    let name = |path: &PathBuf| path.strip_prefix(folder).expect("is below").display().to_string();
    state.insert("store", stored.iter().map(name).collect());
    state
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("reads");
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("reads").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Waits until the board has been asked so often, and then a little: that falls between requests,
/// into a write to the store, or into a commit.
async fn let_run(server: &Server, requests: usize, then: Duration) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.requests().len() < requests {
        assert!(Instant::now() < deadline, "the program asks for nothing");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(then).await;
}

/// Kills a crawl at moments from the first page to the last picture (Knuth's multiplier), each time
/// in a folder of its own; `pictures` are stored in the end.
async fn killed_at_any_moment(story: &Story, pictures: usize) {
    killed(&board().await, story, pictures, KILLS).await;
}

async fn killed(server: &Server, story: &Story, pictures: usize, kills: u64) {
    let undisturbed = tempfile::tempdir().expect("a folder");
    finish(crawl(undisturbed.path(), server, story)).await;
    let expected = state(undisturbed.path()).await;
    assert_eq!(expected["images"].len(), pictures);

    let all = server.requests().len();
    let moments = (1..=kills).map(|step| step.wrapping_mul(2_654_435_761));
    for moment in moments {
        let folder = tempfile::tempdir().expect("a folder");
        server.clear_requests();
        let mut child = crawl(folder.path(), server, story);
        let requests = 1 + moment as usize % (all - 1);
        let_run(server, requests, Duration::from_micros(moment % 7000)).await;
        child.kill().expect("is killed");
        child.wait().expect("ends");
        finish(crawl(folder.path(), server, story)).await;
        assert_eq!(state(folder.path()).await, expected, "killed after {requests} requests");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_of_moebooru_killed_at_any_moment_ends_as_if_undisturbed() {
    // One is gone, two are the same.
    killed_at_any_moment(&MOEBOORU, POSTS as usize - 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_of_danbooru_killed_at_any_moment_ends_as_if_undisturbed() {
    killed_at_any_moment(&DANBOORU, POSTS as usize - 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_of_pixiv_killed_at_any_moment_ends_as_if_undisturbed() {
    // Two of three works have a second picture.
    killed_at_any_moment(&PIXIV, POSTS as usize - 2 + POSTS as usize * 2 / 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_of_zerochan_killed_at_any_moment_ends_as_if_undisturbed() {
    killed(&board().await, &ZEROCHAN, POSTS as usize - 2, KILLS / 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_round_a_post_that_fails_killed_at_any_moment_ends_as_if_undisturbed() {
    let server = board_with(|ids| vec![ids[35]]).await;
    killed(&server, &DANBOORU, POSTS as usize - 3, KILLS / 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_may_write_into_the_catalog_beside_a_crawl() {
    let server = board().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = crawl(folder.path(), &server, &MOEBOORU);
    let_run(&server, 3, Duration::ZERO).await;
    let url = Catalog::sqlite_url(&folder.path().join("data/catalog.sqlite"));
    let catalog = Catalog::open(&url).await.expect("opens");
    let mut written = 0;
    while child.try_wait().expect("looks").is_none() {
        let mut write = catalog.write().await.expect("waits for its turn");
        traffic::add(&mut write, written, "another.example", 1, 1)
            .await
            .expect("writes");
        write.commit().await.expect("commits");
        written += 1;
    }
    assert!(written > 0);
    finish(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_in_order_and_the_next_run_fetches_the_rest() {
    let server = board().await;
    let folder = tempfile::tempdir().expect("a folder");
    let child = crawl(folder.path(), &server, &MOEBOORU);
    let_run(&server, 30, Duration::ZERO).await;
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("runs").success());
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output())
        .await
        .expect("waits")
        .expect("ends");
    assert_eq!(
        ended.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    finish(crawl(folder.path(), &server, &MOEBOORU)).await;
    let paths = server.requests().into_iter().map(|request| request.path);
    let downloads = paths.filter(|path| path.starts_with("/image/")).count();
    // The two posts of equal bytes may each ask for them, where both are under way at once.
    assert!(
        (POSTS as usize - 1..=POSTS as usize).contains(&downloads),
        "{downloads} downloads: something was fetched twice"
    );
}

#[test]
fn an_unknown_site_is_a_usage_error_that_names_the_known_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("stages.toml");
    std::fs::write(&settings, "[sites.board]\nroot = \"https://board.example\"\n").expect("writes");
    let ended = Command::new(env!("CARGO_BIN_EXE_pipeline"))
        .arg("--config")
        .arg(settings)
        .args(["crawl", "bord"])
        .output()
        .expect("runs");
    let error = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{error}");
    assert!(error.contains("known are board"), "{error}");
}
