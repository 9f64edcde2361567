//! Reads back what [`super::Graph`] wrote: constant numbers by name and the metadata. No other ONNX
//! file needs to be read here; what runs them is ONNX Runtime.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::{FLOAT, FLOAT16};

/// Constant numbers with their shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Lengths of the axes.
    pub shape: Vec<i64>,
    /// The numbers in the order of the axes, the last one fastest.
    pub values: Vec<f32>,
}

/// What a file holds beside its nodes.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Constants of f32 and f16 by their names.
    pub constants: BTreeMap<String, Constant>,
    /// Metadata.
    pub metadata: BTreeMap<String, String>,
}

impl Contents {
    /// Reads a ModelProto.
    ///
    /// # Errors
    /// Where the bytes are no ONNX file, or a constant's numbers are not as many as its shape says.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut contents = Self::default();
        for (field, value) in fields(bytes)? {
            match (field, value) {
                (7, Value::Bytes(graph)) => contents.add_constants(graph)?,
                (14, Value::Bytes(entry)) => {
                    let (mut key, mut text) = (String::new(), String::new());
                    for part in fields(entry)? {
                        match part {
                            (1, Value::Bytes(bytes)) => key = words(bytes),
                            (2, Value::Bytes(bytes)) => text = words(bytes),
                            _ => {}
                        }
                    }
                    contents.metadata.insert(key, text);
                }
                _ => {}
            }
        }
        ensure!(!contents.constants.is_empty(), "it is no ONNX file with weights in it");
        Ok(contents)
    }

    fn add_constants(&mut self, graph: &[u8]) -> Result<()> {
        for field in fields(graph)? {
            if let (5, Value::Bytes(tensor)) = field
                && let Some((name, constant)) = constant(tensor)?
            {
                self.constants.insert(name, constant);
            }
        }
        Ok(())
    }
}

/// A TensorProto with raw numbers; none of another type.
fn constant(tensor: &[u8]) -> Result<Option<(String, Constant)>> {
    let (mut shape, mut kind, mut name, mut raw): (Vec<i64>, _, _, &[u8]) = (Vec::new(), 0, String::new(), &[]);
    for field in fields(tensor)? {
        match field {
            (1, Value::Integer(length)) => shape.push(length as i64),
            (2, Value::Integer(value)) => kind = value as i64,
            (8, Value::Bytes(bytes)) => name = words(bytes),
            (9, Value::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let values: Vec<f32> = match kind {
        FLOAT => raw.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
        FLOAT16 => {
            let halves = raw.as_chunks().0.iter();
            halves.map(|two| half::f16::from_le_bytes(*two).to_f32()).collect()
        }
        _ => return Ok(None),
    };
    let wanted = shape
        .iter()
        .try_fold(1_i64, |product, length| product.checked_mul(*length));
    ensure!(
        wanted == Some(values.len() as i64),
        "its constant `{name}` of shape {shape:?} holds {} numbers",
        values.len()
    );
    Ok(Some((name, Constant { shape, values })))
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A field's value in the protobuf wire format.
#[derive(Clone, Copy, Debug)]
enum Value<'bytes> {
    Integer(u64),
    Bytes(&'bytes [u8]),
    /// A fixed number, which no field read here is.
    Other,
}

/// The fields of a message in order.
fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Integer(varint(&mut bytes)?),
            1 => taken(&mut bytes, 8).map(|_| Value::Other)?,
            2 => {
                let length = varint(&mut bytes)?;
                Value::Bytes(taken(&mut bytes, length)?)
            }
            5 => taken(&mut bytes, 4).map(|_| Value::Other)?,
            kind => bail!("it is no ONNX file (a field of kind {kind})"),
        };
        all.push((key >> 3, value));
    }
    Ok(all)
}

fn taken<'bytes>(bytes: &mut &'bytes [u8], length: u64) -> Result<&'bytes [u8]> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    bytes.split_off(..length).context("it ends too early")
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for place in 0..10 {
        let byte = *bytes.split_off_first().context("it ends too early")?;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    bail!("it is no ONNX file (a number of more than ten bytes)")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::super::{Graph, Storage};
    use super::*;

    fn written() -> Vec<u8> {
        let mut graph = Graph::default();
        graph.floats("exact", &[2, 1], &[0.1, -3.0], Storage::F32);
        graph.floats("short", &[3], &[0.5, 2.0, -8.0], Storage::F16);
        graph.integers("counts", &[1, 2]);
        graph.metadata("fit", "tight");
        graph.into_bytes("numbers")
    }

    #[test]
    fn constants_and_metadata_come_back_as_they_were_written() {
        let contents = Contents::parse(&written()).unwrap();
        let exact = Constant {
            shape: vec![2, 1],
            values: vec![0.1, -3.0],
        };
        assert_eq!(contents.constants["exact"], exact);
        assert_eq!(contents.constants["short_f16"].values, [0.5, 2.0, -8.0]);
        assert_eq!(contents.constants.len(), 2, "whole numbers are no weights");
        assert_eq!(contents.metadata["fit"], "tight");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_or_lacks_what_was_cut_off() {
        let bytes = written();
        for length in 0..bytes.len() {
            if let Ok(contents) = Contents::parse(&bytes[..length]) {
                assert!(contents.metadata.is_empty(), "{length}");
            }
        }
        assert!(Contents::parse(b"\x89PNG\r\n\x1a\n").is_err());
    }
}
