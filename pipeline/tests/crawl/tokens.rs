//! pixiv's app with a refresh token, whose access tokens end during a crawl.

use pipeline::crawl::ListingForm;
use testbooru::{Board, Counters, Fault, NewPost, OAuth, RetryAfter, Server, Setup, TagType, Target};

use crate::common::site::{PIXIV, Site, png, tagged};
use crate::place::Place;

const SECRET: &str = "r3fresh-s3cret";

fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        tags: vec![("suzu".into(), TagType::Character)],
        counters: Some(Counters::plausible(10)),
        ..NewPost::default()
    }
}

fn setup(answers: u32, expires_in: u32) -> Setup {
    let oauth = OAuth {
        refresh_token: SECRET.into(),
        answers,
        expires_in,
        rotates: false,
    };
    Setup {
        oauth: Some(oauth),
        ..Setup::default()
    }
}

async fn of(count: u32, answers: u32, expires_in: u32) -> Site {
    let posts = (0..count).map(post);
    let mut site = Site::of(PIXIV, posts, setup(answers, expires_in)).await;
    site.site.listing = ListingForm::App;
    site.site.page = 30;
    site.keep_secrets(&format!("HEADS_REFRESH_TOKEN_BOARD={SECRET}\n"));
    site
}

/// How often a token was fetched, and how often the API was asked.
fn counted(site: &Site) -> (usize, usize) {
    let asked = site.asked();
    let of = |path: &str| asked.iter().filter(|asked| asked.starts_with(path)).count();
    (of("/auth/token"), of("/v1/"))
}

#[tokio::test]
async fn a_token_that_ends_during_a_crawl_is_renewed_once_and_nothing_is_lost() {
    let site = of(130, 2, 3600).await;
    assert_eq!(site.done(tagged("suzu")).await.done, 130);
    let (tokens, asked) = counted(&site);
    // Each token gave two answers; what met its end was asked again with the next one.
    let answered = asked + 1 - tokens;
    assert!(
        answered > 4 && tokens == answered.div_ceil(2),
        "{tokens} tokens for {asked} requests"
    );
}

#[tokio::test]
async fn a_token_is_renewed_when_its_time_is_over_and_kept_until_then() {
    let site = of(70, u32::MAX, 0).await;
    site.done(tagged("suzu")).await;
    let (tokens, asked) = counted(&site);
    assert!(asked > 2 && tokens == asked, "{tokens} tokens for {asked} requests");
    let site = of(70, u32::MAX, 3600).await;
    site.done(tagged("suzu")).await;
    assert_eq!(counted(&site).0, 1);
}

#[tokio::test]
async fn a_refresh_token_that_is_refused_ends_the_run_with_the_way_out() {
    let mut site = of(3, 9, 3600).await;
    site.keep_secrets("HEADS_REFRESH_TOKEN_BOARD=0ld-s3cret\n");
    let error = format!("{:#}", site.run(tagged("suzu")).await.expect_err("is refused"));
    for expected in ["HEADS_REFRESH_TOKEN_BOARD", "Invalid refresh token", "/auth/token"] {
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
    assert!(!error.contains("0ld-s3cret"), "{error}");
    assert_eq!(counted(&site), (1, 0));
}

#[tokio::test]
async fn an_app_that_refuses_the_login_asks_for_another_refresh_token_and_not_for_a_first_one() {
    let site = of(3, 9, 3600).await;
    let path = Target::Path("/v1/search/illust".into());
    site.server.fault(path, Fault::Status(401), u32::MAX);
    let error = format!("{:#}", site.run(tagged("suzu")).await.expect_err("is refused"));
    let advice = "the login was refused: see whether HEADS_REFRESH_TOKEN_BOARD is right";
    assert!(error.contains(advice), "{error}");
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_not_fetched_again_and_again() {
    let site = of(3, 0, 3600).await;
    let error = format!("{:#}", site.run(tagged("suzu")).await.expect_err("is refused"));
    assert!(
        error.contains("access token") && error.contains("invalid_grant"),
        "{error}"
    );
    assert_eq!(counted(&site), (1, 1));
}

#[tokio::test]
async fn a_busy_place_of_tokens_is_asked_again_and_one_that_is_down_said_so() {
    let site = of(3, 9, 3600).await;
    let path = || Target::Path("/auth/token".into());
    site.server.fault(path(), Fault::Busy(429, RetryAfter::Seconds(0)), 1);
    site.server.fault(path(), Fault::Status(500), 1);
    assert_eq!(site.done(tagged("suzu")).await.done, 3);
    assert_eq!(counted(&site).0, 3);
    let site = of(3, 9, 3600).await;
    site.server.fault(path(), Fault::Status(500), u32::MAX);
    let error = format!("{:#}", site.run(tagged("suzu")).await.expect_err("is down"));
    assert!(
        error.contains("/auth/token") && error.contains("tried 4 times"),
        "{error}"
    );
}

#[test]
fn neither_token_is_shown_or_kept_anywhere() {
    let board = Board::empty();
    (0..40).for_each(|number| {
        board.add(post(number));
    });
    let server = Server::start(board, setup(2, 3600)).expect("listens");
    let site = "dialect = \"pixiv\"\nlisting = \"app\"\npage = 30\nacknowledged = true";
    let mut place = Place::new(&server.root_url(), "", site);
    place.variables.push(("HEADS_REFRESH_TOKEN_BOARD", SECRET.into()));
    let mut text = place.expect(0, &["check", "board"]);
    assert!(text.contains("login: refresh token"), "{text}");
    text += &place.expect(0, &["crawl", "board", "--tags", "suzu", "--json"]);
    server.fault(Target::Path("/v1/search/illust".into()), Fault::BrokenJson, u32::MAX);
    text += &place.expect(1, &["crawl", "board", "--tags", "suzu"]);
    text += &place.logs();
    let catalog = std::fs::read(place.path("data/catalog.sqlite")).expect("is there");
    text += &String::from_utf8_lossy(&catalog);
    for secret in [SECRET, "access-t0ken"] {
        assert!(!text.contains(secret), "{secret} is shown");
    }
}

#[test]
fn a_refresh_token_that_is_replaced_is_kept_for_the_next_run_and_shown_nowhere() {
    let board = Board::empty();
    (0..40).for_each(|number| {
        board.add(post(number));
    });
    let mut setup = setup(2, 3600);
    setup.oauth.as_mut().expect("is set").rotates = true;
    let server = Server::start(board, setup).expect("listens");
    let site = "dialect = \"pixiv\"\nlisting = \"app\"\npage = 30\nacknowledged = true";
    let mut place = Place::new(&server.root_url(), "", site);
    place.variables.push(("HEADS_REFRESH_TOKEN_BOARD", SECRET.into()));
    let mut text = place.expect(0, &["crawl", "board", "--tags", "suzu", "--dry-run"]);
    for _ in 0..2 {
        text += &place.expect(0, &["crawl", "board", "--tags", "suzu", "--json"]);
    }
    text += &place.logs();
    text += &String::from_utf8_lossy(&std::fs::read(place.path("data/catalog.sqlite")).expect("is there"));
    assert!(!text.contains(SECRET), "it is shown");
    let kept = place.path("data/tokens.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).expect("is there").permissions());
    assert_eq!(mode & 0o777, 0o600);
    // Another that is set goes before what is kept for the first.
    place.variables = vec![("HEADS_REFRESH_TOKEN_BOARD", "an0ther-s3cret".into())];
    let refused = place.expect(1, &["crawl", "board", "--tags", "suzu"]);
    assert!(
        refused.contains("Invalid refresh token") && !refused.contains("s3cret"),
        "{refused}"
    );
}
