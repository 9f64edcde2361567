//! A local board crawled as a site of one dialect.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use dataset::Store;
use pipeline::catalog::Catalog;
use pipeline::catalog::posts::{self, Post};
use pipeline::crawl::source::{Danbooru, Dialect, Gelbooru, Moebooru, Pixiv, Zerochan};
use pipeline::crawl::{self, Args, CrawlRequest, CrawlSettings, Network, SiteSettings};
use pipeline::reporter::Reporter;
use pipeline::selection::SelectionArgs;
use pipeline::stop::Stop;
use pipeline::summary::Summary;
use sqlx::Row;
use tempfile::TempDir;
use testbooru::{Board, NewPost, Server, Setup};

/// The dialects.
pub const MOEBOORU: &dyn Dialect = &Moebooru;
pub const DANBOORU: &dyn Dialect = &Danbooru;
pub const GELBOORU: &dyn Dialect = &Gelbooru;
pub const PIXIV: &dyn Dialect = &Pixiv;
pub const ZEROCHAN: &dyn Dialect = &Zerochan;

/// A small picture, another one for each number.
pub fn png(number: u32) -> Vec<u8> {
    let [_, red, green, blue] = number.to_be_bytes();
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(8, 6, image::Rgb([red, green, blue]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("encodes");
    bytes.into_inner()
}

/// Everything of a tag.
pub fn tagged(tag: &str) -> Args {
    Args {
        select: SelectionArgs {
            tags: Some(tag.into()),
            ..SelectionArgs::default()
        },
        ..Args::default()
    }
}

/// The site, and what is crawled from it.
pub struct Site {
    folder: TempDir,
    /// What was recorded.
    pub catalog: Catalog,
    /// What was stored.
    pub store: Store,
    /// The board.
    pub server: Server,
    /// `[crawl]`.
    pub settings: CrawlSettings,
    /// `[sites.board]`.
    pub site: SiteSettings,
}

impl Site {
    /// A board with these posts, to be crawled in a dialect.
    pub async fn of(dialect: &'static dyn Dialect, posts: impl IntoIterator<Item = NewPost>, setup: Setup) -> Self {
        let board = Board::empty();
        for post in posts {
            board.add(post);
        }
        let (folder, catalog) = super::sqlite().await;
        Self {
            store: Store::create(&folder.path().join("store")).expect("makes a store"),
            folder,
            catalog,
            server: Server::start(board, setup).expect("listens"),
            settings: CrawlSettings {
                loopback_backoff: 0.001,
                ..CrawlSettings::default()
            },
            site: SiteSettings {
                dialect,
                root: "https://board.example".into(),
                page: 4,
                acknowledged: true,
                ..SiteSettings::default()
            },
        }
    }

    /// A board of works, of which each may give so many pages, to be crawled as pixiv.
    pub async fn of_works(posts: impl IntoIterator<Item = NewPost>, max_pages: u32) -> Self {
        let mut site = Self::of(PIXIV, posts, Setup::default()).await;
        site.site.max_pages = max_pages;
        site
    }

    /// Where everything of it lies.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Writes the file of secrets that only its owner can read.
    pub fn keep_secrets(&mut self, lines: &str) {
        let path = self.folder().join("secrets.env");
        let mut options = std::fs::OpenOptions::new();
        let file = options.create(true).truncate(true).write(true).mode(0o600).open(&path);
        file.expect("opens").write_all(lines.as_bytes()).expect("writes");
        self.settings.secrets = Some(path);
    }

    /// What a command line asks of the board.
    pub fn request(&self, args: Args) -> anyhow::Result<CrawlRequest> {
        let args = Args {
            root: Some(args.root.unwrap_or_else(|| self.server.root_url())),
            site: if args.site.is_empty() {
                "board".into()
            } else {
                args.site
            },
            ..args
        };
        let sites = BTreeMap::from([(args.site.clone(), self.site.clone())]);
        Ok(args.resolve(&self.settings, &sites)?)
    }

    /// The crawls that a command line with names asks for.
    pub fn requests(&self, names: &[&str], args: Args) -> anyhow::Result<Vec<CrawlRequest>> {
        let args = Args {
            root: Some(self.server.root_url()),
            site: "board".into(),
            names: names.iter().map(|name| (*name).to_string()).collect(),
            ..args
        };
        let sites = BTreeMap::from([(args.site.clone(), self.site.clone())]);
        Ok(args.requests(&self.settings, &sites)?)
    }

    /// Crawls what is named, each once.
    pub async fn named(&self, names: &[&str], args: Args) -> Summary {
        let (reporter, mut all) = (Reporter::default(), Summary::default());
        for request in self.requests(names, args).expect("is understood") {
            let summary = crawl::run(&self.catalog, &self.store, &self.network(), &request, &reporter).await;
            let summary = summary.expect("crawls");
            all.add(&summary);
            all.lines.extend(summary.lines);
        }
        all
    }

    /// The way to the board.
    pub fn network(&self) -> Network {
        Network::new(&self.catalog, &self.settings, &Stop::never())
    }

    /// Crawls once.
    pub async fn run(&self, args: Args) -> anyhow::Result<Summary> {
        let (request, reporter) = (self.request(args)?, Reporter::default());
        crawl::run(&self.catalog, &self.store, &self.network(), &request, &reporter).await
    }

    /// Crawls, and expects no error.
    pub async fn done(&self, args: Args) -> Summary {
        self.run(args).await.expect("crawls")
    }

    /// Every post in the catalog, by number.
    pub async fn posts(&self) -> BTreeMap<i64, Post> {
        let rows = sqlx::query("SELECT p.* FROM posts AS p").fetch_all(self.catalog.pool());
        let rows = rows.await.expect("reads");
        let posts = rows.iter().map(|row| posts::from_row(row).expect("is a post"));
        posts.map(|post| (post.number, post)).collect()
    }

    /// Numbers of the posts that have a stored picture, with the pictures' pages.
    pub async fn stored(&self) -> Vec<(i64, i64)> {
        let sql = "SELECT p.number, f.page FROM files AS f JOIN posts AS p ON p.post = f.post \
                   WHERE f.outcome = 'stored' ORDER BY p.number, f.page";
        let rows = sqlx::query(sql).fetch_all(self.catalog.pool()).await.expect("reads");
        rows.iter().map(|row| (row.get("number"), row.get("page"))).collect()
    }

    /// Ids of the board's posts, oldest first.
    pub fn ids(&self) -> Vec<i64> {
        let posts = self.server.board().posts();
        posts.iter().map(|post| post.id as i64).collect()
    }

    /// Path and query of what was asked for since the last call, but for robots.txt.
    pub fn asked(&self) -> Vec<String> {
        let requests = self.server.requests();
        self.server.clear_requests();
        let asked = requests.into_iter().filter(|request| request.path != "/robots.txt");
        asked
            .map(|request| format!("{}?{}", request.path, request.query))
            .collect()
    }

    /// Of [`Self::asked`], those whose path begins so.
    pub fn asked_for(&self, path: &str) -> Vec<String> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.starts_with(path));
        asked
    }
}
