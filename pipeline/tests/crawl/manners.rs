//! How the program behaves, as a site, its user and cron see them.

use std::path::Path;

use pipeline::crawl::Args;
use sqlx::Row;
use testbooru::{Fault, Setup, Target};

use crate::common::site::{MOEBOORU, Site};
use crate::place::{Place, asked, board, post, proxy};

/// A column of every file, by post.
async fn column(site: &Site, column: &str) -> Vec<Option<String>> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {column} AS text FROM files ORDER BY post"));
    let rows = sqlx::query(sql).fetch_all(site.catalog.pool()).await.expect("reads");
    rows.iter().map(|row| row.get("text")).collect()
}

#[tokio::test]
async fn what_must_not_train_is_recorded_with_its_tag_and_what_is_another_file_is_put_aside() {
    let site = Site::of(MOEBOORU, (0..4).map(|number| post(number, 4)), Setup::default()).await;
    let tag = |tags: &str| Fault::Header("x-robots-tag", tags.into());
    let faults = [
        tag("anime-heads: noai"),
        tag("noindex"),
        Fault::OtherBytes,
        Fault::WrongType,
    ];
    for (id, fault) in site.ids().into_iter().zip(faults) {
        site.server.fault(Target::Post(id.unsigned_abs()), fault, 1);
    }
    site.done(Args::default()).await;
    let text = |text: &str| Some(text.to_string());
    let reasons = [text("noai"), None, text("md5-mismatch"), text("md5-mismatch")];
    assert_eq!(column(&site, "reason").await, reasons);
    assert_eq!(
        column(&site, "robots").await,
        [text("anime-heads: noai"), text("noindex"), None, None]
    );
    let quarantine = site.store.beside("quarantine");
    let mut kinds: Vec<String> = std::fs::read_dir(&quarantine)
        .expect("is there")
        .map(|entry| {
            entry
                .expect("is there")
                .path()
                .extension()
                .expect("has one")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["bin", "bin", "json", "json"]);
}

#[test]
fn check_says_what_answered_and_what_applies() {
    let server = board(3, 4);
    let place = Place::new(&server.root_url(), "", "");
    let text = place.expect(0, &["check", "board"]);
    for expected in [
        "answered: HTTP 200, application/json",
        "first post: ",
        "robots.txt of 127.0.0.1",
        "login: none",
        "4 x 4",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert_eq!((asked(&server, "/post.json"), server.requests().len()), (1, 2));
    server.fault(Target::Path("/post.json".into()), Fault::Challenge, 1);
    let text = place.expect(1, &["check", "board"]);
    assert!(text.contains("browser challenge") && text.contains("--root"), "{text}");
    let text = place.expect(1, &["check", "board", "--root", "http://127.0.0.1:9"]);
    assert!(text.contains("robots.txt of 127.0.0.1:9 cannot be read"), "{text}");
    place.expect(2, &["check", "bord"]);
}

#[test]
fn check_reads_a_site_of_each_dialect() {
    let server = board(3, 4);
    for site in [
        "dialect = \"danbooru\"",
        "dialect = \"pixiv\"\npage = 60\nacknowledged = true",
    ] {
        let place = Place::new(&server.root_url(), "", site);
        let text = place.expect(0, &["check", "board"]);
        assert!(text.contains("first post: ") && text.contains("4 x 4"), "{text}");
    }
    assert_eq!(server.requests().len(), 4, "robots.txt and one page each");
}

#[test]
fn a_login_in_a_root_is_refused_unshown() {
    let place = Place::new("https://board.nowhere", "contact = \"ada@lovelace.name\"", "");
    let text = place.expect(2, &["check", "board", "--root", "https://ada:k3y@board.nowhere"]);
    assert!(text.contains("HEADS_LOGIN") && !text.contains("k3y"), "{text}");
}

#[test]
fn a_placeholder_is_no_contact_for_a_real_site() {
    for contact in ["", "you@example.org", "TODO", "  "] {
        let place = Place::new("https://board.nowhere", &format!("contact = {contact:?}"), "");
        for command in ["crawl", "check"] {
            let text = place.expect(2, &[command, "board"]);
            assert!(text.contains("[crawl] contact"), "{text}");
        }
    }
}

#[test]
fn a_real_host_is_asked_through_the_proxy_and_this_machine_is_not() {
    let (address, asked) = proxy();
    let site = "hosts = [\"board.nowhere\"]";
    let mut place = Place::new("http://board.nowhere", "contact = \"ada@lovelace.name\"", site);
    place.variables = vec![("HTTP_PROXY", address.clone())];
    place.expect(0, &["crawl", "board"]);
    let lines = asked.lock().expect("nobody panics").split_off(0);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("GET http://board.nowhere/post.json")),
        "{lines:?}"
    );

    let server = board(1, 4);
    place.variables = vec![("HTTP_PROXY", address.clone()), ("ALL_PROXY", address.clone())];
    place.expect(0, &["crawl", "board", "--root", &server.root_url()]);
    place.variables = vec![("HTTP_PROXY", address), ("NO_PROXY", "board.nowhere".into())];
    let text = place.expect(1, &["check", "board"]);
    assert!(text.contains("unreachable"), "{text}");
    assert_eq!(*asked.lock().expect("nobody panics"), Vec::<String>::new());
}

#[test]
fn a_name_of_the_open_internet_that_leads_to_this_machine_is_not_asked() {
    // The system resolves every name below localhost to this machine; a trailing dot hides that.
    let place = Place::new("http://localhost.", "contact = \"ada@lovelace.name\"", "");
    let text = place.expect(1, &["check", "board"]);
    assert!(text.contains("this machine"), "{text}");
}

#[test]
fn what_robots_txt_forbids_ends_the_crawl_with_the_way_out() {
    let server = board(2, 4);
    server.set_robots("User-agent: *\nDisallow: /*.json\n");
    let place = Place::new(&server.root_url(), "", "");
    let text = place.expect(1, &["crawl", "board"]);
    assert!(text.contains("[sites.board], robots_exception"), "{text}");
    assert_eq!(asked(&server, "/post.json"), 0);
    place.append("robots_exception = \"their help page documents /post.json\"\n");
    let text = place.expect(0, &["crawl", "board"]);
    assert!(text.contains("their help page documents /post.json"), "{text}");
    assert_eq!(asked(&server, "/image/"), 2);
}

#[test]
fn crawls_of_one_run_share_what_is_known_of_a_host() {
    let server = board(2, 4);
    let root = server.root_url();
    let second =
        format!("[sites.again]\nroot = {root:?}\n[[run.crawl]]\nsite = \"board\"\n[[run.crawl]]\nsite = \"again\"\n");
    let place = Place::new(&root, "give_up_after = 1", &second);
    server.fault(Target::AnyFile, Fault::Status(500), u32::MAX);
    let text = place.expect(2, &["run"]);
    assert!(
        text.contains("failed 1 requests in a row") && text.contains("nothing to freeze"),
        "{text}"
    );
    // The host fails the first crawl's pictures, and is not asked for files by the second crawl: a page, and two
    // looks that nothing is below it, are the first one's.
    let (pages, pictures) = (asked(&server, "/post.json"), asked(&server, "/image/"));
    assert!(pages <= 3 && pictures <= 2, "{pages} pages, {pictures} pictures");
    assert_eq!(asked(&server, "/robots.txt"), 1);
}

#[test]
fn a_full_disk_ends_the_run_before_anything_is_asked() {
    let server = board(2, 4);
    let place = Place::new(&server.root_url(), "", "[store]\nmin_free_megabytes = 1000000000000");
    let text = place.expect(1, &["crawl", "board"]);
    assert!(
        text.contains("min_free_megabytes") && text.contains("data/store"),
        "{text}"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn a_daily_share_that_is_used_up_is_no_failure_and_the_rest_waits() {
    let server = board(3, 600);
    let place = Place::new(&server.root_url(), "connections = 1\ndaily_megabytes = 1", "");
    let text = place.expect(0, &["crawl", "board"]);
    assert!(text.contains("daily_megabytes"), "{text}");
    assert_eq!(asked(&server, "/image/"), 1, "{text}");
    place.expect(0, &["crawl", "board"]);
    assert_eq!(asked(&server, "/image/"), 1);
}

#[test]
fn a_login_is_sent_to_the_api_and_shown_nowhere() {
    let server = board(2, 4);
    server.fault(Target::AnyFile, Fault::Status(500), 1);
    let mut place = Place::new(&server.root_url(), "", "");
    place.variables = vec![
        ("HEADS_LOGIN_BOARD", "ada:k3y-of-ada".into()),
        ("HEADS_SESSION_BOARD", "s3ssion-of-ada".into()),
        ("RUST_LOG", "trace".into()),
    ];
    let mut text = place.expect(0, &["check", "board"]);
    assert!(text.contains("login: API key and session"), "{text}");
    text += &place.expect(3, &["crawl", "board"]);
    server.fault(Target::Path("/post.json".into()), Fault::Status(403), 1);
    text += &place.expect(1, &["check", "board"]);
    text += &place.logs();
    for secret in ["k3y-of-ada", "s3ssion-of-ada", "YWRhOmszeS1vZi1hZGE"] {
        assert!(!text.contains(secret), "{text}");
        let catalog = std::fs::read(place.path("data/catalog.sqlite")).expect("is there");
        assert!(!catalog.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
    let signed = server
        .requests()
        .into_iter()
        .filter(|request| request.headers.contains_key("authorization"));
    let paths: Vec<String> = signed.map(|request| request.path).collect();
    assert!(
        !paths.is_empty() && paths.iter().all(|path| path == "/post.json" || path == "/post.xml"),
        "{paths:?}"
    );

    let secrets = place.path("secrets.env");
    std::fs::write(&secrets, "HEADS_LOGIN_BOARD=ada:k3y-of-ada\n").expect("writes");
    std::fs::set_permissions(&secrets, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("is ours");
    let place = Place::new(&server.root_url(), &format!("secrets = {:?}", Path::new(&secrets)), "");
    let text = place.expect(2, &["crawl", "board"]);
    assert!(text.contains("chmod 600") && !text.contains("k3y"), "{text}");
}
