//! The markers of a JPEG: what its header says, and where its picture ends.

use image::DynamicImage;
use moxcms::ColorProfile;

use super::libjpeg::Decoded;
use super::{DecodeError, colour, libjpeg};

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
/// Most scans that are decoded: each goes over the whole picture, and a crafted file has one in a few bytes.
/// Files of encoders have a dozen.
const SCANS: usize = 500;

/// Whether the end of the picture is there. Segments are skipped by their lengths, so that the end of a
/// thumbnail in one of them is not taken for the picture's; bytes after the end are common and allowed.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut markers = Markers::of(bytes);
    // Another start, of a preview or a further picture, before the end: the end of this one is lost.
    let end = markers.find(|(marker, _)| matches!(*marker, START | END));
    end.is_some_and(|(marker, _)| marker == END)
}

/// Markers behind the first, each with its segment's data; what scans hold is passed over.
struct Markers<'a> {
    rest: &'a [u8],
}

impl<'a> Markers<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes.get(2..).unwrap_or_default(),
        }
    }
}

impl<'a> Iterator for Markers<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = memchr::memchr(0xff, self.rest)?;
            let marker = *self.rest.get(at + 1)?;
            // A fill byte before a marker; a 255 of a scan, a restart within it, and TEM stand alone.
            if marker == 0xff {
                self.rest = &self.rest[at + 1..];
                continue;
            }
            self.rest = &self.rest[at + 2..];
            if matches!(marker, 0 | 1 | 0xd0..=0xd7) {
                continue;
            }
            if matches!(marker, START | END) {
                return Some((marker, &[]));
            }
            let length = usize::from(u16::from_be_bytes(*self.rest.first_chunk::<2>()?));
            let data = self.rest.get(2..length)?;
            self.rest = &self.rest[length..];
            return Some((marker, data));
        }
    }
}

/// What stands before the first scan.
pub(super) struct Head<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    /// EXIF data, without the name before it.
    pub(super) exif: Option<&'a [u8]>,
    /// The coding process: the marker of the frame.
    process: u8,
    bits: u8,
    components: u8,
    /// Parts of an ICC profile with their numbers.
    icc: Vec<(u8, &'a [u8])>,
}

impl<'a> Head<'a> {
    /// # Errors
    /// [`DecodeError::Corrupt`] where no scan follows, [`DecodeError::OtherFormat`] for a coding process
    /// that no decoder here has.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut head = Self {
            width: 0,
            height: 0,
            exif: None,
            process: 0,
            bits: 0,
            components: 0,
            icc: Vec::new(),
        };
        for (marker, data) in Markers::of(bytes) {
            match (marker, data) {
                (0xc0..=0xcf, _) if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => head.frame(marker, data)?,
                (0xe1, [b'E', b'x', b'i', b'f', 0, _, exif @ ..]) => head.exif = head.exif.or(Some(exif)),
                (0xe2, name) if name.starts_with(b"ICC_PROFILE\0") && name.len() > 14 => {
                    head.icc.push((name[12], &name[14..]));
                }
                (SCAN, _) => return head.checked(),
                (START | END, _) => break,
                _ => {}
            }
        }
        Err(DecodeError::Corrupt("a JPEG without a picture".into()))
    }

    fn frame(&mut self, marker: u8, data: &[u8]) -> Result<(), DecodeError> {
        let [bits, h0, h1, w0, w1, components, ..] = data else {
            return Err(DecodeError::Corrupt("a JPEG whose frame header is too short".into()));
        };
        self.process = marker;
        self.bits = *bits;
        self.height = u16::from_be_bytes([*h0, *h1]).into();
        self.width = u16::from_be_bytes([*w0, *w1]).into();
        self.components = *components;
        Ok(())
    }

    fn checked(self) -> Result<Self, DecodeError> {
        let other = match (self.process, self.bits, self.components) {
            (0, ..) => return Err(DecodeError::Corrupt("a JPEG without a frame header".into())),
            (0xc3 | 0xc7 | 0xcb | 0xcf, ..) => "JPEG of the lossless process",
            (0xc5 | 0xc6 | 0xcd | 0xce, ..) => "JPEG of the hierarchical process",
            (_, 12, _) => "JPEG of 12 bits a sample",
            (_, 8, 1 | 3 | 4) => return Ok(self),
            (_, 8, 2) => "JPEG of two components",
            _ => return Err(DecodeError::Corrupt("a JPEG whose frame header makes no sense".into())),
        };
        Err(DecodeError::OtherFormat(other))
    }

    /// Bytes that decoding takes at once; more where the picture is turned afterwards.
    pub(super) fn decoding(&self, turned: bool) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        // A progressive file, or one of several scans, keeps two bytes of each of its coefficients until
        // its last scan.
        let coefficients = 2 * u64::from(self.components.max(3));
        let samples = match self.components {
            1 => 1 + 3,
            3 => 3,
            _ => 4 + 3,
        };
        pixels * (coefficients + samples + if turned { 3 } else { 0 })
    }

    /// The picture, not yet turned, and its colours.
    ///
    /// # Errors
    /// [`DecodeError::Corrupt`], [`DecodeError::Truncated`].
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<(DynamicImage, Option<ColorProfile>), DecodeError> {
        let scans = Markers::of(bytes).filter(|(marker, _)| *marker == SCAN).count();
        if scans > SCANS {
            return Err(DecodeError::Corrupt(format!(
                "a JPEG of {scans} scans, more than {SCANS}"
            )));
        }
        let profile = self.icc().as_deref().and_then(colour::icc);
        match libjpeg::decode(bytes)? {
            Decoded::Light(picture) => Ok((picture, profile)),
            Decoded::Inks(mut inks) => {
                // All programs that write inks into a JPEG store them inverted, as Adobe's first did.
                inks.iter_mut().for_each(|ink| *ink = 255 - *ink);
                let colours = colour::of_inks(&inks, (self.width, self.height), profile.as_ref());
                let colours = colours.ok_or_else(|| DecodeError::Corrupt("a JPEG whose rows are missing".into()))?;
                Ok((colours.into(), None))
            }
        }
    }

    /// The ICC profile, its parts put together.
    pub(super) fn icc(&self) -> Option<Vec<u8>> {
        let mut parts = self.icc.clone();
        parts.sort_by_key(|(number, _)| *number);
        (!parts.is_empty()).then(|| parts.iter().flat_map(|(_, part)| *part).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A start, an APP1 that holds a whole tiny JPEG, a scan with a stuffed 255 and a restart.
    fn with_thumbnail() -> Vec<u8> {
        let mut file = vec![0xff, 0xd8, 0xff, 0xe1, 0, 10];
        file.extend([0xff, 0xd8, 0xff, 0xda, 0, 2, 0xff, 0xd9]);
        file.extend([0xff, 0xda, 0, 3, 1, 9, 0xff, 0, 9, 0xff, 0xd3, 9, 9]);
        file
    }

    #[test]
    fn only_the_end_of_the_picture_itself_ends_it() {
        let cut = with_thumbnail();
        assert!(!is_complete(&cut));
        for behind in [&b""[..], b"\0\0\0", b"\xff\xd8\xff\xe0 another picture"] {
            let whole = [&cut, &b"\xff\xff\xd9"[..], behind].concat();
            assert!(is_complete(&whole), "{behind:?}");
            assert!((0..cut.len() + 2).all(|at| !is_complete(&whole[..at])));
        }
        // A preview put behind a picture that was cut.
        assert!(!is_complete(&[&cut, &b"\xff\xd8\xff\xda\0\x02\xff\xd9"[..]].concat()));
    }
}
