//! Typed names of stored objects.

use std::fmt;
use std::io::Read;

use sha2::{Digest, Sha256};

/// SHA-256 (hex) of bytes: what names them.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A text that should be a SHA-256 and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SHA-256 (64 lower-case hexadecimal digits)")]
pub struct NotAHash(pub String);

/// SHA-256 (hex) and length of what a file, or another reader, still has.
///
/// # Errors
/// Whatever the system says.
pub fn sha256_of(mut from: impl Read) -> std::io::Result<(String, u64)> {
    let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok((hex::encode(hash.finalize()), bytes)),
            length => {
                hash.update(&buffer[..length]);
                bytes += length as u64;
            }
        }
    }
}

/// The name of an object in the store: its kind, then its content's hash, so that the same bytes
/// always have the same name and a name never escapes the store's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// An original picture: `images/ab/<sha256>.<extension>`.
    ///
    /// # Errors
    /// [`NotAHash`] where `hash` is not the hex SHA-256 of the bytes, or the extension is no plain word.
    pub fn image(hash: &str, extension: &str) -> Result<Self, NotAHash> {
        let plain = !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain {
            return Err(NotAHash(format!("{hash}.{extension}")));
        }
        Self::of_kind("images", hash, extension)
    }

    /// A head: `heads/ab/<sha256>.png`.
    ///
    /// # Errors
    /// [`NotAHash`] where `hash` is not the hex SHA-256 of the bytes.
    pub fn head(hash: &str) -> Result<Self, NotAHash> {
        Self::of_kind("heads", hash, "png")
    }

    /// The key behind a name that [`Self::as_str`] gave.
    ///
    /// # Errors
    /// [`NotAHash`] where the text is no such name.
    pub fn parse(name: &str) -> Result<Self, NotAHash> {
        let parts = name.rsplit_once('/').and_then(|(_, file)| file.split_once('.'));
        let key = parts.and_then(|(hash, extension)| match name.starts_with("heads/") {
            true => Self::head(hash).ok(),
            false => Self::image(hash, extension).ok(),
        });
        key.filter(|key| key.as_str() == name)
            .ok_or_else(|| NotAHash(name.into()))
    }

    /// The name as text, `/` between folders.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The SHA-256 that the bytes have.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let name = self.0.rsplit('/').next().unwrap_or_default();
        let mut digest = [0; 32];
        hex::decode_to_slice(&name[..64], &mut digest).expect("a key is made of a hash");
        digest
    }

    /// Whether these are the bytes that it names.
    pub fn is_of(&self, bytes: impl AsRef<[u8]>) -> bool {
        self.digest() == *Sha256::digest(bytes)
    }

    fn of_kind(kind: &str, hash: &str, extension: &str) -> Result<Self, NotAHash> {
        check_hash(hash)?;
        Ok(Self(format!("{kind}/{}/{hash}.{extension}", &hash[..2])))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Refuses everything but 64 lower-case hexadecimal digits.
///
/// # Errors
/// [`NotAHash`].
pub fn check_hash(text: &str) -> Result<(), NotAHash> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 64 && text.bytes().all(hex) {
        Ok(())
    } else {
        Err(NotAHash(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_over_folders_by_their_first_byte() {
        let hash = "ab".repeat(32);
        assert_eq!(
            Key::head(&hash).expect("a hash").as_str(),
            format!("heads/ab/{hash}.png")
        );
        let image = Key::image(&hash, "jpg").expect("a hash");
        assert_eq!(image.as_str(), format!("images/ab/{hash}.jpg"));
    }

    #[test]
    fn a_key_is_read_back_from_its_name_and_from_nothing_else() {
        let hash = "ab".repeat(32);
        for key in [Key::head(&hash), Key::image(&hash, "jpg")] {
            let key = key.expect("a hash");
            assert_eq!(Key::parse(key.as_str()), Ok(key));
        }
        for wrong in [
            "STORE",
            "heads/ab/../../x.png",
            &format!("heads/cd/{hash}.png"),
            &format!("x/ab/{hash}.png"),
        ] {
            assert!(Key::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_but_a_hash_becomes_a_key() {
        let hash = "ab".repeat(32);
        for wrong in ["", "../../etc/passwd", &hash[1..], &hash.to_uppercase()] {
            assert!(Key::head(wrong).is_err(), "{wrong}");
        }
        assert!(Key::image(&hash, "../x").is_err());
    }
}
