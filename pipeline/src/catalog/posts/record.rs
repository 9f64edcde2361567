//! Writing posts: new ones, and what sites now say of known ones.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::Context;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use super::Post;
use crate::catalog::Write;
use crate::catalog::files::{of_address, places};

/// The columns, as they are bound and updated.
const COLUMNS: [&str; 30] = [
    "source",
    "post",
    "number",
    "status",
    "created_at",
    "fetched_at",
    "likes",
    "views",
    "favourites",
    "score",
    "rating",
    "tags",
    "artist",
    "page_url",
    "source_url",
    "file_url",
    "md5",
    "file_size",
    "width",
    "height",
    "artists",
    "characters",
    "copyrights",
    "kinds_known",
    "extension",
    "jpeg_url",
    "sample_url",
    "pages",
    "updated_at",
    "ai_made",
];

/// Whether the site now shows other bytes than when the post was last recorded: another MD5; where
/// it names none, a later edit; or names another address for a file that was not to be had, none included.
const OTHER_FILE: &str = concat!(
    "excluded.md5 <> posts.md5 OR (excluded.md5 IS NULL AND excluded.updated_at > posts.updated_at) \
     OR (excluded.file_url IS NOT NULL AND excluded.file_url <> COALESCE(posts.file_url, '') \
     AND EXISTS (SELECT 1 FROM files AS f WHERE f.source = posts.source AND f.post = posts.post \
     AND f.image IS NULL AND ",
    of_address!("f"),
    "))"
);

/// Columns that stay where this answer does not say the kinds of tags, and an earlier one said them of
/// the same tags: kinds are asked for once.
const KINDS: [&str; 5] = ["artists", "characters", "copyrights", "kinds_known", "artist"];

/// What becomes of every column but the key where the post is known.
static UPDATES: LazyLock<String> = LazyLock::new(|| {
    let update = |column: &&str| match *column {
        kinds if KINDS.contains(&kinds) => format!(
            "{kinds} = CASE WHEN excluded.kinds_known = 0 AND posts.kinds_known = 1 AND excluded.tags = posts.tags \
             THEN posts.{kinds} ELSE excluded.{kinds} END"
        ),
        "updated_at" => "updated_at = COALESCE(excluded.updated_at, posts.updated_at)".to_string(),
        column => format!("{column} = excluded.{column}"),
    };
    let updates: Vec<String> = COLUMNS[2..].iter().map(update).collect();
    format!(
        "ON CONFLICT (source, post) DO UPDATE SET {}, waiting = CASE WHEN {OTHER_FILE} THEN 1 ELSE posts.waiting END",
        updates.join(", ")
    )
});

/// Rows of one statement. SQLite looks each placeholder up by its name, so that the work grows with
/// their square: ten rows are quicker than one and than fifty.
pub const ROWS_AT_ONCE: usize = 10;

/// Writes a post, or what its site now says of a known one.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, post: &Post) -> anyhow::Result<()> {
    record_all(write, [post]).await
}

/// Writes posts, or what their site now says of known ones; of a post that is given twice, the last.
/// A post whose file is new, or was replaced, waits from then on.
///
/// # Errors
/// Where the database refuses.
pub async fn record_all<'post>(write: &mut Write, posts: impl IntoIterator<Item = &'post Post>) -> anyhow::Result<()> {
    let last: BTreeMap<(&str, &str), &Post> = posts
        .into_iter()
        .map(|post| ((post.source.as_str(), post.post.as_str()), post))
        .collect();
    let posts: Vec<&Post> = last.into_values().collect();
    for rows in posts.chunks(ROWS_AT_ONCE) {
        let query = sqlx::query(AssertSqlSafe(insertion(rows.len())));
        let query = rows.iter().fold(query, |query, post| bind(query, post));
        query.execute(write.connection()).await.with_context(|| match rows {
            [post] => format!("cannot record post {} of {}", post.post, post.source),
            _ => format!("cannot record {} posts of {}", rows.len(), rows[0].source),
        })?;
    }
    Ok(())
}

/// The statement that writes so many posts.
fn insertion(rows: usize) -> String {
    format!(
        "INSERT INTO posts ({}) VALUES {} {}",
        COLUMNS.join(", "),
        places(rows, COLUMNS.len()),
        *UPDATES
    )
}

/// Binds a post's columns, in the order of [`COLUMNS`].
fn bind<'q>(query: Query<'q, Any, AnyArguments>, post: &'q Post) -> Query<'q, Any, AnyArguments> {
    query
        .bind(&post.source)
        .bind(&post.post)
        .bind(post.number)
        .bind(post.status.as_str())
        .bind(post.created_at)
        .bind(post.fetched_at)
        .bind(post.likes)
        .bind(post.views)
        .bind(post.favourites)
        .bind(post.score)
        .bind(post.rating.as_str())
        .bind(&post.tags)
        .bind(post.artist.as_deref())
        .bind(post.page_url.as_deref())
        .bind(post.source_url.as_deref())
        .bind(post.file_url.as_deref())
        .bind(post.md5.as_deref())
        .bind(post.file_size)
        .bind(post.width)
        .bind(post.height)
        .bind(&post.artists)
        .bind(&post.characters)
        .bind(&post.copyrights)
        .bind(i64::from(post.kinds_known))
        .bind(post.extension.as_deref())
        .bind(post.jpeg_url.as_deref())
        .bind(post.sample_url.as_deref())
        .bind(post.pages)
        .bind(post.updated_at)
        .bind(post.ai_made.map(i64::from))
}
