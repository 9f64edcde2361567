//! Styles of stored heads: one row a head file and network.

use std::collections::HashMap;

use anyhow::Context;
use vision::Style;

use super::binds::{Binds, insert_new, literal};
use super::facts::Facts;
use super::pictures::{Hash, hash_of};
use super::scan::scan;
use super::{Catalog, Write};

/// Gives every head its style, where one is recorded.
///
/// # Errors
/// Where the database refuses, or a style is damaged.
pub async fn fill(catalog: &Catalog, network: &str, facts: &mut Facts) -> anyhow::Result<()> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT head, vector FROM styles WHERE network = {}",
        binds.text(network)
    );
    let known: HashMap<Hash, Style> = HashMap::new();
    let known = scan(catalog, sql, binds, known, |known, cells| {
        known.insert(hash_of(cells.text(0)?), from_text(cells.text(1)?)?);
        Ok(())
    });
    let known = known.await.context("cannot read the styles")?;
    give(facts, &known);
    Ok(())
}

/// Gives heads the styles of their files.
pub fn give(facts: &mut Facts, styles: &HashMap<Hash, Style>) {
    for (_, head) in &mut facts.heads.rows {
        if let Some(style) = styles.get(&head.head) {
            head.style = Some(Box::new(*style));
        }
    }
}

/// Records styles, by head.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, network: &str, styles: &[(Hash, Style)]) -> anyhow::Result<()> {
    let network = literal(network);
    let row = |(head, style): &(Hash, Style)| format!("('{}', {network}, '{}')", hex::encode(head), to_text(style));
    let recorded = insert_new(write, "styles (head, network, vector)", styles.iter().map(row));
    recorded.await.context("cannot record styles")
}

/// As the table has it: four hex digits a number.
fn to_text(style: &Style) -> String {
    hex::encode(style.map(i16::to_be_bytes).as_flattened())
}

/// A style as the table has it.
fn from_text(text: &str) -> anyhow::Result<Style> {
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
