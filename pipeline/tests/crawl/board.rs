//! A Moebooru board and what is crawled from it, with the outcomes counted.

use std::collections::BTreeMap;

use dataset::Store;
use pipeline::catalog::Catalog;
use pipeline::crawl::{self, Args, CrawlSettings, Network, SiteSettings};
use pipeline::reporter::Reporter;
use pipeline::selection::SelectionArgs;
use pipeline::stop::Stop;
use pipeline::summary::Summary;
use sqlx::Row;
use tempfile::TempDir;
use testbooru::{Board, NewPost, Server, Setup};

use crate::common;
use crate::common::site::png;

/// 2021-01-01, UTC.
pub const START: i64 = 1_609_459_200;

pub fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        created_at: Some(START + i64::from(number)),
        ..NewPost::default()
    }
}

/// A crawl with filters.
pub fn filtered(select: SelectionArgs) -> Args {
    Args {
        select,
        ..Args::default()
    }
}

pub fn likes(least: i64) -> Args {
    filtered(SelectionArgs {
        min_likes: Some(least),
        ..SelectionArgs::default()
    })
}

/// A board, and what is crawled from it.
pub struct Crawl {
    pub folder: TempDir,
    pub catalog: Catalog,
    pub store: Store,
    pub server: Server,
    pub settings: CrawlSettings,
    pub site: SiteSettings,
}

impl Crawl {
    pub async fn of(posts: impl IntoIterator<Item = NewPost>) -> Self {
        Self::with(posts, Setup::default()).await
    }

    pub async fn with(posts: impl IntoIterator<Item = NewPost>, setup: Setup) -> Self {
        let board = Board::empty();
        for post in posts {
            board.add(post);
        }
        let server = Server::start(board, setup).expect("listens");
        let (folder, catalog) = common::sqlite().await;
        Self::into(folder, catalog, server)
    }

    pub fn into(folder: TempDir, catalog: Catalog, server: Server) -> Self {
        Self {
            store: Store::create(&folder.path().join("store")).expect("makes a store"),
            folder,
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

    pub async fn run(&self, args: Args) -> anyhow::Result<Summary> {
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
        crawl::run(&self.catalog, &self.store, &network, &request, &Reporter::default()).await
    }

    pub async fn all(&self) -> Summary {
        self.run(Args::default()).await.expect("crawls")
    }

    /// Each file's outcome with its reason, by post.
    pub async fn files(&self) -> BTreeMap<u64, String> {
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
    pub async fn count(&self, table: &'static str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS rows FROM {table}"));
        sqlx::query(sql)
            .fetch_one(self.catalog.pool())
            .await
            .expect("counts")
            .get("rows")
    }

    /// Paths of the pictures asked for since the last call.
    pub fn downloads(&self) -> Vec<String> {
        let paths = self.server.requests().into_iter().map(|request| request.path);
        let downloads = paths.filter(|path| path.starts_with("/image/")).collect();
        self.server.clear_requests();
        downloads
    }

    /// Queries of the listings asked for so far.
    pub fn listings(&self) -> Vec<String> {
        let requests = self.server.requests().into_iter();
        requests
            .filter(|request| request.path == "/post.json")
            .map(|request| request.query)
            .collect()
    }
}
