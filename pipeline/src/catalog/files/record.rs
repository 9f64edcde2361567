//! Writing what became of files, many at once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::Context;
use sqlx::AssertSqlSafe;

use super::{File, Outcome};
use crate::catalog::posts::ROWS_AT_ONCE;
use crate::catalog::{Write, replaced};
use crate::secrets;

/// The columns, as they are bound.
const COLUMNS: [&str; 16] = [
    "source",
    "post",
    "page",
    "image",
    "md5",
    "outcome",
    "reason",
    "detail",
    "attempts",
    "recorded_at",
    "variant",
    "etag",
    "last_modified",
    "robots",
    "updated_at",
    "url",
];

/// What becomes of a row that is there: all is as it is now, but that attempts at the same file are
/// counted on.
const UPDATES: &str = concat!(
    "ON CONFLICT (source, post, page) DO UPDATE SET image = excluded.image, md5 = excluded.md5, \
     outcome = excluded.outcome, reason = excluded.reason, detail = excluded.detail, attempts = CASE WHEN ",
    same_file!("files", "excluded"),
    " AND (files.url IS NULL OR excluded.url IS NULL OR files.url = excluded.url) \
     THEN files.attempts + excluded.attempts ELSE excluded.attempts END, recorded_at = excluded.recorded_at, \
     variant = excluded.variant, etag = excluded.etag, last_modified = excluded.last_modified, \
     robots = excluded.robots, updated_at = excluded.updated_at, url = excluded.url"
);

/// Writes the outcome of an attempt, as [`record_all`].
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, file: &File) -> anyhow::Result<()> {
    record_all(write, [file]).await
}

/// Writes the outcomes of attempts, and whether their posts still wait; of a file that is given twice,
/// the last. Attempts at the same file are counted, but for those that failed by the host.
///
/// # Errors
/// Where the database refuses.
pub async fn record_all<'file>(write: &mut Write, files: impl IntoIterator<Item = &'file File>) -> anyhow::Result<()> {
    let last: BTreeMap<(&str, &str, i64), &File> = files
        .into_iter()
        .map(|file| ((file.source.as_str(), file.post.as_str(), file.page), file))
        .collect();
    let files: Vec<&File> = last.into_values().collect();
    for rows in files.chunks(ROWS_AT_ONCE) {
        let recorded = record_rows(write, rows).await;
        recorded.with_context(|| match rows {
            [file] => format!("cannot record the file of post {} of {}", file.post, file.source),
            _ => format!("cannot record {} files of {}", rows.len(), rows[0].source),
        })?;
    }
    Ok(())
}

async fn record_rows(write: &mut Write, files: &[&File]) -> Result<(), sqlx::Error> {
    replaced::record(write, files).await?;
    let sql = format!(
        "INSERT INTO files ({}) VALUES {} {UPDATES}",
        COLUMNS.join(", "),
        places(files.len(), COLUMNS.len())
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for file in files {
        let (word, image, reason, detail) = match &file.outcome {
            Outcome::Stored(image) => ("stored", Some(image.as_str()), None, None),
            Outcome::Failed { reason, detail } => ("failed", None, Some(*reason), Some(secrets::redact(detail))),
            Outcome::Refused { reason, detail } => ("refused", None, Some(*reason), Some(secrets::redact(detail))),
        };
        query = query
            .bind(&file.source)
            .bind(&file.post)
            .bind(file.page)
            .bind(image)
            .bind(file.md5.as_deref())
            .bind(word)
            .bind(reason)
            .bind(detail.map(Cow::into_owned))
            .bind(i64::from(counts(&file.outcome)))
            .bind(file.recorded_at)
            .bind(file.variant)
            .bind(file.etag.as_deref())
            .bind(file.last_modified.as_deref())
            .bind(file.robots.as_deref())
            .bind(file.updated_at)
            .bind(file.url.as_deref());
    }
    query.execute(write.connection()).await?;
    resolve_all(write, files).await
}

/// Placeholders of so many rows.
pub(in crate::catalog) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns)
            .map(|place| format!("${}", row * columns + place))
            .collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    rows.join(", ")
}

/// Whether an attempt counts against the file. A host that is down for a week must not cost each file
/// that was asked for meanwhile its last attempt.
fn counts(outcome: &Outcome) -> bool {
    let of_host = ["unreachable", "timeout", "no-answer", "busy", "http-403"];
    !matches!(outcome, Outcome::Failed { reason, .. } if of_host.contains(reason))
}

/// Takes the mark from those posts all of whose files are stored or refused.
async fn resolve_all(write: &mut Write, files: &[&File]) -> Result<(), sqlx::Error> {
    let mut alike: BTreeMap<(&str, i64), Vec<&str>> = BTreeMap::new();
    for file in files {
        if !matches!(file.outcome, Outcome::Failed { .. }) {
            alike.entry((&file.source, file.pages)).or_default().push(&file.post);
        }
    }
    for ((source, pages), posts) in alike {
        resolve(write, source, pages, &posts).await?;
    }
    Ok(())
}

/// [`resolve_all`] for posts of one source that give equally many files.
async fn resolve(write: &mut Write, source: &str, pages: i64, posts: &[&str]) -> Result<(), sqlx::Error> {
    const SETTLED: &str = concat!(
        "AND (SELECT COUNT(*) FROM files AS f WHERE f.source = posts.source AND f.post = posts.post AND f.page < $2 \
         AND f.outcome <> 'failed' AND ",
        same_file!("f", "posts"),
        ") >= $2"
    );
    let places: Vec<String> = (3..posts.len() + 3).map(|place| format!("${place}")).collect();
    // No index finds a sum: the posts are found by their names, not among all that wait.
    let sql = format!(
        "UPDATE posts SET waiting = 0 WHERE source = $1 AND post IN ({}) AND waiting + 0 = 1 {SETTLED}",
        places.join(", ")
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(source).bind(pages);
    let query = posts.iter().fold(query, |query, post| query.bind(*post));
    query.execute(write.connection()).await?;
    Ok(())
}

/// Has those works of a source wait again that could give more files than were fetched while fewer were
/// allowed: now each may give `most`. A work that refused a file is left as it is.
///
/// # Errors
/// Where the database refuses.
pub async fn want_pages(write: &mut Write, source: &str, most: i64) -> anyhow::Result<()> {
    const SQL: &str = "UPDATE posts SET waiting = 1 WHERE source = $1 AND waiting + 0 = 0 AND post IN \
        (SELECT f.post FROM files AS f JOIN posts AS p ON p.source = f.source AND p.post = f.post \
        WHERE f.source = $1 AND p.pages > 1 GROUP BY f.post, p.pages HAVING MIN(f.outcome) = 'stored' \
        AND MAX(f.outcome) = 'stored' AND COUNT(*) < CASE WHEN p.pages < $2 THEN p.pages ELSE $2 END)";
    let query = sqlx::query(SQL).bind(source).bind(most);
    let done = query.execute(write.connection()).await;
    done.with_context(|| format!("cannot look for works of {source} with more pictures"))?;
    Ok(())
}
