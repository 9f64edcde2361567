//! How one field of a row becomes a Parquet column, comes back, and enters the row's hash.

use polars_arrow::array::{Array, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::types::NativeType;

/// A field type of [`ManifestRow`](super::ManifestRow).
pub(super) trait Cell: Sized {
    /// The type of its column.
    const TYPE: ArrowDataType;
    /// A column; `None` is an empty cell.
    fn column<'a>(cells: impl Iterator<Item = Option<&'a Self>>) -> Box<dyn Array>
    where
        Self: 'a;
    /// The cells of a column of [`Self::TYPE`], or what is wrong with it.
    fn read(column: &dyn Array) -> Result<Vec<Option<Self>>, String>;
    /// Appends the value's canonical bytes: one only value gives those bytes.
    fn absorb(&self, bytes: &mut Vec<u8>);
    /// Takes a value off the front of its canonical bytes; none where they are no such value's.
    fn emerge(bytes: &mut &[u8]) -> Option<Self>;
}

/// A byte that says whether there is a value, then the value.
impl<T: Cell> Cell for Option<T> {
    const TYPE: ArrowDataType = T::TYPE;

    fn column<'a>(cells: impl Iterator<Item = Option<&'a Self>>) -> Box<dyn Array>
    where
        Self: 'a,
    {
        T::column(cells.map(|cell| cell.and_then(Option::as_ref)))
    }

    fn read(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
        Ok(T::read(column)?.into_iter().map(Some).collect())
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.absorb(bytes);
        }
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        match bytes.split_off_first()? {
            0 => Some(None),
            _ => T::emerge(bytes).map(Some),
        }
    }
}

/// Length as eight bytes, then the text.
impl Cell for String {
    const TYPE: ArrowDataType = ArrowDataType::Utf8View;

    fn column<'a>(cells: impl Iterator<Item = Option<&'a Self>>) -> Box<dyn Array> {
        let texts: Vec<Option<&str>> = cells.map(|cell| cell.map(String::as_str)).collect();
        Utf8ViewArray::from_slice(texts).boxed()
    }

    fn read(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
        let texts = column.as_any().downcast_ref::<Utf8ViewArray>().ok_or("is no text")?;
        Ok(texts.iter().map(|cell| cell.map(String::from)).collect())
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

fn numbers<T: NativeType>(column: &dyn Array) -> Result<Vec<Option<T>>, String> {
    let numbers = column.as_any().downcast_ref::<PrimitiveArray<T>>();
    let numbers = numbers.ok_or("holds other numbers")?;
    Ok(numbers.iter().map(|cell| cell.copied()).collect())
}

/// Eight bytes, little end first.
impl Cell for i64 {
    const TYPE: ArrowDataType = ArrowDataType::Int64;

    fn column<'a>(cells: impl Iterator<Item = Option<&'a Self>>) -> Box<dyn Array> {
        cells.map(|cell| cell.copied()).collect::<PrimitiveArray<i64>>().boxed()
    }

    fn read(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
        numbers(column)
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?))
    }
}

/// The eight bytes of its IEEE form, little end first.
impl Cell for f64 {
    const TYPE: ArrowDataType = ArrowDataType::Float64;

    fn column<'a>(cells: impl Iterator<Item = Option<&'a Self>>) -> Box<dyn Array> {
        cells.map(|cell| cell.copied()).collect::<PrimitiveArray<f64>>().boxed()
    }

    fn read(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
        numbers(column)
    }

    fn absorb(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_bits().to_le_bytes());
    }

    fn emerge(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?))
    }
}
