//! How one field of a row becomes a Parquet column, comes back, and enters the row's hash.

use polars::prelude::*;

/// A field type of [`ManifestRow`](super::ManifestRow).
pub(super) trait Cell: Sized {
    /// A column of one field of all rows.
    fn column(name: &str, values: Vec<&Self>) -> Column;
    /// The values of a column, or what is wrong with it.
    fn read(column: &Column) -> Result<Vec<Self>, String>;
    /// Appends the value's canonical bytes: one only value gives those bytes.
    fn absorb(&self, bytes: &mut Vec<u8>);
    /// Takes a value off the front of its canonical bytes; none where they are no such value's.
    fn emerge(bytes: &mut &[u8]) -> Option<Self>;
}

fn wrong(error: PolarsError) -> String {
    error.to_string()
}

fn missing(column: &Column) -> String {
    format!("has an empty cell in the column `{}`", column.name())
}

/// Length as eight bytes, then the text.
impl Cell for String {
    fn column(name: &str, values: Vec<&Self>) -> Column {
        let texts: Vec<&str> = values.into_iter().map(String::as_str).collect();
        Column::new(name.into(), texts)
    }

    fn read(column: &Column) -> Result<Vec<Self>, String> {
        let cells = column.str().map_err(wrong)?.iter();
        cells
            .map(|cell| cell.map(String::from).ok_or_else(|| missing(column)))
            .collect()
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        bytes.extend((self.len() as u64).to_le_bytes());
        bytes.extend(self.as_bytes());
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        let length = u64::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?);
        let text = bytes.split_off(..usize::try_from(length).ok()?)?;
        String::from_utf8(text.to_vec()).ok()
    }
}

/// A byte that tells whether there is a value, then the value.
impl Cell for Option<String> {
    fn column(name: &str, values: Vec<&Self>) -> Column {
        let texts: Vec<Option<&str>> = values.into_iter().map(Option::as_deref).collect();
        Column::new(name.into(), texts)
    }

    fn read(column: &Column) -> Result<Vec<Self>, String> {
        let cells = column.str().map_err(wrong)?.iter();
        Ok(cells.map(|cell| cell.map(String::from)).collect())
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.is_some()));
        if let Some(text) = self {
            text.absorb(bytes);
        }
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        match bytes.split_off_first()? {
            0 => Some(None),
            _ => String::emerge(bytes).map(Some),
        }
    }
}

/// Eight bytes, little end first.
impl Cell for i64 {
    fn column(name: &str, values: Vec<&Self>) -> Column {
        let numbers: Vec<i64> = values.into_iter().copied().collect();
        Column::new(name.into(), numbers)
    }

    fn read(column: &Column) -> Result<Vec<Self>, String> {
        let cells = column.i64().map_err(wrong)?.iter();
        cells.map(|cell| cell.ok_or_else(|| missing(column))).collect()
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?))
    }
}

/// A byte that tells whether there is a value, then the value.
impl Cell for Option<i64> {
    fn column(name: &str, values: Vec<&Self>) -> Column {
        let numbers: Vec<Option<i64>> = values.into_iter().copied().collect();
        Column::new(name.into(), numbers)
    }

    fn read(column: &Column) -> Result<Vec<Self>, String> {
        Ok(column.i64().map_err(wrong)?.iter().collect())
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.is_some()));
        if let Some(number) = self {
            number.absorb(bytes);
        }
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        match bytes.split_off_first()? {
            0 => Some(None),
            _ => i64::emerge(bytes).map(Some),
        }
    }
}

/// The eight bytes of its IEEE form, little end first.
impl Cell for f64 {
    fn column(name: &str, values: Vec<&Self>) -> Column {
        let numbers: Vec<f64> = values.into_iter().copied().collect();
        Column::new(name.into(), numbers)
    }

    fn read(column: &Column) -> Result<Vec<Self>, String> {
        let cells = column.f64().map_err(wrong)?.iter();
        cells.map(|cell| cell.ok_or_else(|| missing(column))).collect()
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_bits().to_le_bytes());
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?))
    }
}
