//! How crop workers share the pictures of a PostgreSQL catalog.
//!
//! A pass goes through the selected pictures once, in the order of their hashes, for all workers together: each takes
//! the next few from its place on, which then lies behind them, so that no row is looked at twice. A row in `leases`
//! says that a worker has a picture; what is recorded of it takes that row out in the same transaction, or is nothing
//! where the row is another's by then. Those of a worker that is gone are taken over at the end of a pass.
//!
//! Workers that are there at the same time are one run: what failed in it is not tried again in it.

use std::collections::BTreeSet;

use anyhow::Context;
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;

use super::binds::{Binds, row};
use super::detections::{CropKey, PendingPicture, pending_of, selected_condition};
use super::selection::conditions;
use super::session::{CLOCK, Session, alive};
use super::{Catalog, Write};
use crate::selection::Selection;

/// Pictures taken at once: enough that taking them costs little, and few enough that the last ones are
/// spread over all workers.
const AT_ONCE: i64 = 64;

/// Behind every hash.
const END: &str = "g";

/// Of leases that no worker holds: the picture failed.
const NOBODY: &str = "";

/// The share of one worker in what is to be cropped.
#[derive(Clone, Debug)]
pub struct Share {
    worker: String,
    selection: Selection,
    key: CropKey,
    /// Of the leases.
    work: String,
    /// Of the pass.
    pass: String,
    /// The pass after whose end nothing can be left, once one is known.
    last: Option<i64>,
}

/// What [`Share::next`] finds.
#[derive(Clone, Debug)]
pub enum Next {
    /// Pictures that this worker has now.
    Pictures(Vec<PendingPicture>),
    /// None is left but these, which other workers have: how many, and of how many workers.
    Others(u64, u64),
    /// None is left.
    Nothing,
}

row! {
    struct Found {
        taken: i64,
        ;
        picture: PendingPicture
    }
}

impl Share {
    /// Joins the workers of a selection; says too whether this is the first of them, who looks after what a pass does
    /// not find: see [`Self::offer`]. `None` where nobody else can write.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn join(catalog: &Catalog, selection: &Selection, key: &CropKey) -> anyhow::Result<Option<(Self, bool)>> {
        let Some(session) = &catalog.session else {
            return Ok(None);
        };
        let share = Self::new(session, selection, key);
        let joined = share.enter(catalog).await.context("cannot join the crop workers");
        Ok(Some((share, joined?)))
    }

    fn new(session: &Session, selection: &Selection, key: &CropKey) -> Self {
        let work = format!("{} {} {}", key.detector, key.crop, key.min_score);
        let pass = format!("{work} {:?}", conditions(selection, 1));
        let digest = |text: String| hex::encode(Sha256::digest(text));
        Self {
            worker: session.worker.clone(),
            selection: selection.clone(),
            key: key.clone(),
            work: digest(work),
            pass: digest(pass),
            last: None,
        }
    }

    async fn enter(&self, catalog: &Catalog) -> anyhow::Result<bool> {
        let mut write = catalog.write().await?;
        // One enters after the other: what a run left is taken out by its first worker alone.
        let turn = "SELECT pg_advisory_xact_lock(CAST(CAST(CAST('passes' AS regclass) AS oid) AS bigint))";
        sqlx::query(turn).execute(write.connection()).await?;
        let others = format!("SELECT COUNT(*) FROM workers AS w WHERE w.crops = 1 AND {}", alive());
        let others = sqlx::query_as(AssertSqlSafe(others));
        let (others,): (i64,) = others.fetch_one(write.connection()).await?;
        if others == 0 {
            sqlx::query("DELETE FROM passes").execute(write.connection()).await?;
            sqlx::query("DELETE FROM leases").execute(write.connection()).await?;
        }
        let enter = sqlx::query("UPDATE workers SET crops = 1 WHERE worker = $1").bind(&self.worker);
        enter.execute(write.connection()).await?;
        let sql = "INSERT INTO passes (work, pass, place, pending) VALUES ($1, 1, '', 0) ON CONFLICT DO NOTHING";
        let entered = sqlx::query(sql).bind(&self.pass).execute(write.connection()).await?;
        write.commit().await?;
        Ok(entered.rows_affected() > 0)
    }

    /// Gives pictures to whoever comes to the end of the pass: the first worker, those that a pass does not find.
    /// `pending` is how many all have to do.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn offer(&self, catalog: &Catalog, pictures: &[PendingPicture], pending: u64) -> anyhow::Result<()> {
        let mut write = catalog.write().await?;
        let images: Vec<&str> = pictures.iter().map(|picture| picture.image.as_str()).collect();
        let sql = "INSERT INTO leases (image, work, worker) SELECT image, $2, 'offered' \
                   FROM unnest(string_to_array($1, ' ')) AS offered (image) ORDER BY image ON CONFLICT DO NOTHING";
        let offered = sqlx::query(sql).bind(images.join(" ")).bind(&self.work);
        offered
            .execute(write.connection())
            .await
            .context("cannot offer pictures")?;
        let sql = "UPDATE passes SET pending = $2 WHERE work = $1";
        let told = sqlx::query(sql).bind(&self.pass).bind(pending as i64);
        told.execute(write.connection())
            .await
            .context("cannot say what waits")?;
        write.commit().await
    }

    /// Pictures that waited when the first worker began; 0 where it has not counted them yet.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn pending(&self, catalog: &Catalog) -> anyhow::Result<u64> {
        let query = sqlx::query_as("SELECT pending FROM passes WHERE work = $1").bind(&self.pass);
        let row: Option<(i64,)> = query
            .fetch_optional(catalog.pool())
            .await
            .context("cannot read what waits")?;
        Ok(row.map_or(0, |(pending,)| pending as u64))
    }

    /// Takes at most so many pictures.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn next(&mut self, catalog: &Catalog, limit: i64) -> anyhow::Result<Next> {
        const FAILED: &str = "cannot take pictures for the detector";
        let limit = limit.min(AT_ONCE);
        if limit <= 0 {
            return Ok(Next::Nothing);
        }
        while let Some(pictures) = self.advance(catalog, limit).await.context(FAILED)? {
            if !pictures.is_empty() {
                return Ok(Next::Pictures(pictures));
            }
        }
        let pictures = self.take_over(catalog, limit).await.context(FAILED)?;
        if !pictures.is_empty() {
            return Ok(Next::Pictures(pictures));
        }
        let others = self.others(catalog).await.context("cannot ask for other workers")?;
        Ok(match others {
            (0, _) => Next::Nothing,
            (pictures, workers) => Next::Others(pictures as u64, workers as u64),
        })
    }

    /// Takes the next pictures of the pass, of which others may have some; `None` at the end of the last one.
    async fn advance(&mut self, catalog: &Catalog, limit: i64) -> anyhow::Result<Option<Vec<PendingPicture>>> {
        let mut write = catalog.write().await?;
        let sql = "SELECT pass, place FROM passes WHERE work = $1 FOR UPDATE";
        let row: Option<(i64, String)> = sqlx::query_as(sql)
            .bind(&self.pass)
            .fetch_optional(write.connection())
            .await?;
        let (mut pass, mut place) = row.context("this worker gave no sign of life for too long: start it again")?;
        if place == END && self.last.is_none_or(|last| pass < last) {
            (pass, place) = (pass + 1, String::new());
        }
        // What lay behind the place when this worker came is found by the next pass.
        let last = *self.last.get_or_insert(pass + i64::from(!place.is_empty()));
        if place == END {
            return Ok(None);
        }
        let found = self.take_page(&mut write, &place, limit).await?;
        let place = match found.last() {
            Some(end) if found.len() as i64 == limit => &end.picture.image,
            _ => END,
        };
        let sql = "UPDATE passes SET pass = $2, place = $3 WHERE work = $1";
        let moved = sqlx::query(sql).bind(&self.pass).bind(pass).bind(place);
        moved.execute(write.connection()).await?;
        write.commit().await?;
        let ended = place == END && found.is_empty() && pass >= last;
        let taken = found.into_iter().filter(|found| found.taken == 1);
        let taken: Vec<PendingPicture> = taken.map(|found| found.picture).collect();
        Ok((!ended).then_some(taken))
    }

    async fn take_page(&self, write: &mut Write, place: &str, limit: i64) -> anyhow::Result<Vec<Found>> {
        let mut binds = Binds::one_by_one();
        let (work, worker, end) = (binds.text(&self.work), binds.text(&self.worker), binds.end());
        let free = format!("NOT EXISTS (SELECT 1 FROM leases AS l WHERE l.image = i.image AND l.work = {work}{end}");
        let page = pending_of(&self.selection, &self.key, place, limit, Some(&free), &mut binds);
        let sql = format!(
            "WITH page AS ({page}), taken AS (INSERT INTO leases (image, work, worker) \
             SELECT image, {work}, {worker} FROM page ORDER BY image ON CONFLICT DO NOTHING RETURNING image) \
             SELECT page.*, CAST(CASE WHEN taken.image IS NULL THEN 0 ELSE 1 END AS BIGINT) AS taken \
             FROM page LEFT JOIN taken ON taken.image = page.image ORDER BY page.image"
        );
        Ok(binds.fetch(sql, write.connection()).await?)
    }

    /// Takes pictures of workers that are gone, and those that were offered.
    async fn take_over(&self, catalog: &Catalog, limit: i64) -> anyhow::Result<Vec<PendingPicture>> {
        let mut binds = Binds::default();
        let (work, worker) = (binds.text(&self.work), binds.text(&self.worker));
        let selected = selected_condition(&self.selection, &mut binds);
        let (pictures, limit) = (self.key.described(&mut binds), binds.number(limit));
        let sql = format!(
            "WITH gone AS (SELECT l.image FROM leases AS l JOIN images AS i ON i.image = l.image \
             WHERE l.work = {work} AND l.worker <> '{NOBODY}' AND l.worker <> {worker} \
             AND NOT EXISTS (SELECT 1 FROM workers AS w WHERE w.worker = l.worker AND {}) AND {selected} \
             ORDER BY l.image LIMIT {limit} FOR UPDATE OF l SKIP LOCKED), \
             taken AS (UPDATE leases AS l SET worker = {worker} FROM gone WHERE l.image = gone.image AND l.work = {work} \
             RETURNING l.image) \
             SELECT {pictures} FROM images AS i JOIN taken ON taken.image = i.image ORDER BY i.image",
            alive()
        );
        let mut write = catalog.write().await?;
        let taken = binds.fetch(sql, write.connection()).await?;
        write.commit().await?;
        Ok(taken)
    }

    /// Selected pictures that other workers have, and how many these are.
    async fn others(&self, catalog: &Catalog) -> anyhow::Result<(i64, i64)> {
        let mut binds = Binds::default();
        let (work, worker) = (binds.text(&self.work), binds.text(&self.worker));
        let selected = selected_condition(&self.selection, &mut binds);
        let sql = format!(
            "SELECT COUNT(*), COUNT(DISTINCT l.worker) FROM leases AS l JOIN images AS i ON i.image = l.image \
             WHERE l.work = {work} AND l.worker <> '{NOBODY}' AND l.worker <> {worker} AND {selected}"
        );
        // On the connection that holds the locks: where it is lost, so is this worker.
        let mut write = catalog.write().await?;
        let rows = binds.fetch(sql, write.connection()).await?;
        Ok(rows.first().copied().unwrap_or_default())
    }

    /// Gives the leases of pictures back, in the transaction that records what came of them, and a sign of life; says
    /// which were still this worker's. Those that are said to have failed are not tried again in this run.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn finish<'done>(
        &self,
        write: &mut Write,
        done: &[(&'done str, bool)],
    ) -> anyhow::Result<BTreeSet<&'done str>> {
        let sign = format!("UPDATE workers SET seen_at = {CLOCK}, done = done + $2 WHERE worker = $1");
        sqlx::query(AssertSqlSafe(sign))
            .bind(&self.worker)
            .bind(done.len() as i64)
            .execute(write.connection())
            .await
            .context("cannot give a sign of life")?;
        let mut mine = BTreeSet::new();
        for (failed, sql) in [
            (
                false,
                "DELETE FROM leases WHERE work = $1 AND worker = $2 AND image = ANY(string_to_array($3, ' ')) \
                 RETURNING image",
            ),
            (
                true,
                "UPDATE leases SET worker = '' WHERE work = $1 AND worker = $2 \
                 AND image = ANY(string_to_array($3, ' ')) RETURNING image",
            ),
        ] {
            let images = done.iter().filter(|(_, has_failed)| *has_failed == failed);
            let images: Vec<&str> = images.map(|(image, _)| *image).collect();
            if images.is_empty() {
                continue;
            }
            let query = sqlx::query_as(sql)
                .bind(&self.work)
                .bind(&self.worker)
                .bind(images.join(" "));
            let returned: Vec<(String,)> = query
                .fetch_all(write.connection())
                .await
                .context("cannot give leases back")?;
            let returned: BTreeSet<String> = returned.into_iter().map(|(image,)| image).collect();
            mine.extend(images.into_iter().filter(|image| returned.contains(*image)));
        }
        Ok(mine)
    }
}
