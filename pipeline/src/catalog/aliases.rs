//! Tags that a site knows by another name, as it said when it was asked.

use anyhow::Context;

use super::{Catalog, Write, now};
use crate::period::DAY;
use crate::selection::{Alias, Aliases, Selection};

/// Sites add aliases now and then: an answer that there is none holds so long, in seconds.
const HOLDS: i64 = 30 * DAY;

/// Gives a selection what is known of its tags' other names.
///
/// # Errors
/// Where the database refuses.
pub async fn load(catalog: &Catalog, selection: &mut Selection) -> anyhow::Result<()> {
    let names = selection.names();
    if names.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query_as("SELECT source, name, tag, asked_at FROM aliases ORDER BY source, name")
        .fetch_all(catalog.pool())
        .await;
    let rows: Vec<(String, String, String, i64)> = rows.context("cannot read by which names sites know tags")?;
    let aliases = Aliases::default();
    let of_selection = |source: &str, name: &str| {
        names.iter().any(|wanted| *wanted == name) && selection.source.as_deref().is_none_or(|wanted| wanted == source)
    };
    for (source, name, tag, asked_at) in rows {
        if of_selection(&source, &name) && (name != tag || asked_at > now() - HOLDS) {
            aliases.learn(Alias { source, name, tag });
        }
    }
    selection.aliases = aliases;
    Ok(())
}

/// Records a site's answer.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, alias: &Alias) -> anyhow::Result<()> {
    let sql = "INSERT INTO aliases (source, name, tag, asked_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (source, name) DO UPDATE SET tag = excluded.tag, asked_at = excluded.asked_at";
    let done = sqlx::query(sql)
        .bind(&alias.source)
        .bind(&alias.name)
        .bind(&alias.tag)
        .bind(now())
        .execute(write.connection())
        .await;
    done.with_context(|| format!("cannot record by which name {} knows {}", alias.source, alias.name))?;
    Ok(())
}
