//! The most liked share of each source and year, from listings that left no post out.

use anyhow::Context;
use sqlx::Row;

use super::Catalog;
use super::binds::Binds;
use crate::period;
use crate::selection::{Percent, Selection, SelectionArgs, Threshold};

/// A finished listing of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its text in `cursors`.
    pub query: String,
    /// What it lists.
    pub selection: Selection,
    /// When it began, epoch seconds: posts uploaded since are not in it.
    pub finished_at: i64,
}

/// One year of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Year {
    /// The likes from which a post is in.
    pub threshold: Threshold,
    /// Posts with a count of likes that the share was taken of.
    pub posts: u64,
}

/// The finished listings of a source that left no post out for its popularity; the narrowest first.
///
/// # Errors
/// Where the database refuses.
pub async fn listings(catalog: &Catalog, source: &str) -> anyhow::Result<Vec<Listing>> {
    // A part that was not read yet is out; where the site only counts posts that it does not show, nothing is.
    let complete = "SELECT c.query, c.finished_at FROM cursors AS c WHERE c.source = $1 AND c.finished_at > 0 \
        AND NOT EXISTS (SELECT 1 FROM holes AS h WHERE h.source = c.source AND h.query = c.query AND h.kind = 'list' \
        AND h.given_up = 0 AND h.below - h.start > 1 AND h.reason NOT IN ('empty-page', 'unsure-end'))";
    let rows = sqlx::query(complete)
        .bind(source)
        .fetch_all(catalog.pool())
        .await
        .with_context(|| format!("cannot read what of {source} was listed"))?;
    let mut found = Vec::new();
    for row in rows {
        let (query, finished_at): (String, i64) = (row.try_get("query")?, row.try_get("finished_at")?);
        // Times ago are taken from the day of the listing, not of today.
        let args = SelectionArgs::from_key(&query);
        let selection = args.and_then(|args| args.resolve_on(period::day(finished_at)).ok());
        if let Some(selection) = selection.filter(|listed| *listed == listed.without_popularity()) {
            found.push(Listing {
                query,
                selection,
                finished_at,
            });
        }
    }
    found.sort_by_key(|listing| (usize::MAX - listing.query.len(), -listing.finished_at));
    Ok(found)
}

/// Those of the [`listings`] that hold every post of a selection, whatever its popularity.
///
/// # Errors
/// Where the database refuses.
pub async fn covering(catalog: &Catalog, source: &str, wanted: &Selection) -> anyhow::Result<Vec<Listing>> {
    let wanted = Selection {
        source: Some(source.into()),
        ..wanted.clone()
    };
    let mut listings = listings(catalog, source).await?;
    listings.retain(|listing| listing.selection.covers(&wanted));
    Ok(listings)
}

/// The likes that a share of a source's posts has, by years: of those that `wanted` selects whatever
/// their popularity, and that were there when they were listed. Of a year with few posts at least one
/// is in.
///
/// # Errors
/// Where the database refuses.
pub async fn years(
    catalog: &Catalog,
    source: &str,
    wanted: &Selection,
    percent: Percent,
    listing: &Listing,
) -> anyhow::Result<Vec<Year>> {
    let ends = [wanted.before, listing.selection.before, Some(listing.finished_at)];
    let posts = Selection {
        source: Some(source.into()),
        before: ends.into_iter().flatten().min(),
        ..wanted.without_popularity()
    };
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT MIN(p.created_at), MAX(p.created_at) FROM posts AS p WHERE {} AND p.likes IS NOT NULL",
        binds.posts(&posts)
    );
    let span: Vec<(Option<i64>, Option<i64>)> = binds
        .fetch(sql, catalog.pool())
        .await
        .with_context(|| format!("cannot read which years {source} has"))?;
    let Some((Some(first), Some(last))) = span.first() else {
        return Ok(Vec::new());
    };
    let mut years = Vec::new();
    for year in period::day(*first).year()..=period::day(*last).year() {
        let (since, before) = period::year(year);
        if let Some((likes, count)) = year_of(catalog, &posts, percent, since, before).await? {
            years.push(Year {
                threshold: Threshold {
                    source: source.into(),
                    since,
                    before,
                    likes,
                },
                posts: count,
            });
        }
    }
    Ok(years)
}

/// The likes at the share's end and the posts of a year; `None` where it has none.
async fn year_of(
    catalog: &Catalog,
    posts: &Selection,
    percent: Percent,
    since: i64,
    before: i64,
) -> anyhow::Result<Option<(i64, u64)>> {
    let from_year = |columns: &str, binds: &mut Binds| {
        let (posts, since, before) = (binds.posts(posts), binds.number(since), binds.number(before));
        format!(
            "SELECT {columns} FROM posts AS p WHERE {posts} AND p.created_at >= {since} AND p.created_at < {before} \
             AND p.likes IS NOT NULL"
        )
    };
    let mut binds = Binds::default();
    let sql = from_year("COUNT(*)", &mut binds);
    let unread = || "cannot read how likes are spread over a year".to_string();
    let count = binds.count(sql, catalog.pool()).await.with_context(unread)?;
    let Some(rank) = percent.of(count).checked_sub(1) else {
        return Ok(None);
    };
    let mut binds = Binds::default();
    let mut sql = from_year("p.likes", &mut binds);
    let offset = binds.number(i64::try_from(rank).unwrap_or(i64::MAX));
    sql.push_str(&format!(" ORDER BY p.likes DESC LIMIT 1 OFFSET {offset}"));
    let likes: Vec<(i64,)> = binds.fetch(sql, catalog.pool()).await.with_context(unread)?;
    Ok(likes.first().map(|(likes,)| (*likes, count)))
}

/// Sources whose posts a selection can take, popularity left aside, with the stored posts of them
/// that lack a counter (a column of `posts`).
///
/// # Errors
/// Where the database refuses.
pub async fn uncounted(
    catalog: &Catalog,
    selection: &Selection,
    counter: Counter,
) -> anyhow::Result<Vec<(String, u64)>> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT p.source, COUNT(*) FROM posts AS p WHERE {} AND p.{} IS NULL AND EXISTS (SELECT 1 FROM files AS f \
         WHERE f.source = p.source AND f.post = p.post AND f.outcome = 'stored') GROUP BY p.source ORDER BY p.source",
        binds.posts(&selection.without_popularity()),
        counter.column()
    );
    let rows: Vec<(String, i64)> = binds
        .fetch(sql, catalog.pool())
        .await
        .with_context(|| format!("cannot count the posts without {}", counter.column()))?;
    Ok(rows.into_iter().map(|(source, count)| (source, count as u64)).collect())
}

/// The sources of the selected posts that have likes, popularity left aside.
///
/// # Errors
/// Where the database refuses.
pub async fn sources(catalog: &Catalog, selection: &Selection) -> anyhow::Result<Vec<String>> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT DISTINCT p.source FROM posts AS p WHERE {} AND p.likes IS NOT NULL ORDER BY p.source",
        binds.posts(&selection.without_popularity())
    );
    let rows: Vec<(String,)> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot read the sources of the selected posts")?;
    Ok(rows.into_iter().map(|(source,)| source).collect())
}

/// A counter of posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// By the source's mapping.
    Likes,
    /// Views.
    Views,
    /// Favourites.
    Favourites,
    /// Score.
    Score,
}

impl Counter {
    /// Those that a selection has a bound of.
    pub fn of(selection: &Selection) -> Vec<Self> {
        let asked = [
            (
                Self::Likes,
                selection.min_likes.is_some() || selection.top_percent.is_some(),
            ),
            (Self::Views, selection.min_views.is_some()),
            (Self::Favourites, selection.min_favourites.is_some()),
            (Self::Score, selection.min_score.is_some()),
        ];
        asked
            .into_iter()
            .filter(|(_, asked)| *asked)
            .map(|(counter, _)| counter)
            .collect()
    }

    /// Its column, which is also its word.
    pub fn column(self) -> &'static str {
        match self {
            Self::Likes => "likes",
            Self::Views => "views",
            Self::Favourites => "favourites",
            Self::Score => "score",
        }
    }
}

/// The highest post number of a source that is known; 0 where none is.
///
/// # Errors
/// Where the database refuses.
pub async fn highest(catalog: &Catalog, source: &str) -> anyhow::Result<u64> {
    let row = sqlx::query("SELECT COALESCE(MAX(number), 0) AS highest FROM posts WHERE source = $1")
        .bind(source)
        .fetch_one(catalog.pool())
        .await
        .with_context(|| format!("cannot read the highest post of {source}"))?;
    Ok(row.try_get::<i64, _>("highest")?.unsigned_abs())
}
