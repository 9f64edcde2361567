//! Finding a secret however it is written: as it is, with some or all letters percent-encoded (once or
//! twice), escaped as in JSON or HTML, in base64 at any offset, in hex.

use std::borrow::Cow;

use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};

/// A shorter secret is masked where it stands as a word of its own: it may be part of others by chance.
const SHORTEST_PART: usize = 8;

/// So many letters of base64 are no chance.
const SHORTEST_BASE64: usize = 8;

/// One way to write a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    bytes: Vec<u8>,
    /// Whether it must not touch another letter or digit.
    word: bool,
}

impl Pattern {
    /// A text that must be a word of its own.
    pub fn word(text: String) -> Self {
        Self {
            bytes: text.into_bytes(),
            word: true,
        }
    }

    /// The ways to write a secret; none for an empty one.
    pub fn of_secret(secret: &str) -> Vec<Self> {
        if secret.is_empty() {
            return Vec::new();
        }
        let plain = secret.len() < SHORTEST_PART || secret.bytes().all(|byte| byte.is_ascii_lowercase());
        let mut patterns = vec![Self {
            bytes: secret.into(),
            word: plain,
        }];
        let coded = |bytes: String| Self {
            bytes: bytes.into_bytes(),
            word: false,
        };
        if secret.len() >= 4 {
            patterns.extend(
                [
                    BASE64_STANDARD_NO_PAD.encode(secret),
                    BASE64_URL_SAFE_NO_PAD.encode(secret),
                ]
                .map(Self::word),
            );
        }
        patterns.extend(within_base64(secret.as_bytes()).into_iter().map(coded));
        if secret.len() >= SHORTEST_PART {
            patterns.extend([hex::encode(secret), hex::encode_upper(secret)].map(coded));
        }
        patterns
    }

    /// Letters of it.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Where it ends in a text, if it begins at `start`.
    fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        let end = end_of(&self.bytes, text, start)?;
        (!self.word || (!touches_before(text, start) && !touches_after(text, end))).then_some(end)
    }
}

/// What base64 makes of a secret that stands somewhere in a longer text: by its offset the letters that
/// depend on it alone.
fn within_base64(secret: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for shift in 0..3 {
        let padded = [&[0; 3][..shift], secret].concat();
        let (first, last) = ((8 * shift).div_ceil(6), 8 * padded.len() / 6);
        for encoded in [
            BASE64_STANDARD_NO_PAD.encode(&padded),
            BASE64_URL_SAFE_NO_PAD.encode(&padded),
        ] {
            if last >= first + SHORTEST_BASE64 && !found.iter().any(|known| *known == encoded[first..last]) {
                found.push(encoded[first..last].to_string());
            }
        }
    }
    found
}

/// The text with each pattern in it masked; borrowed where there is none.
pub fn masked<'text>(patterns: &[Pattern], text: &'text [u8], mask: &str) -> Cow<'text, [u8]> {
    if patterns.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut begins = [false; 256];
    for first in patterns.iter().filter_map(|pattern| pattern.bytes.first()) {
        begins[usize::from(*first)] = true;
    }
    // What an escaped letter begins with.
    b"%\\&".iter().for_each(|escape| begins[usize::from(*escape)] = true);
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut copied) = (0, 0);
    while at < text.len() {
        let found = begins[usize::from(text[at])]
            .then(|| {
                patterns
                    .iter()
                    .find_map(|pattern| Some((pattern, pattern.end(text, at)?)))
            })
            .flatten();
        let Some((pattern, end)) = found else {
            at += 1;
            continue;
        };
        let out = out.get_or_insert_with(|| Vec::with_capacity(text.len()));
        out.extend_from_slice(&text[copied..at]);
        // A number among numbers stays one: JSON without it would be none.
        let digits = pattern.bytes.iter().all(u8::is_ascii_digit);
        out.extend_from_slice(if digits { b"0" } else { mask.as_bytes() });
        (at, copied) = (end, end);
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.extend_from_slice(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// Where a secret that begins at `at` ends, each of its bytes written in any way.
fn end_of(secret: &[u8], text: &[u8], at: usize) -> Option<usize> {
    let Some((first, rest)) = secret.split_first() else {
        return Some(at);
    };
    if text.get(at) == Some(first)
        && let Some(end) = end_of(rest, text, at + 1)
    {
        return Some(end);
    }
    let escaped = escaped(&text[at.min(text.len())..]).into_iter().flatten();
    escaped
        .filter(|(byte, _)| byte == first)
        .find_map(|(_, length)| end_of(rest, text, at + length))
}

/// The bytes that an escape at a text's begin may stand for, with its lengths.
fn escaped(text: &[u8]) -> [Option<(u8, usize)>; 2] {
    let hex = |from: usize| -> Option<u8> {
        let digits = std::str::from_utf8(text.get(from..from + 2)?).ok()?;
        u8::from_str_radix(digits, 16).ok()
    };
    match text {
        [b'%', b'2', b'5', ..] => [hex(3).map(|byte| (byte, 5)), Some((b'%', 3))],
        [b'%', ..] => [hex(1).map(|byte| (byte, 3)), None],
        [b'\\', b'u', b'0', b'0', ..] => [hex(4).map(|byte| (byte, 6)), None],
        [b'\\', letter @ (b'/' | b'"' | b'\\'), ..] => [Some((*letter, 2)), None],
        [b'&', b'#', ..] => [numbered(text), None],
        [b'&', b'a', b'm', b'p', b';', ..] => [Some((b'&', 5)), None],
        [b'+', ..] => [Some((b' ', 1)), None],
        _ => [None, None],
    }
}

/// `&#45;` or `&#x2d;`.
fn numbered(text: &[u8]) -> Option<(u8, usize)> {
    let end = text.iter().take(8).position(|byte| *byte == b';')?;
    let digits = std::str::from_utf8(text.get(2..end)?).ok()?;
    let byte = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    Some((byte.ok()?, end + 1))
}

fn touches_before(text: &[u8], start: usize) -> bool {
    let Some(before) = start.checked_sub(1).and_then(|at| text.get(at)) else {
        return false;
    };
    // The last digit of an escape is no letter.
    let escape = start.checked_sub(3).is_some_and(|at| text[at] == b'%')
        || start.checked_sub(6).is_some_and(|at| text[at..].starts_with(b"\\u00"));
    before.is_ascii_alphanumeric() && !escape
}

fn touches_after(text: &[u8], end: usize) -> bool {
    text.get(end).is_some_and(u8::is_ascii_alphanumeric)
}

/// A text with its percent-encoded letters decoded.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let decoded = bytes.get(at..at + 3).filter(|part| part[0] == b'%').and_then(|part| {
            let digits = std::str::from_utf8(&part[1..]).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        out.push(decoded.unwrap_or(bytes[at]));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
