//! Files, pictures and parts of lists whose last result is a failure, one by one, and their way back.

use anyhow::Context;
use serde::Serialize;

use super::binds::Binds;
use super::binds::row;
use super::files::is_skip;
use super::{Catalog, Write};

/// Which stage a failure is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Stage {
    /// A post's file was not stored, or a part of a list not read.
    Crawl,
    /// A file of an imported folder was not stored.
    Import,
    /// The detector did not run on a stored picture.
    Crop,
}

/// Which failures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of one source.
    pub source: Option<String>,
    /// Of one stage.
    pub stage: Option<Stage>,
    /// Of one reason.
    pub reason: Option<String>,
}

impl Wanted {
    /// Whether failures of a stage are meant.
    fn is_of(&self, stage: Stage) -> bool {
        self.stage.is_none_or(|wanted| wanted == stage)
    }
}

/// The stage of a row of `files AS f`.
const STAGE: &str = "(CASE WHEN f.source LIKE 'import:%' THEN 'import' ELSE 'crawl' END)";

row! {
    /// One failure. The names are a contract that scripts rely on.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Failure {
        /// `crawl`, `import` or `crop`.
        pub stage: String,
        /// The post's source.
        pub source: Option<String>,
        /// The post's id; of a list, the part that could not be read.
        pub post: Option<String>,
        /// Which of its pictures.
        pub page: Option<i64>,
        /// The post's own page.
        pub page_url: Option<String>,
        /// SHA-256 of the picture, where it is stored.
        pub image: Option<String>,
        /// `failed` (tried again by a later run), `refused` (never) or `skipped` (not meant to be had).
        pub outcome: String,
        /// A short fixed word.
        pub reason: Option<String>,
        /// What was seen.
        pub detail: Option<String>,
        /// Tries so far; 0 where it is to be tried again.
        pub attempts: i64,
        /// When it was last tried, epoch seconds.
        pub recorded_at: i64,
    }
}

/// Failures, the latest first.
///
/// # Errors
/// Where the database refuses.
pub async fn list(catalog: &Catalog, wanted: &Wanted) -> anyhow::Result<Vec<Failure>> {
    let mut failures: Vec<Failure> = Vec::new();
    if wanted.stage != Some(Stage::Crop) {
        let mut binds = Binds::default();
        let files = files(wanted, &mut binds);
        let sql = format!(
            "SELECT {STAGE} AS stage, f.source, f.post, f.page, p.page_url, f.image, f.outcome, f.reason, f.detail, \
             f.attempts, f.recorded_at FROM files AS f \
             LEFT JOIN posts AS p ON p.source = f.source AND p.post = f.post WHERE {files}"
        );
        failures.extend(fetch(catalog, binds, sql).await?);
    }
    if wanted.is_of(Stage::Crawl) {
        let mut binds = Binds::default();
        let holes = holes(wanted, &mut binds);
        let sql = format!(
            "SELECT 'crawl' AS stage, h.source, h.place AS post, CAST(0 AS BIGINT) AS page, \
             CAST(NULL AS TEXT) AS page_url, CAST(NULL AS TEXT) AS image, \
             CASE WHEN h.given_up = 1 THEN 'refused' ELSE 'failed' END AS outcome, h.reason, h.detail, \
             h.tries AS attempts, h.recorded_at FROM holes AS h WHERE {holes}"
        );
        failures.extend(fetch(catalog, binds, sql).await?);
    }
    if wanted.is_of(Stage::Crop) {
        let mut binds = Binds::default();
        let detections = detections(wanted, &mut binds);
        let sql = format!(
            "SELECT 'crop' AS stage, f.source, f.post, f.page, p.page_url, d.image, d.outcome, d.reason, d.detail, \
             d.attempts, d.recorded_at FROM detections AS d \
             LEFT JOIN files AS f ON f.image = d.image AND f.outcome = 'stored' \
             LEFT JOIN posts AS p ON p.source = f.source AND p.post = f.post WHERE {detections}"
        );
        failures.extend(fetch(catalog, binds, sql).await?);
    }
    for failure in failures.iter_mut().filter(|failure| failure.stage != "crop") {
        if failure.outcome == "refused" && failure.reason.as_deref().is_some_and(is_skip) {
            failure.outcome = "skipped".into();
        }
    }
    failures.sort_by(|a, b| {
        let place = |failure: &Failure| (failure.source.clone(), failure.post.clone(), failure.page);
        b.recorded_at.cmp(&a.recorded_at).then_with(|| place(a).cmp(&place(b)))
    });
    Ok(failures)
}

/// Has the next runs try them again, those that were refused too.
///
/// # Errors
/// Where the database refuses.
pub async fn again(write: &mut Write, wanted: &Wanted) -> anyhow::Result<()> {
    const FAILED: &str = "cannot mark what is to be tried again";
    if wanted.stage != Some(Stage::Crop) {
        let mut binds = Binds::default();
        let files = files(wanted, &mut binds);
        let sql = format!("UPDATE files AS f SET outcome = 'failed', attempts = 0 WHERE {files}");
        binds.fetch_rows(sql, write.connection()).await.context(FAILED)?;
        let waiting = "UPDATE posts SET waiting = 1 WHERE waiting = 0 AND EXISTS (SELECT 1 FROM files AS f \
                       WHERE f.source = posts.source AND f.post = posts.post AND f.outcome = 'failed' \
                       AND f.attempts = 0)";
        sqlx::query(waiting).execute(write.connection()).await.context(FAILED)?;
    }
    if wanted.is_of(Stage::Crawl) {
        let mut binds = Binds::default();
        let holes = holes(wanted, &mut binds);
        let sql = format!("UPDATE holes AS h SET tries = 0, next_try = 0, given_up = 0 WHERE {holes}");
        binds.fetch_rows(sql, write.connection()).await.context(FAILED)?;
    }
    if wanted.is_of(Stage::Crop) {
        let mut binds = Binds::default();
        let detections = detections(wanted, &mut binds);
        let sql = format!("UPDATE detections AS d SET outcome = 'failed', attempts = 0 WHERE {detections}");
        binds.fetch_rows(sql, write.connection()).await.context(FAILED)?;
    }
    Ok(())
}

async fn fetch(catalog: &Catalog, binds: Binds, sql: String) -> anyhow::Result<Vec<Failure>> {
    let rows = binds.fetch(sql, catalog.pool()).await;
    rows.context("cannot read what failed")
}

/// The condition on `files AS f`.
fn files(wanted: &Wanted, binds: &mut Binds) -> String {
    let mut condition = "f.outcome <> 'stored'".to_string();
    if let Some(stage) = wanted.stage {
        let word = if stage == Stage::Import { "import" } else { "crawl" };
        condition.push_str(&format!(" AND {STAGE} = '{word}'"));
    }
    if let Some(source) = &wanted.source {
        condition.push_str(&format!(" AND f.source = {}", binds.text(source)));
    }
    if let Some(reason) = &wanted.reason {
        condition.push_str(&format!(" AND f.reason = {}", binds.text(reason)));
    }
    condition
}

/// The condition on `holes AS h`.
fn holes(wanted: &Wanted, binds: &mut Binds) -> String {
    let mut condition = "h.tries > 0".to_string();
    if let Some(source) = &wanted.source {
        condition.push_str(&format!(" AND h.source = {}", binds.text(source)));
    }
    if let Some(reason) = &wanted.reason {
        condition.push_str(&format!(" AND h.reason = {}", binds.text(reason)));
    }
    condition
}

/// The condition on `detections AS d`.
fn detections(wanted: &Wanted, binds: &mut Binds) -> String {
    let mut condition = "d.outcome IN ('failed', 'refused')".to_string();
    if let Some(source) = &wanted.source {
        let source = binds.text(source);
        condition.push_str(&format!(
            " AND d.image IN (SELECT s.image FROM files AS s WHERE s.outcome = 'stored' AND s.source = {source})"
        ));
    }
    if let Some(reason) = &wanted.reason {
        condition.push_str(&format!(" AND d.reason = {}", binds.text(reason)));
    }
    condition
}
