//! What an export says of each head beside its picture: one table for every format and its descriptions.

use dataset::ManifestRow;

/// A field of an exported row.
pub(super) enum Cell<'row> {
    Text(Option<&'row str>),
    Whole(Option<i64>),
    Real(f64),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Whole,
    Real,
}

/// A column of every export.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// For the card and Croissant.
    pub(super) about: &'static str,
    pub(super) cell: fn(&ManifestRow) -> Cell<'_>,
}

const fn text(name: &'static str, about: &'static str, cell: fn(&ManifestRow) -> Cell<'_>) -> Column {
    column(name, Kind::Text, about, cell)
}

const fn whole(name: &'static str, about: &'static str, cell: fn(&ManifestRow) -> Cell<'_>) -> Column {
    column(name, Kind::Whole, about, cell)
}

const fn real(name: &'static str, about: &'static str, cell: fn(&ManifestRow) -> Cell<'_>) -> Column {
    column(name, Kind::Real, about, cell)
}

const fn column(name: &'static str, kind: Kind, about: &'static str, cell: fn(&ManifestRow) -> Cell<'_>) -> Column {
    Column {
        name,
        kind,
        about,
        cell,
    }
}

/// Every column, in order.
pub(super) const COLUMNS: [Column; 26] = [
    text("head", "SHA-256 of the head as it was cut; its key", |row| {
        some(&row.head)
    }),
    text("source", "site, or import:NAME", |row| some(&row.source)),
    text("post", "the site's id of the post", |row| some(&row.post)),
    whole("page", "page of a work of several", |row| Cell::Whole(Some(row.page))),
    whole("ordinal", "which face of the picture, by falling score", |row| {
        Cell::Whole(Some(row.ordinal))
    }),
    text("artist", "who drew it, where the source says so", |row| {
        maybe(&row.artist)
    }),
    text("page_url", "the post's page", |row| maybe(&row.page_url)),
    text("source_url", "where the artist published it", |row| {
        maybe(&row.source_url)
    }),
    text("rating", "safe, sensitive, questionable, explicit or unknown", |row| {
        some(&row.rating)
    }),
    text("tags", "tags, a space between them", |row| some(&row.tags)),
    whole("likes", "likes, as the source counts them", |row| {
        Cell::Whole(row.likes)
    }),
    whole("views", "views at the source", |row| Cell::Whole(row.views)),
    // Not `created_at`: readers that guess types take a name with that end for a date's.
    whole("uploaded", "upload at the source, seconds since 1970", |row| {
        Cell::Whole(Some(row.created_at))
    }),
    text("original", "SHA-256 of the picture it was cut from", |row| {
        some(&row.image)
    }),
    whole("original_width", "width of that picture in pixels", |row| {
        Cell::Whole(Some(row.image_width))
    }),
    whole("original_height", "height of that picture in pixels", |row| {
        Cell::Whole(Some(row.image_height))
    }),
    text(
        "detector",
        "digest of the face detector; `given` for ready-made heads, `hand` for a box made by hand",
        |row| some(&row.detector),
    ),
    real("x0", "left edge of the face box in that picture, pixels", |row| {
        Cell::Real(row.x0)
    }),
    real("y0", "upper edge", |row| Cell::Real(row.y0)),
    real("x1", "right edge", |row| Cell::Real(row.x1)),
    real("y1", "lower edge", |row| Cell::Real(row.y1)),
    real("score", "the detector's score, 0 to 1; 1 where none gave one", |row| {
        Cell::Real(row.score)
    }),
    whole("native_side", "side of the head as it was cut, pixels", |row| {
        Cell::Whole(Some(row.side))
    }),
    real("sharpness", "share of fine detail, 0 to 1", |row| {
        Cell::Real(row.sharpness)
    }),
    text("duplicate_group", "equal for heads taken for the same one", |row| {
        some(&row.duplicate_group)
    }),
    text("perceptual", "perceptual hash, hexadecimal", |row| {
        maybe(&row.perceptual)
    }),
];

fn some(text: &str) -> Cell<'_> {
    Cell::Text(Some(text))
}

fn maybe(text: &Option<String>) -> Cell<'_> {
    Cell::Text(text.as_deref())
}

/// A row as a JSON object, its columns in order, after the fields given.
pub(super) fn json(first: &[(&str, &str)], row: &ManifestRow) -> serde_json::Result<String> {
    let mut line = String::from("{");
    for (name, value) in first {
        push(&mut line, name, &serde_json::to_string(value)?);
    }
    for column in &COLUMNS {
        let value = match (column.cell)(row) {
            Cell::Text(text) => serde_json::to_string(&text)?,
            Cell::Whole(number) => serde_json::to_string(&number)?,
            Cell::Real(number) => serde_json::to_string(&number)?,
        };
        push(&mut line, column.name, &value);
    }
    line.push('}');
    Ok(line)
}

fn push(line: &mut String, name: &str, value: &str) {
    if line.len() > 1 {
        line.push(',');
    }
    line.push_str(&format!("\"{name}\":{value}"));
}
