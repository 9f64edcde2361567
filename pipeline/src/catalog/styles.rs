//! Styles of stored heads: one row a head file and network.

use anyhow::Context;
use sqlx::AssertSqlSafe;
use vision::Style;

use super::binds::Binds;
use super::detections::GIVEN;
use super::verdicts::passed_single;
use super::{Catalog, Write};
use crate::digests::Digests;

/// Rows of one statement, as for posts.
const ROWS_AT_ONCE: usize = 10;

/// Heads that passed every filter of single heads and have no style of that network.
fn waiting(digests: &Digests, network: &str, binds: &mut Binds) -> String {
    let (passed, network) = (passed_single(digests, binds), binds.text(network));
    format!("{passed} AND NOT EXISTS (SELECT 1 FROM styles AS s WHERE s.head = h.head AND s.network = {network})")
}

/// Those heads, by their file's hash, after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn pending(
    catalog: &Catalog,
    digests: &Digests,
    network: &str,
    last: &str,
    limit: i64,
) -> anyhow::Result<Vec<String>> {
    let mut binds = Binds::default();
    let waiting = waiting(digests, network, &mut binds);
    let (last, limit) = (binds.text(last), binds.number(limit));
    let sql = format!("SELECT DISTINCT h.head FROM {waiting} AND h.head > {last} ORDER BY h.head LIMIT {limit}");
    let rows: Vec<(String,)> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot read which heads have no style")?;
    Ok(rows.into_iter().map(|(head,)| head).collect())
}

/// How many heads that passed every filter of single heads were imported, framed by whoever cut them, and how many
/// were cut by the crop rule.
///
/// # Errors
/// Where the database refuses.
pub async fn framings(catalog: &Catalog, digests: &Digests) -> anyhow::Result<(u64, u64)> {
    let mut counts = [0; 2];
    for (count, is) in counts.iter_mut().zip(["=", "<>"]) {
        let mut binds = Binds::default();
        let (passed, given) = (passed_single(digests, &mut binds), binds.text(GIVEN));
        let sql = format!("SELECT COUNT(*) FROM {passed} AND h.detector {is} {given}");
        *count = binds
            .count(sql, catalog.pool())
            .await
            .context("cannot count the heads by how they were cut")?;
    }
    Ok(counts.into())
}

/// How many they are.
///
/// # Errors
/// Where the database refuses.
pub async fn count_pending(catalog: &Catalog, digests: &Digests, network: &str) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let waiting = waiting(digests, network, &mut binds);
    let count = binds.count(format!("SELECT COUNT(DISTINCT h.head) FROM {waiting}"), catalog.pool());
    count.await.context("cannot count the heads without a style")
}

/// Records styles, by head.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, network: &str, styles: &[(String, Style)]) -> anyhow::Result<()> {
    for rows in styles.chunks(ROWS_AT_ONCE) {
        let places: Vec<String> = (0..rows.len())
            .map(|row| format!("(${}, ${}, ${})", row * 3 + 1, row * 3 + 2, row * 3 + 3))
            .collect();
        let sql = format!(
            "INSERT INTO styles (head, network, vector) VALUES {} ON CONFLICT (head, network) DO NOTHING",
            places.join(", ")
        );
        let query = rows
            .iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, (head, style)| {
                query.bind(head).bind(network).bind(to_text(style))
            });
        query
            .execute(write.connection())
            .await
            .context("cannot record styles")?;
    }
    Ok(())
}

/// As the table has it: four hex digits a number.
fn to_text(style: &Style) -> String {
    hex::encode(style.map(i16::to_be_bytes).as_flattened())
}

/// A style as the table has it.
///
/// # Errors
/// Where the text is none.
pub(super) fn from_text(text: &str) -> anyhow::Result<Style> {
    let mut style: Style = [0; _];
    let mut bytes = [0; size_of::<Style>()];
    hex::decode_to_slice(text, &mut bytes).context("a style in the catalog is damaged")?;
    for (number, bytes) in style.iter_mut().zip(bytes.as_chunks().0) {
        *number = i16::from_be_bytes(*bytes);
    }
    Ok(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_come_back_as_they_were_written() {
        let mut style: Style = [0; _];
        (style[0], style[1], style[127]) = (-1, 258, i16::MIN);
        let text = to_text(&style);
        assert!(text.starts_with("ffff0102") && text.ends_with("8000"), "{text}");
        assert_eq!(from_text(&text).expect("reads"), style);
        assert!(from_text("ffff").is_err());
    }
}
