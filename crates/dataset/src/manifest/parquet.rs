//! Rows as a Parquet file: row groups of rows written one after the other, and read so.

use std::fs::File;
use std::io::{BufWriter, Cursor, Read, Seek, SeekFrom};

use polars_arrow::array::Array;
use polars_arrow::datatypes::Field;
use polars_arrow::record_batch::RecordBatchT;
use polars_parquet::read::{
    BasicDecompressor, FileMetadata, PageReader, RowGroupMetadata, column_iter_to_arrays, read_metadata,
};
use polars_parquet::write::{
    CompressionOptions, Encoding, FileWriter, StatisticsOptions, Version, WriteOptions, get_dtype_encoding,
    row_group_iter,
};

use super::ManifestRow;
use super::row;

/// Rows of a group: some 16 MB of them are held at once.
pub(super) const GROUP: usize = 1 << 14;

fn options() -> WriteOptions {
    WriteOptions {
        statistics: StatisticsOptions::default(),
        version: Version::V1,
        compression: CompressionOptions::Zstd(None),
        data_page_size: None,
    }
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> std::io::Error {
    std::io::Error::other(error)
}

/// A file of rows under way.
pub(super) struct RowsWriter(FileWriter<BufWriter<File>>);

impl RowsWriter {
    pub(super) fn new(file: File) -> std::io::Result<Self> {
        let schema = row::fields().map(|field| (field.name.clone(), field)).collect();
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self(FileWriter::try_new(file, schema, options()).map_err(other)?))
    }

    /// Writes rows as one group.
    pub(super) fn write(&mut self, rows: &[ManifestRow]) -> std::io::Result<()> {
        let schema = self.0.schema().clone();
        let encodings: Vec<Vec<Encoding>> = schema
            .iter_values()
            .map(|field| get_dtype_encoding(&field.dtype))
            .collect();
        let fields = self.0.parquet_schema().fields().to_vec();
        let batch = RecordBatchT::try_new(rows.len(), schema.into(), row::to_columns(rows)).map_err(other)?;
        let group = row_group_iter(batch, encodings.into(), fields, options());
        self.0.write(rows.len() as u64, group).map_err(other)
    }

    /// Ends the file and makes it durable.
    pub(super) fn finish(mut self) -> std::io::Result<()> {
        self.0.end(None).map_err(other)?;
        self.0.into_inner().into_inner()?.sync_all()
    }
}

/// A file of rows whose end, which says where its groups lie, was read.
pub(super) struct RowsReader {
    file: File,
    metadata: FileMetadata,
}

impl RowsReader {
    pub(super) fn new(mut file: File) -> Result<Self, String> {
        let metadata = read_metadata(&mut file).map_err(|error| error.to_string())?;
        Ok(Self { file, metadata })
    }

    /// Number of groups.
    pub(super) fn groups(&self) -> usize {
        self.metadata.row_groups.len()
    }

    /// The rows of a group, or what is wrong with it.
    pub(super) fn read(&mut self, group: usize) -> Result<Vec<ManifestRow>, String> {
        let group = &self.metadata.row_groups[group];
        let columns: Result<Vec<_>, String> = row::fields()
            .map(|field| column(&mut self.file, group, field))
            .collect();
        row::from_columns(&columns?)
    }
}

fn column(file: &mut File, group: &RowGroupMetadata, field: Field) -> Result<Box<dyn Array>, String> {
    let name = field.name.clone();
    let wrong = |what: &str| format!("has no readable column `{name}` ({what})");
    let mut chunks = group.columns_under_root_iter(&name).ok_or(wrong("it is absent"))?;
    let (Some(chunk), None) = (chunks.next(), chunks.next()) else {
        return Err(wrong("it is nested"));
    };
    let range = chunk.byte_range();
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(range.start))
        .and_then(|_| file.take(range.end - range.start).read_to_end(&mut bytes))
        .map_err(|error| wrong(&error.to_string()))?;
    let pages = PageReader::new(Cursor::new(bytes.into()), chunk, Vec::new(), usize::MAX);
    let pages = BasicDecompressor::new(pages, Vec::new());
    let kind = &chunk.descriptor().descriptor.primitive_type;
    let read = column_iter_to_arrays(vec![pages], vec![kind], field, None);
    let (mut arrays, _) = read.map_err(|error| wrong(&error.to_string()))?;
    match (arrays.pop(), arrays.pop()) {
        (Some(array), None) if array.len() == group.num_rows() => Ok(array),
        _ => Err(wrong("it is shorter than its group")),
    }
}
