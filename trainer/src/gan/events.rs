//! TensorBoard's event files: records of a length, its checksum, a protocol buffer and its checksum
//! (tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto).

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::metrics::Metrics;

/// Added to a rotated checksum (record_writer.h: a checksum of data that holds checksums is weak).
const MASK: u32 = 0xa282_ead8;

/// One file a sitting.
#[derive(Debug)]
pub struct Events {
    file: File,
}

impl Events {
    /// Begins a file in a folder, made where it is missing. What earlier files hold of steps
    /// after `step`, TensorBoard then leaves out.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin(folder: &Path, step: u64) -> Result<Self> {
        let seconds = now();
        let name = format!("events.out.tfevents.{:010}.{}", seconds as u64, std::process::id());
        let path = folder.join(name);
        let cannot = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(folder).with_context(cannot)?;
        let file = File::create(&path).with_context(cannot)?;
        let mut events = Self { file };
        let mut version = head(seconds, 0);
        bytes(&mut version, 3, b"brain.Event:2");
        events.record(&version)?;
        let mut start = head(seconds, step + 1);
        // SessionLog { status: START }.
        bytes(&mut start, 7, &[1 << 3, 1]);
        events.record(&start)?;
        Ok(events)
    }

    /// Adds a line of metrics.
    ///
    /// # Errors
    /// What the disk says.
    pub fn push(&mut self, line: &Metrics) -> Result<()> {
        let scalars = [
            ("loss/discriminator", line.loss_d),
            ("loss/generator", line.loss_g),
            ("loss/penalty", line.penalty),
            ("discriminator_score/real", line.d_real),
            ("discriminator_score/generated", line.d_fake),
            ("gradient/discriminator", line.gradient_d),
            ("gradient/generator", line.gradient_g),
            ("spread/generated", line.spread),
            ("spread/real", line.spread_real),
            ("rate/discriminator", Some(line.rate_d)),
            ("rate/generator", Some(line.rate_g)),
        ];
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            if let Some(value) = value {
                let mut entry = Vec::new();
                bytes(&mut entry, 1, tag.as_bytes());
                entry.push(2 << 3 | 5);
                entry.extend_from_slice(&(value as f32).to_le_bytes());
                bytes(&mut summary, 1, &entry);
            }
        }
        let mut event = head(now(), line.step);
        bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    fn record(&mut self, event: &[u8]) -> Result<()> {
        let length = (event.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(event.len() + 16);
        record.extend_from_slice(&length);
        record.extend_from_slice(&masked(&length).to_le_bytes());
        record.extend_from_slice(event);
        record.extend_from_slice(&masked(event).to_le_bytes());
        self.file
            .write_all(&record)
            .context("cannot write TensorBoard's events")
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

/// An event's wall time (field 1, double) and step (field 2).
fn head(seconds: f64, step: u64) -> Vec<u8> {
    let mut event = vec![1 << 3 | 1];
    event.extend_from_slice(&seconds.to_le_bytes());
    event.push(2 << 3);
    varint(&mut event, step);
    event
}

/// A field of bytes: text or a message.
fn bytes(message: &mut Vec<u8>, field: u8, content: &[u8]) {
    message.push(field << 3 | 2);
    varint(message, content.len() as u64);
    message.extend_from_slice(content);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_tensorflows() {
        // The polynomial's check value; the mask as record_writer.h writes it.
        let checksum: u32 = 0xe306_9283;
        assert_eq!(crc32c::crc32c(b"123456789"), checksum);
        let expected = checksum.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked(b"123456789"), expected);
    }

    #[test]
    fn records_frame_their_events() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut events = Events::begin(folder.path(), 300).expect("begins");
        let mut line = Metrics::at(350, 1, 700);
        line.loss_d = Some(0.75);
        events.push(&line).expect("writes");
        let path = dataset::files::sorted_entries(folder.path()).expect("lists").remove(0);
        let mut content = std::fs::read(path).expect("reads");
        let mut records = Vec::new();
        while !content.is_empty() {
            let length = u64::from_le_bytes(*content.first_chunk().expect("a length"));
            assert_eq!(content[8..12], masked(&content[..8]).to_le_bytes());
            let end = 12 + length as usize;
            assert_eq!(content[end..end + 4], masked(&content[12..end]).to_le_bytes());
            records.push(content[12..end].to_vec());
            content.drain(..end + 4);
        }
        assert_eq!(records.len(), 3);
        assert!(records[0].ends_with(b"brain.Event:2"));
        // Step 300 as a varint, then the session's start.
        assert!(records[1].ends_with(&[0x10, 0xad, 0x02, 0x3a, 2, 8, 1]));
        let value = [b"\x12loss/discriminator\x15".as_slice(), &0.75f32.to_le_bytes()].concat();
        assert!(records[2].windows(value.len()).any(|window| window == value));
    }
}
