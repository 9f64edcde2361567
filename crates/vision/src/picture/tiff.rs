//! The first directory of a TIFF: whether its pixels are all there, and what its colours mean.

/// The numbers of the tags that are read of the first directory, each up to a bound.
struct Directory<'a> {
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    extra: Option<u64>,
    profile: Option<&'a [u8]>,
}

/// Most numbers of a tag that are read: strips of one row in the tallest picture.
const MOST: u64 = 65_536;

/// Whether the directory and everything it points to lies within the file.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let Some(directory) = read(bytes) else { return false };
    let within = |(offset, length): (&u64, &u64)| {
        let end = offset.checked_add(*length);
        end.is_some_and(|end| end <= bytes.len() as u64)
    };
    directory.offsets.iter().zip(&directory.lengths).all(within)
}

/// Whether its colours are already multiplied by its alpha.
pub(super) fn is_premultiplied(bytes: &[u8]) -> bool {
    read(bytes).is_some_and(|directory| directory.extra == Some(1))
}

/// Its colour profile, of whatever type the tag is: the image crate reads it as bytes alone.
pub(super) fn profile(bytes: &[u8]) -> Option<&[u8]> {
    read(bytes)?.profile
}

fn read(bytes: &[u8]) -> Option<Directory<'_>> {
    let file = Reader {
        bytes,
        big_endian: bytes.first()? == &b'M',
    };
    let big = file.number(2, 2)? == 43;
    let (start, counted, entry, word) = if big {
        (file.number(8, 8)?, 8, 20, 8)
    } else {
        (file.number(4, 4)?, 2, 12, 4)
    };
    let entries = file.number(start, counted)?;
    let mut found = Directory {
        offsets: Vec::new(),
        lengths: Vec::new(),
        extra: None,
        profile: None,
    };
    for index in 0..entries.min(MOST) {
        let at = start.checked_add(counted + index * entry)?;
        let (tag, kind, count) = (file.number(at, 2)?, file.number(at + 2, 2)?, file.number(at + 4, word)?);
        let values = || {
            let size = match kind {
                1 => 1,
                3 => 2,
                4 => 4,
                16 => 8,
                _ => return None,
            };
            let place = at + 4 + word;
            let inside = count.checked_mul(size)? <= word;
            let place = if inside { place } else { file.number(place, word)? };
            (0..count.min(MOST))
                .map(|number| file.number(place.checked_add(number * size)?, size))
                .collect()
        };
        match tag {
            273 | 324 => found.offsets = values()?,
            279 | 325 => found.lengths = values()?,
            34_675 => {
                let start = usize::try_from(file.number(at + 4 + word, word)?).ok()?;
                let length = usize::try_from(count).ok()?;
                found.profile = bytes.get(start..).and_then(|bytes| bytes.get(..length));
            }
            338 => found.extra = values().and_then(|values: Vec<u64>| values.first().copied()),
            _ => {}
        }
    }
    Some(found)
}

struct Reader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Reader<'_> {
    fn number(&self, at: u64, size: u64) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(size as usize)?)?;
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(match self.big_endian {
            true => bytes.iter().fold(0, fold),
            false => bytes.iter().rev().fold(0, fold),
        })
    }
}
