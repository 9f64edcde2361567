//! The heads a manifest is made of, and how many were left on the way to them.

use std::sync::Arc;

use anyhow::Context;
use dataset::manifest::FunnelStep;
use dataset::{ManifestRow, Split};
use futures::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Catalog;
use super::binds::Binds;
use super::detections::GIVEN;
use super::splits::Groups;
use super::verdicts::{DUPLICATE, PER_ARTIST, PER_PICTURE, of_policy};
use crate::digests::Digests;
use crate::selection::Selection;

/// A head that passed every filter of single heads, with one of its posts: once a post. Which post and
/// which of several equal heads a manifest names is not yet settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// All that the manifest says of it.
    pub row: ManifestRow,
    /// The post's number, for the order of posts of one second.
    pub number: i64,
    /// Whether it was kept by hand.
    pub kept: bool,
    /// Whether an earlier version has it in another split than its group's oldest head.
    pub straddles: bool,
    /// Whether its split is recorded.
    pub fixed: bool,
    /// Whether it is above the number allowed of its picture or artist: it is none to freeze, and neither
    /// is a copy of it.
    pub capped: bool,
}

/// Current heads: of the current detector and crop rule, and imported ones. A picture that was
/// imported as a head is that head alone, whatever a detector sees in it.
pub(super) fn current(digests: &Digests, binds: &mut Binds) -> String {
    let (detector, crop) = (binds.text(&digests.detector), binds.text(&digests.crop));
    let given = binds.text(GIVEN);
    format!(
        "(h.detector = {given} OR (h.detector = {detector} AND h.crop = {crop} AND NOT EXISTS \
         (SELECT 1 FROM detections AS g WHERE g.image = h.image AND g.detector = {given})))"
    )
}

const JOINS: &str = "JOIN verdicts AS v ON v.image = h.image AND v.detector = h.detector AND v.ordinal = h.ordinal \
                     AND v.crop = h.crop";

/// Parts of the table of heads that are read one by one, by the first digit of the picture's hash.
const PARTS: usize = 16;

/// Rows handed on at once.
const ROWS_AT_ONCE: usize = 1024;

/// What the reading of a part needs.
struct Question<Draw> {
    pool: AnyPool,
    selection: Selection,
    digests: Digests,
    groups: Groups,
    draw: Draw,
}

/// Tells every selected head that passed, some at a time and in no order, with its group's split: that of
/// the oldest head which has one, else what `draw` says for the group. Half as many connections read as
/// there are cores, since each keeps two busy: SQLite's own thread and the one that takes its rows.
///
/// # Errors
/// Where the database refuses, or `take` does.
pub async fn each(
    catalog: &Catalog,
    selection: &Selection,
    digests: &Digests,
    draw: impl Fn(&str) -> Split + Send + Sync + 'static,
    mut take: impl FnMut(Vec<Chosen>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let question = Arc::new(Question {
        pool: catalog.pool().clone(),
        selection: selection.clone(),
        digests: digests.clone(),
        groups: Groups::load(catalog).await?,
        draw,
    });
    let readers = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2).min(4));
    let (sender, mut receiver) = mpsc::channel(readers * 2);
    let mut tasks = JoinSet::new();
    for reader in 0..readers {
        let (question, sender) = (Arc::clone(&question), sender.clone());
        tasks.spawn(async move {
            for part in (reader..PARTS).step_by(readers) {
                read_part(&question, part, &sender).await?;
            }
            anyhow::Ok(())
        });
    }
    drop(sender);
    while let Some(some) = receiver.recv().await {
        take(some)?;
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("cannot read the accepted heads")??;
    }
    Ok(())
}

async fn read_part<Draw: Fn(&str) -> Split>(
    question: &Question<Draw>,
    part: usize,
    sender: &mpsc::Sender<Vec<Chosen>>,
) -> anyhow::Result<()> {
    const CANNOT: &str = "cannot read the accepted heads";
    let mut binds = Binds::default();
    let sql = accepted(question, part, &mut binds);
    let mut rows = binds.stream(sql, &question.pool);
    let mut some = Vec::with_capacity(ROWS_AT_ONCE);
    while let Some(row) = rows.try_next().await.context(CANNOT)? {
        some.push(from_row(&row, &question.groups, &question.draw).context(CANNOT)?);
        if some.len() == ROWS_AT_ONCE {
            let full = std::mem::replace(&mut some, Vec::with_capacity(ROWS_AT_ONCE));
            // Whoever took them has met an error, and tells it.
            if sender.send(full).await.is_err() {
                return Ok(());
            }
        }
    }
    let _ = sender.send(some).await;
    Ok(())
}

/// The query of a part. It goes along the heads in the order of their pictures, as the tables about
/// pictures lie; the verdict's policy is compared as `verdicts::of_policy` does, so that SQLite does not
/// begin there and meet the pictures in no order.
fn accepted<Draw>(question: &Question<Draw>, part: usize, binds: &mut Binds) -> String {
    // The letter after the last digit ends the last part.
    let digits = "0123456789abcdefg".as_bytes();
    let bound = |at: usize| char::from(digits[at]).to_string();
    let (from, to) = (binds.text(&bound(part)), binds.text(&bound(part + 1)));
    let current = current(&question.digests, binds);
    let policy = binds.text(&question.digests.policy);
    let passed = binds.texts(&[DUPLICATE, PER_PICTURE, PER_ARTIST]);
    let posts = binds.posts(&question.selection);
    let of_policy = of_policy(&policy);
    format!(
        "SELECT p.source, p.post, p.number, f.page, h.ordinal, p.artist, p.page_url, p.source_url, p.rating, p.tags, \
         p.likes, p.views, p.created_at, h.image, i.width AS image_width, i.height AS image_height, h.detector, \
         a.x0, a.y0, a.x1, a.y1, a.score, h.head, h.pixels, h.side, h.sharpness, h.perceptual, v.kept, v.reason, s.split FROM heads AS h {JOINS} \
         JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal \
         JOIN images AS i ON i.image = h.image \
         JOIN files AS f ON f.image = h.image AND f.outcome = 'stored' \
         JOIN posts AS p ON p.source = f.source AND p.post = f.post \
         LEFT JOIN splits AS s ON s.duplicate_group = h.pixels \
         WHERE h.image >= {from} AND h.image < {to} AND {of_policy} \
         AND (v.accepted = 1 OR v.reason IN ({passed})) AND {current} AND {posts}"
    )
}

fn from_row(row: &AnyRow, groups: &Groups, draw: impl Fn(&str) -> Split) -> Result<Chosen, sqlx::Error> {
    let pixels: String = row.try_get("pixels")?;
    let stored: Option<String> = row.try_get("split")?;
    let stored = stored.as_deref().and_then(Split::parse);
    let group = groups.of(&pixels).to_string();
    let split = groups.split(&group).or(stored).unwrap_or_else(|| draw(&group));
    let tags: String = row.try_get("tags")?;
    let manifest_row = ManifestRow {
        source: row.try_get("source")?,
        post: row.try_get("post")?,
        page: row.try_get("page")?,
        ordinal: row.try_get("ordinal")?,
        artist: row.try_get("artist")?,
        page_url: row.try_get("page_url")?,
        source_url: row.try_get("source_url")?,
        rating: row.try_get("rating")?,
        tags: tags.trim().to_string(),
        likes: row.try_get("likes")?,
        views: row.try_get("views")?,
        created_at: row.try_get("created_at")?,
        image: row.try_get("image")?,
        image_width: row.try_get("image_width")?,
        image_height: row.try_get("image_height")?,
        detector: row.try_get("detector")?,
        x0: row.try_get("x0")?,
        y0: row.try_get("y0")?,
        x1: row.try_get("x1")?,
        y1: row.try_get("y1")?,
        score: row.try_get("score")?,
        head: row.try_get("head")?,
        side: row.try_get("side")?,
        sharpness: row.try_get("sharpness")?,
        split,
        duplicate_group: group,
        perceptual: Some(row.try_get::<String, _>("perceptual")?).filter(|hash| !hash.is_empty()),
        pixels,
    };
    Ok(Chosen {
        row: manifest_row,
        number: row.try_get("number")?,
        kept: row.try_get::<i64, _>("kept")? == 1,
        straddles: stored.is_some_and(|stored| stored != split),
        fixed: stored.is_some(),
        capped: matches!(
            row.try_get::<Option<&str>, _>("reason")?,
            Some(PER_PICTURE | PER_ARTIST)
        ),
    })
}

/// How many posts, pictures and heads are left after each step, up to the filters' verdicts.
///
/// # Errors
/// Where the database refuses.
pub async fn funnel(catalog: &Catalog, selection: &Selection, digests: &Digests) -> anyhow::Result<Vec<FunnelStep>> {
    let mut steps = Vec::new();
    let everything = Selection {
        source: selection.source.clone(),
        ..Selection::default()
    };
    for (step, selection) in [("posts", &everything), ("posts selected", selection)] {
        let mut binds = Binds::default();
        let sql = format!("SELECT COUNT(*) FROM posts AS p WHERE {}", binds.posts(selection));
        steps.push(count(catalog, step, binds, sql).await?);
    }
    let (pictures, heads) = tokio::try_join!(
        picture_steps(catalog, selection, digests),
        head_steps(catalog, selection, digests)
    )?;
    steps.extend(pictures);
    steps.extend(heads);
    Ok(steps)
}

/// Stored pictures, and how far those came. One question for all: each would gather the selected pictures
/// anew, which takes longer than the rest of it.
async fn picture_steps(catalog: &Catalog, selection: &Selection, digests: &Digests) -> anyhow::Result<[FunnelStep; 3]> {
    let mut binds = Binds::default();
    let (detector, given) = (binds.text(&digests.detector), binds.text(GIVEN));
    let looked_at = |outcomes: &str| {
        format!(
            "COUNT(CASE WHEN EXISTS (SELECT 1 FROM detections AS d WHERE d.image = i.image \
             AND d.detector IN ({detector}, {given}) AND d.outcome IN ({outcomes})) THEN 1 END)"
        )
    };
    let (looked_at, with_a_face) = (looked_at("'found', 'nothing'"), looked_at("'found'"));
    let selected = binds.images(selection);
    let sql = format!("SELECT COUNT(*), {looked_at}, {with_a_face} FROM images AS i WHERE i.image IN ({selected})");
    let rows: Vec<(i64, i64, i64)> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot count the pictures")?;
    let (stored, looked_at, with_a_face) = rows.first().copied().unwrap_or_default();
    Ok([
        ("pictures stored", stored),
        ("pictures looked at", looked_at),
        ("pictures with a face", with_a_face),
    ]
    .map(|(step, count)| FunnelStep {
        step: step.into(),
        count: count as u64,
    }))
}

async fn count(catalog: &Catalog, step: &str, binds: Binds, sql: String) -> anyhow::Result<FunnelStep> {
    let count = binds.count(sql, catalog.pool()).await;
    Ok(FunnelStep {
        step: step.into(),
        count: count.with_context(|| format!("cannot count the {step}"))?,
    })
}

/// Heads, and their verdicts where they have one.
async fn head_steps(catalog: &Catalog, selection: &Selection, digests: &Digests) -> anyhow::Result<Vec<FunnelStep>> {
    /// Of heads without a verdict: no reason has a blank.
    const UNJUDGED: &str = "not judged";
    let mut binds = Binds::default();
    let (current, selected) = (current(digests, &mut binds), binds.images(selection));
    let (policy, duplicate) = (binds.text(&digests.policy), binds.text(DUPLICATE));
    let of_policy = of_policy(&policy);
    let sql = format!(
        "SELECT verdict, COUNT(*) FROM (SELECT CASE WHEN v.image IS NULL THEN '{UNJUDGED}' \
         WHEN v.accepted = 1 OR v.reason = {duplicate} THEN '' ELSE v.reason END AS verdict \
         FROM heads AS h LEFT {JOINS} AND {of_policy} WHERE {current} AND h.image IN ({selected})) AS judged \
         GROUP BY verdict ORDER BY verdict DESC"
    );
    let rows: Vec<(String, i64)> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot count the verdicts")?;
    let heads = FunnelStep {
        step: "heads".into(),
        count: rows.iter().map(|(_, count)| *count as u64).sum(),
    };
    let judged = rows.into_iter().filter(|(reason, _)| reason != UNJUDGED);
    let verdicts = judged.map(|(reason, count)| FunnelStep {
        step: match reason.as_str() {
            "" => "passed every filter".into(),
            reason => format!("refused: {reason}"),
        },
        count: count as u64,
    });
    Ok(std::iter::once(heads).chain(verdicts).collect())
}
