//! AVIF: from the boxes of a file to an upright picture. The AV1 within is read by rav1d.

mod boxes;
mod coded;
mod planes;

use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView};
use moxcms::ColorProfile;

use super::{DecodeError, colour};
use boxes::{Meta, Reader, boxes};
use planes::Planes;

/// Whether the brands of a file say AVIF: its own, or among those it is compatible with.
pub(super) fn is_avif(bytes: &[u8]) -> bool {
    brands(bytes).any(|brand| brand == b"avif" || brand == b"avis")
}

fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let content = boxes(bytes).next().filter(|(kind, _)| kind == b"ftyp");
    let content = content.map(|(_, content)| content).unwrap_or_default();
    // The second four bytes are a version.
    content
        .chunks_exact(4)
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(_, brand)| brand)
}

/// Whether it is an image sequence: the first brand says so, or it has tracks.
pub(super) fn is_sequence(bytes: &[u8]) -> bool {
    brands(bytes).next() == Some(b"avis") || boxes(bytes).any(|(kind, _)| kind == *b"moov")
}

/// Whether all data of the picture are there.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let complete = || {
        let meta = Meta::read(bytes)?;
        let alpha = meta.referring(b"auxl", meta.primary);
        for id in std::iter::once(meta.primary).chain(alpha) {
            meta.data(id)?;
            for tile in meta.referred(b"dimg", id) {
                meta.data(*tile)?;
            }
        }
        Some(())
    };
    is_sequence(bytes) || complete().is_some()
}

/// A still picture whose boxes were read.
pub(super) struct File<'a> {
    meta: Meta<'a>,
    size: (u32, u32),
    alpha: Option<u32>,
    /// Left, top, width and height of what is shown.
    shown: Option<(u32, u32, u32, u32)>,
    pub(super) orientation: Orientation,
    /// Bits a sample.
    bits: u8,
}

impl<'a> File<'a> {
    /// # Errors
    /// [`DecodeError::Corrupt`], [`DecodeError::OtherFormat`].
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let wrong = |what: &str| DecodeError::Corrupt(format!("an AVIF {what}"));
        let meta = Meta::read(bytes).ok_or_else(|| wrong("without the description of its pictures"))?;
        let id = meta.primary;
        match meta.item(id).map(|item| item.kind) {
            Some(kind) if &kind == b"av01" || &kind == b"grid" => {}
            Some(kind) if matches!(&kind, b"hvc1" | b"jpeg" | b"unci" | b"vvc1") => {
                return Err(DecodeError::OtherFormat("HEIF"));
            }
            _ => return Err(wrong("without a main picture")),
        }
        let size = size(&meta, id).ok_or_else(|| wrong("that does not say its size"))?;
        let is_alpha = |item: &u32| {
            meta.property(*item, b"auxC")
                .any(|kind| kind.windows(5).any(|word| word == b"alpha" || word == b"xid:1"))
        };
        let alpha = meta.referring(b"auxl", id).find(is_alpha);
        let shown = meta
            .property(id, b"clap")
            .next()
            .and_then(|content| shown(content, size));
        let orientation = orientation(&meta, id);
        let first = meta.referred(b"dimg", id).first().copied().unwrap_or(id);
        // The third byte of the decoder's configuration: high bit depth, and twelve bits.
        let flags = meta
            .property(first, b"av1C")
            .next()
            .and_then(|content| content.get(2).copied());
        let bits = match flags.unwrap_or(0) >> 5 & 3 {
            0 => 8,
            2 => 10,
            _ => 12,
        };
        Ok(Self {
            meta,
            size,
            alpha,
            shown,
            orientation,
            bits,
        })
    }

    /// Width and height as shown, before it is turned.
    pub(super) fn dimensions(&self) -> (u32, u32) {
        self.shown.map_or(self.size, |(_, _, width, height)| (width, height))
    }

    /// Bytes that decoding takes at once.
    pub(super) fn decoding(&self) -> u64 {
        let pixels = u64::from(self.size.0) * u64::from(self.size.1);
        // The frame of the decoder and its tables, samples of two bytes, colours of one or two bytes each.
        let (frame, colours) = if self.bits == 8 { (4, 4) } else { (8, 8) };
        let alpha = if self.alpha.is_some() { 2 } else { 0 };
        pixels * (frame + 6 + alpha + 2 * colours)
    }

    /// The picture, not yet turned, its colours, and whether these are multiplied by alpha.
    ///
    /// # Errors
    /// [`DecodeError::Corrupt`], [`DecodeError::OtherFormat`], [`DecodeError::Truncated`].
    pub(super) fn decode(&self) -> Result<(DynamicImage, Option<ColorProfile>, bool), DecodeError> {
        let id = self.meta.primary;
        let mut planes = self.planes(id, self.size)?;
        let mut profile = None;
        for content in self.meta.property(id, b"colr") {
            match content {
                [b'n', b'c', b'l', b'x', primaries @ ..] => planes.describe(primaries),
                [b'p' | b'r', b'r' | b'I', b'o' | b'C', b'f' | b'C', bytes @ ..] => profile = colour::icc(bytes),
                _ => {}
            }
        }
        if profile.is_none() {
            profile = colour::code_points(planes.primaries, planes.transfer)?;
        }
        let alpha = self.alpha.map(|alpha| self.planes(alpha, self.size)).transpose()?;
        let premultiplied = self
            .alpha
            .is_some_and(|alpha| self.meta.referred(b"prem", id).contains(&alpha));
        let mut picture = planes.into_picture(alpha)?;
        if let Some((left, top, width, height)) = self.shown {
            picture = picture.crop_imm(left, top, width, height);
        }
        debug_assert_eq!(picture.dimensions(), self.dimensions());
        Ok((picture, profile, premultiplied))
    }

    /// The samples of an item, a grid's tiles put together.
    fn planes(&self, id: u32, size: (u32, u32)) -> Result<Planes, DecodeError> {
        let data = |id: u32| self.meta.data(id).ok_or(DecodeError::Truncated);
        if self.meta.item(id).is_none_or(|item| item.kind != *b"grid") {
            return coded::decode(data(id)?, size);
        }
        let wrong = || DecodeError::Corrupt("an AVIF whose tiles do not fill it".into());
        let plan = data(id)?;
        let mut reader = Reader(&plan);
        let numbers = (|| {
            let wide = if reader.number(2)? & 1 == 0 { 2 } else { 4 };
            let (rows, columns) = (reader.number(1)? + 1, reader.number(1)? + 1);
            Some((rows as u32, columns as u32, reader.number(wide)?, reader.number(wide)?))
        })();
        let (rows, columns, width, height) = numbers.ok_or_else(wrong)?;
        let tiles = self.meta.referred(b"dimg", id);
        let tile = tiles
            .first()
            .and_then(|tile| self::size(&self.meta, *tile))
            .ok_or_else(wrong)?;
        // Tiles cover the picture, and none lies beyond it.
        let covers = |count: u32, tile: u32, whole: u32| {
            let (count, tile, whole) = (u64::from(count), u64::from(tile), u64::from(whole));
            count * tile >= whole && (count - 1) * tile < whole
        };
        let fits = covers(columns, tile.0, size.0) && covers(rows, tile.1, size.1);
        if (width, height) != (size.0.into(), size.1.into()) || tiles.len() as u32 != rows * columns || !fits {
            return Err(wrong());
        }
        let mut whole: Option<Planes> = None;
        for (number, id) in (0..).zip(tiles) {
            let part = coded::decode(data(*id)?, tile)?;
            let whole = whole.get_or_insert_with(|| part.empty_like(size));
            whole
                .put(&part, (number % columns * tile.0, number / columns * tile.1))
                .ok_or_else(wrong)?;
        }
        whole.ok_or_else(wrong)
    }
}

fn size(meta: &Meta<'_>, id: u32) -> Option<(u32, u32)> {
    let mut reader = Reader(meta.property(id, b"ispe").next()?);
    reader.take(4)?;
    Some((reader.u32()?, reader.u32()?))
}

/// What the clean aperture leaves of a picture of that size; `None` where it is no part of it.
fn shown(content: &[u8], size: (u32, u32)) -> Option<(u32, u32, u32, u32)> {
    let mut reader = Reader(content);
    let mut fraction = || {
        let (number, by) = (reader.u32()?, reader.u32()?);
        (by != 0).then(|| f64::from(number as i32) / f64::from(by))
    };
    let (width, height, right, down) = (fraction()?, fraction()?, fraction()?, fraction()?);
    let start = |whole: u32, part: f64, offset: f64| offset + (f64::from(whole) - part) / 2.0;
    let (left, top) = (start(size.0, width, right), start(size.1, height, down));
    let inside = |start: f64, part: f64, whole: u32| {
        start >= 0.0 && part >= 1.0 && start.fract() == 0.0 && part.fract() == 0.0 && start + part <= f64::from(whole)
    };
    let sound = inside(left, width, size.0) && inside(top, height, size.1);
    sound.then_some((left as u32, top as u32, width as u32, height as u32))
}

/// `irot` turns against the clock, then `imir` mirrors: top to bottom (0) or left to right (1).
fn orientation(meta: &Meta<'_>, id: u32) -> Orientation {
    let number = |kind| {
        meta.property(id, kind)
            .next()
            .and_then(|content| content.first().copied())
    };
    let turns = number(b"irot").map_or(0, |turns| (4 - (turns & 3)) & 3);
    let left_to_right = number(b"imir").map(|axis| axis & 1 == 1);
    match (turns, left_to_right) {
        (0, None) => Orientation::NoTransforms,
        (1, None) => Orientation::Rotate90,
        (2, None) => Orientation::Rotate180,
        (_, None) => Orientation::Rotate270,
        (0, Some(true)) | (2, Some(false)) => Orientation::FlipHorizontal,
        (0, Some(false)) | (2, Some(true)) => Orientation::FlipVertical,
        (1, Some(true)) | (3, Some(false)) => Orientation::Rotate90FlipH,
        (_, Some(_)) => Orientation::Rotate270FlipH,
    }
}
