//! The boxes of an AVIF file, as far as a still picture needs them (ISO/IEC 14496-12 and 23008-12).
//! Nothing is trusted: numbers that lead out of the file end the reading of what they belong to.

use std::collections::BTreeMap;

/// A reader of big-endian numbers.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes, at most eight.
    pub(super) fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes)?;
        Some(taken.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(self.number(4)? as u32)
    }

    pub(super) fn kind(&mut self) -> Option<[u8; 4]> {
        self.take(4)?.try_into().ok()
    }

    /// Version and flags of a full box.
    fn version(&mut self) -> Option<(u64, u64)> {
        Some((self.number(1)?, self.number(3)?))
    }
}

/// Boxes one after the other, kind and content; the last may be cut off.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = Reader(bytes);
    std::iter::from_fn(move || {
        let whole = rest.0.len() as u64;
        let short = rest.number(4)?;
        let kind = rest.kind()?;
        let length = match short {
            0 => whole,
            1 => rest.number(8)?,
            short => short,
        };
        let header = whole - rest.0.len() as u64;
        let content = length.checked_sub(header)?.min(rest.0.len() as u64);
        Some((kind, rest.take(content as usize)?))
    })
}

/// What is coded: a picture, an alpha plane, a tile or the plan of a grid.
#[derive(Default)]
pub(super) struct Item {
    pub(super) kind: [u8; 4],
    /// Start and length of its parts, within the file or the box of small data.
    parts: Vec<(u64, u64)>,
    in_box: bool,
    /// Numbers of its properties, from 1.
    properties: Vec<usize>,
}

/// The content of the `meta` box.
#[derive(Default)]
pub(super) struct Meta<'a> {
    file: &'a [u8],
    pub(super) primary: u32,
    items: BTreeMap<u32, Item>,
    properties: Vec<([u8; 4], &'a [u8])>,
    /// Kind, the item that refers, and those it refers to.
    references: Vec<([u8; 4], u32, Vec<u32>)>,
    /// The box of small data.
    data: &'a [u8],
}

impl<'a> Meta<'a> {
    pub(super) fn read(file: &'a [u8]) -> Option<Self> {
        let (_, mut content) = boxes(file).find(|(kind, _)| kind == b"meta")?;
        content = content.get(4..)?;
        let mut meta = Self {
            file,
            ..Self::default()
        };
        for (kind, content) in boxes(content) {
            let reader = Reader(content);
            match &kind {
                b"pitm" => meta.primary = primary(reader)?,
                b"iinf" => meta.infos(reader)?,
                b"iloc" => meta.places(reader)?,
                b"iref" => meta.references(reader)?,
                b"iprp" => meta.properties(content)?,
                b"idat" => meta.data = content,
                _ => {}
            }
        }
        Some(meta)
    }

    fn infos(&mut self, mut reader: Reader<'a>) -> Option<()> {
        let (version, _) = reader.version()?;
        reader.take(if version == 0 { 2 } else { 4 })?;
        for (kind, content) in boxes(reader.0) {
            let mut reader = Reader(content);
            let (version, _) = reader.version()?;
            if kind != *b"infe" || version < 2 {
                continue;
            }
            let id = reader.number(if version == 2 { 2 } else { 4 })? as u32;
            reader.take(2)?;
            self.items.entry(id).or_default().kind = reader.kind()?;
        }
        Some(())
    }

    fn places(&mut self, mut reader: Reader<'a>) -> Option<()> {
        let (version, _) = reader.version()?;
        let sizes = reader.number(2)?;
        let size = |shift: u64| (sizes >> shift & 15) as usize;
        let (offset, length, base) = (size(12), size(8), size(4));
        let index = if version > 0 { size(0) } else { 0 };
        if [offset, length, base, index].iter().any(|size| *size > 8) {
            return None;
        }
        let wide = if version < 2 { 2 } else { 4 };
        for _ in 0..reader.number(wide)? {
            let id = reader.number(wide)? as u32;
            let method = if version > 0 { reader.number(2)? & 15 } else { 0 };
            reader.take(2)?;
            let base = reader.number(base)?;
            let mut parts = Vec::new();
            for _ in 0..reader.number(2)? {
                reader.take(index)?;
                parts.push((base.checked_add(reader.number(offset)?)?, reader.number(length)?));
                // Parts without a size in the table would never end.
                if offset + length + index == 0 {
                    break;
                }
            }
            let item = self.items.entry(id).or_default();
            (item.parts, item.in_box) = (parts, method == 1);
        }
        Some(())
    }

    fn references(&mut self, mut reader: Reader<'a>) -> Option<()> {
        let (version, _) = reader.version()?;
        let wide = if version == 0 { 2 } else { 4 };
        for (kind, content) in boxes(reader.0) {
            let mut reader = Reader(content);
            let from = reader.number(wide)? as u32;
            let count = reader.number(2)?;
            let to: Option<Vec<u32>> = (0..count).map(|_| Some(reader.number(wide)? as u32)).collect();
            self.references.push((kind, from, to?));
        }
        Some(())
    }

    fn properties(&mut self, content: &'a [u8]) -> Option<()> {
        for (kind, content) in boxes(content) {
            match &kind {
                b"ipco" => self.properties = boxes(content).collect(),
                b"ipma" => {
                    let mut reader = Reader(content);
                    let (version, flags) = reader.version()?;
                    for _ in 0..reader.number(4)? {
                        let id = reader.number(if version == 0 { 2 } else { 4 })? as u32;
                        let wide = if flags & 1 == 0 { 1 } else { 2 };
                        let mask = if flags & 1 == 0 { 0x7f } else { 0x7fff };
                        let count = reader.number(1)?;
                        let numbers: Option<Vec<usize>> = (0..count)
                            .map(|_| Some((reader.number(wide)? & mask) as usize))
                            .collect();
                        self.items.entry(id).or_default().properties = numbers?;
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    pub(super) fn item(&self, id: u32) -> Option<&Item> {
        self.items.get(&id)
    }

    /// The contents of an item's properties of a kind.
    pub(super) fn property(&self, id: u32, kind: &[u8; 4]) -> impl Iterator<Item = &'a [u8]> {
        let numbers = self
            .items
            .get(&id)
            .map(|item| item.properties.as_slice())
            .unwrap_or_default();
        let properties = numbers
            .iter()
            .filter_map(|number| self.properties.get(number.checked_sub(1)?));
        properties
            .filter(move |(other, _)| other == kind)
            .map(|(_, content)| *content)
    }

    /// What an item refers to in that way.
    pub(super) fn referred(&self, kind: &[u8; 4], from: u32) -> &[u32] {
        let found = self
            .references
            .iter()
            .find(|(other, item, _)| other == kind && *item == from);
        found.map(|(_, _, to)| to.as_slice()).unwrap_or_default()
    }

    /// The items that refer to one in that way.
    pub(super) fn referring(&self, kind: &[u8; 4], to: u32) -> impl Iterator<Item = u32> {
        let found = self
            .references
            .iter()
            .filter(move |(other, _, items)| other == kind && items.contains(&to));
        found.map(|(_, from, _)| *from)
    }

    /// The data of an item, its parts put together; `None` where a part lies beyond the end.
    pub(super) fn data(&self, id: u32) -> Option<Vec<u8>> {
        let item = self.items.get(&id)?;
        let source = if item.in_box { self.data } else { self.file };
        let mut data = Vec::new();
        for (start, length) in &item.parts {
            let start = usize::try_from(*start).ok()?;
            let part = match *length {
                0 => source.get(start..)?,
                length => source.get(start..start.checked_add(usize::try_from(length).ok()?)?)?,
            };
            // Parts may overlap, so that a small file could name endless data.
            if data.len() + part.len() > self.file.len() {
                return None;
            }
            data.extend_from_slice(part);
        }
        Some(data)
    }
}

fn primary(mut reader: Reader<'_>) -> Option<u32> {
    let (version, _) = reader.version()?;
    Some(reader.number(if version == 0 { 2 } else { 4 })? as u32)
}
