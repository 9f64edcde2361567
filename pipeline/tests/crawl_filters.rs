//! Every filter against boards that hear the search and boards that pass over it: what is fetched is
//! the same, because each row is checked.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use dataset::Store;
use dataset::failure::{USAGE, exit_code};
use image::{ImageFormat, Rgb, RgbImage};
use pipeline::catalog::Catalog;
use pipeline::crawl::source::Dialect;
use pipeline::crawl::{self, Args, CrawlSettings, Network, SiteSettings};
use pipeline::outcome::Tally;
use pipeline::popularity;
use pipeline::selection::SelectionArgs;
use pipeline::stop::Stop;
use sqlx::Row;
use tempfile::TempDir;
use testbooru::{Board, Counters, Fault, NewPost, Rating, Server, Setup, TagType, Target};

/// 2021-01-01, UTC.
const START: i64 = 1_609_459_200;

fn picture(number: u8, side: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(side, side, Rgb([number, 0, 255 - number]))
        .write_to(&mut bytes, format)
        .expect("encodes");
    bytes.into_inner()
}

/// A post that passes every filter below.
fn good(number: u8) -> NewPost {
    let tag = |name: &str, kind| (name.to_string(), kind);
    NewPost {
        bytes: picture(number, 20, ImageFormat::Png),
        score: 500,
        counters: Some(Counters {
            favourites: 400,
            ..Counters::plausible(500)
        }),
        created_at: Some(START + i64::from(number)),
        tags: vec![
            tag("hatsune_miku", TagType::Character),
            tag("vocaloid", TagType::Copyright),
            tag("kei", TagType::Artist),
            tag("smile", TagType::General),
        ],
        ..NewPost::default()
    }
}

/// The first post is good; each other differs from it in the one thing that its number stands for.
fn posts() -> Vec<NewPost> {
    let mut posts: Vec<NewPost> = (0..12).map(good).collect();
    posts[1].score = 10;
    posts[2].rating = Rating::Explicit;
    posts[3].created_at = Some(START - 1);
    posts[4].tags.remove(0);
    posts[5].tags.remove(1);
    posts[6].tags.remove(2);
    posts[7].tags.remove(3);
    posts[8].tags.push(("comic".into(), TagType::Meta));
    posts[9].bytes = picture(9, 8, ImageFormat::Png);
    posts[10].bytes = picture(10, 20, ImageFormat::Jpeg);
    posts[11].rating = Rating::Questionable;
    posts
}

/// Filters, and the posts that each leaves out beside those that are not safe.
fn filters() -> Vec<(SelectionArgs, Vec<u64>)> {
    let none = SelectionArgs::default;
    let text = |text: &str| Some(text.to_string());
    let names = |name: &str| vec![name.to_string()];
    let all = SelectionArgs {
        min_likes: Some(100),
        since: text("2021"),
        until: text("2021"),
        character: names("Hatsune Miku"),
        copyright: names("vocaloid"),
        artist: names("kei"),
        tags: text("smile -comic"),
        min_width: Some(10),
        min_height: Some(10),
        types: text("png"),
        ..none()
    };
    vec![
        (none(), vec![]),
        (
            SelectionArgs {
                min_likes: Some(100),
                ..none()
            },
            vec![1],
        ),
        (
            SelectionArgs {
                min_score: Some(100),
                ..none()
            },
            vec![1],
        ),
        (
            SelectionArgs {
                since: text("2021"),
                until: text("2021"),
                ..none()
            },
            vec![3],
        ),
        (
            SelectionArgs {
                character: names("Hatsune Miku"),
                ..none()
            },
            vec![4],
        ),
        (
            SelectionArgs {
                copyright: names("vocaloid"),
                ..none()
            },
            vec![5],
        ),
        (
            SelectionArgs {
                artist: names("kei"),
                ..none()
            },
            vec![6],
        ),
        (
            SelectionArgs {
                tags: text("smile -comic"),
                ..none()
            },
            vec![7, 8],
        ),
        (
            SelectionArgs {
                min_width: Some(10),
                ..none()
            },
            vec![9],
        ),
        (
            SelectionArgs {
                min_height: Some(10),
                ..none()
            },
            vec![9],
        ),
        (
            SelectionArgs {
                types: text("png"),
                ..none()
            },
            vec![10],
        ),
        (all, vec![1, 3, 4, 5, 6, 7, 8, 9, 10]),
    ]
}

/// A board, and what is crawled from it.
struct Crawl {
    _folder: TempDir,
    catalog: Catalog,
    store: Store,
    server: Server,
    settings: CrawlSettings,
    dialect: Dialect,
}

impl Crawl {
    async fn of(posts: impl IntoIterator<Item = NewPost>, dialect: Dialect) -> Self {
        let board = Board::empty();
        for post in posts {
            board.add(post);
        }
        let (folder, catalog) = common::sqlite().await;
        Self {
            store: Store::create(&folder.path().join("store")).expect("makes a store"),
            _folder: folder,
            catalog,
            server: Server::start(board, Setup::default()).expect("listens"),
            settings: CrawlSettings::default(),
            dialect,
        }
    }

    fn sites(&self, site: &str) -> BTreeMap<String, SiteSettings> {
        let settings = SiteSettings {
            dialect: self.dialect,
            root: self.server.root_url(),
            page: 5,
            ..SiteSettings::default()
        };
        BTreeMap::from([(site.to_string(), settings)])
    }

    fn request(&self, site: &str, select: SelectionArgs) -> anyhow::Result<crawl::CrawlRequest> {
        let args = Args {
            site: site.into(),
            select,
            ..Args::default()
        };
        Ok(args.resolve(&self.settings, &self.sites(site))?)
    }

    fn network(&self) -> Network {
        Network::new(&self.catalog, &self.settings, &Stop::never())
    }

    async fn run(&self, site: &str, select: SelectionArgs) -> anyhow::Result<Tally> {
        self.go(&self.request(site, select)?).await
    }

    async fn list(&self, site: &str, select: SelectionArgs) -> Tally {
        let mut request = self.request(site, select).expect("is sound");
        request.list_only = true;
        self.go(&request).await.expect("lists")
    }

    async fn go(&self, request: &crawl::CrawlRequest) -> anyhow::Result<Tally> {
        let (network, stop) = (self.network(), Stop::never());
        crawl::run(&self.catalog, &self.store, &network, &self.settings, request, &stop).await
    }

    async fn plan(&self, site: &str, select: SelectionArgs) -> String {
        let request = self.request(site, select).expect("is sound");
        let network = self.network();
        let plan = crawl::dry_run(&self.catalog, &network, &self.settings, &request);
        plan.await.expect("plans")
    }

    /// Posts of a site whose picture is stored, counted from 0 in the order of upload.
    async fn stored(&self, site: &str) -> BTreeSet<u64> {
        let first = self.server.board().posts()[0].id;
        let sql = "SELECT post FROM files WHERE source = $1 AND outcome = 'stored'";
        let rows = sqlx::query(sql).bind(site).fetch_all(self.catalog.pool()).await;
        let number = |row: &sqlx::any::AnyRow| row.get::<String, _>("post").parse::<u64>().expect("a number");
        rows.expect("reads").iter().map(|row| number(row) - first).collect()
    }

    /// Paths asked for so far, robots.txt left out.
    fn paths(&self) -> Vec<String> {
        let paths = self.server.requests().into_iter().map(|request| request.path);
        paths.filter(|path| path != "/robots.txt").collect()
    }
}

async fn every_filter_holds(dialect: Dialect, listing: &str) {
    let crawl = Crawl::of(posts(), dialect).await;
    for deaf in [false, true] {
        if deaf {
            crawl.server.fault(Target::Path(listing.into()), Fault::Deaf, u32::MAX);
        }
        for (number, (select, left_out)) in filters().into_iter().enumerate() {
            let site = format!("board{number}{deaf}");
            let tally = crawl.run(&site, select.clone()).await.expect("crawls");
            let rows = ("posts listed".to_string(), 12);
            assert!(!deaf || tally.lines.contains(&rows), "all posts come: {tally:?}");
            let expected: BTreeSet<u64> = (0..12)
                .filter(|post| ![2, 11].contains(post) && !left_out.contains(post))
                .collect();
            assert_eq!(crawl.stored(&site).await, expected, "{select:?}, deaf: {deaf}");
        }
    }
    let ratings = SelectionArgs {
        rating: Some("safe,questionable".into()),
        ..SelectionArgs::default()
    };
    crawl.run("several", ratings).await.expect("crawls");
    assert!(!crawl.stored("several").await.contains(&2));
    assert_eq!(crawl.stored("several").await.len(), 11);
}

#[tokio::test]
async fn every_filter_holds_on_moebooru_even_where_the_search_is_not_heard() {
    every_filter_holds(Dialect::Moebooru, "/post.json").await;
}

#[tokio::test]
async fn every_filter_holds_on_danbooru_even_where_the_search_is_not_heard() {
    every_filter_holds(Dialect::Danbooru, "/posts.json").await;
}

#[tokio::test]
async fn favourites_select_where_they_are_counted_and_are_refused_elsewhere() {
    let select = || SelectionArgs {
        min_favourites: Some(300),
        ..SelectionArgs::default()
    };
    let mut few = good(1);
    few.counters = Some(Counters::plausible(10));
    let crawl = Crawl::of([good(0), few], Dialect::Danbooru).await;
    crawl.run("board", select()).await.expect("crawls");
    assert_eq!(crawl.stored("board").await, BTreeSet::from([0]));

    let crawl = Crawl::of([good(0)], Dialect::Moebooru).await;
    for select in [
        select(),
        SelectionArgs {
            min_views: Some(1),
            ..SelectionArgs::default()
        },
    ] {
        let error = crawl.run("board", select).await.expect_err("is refused");
        assert_eq!(exit_code(&error), USAGE);
        assert!(error.to_string().contains("--min-likes"), "{error}");
    }
    assert_eq!(crawl.paths(), Vec::<String>::new());
}

/// Ten posts of 2020 with 10 to 100 likes, and three of 2021 with 1 to 3.
fn two_years() -> Vec<NewPost> {
    let liked = |number: u8, score: i64, created_at: i64| NewPost {
        score,
        created_at: Some(created_at + i64::from(number)),
        ..good(number)
    };
    let mut posts: Vec<NewPost> = (0..10).map(|n| liked(n, 10 * i64::from(n + 1), START - 1000)).collect();
    posts.extend((10..13).map(|n| liked(n, i64::from(n) - 9, START)));
    posts
}

fn top(percent: f64) -> SelectionArgs {
    SelectionArgs {
        top_percent: Some(percent),
        ..SelectionArgs::default()
    }
}

#[tokio::test]
async fn a_share_is_refused_with_its_cost_until_all_its_posts_are_listed() {
    let crawl = Crawl::of(two_years(), Dialect::Moebooru).await;
    let liked = SelectionArgs {
        min_likes: Some(2),
        ..SelectionArgs::default()
    };
    crawl.list("board", liked).await;
    crawl.server.clear_requests();
    let error = crawl.run("board", top(20.0)).await.expect_err("is refused");
    assert_eq!(exit_code(&error), USAGE);
    let text = error.to_string();
    assert!(
        text.contains("`pipeline crawl board --rating safe --list-only`"),
        "{text}"
    );
    assert!(text.contains("with 4 requests (13 posts by the site's count"), "{text}");
    assert_eq!(crawl.paths(), ["/post.xml"]);

    crawl.list("board", SelectionArgs::default()).await;
    assert_eq!(crawl.stored("board").await, BTreeSet::new(), "only listed");
    crawl.run("board", top(20.0)).await.expect("crawls");
    assert_eq!(crawl.stored("board").await, BTreeSet::from([8, 9, 12]));
}

#[tokio::test]
async fn a_share_is_taken_of_what_the_other_filters_select() {
    let mut posts = two_years();
    for post in &mut posts[5..10] {
        post.tags.remove(0);
    }
    let crawl = Crawl::of(posts, Dialect::Moebooru).await;
    crawl.list("board", SelectionArgs::default()).await;
    let select = SelectionArgs {
        character: vec!["hatsune miku".into()],
        until: Some("2020".into()),
        ..top(40.0)
    };
    crawl.run("board", select.clone()).await.expect("crawls");
    assert_eq!(crawl.stored("board").await, BTreeSet::from([3, 4]));

    // Stored posts, as crop and manifest take them: the same share, of the same listing.
    let stored = SelectionArgs {
        rating: Some("safe".into()),
        ..select
    };
    let sites = crawl.sites("board");
    let settled = popularity::settle(&crawl.catalog, &stored.resolve().expect("is sound"), &sites).await;
    let lines = settled.expect("settles").describe();
    assert!(
        lines.contains(&"top-of=board:2020:min-likes=40".to_string()),
        "{lines:?}"
    );
    let any = popularity::settle(&crawl.catalog, &top(40.0).resolve().expect("is sound"), &sites).await;
    let error = any.expect_err("covers safe posts only").to_string();
    assert!(error.contains("--rating any --list-only"), "{error}");
}

#[tokio::test]
async fn a_plan_costs_one_request_and_writes_nothing() {
    let crawl = Crawl::of(posts(), Dialect::Danbooru).await;
    let select = SelectionArgs {
        min_likes: Some(100),
        tags: Some("smile vocaloid -comic".into()),
        since: Some("2021".into()),
        ..SelectionArgs::default()
    };
    let plan = crawl.plan("board", select.clone()).await;
    assert_eq!(crawl.paths(), ["/counts/posts.json"]);
    for table in ["posts", "cursors", "files"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS rows FROM {table}"));
        let rows = sqlx::query(sql).fetch_one(crawl.catalog.pool()).await.expect("counts");
        assert_eq!(rows.get::<i64, _>("rows"), 0, "{table}");
    }
    for expected in [
        "smile vocaloid rating:g",
        "tag -comic; likes of 100 or more",
        "up_score",
        "pictures as original",
        "30 days",
        "never listed",
        "posts by the site's count, asked with one request",
    ] {
        assert!(plan.contains(expected), "{expected} is not in {plan}");
    }
    crawl.run("board", select.clone()).await.expect("crawls");
    crawl.server.clear_requests();
    let plan = crawl.plan("board", select).await;
    assert_eq!(crawl.paths(), Vec::<String>::new(), "a refresh is known without asking");
    assert!(
        plan.contains("listed in full on") && plan.contains("1 requests (a refresh: 0 posts"),
        "{plan}"
    );
}
