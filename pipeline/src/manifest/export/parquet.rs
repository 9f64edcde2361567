//! Parquet as Hugging Face reads it: an `image` column of {bytes, path}, with the columns' meaning in the
//! file's metadata under `huggingface`.

use std::fs::File;
use std::io::BufWriter;

use polars_arrow::array::{Array, BinaryViewArray, PrimitiveArray, StructArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_arrow::record_batch::RecordBatchT;
use polars_parquet::write::{
    CompressionOptions, Encoding, FileWriter, KeyValue, StatisticsOptions, Version, WriteOptions, row_group_iter,
    to_parquet_schema,
};
use serde_json::json;

use super::columns::{COLUMNS, Cell, Column, Kind};
use super::sample::Sample;

/// A row group ends with this many bytes of pictures, or rows: what a writer and a reader hold at once.
const GROUP_BYTES: usize = 16_000_000;
const GROUP_ROWS: usize = 1000;

/// PNG files do not shrink; the columns beside them do.
const OPTIONS: WriteOptions = WriteOptions {
    // A picture's bytes have no useful least and greatest, and would be written whole.
    statistics: StatisticsOptions {
        min_value: false,
        max_value: false,
        distinct_count: false,
        null_count: true,
        binary_statistics_truncate_length: None,
    },
    version: Version::V1,
    compression: CompressionOptions::Zstd(None),
    data_page_size: None,
};

/// A Parquet file under way.
pub(super) struct ParquetShard {
    writer: FileWriter<BufWriter<File>>,
    waiting: Vec<Sample>,
    waiting_bytes: usize,
    bytes: u64,
}

impl ParquetShard {
    pub(super) fn new(file: File) -> anyhow::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self {
            writer: FileWriter::try_new(file, schema(), OPTIONS)?,
            waiting: Vec::new(),
            waiting_bytes: 0,
            bytes: 0,
        })
    }

    pub(super) fn add(&mut self, sample: Sample) -> anyhow::Result<()> {
        self.waiting_bytes += sample.png.len();
        self.bytes += sample.png.len() as u64;
        self.waiting.push(sample);
        match self.waiting_bytes < GROUP_BYTES && self.waiting.len() < GROUP_ROWS {
            true => Ok(()),
            false => self.flush(),
        }
    }

    /// Bytes of its pictures; the rest adds some hundred bytes a row.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let samples = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let mut arrays = vec![pictures(&samples)];
        arrays.extend(COLUMNS.iter().map(|column| values(column, &samples)));
        let schema = schema();
        let encodings: Vec<Vec<Encoding>> = std::iter::once(vec![Encoding::Plain; 2])
            .chain(COLUMNS.iter().map(|_| vec![Encoding::Plain]))
            .collect();
        let fields = to_parquet_schema(&schema)?.fields().to_vec();
        let rows = samples.len();
        let batch = RecordBatchT::try_new(rows, schema.into(), arrays)?;
        let group = row_group_iter(batch, encodings.into(), fields, OPTIONS);
        Ok(self.writer.write(rows as u64, group)?)
    }

    pub(super) fn finish(mut self) -> anyhow::Result<File> {
        self.flush()?;
        // Without Arrow's own description of the schema, which is bound to Polars' types: readers derive
        // theirs from Parquet's.
        let about = KeyValue {
            key: "huggingface".into(),
            value: Some(json!({"info": {"features": features()}}).to_string()),
        };
        self.writer.end(Some(vec![about]))?;
        Ok(self.writer.into_inner().into_inner()?)
    }
}

/// The columns as the package `datasets` describes them.
pub(super) fn features() -> serde_json::Value {
    let mut features = serde_json::Map::new();
    features.insert("image".into(), json!({"_type": "Image"}));
    for column in &COLUMNS {
        let kind = match column.kind {
            Kind::Text => "string",
            Kind::Whole => "int64",
            Kind::Real => "float64",
        };
        features.insert(column.name.into(), json!({"dtype": kind, "_type": "Value"}));
    }
    features.into()
}

fn picture_fields() -> Vec<Field> {
    vec![
        Field::new("bytes".into(), ArrowDataType::BinaryView, true),
        Field::new("path".into(), ArrowDataType::Utf8View, true),
    ]
}

fn schema() -> ArrowSchema {
    let picture = Field::new("image".into(), ArrowDataType::Struct(picture_fields()), true);
    let others = COLUMNS.iter().map(|column| {
        let kind = match column.kind {
            Kind::Text => ArrowDataType::Utf8View,
            Kind::Whole => ArrowDataType::Int64,
            Kind::Real => ArrowDataType::Float64,
        };
        Field::new(column.name.into(), kind, true)
    });
    std::iter::once(picture).chain(others).collect()
}

fn pictures(samples: &[Sample]) -> Box<dyn Array> {
    let bytes = BinaryViewArray::from_slice_values(samples.iter().map(|sample| &sample.png[..]).collect::<Vec<_>>());
    let paths: Vec<String> = samples
        .iter()
        .map(|sample| format!("{}.png", sample.row.head))
        .collect();
    let paths = Utf8ViewArray::from_slice_values(paths);
    let kind = ArrowDataType::Struct(picture_fields());
    StructArray::new(kind, samples.len(), vec![bytes.boxed(), paths.boxed()], None).boxed()
}

fn values(column: &Column, samples: &[Sample]) -> Box<dyn Array> {
    let cells = samples.iter().map(|sample| (column.cell)(&sample.row));
    match column.kind {
        Kind::Text => {
            let texts: Vec<Option<&str>> = cells
                .map(|cell| match cell {
                    Cell::Text(text) => text,
                    _ => None,
                })
                .collect();
            Utf8ViewArray::from_slice(texts).boxed()
        }
        Kind::Whole => {
            let numbers = cells.map(|cell| match cell {
                Cell::Whole(number) => number,
                _ => None,
            });
            PrimitiveArray::<i64>::from_iter(numbers).boxed()
        }
        Kind::Real => {
            let numbers = cells.map(|cell| match cell {
                Cell::Real(number) => Some(number),
                _ => None,
            });
            PrimitiveArray::<f64>::from_iter(numbers).boxed()
        }
    }
}
