//! Why a file gives no picture.

use super::format::names;

/// Why a file gives no picture. All are permanent: the same bytes fail again.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// No format that is known here.
    #[error("not a picture of a known format")]
    UnknownFormat,
    /// A format, or a kind of one, that is known and not read.
    #[error("a picture in {0}, which is not read: {names} are", names = names())]
    OtherFormat(&'static str),
    /// No picture.
    #[error("a video ({0})")]
    Video(&'static str),
    /// The end of the file is missing.
    #[error("truncated file")]
    Truncated,
    /// More than one frame.
    #[error("animation")]
    Animation,
    /// The header promises more pixels than allowed.
    #[error("too large: {width} x {height} pixels")]
    TooLarge {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
    },
    /// Decoding would take more memory than allowed.
    #[error(
        "too large: decoding {width} x {height} pixels takes {megabytes} MB, more than [crop] memory_megabytes allows"
    )]
    TooHungry {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// What it would take.
        megabytes: u64,
    },
    /// Anything else the decoder refuses.
    #[error("undecodable: {0}")]
    Corrupt(String),
}

impl DecodeError {
    /// A short fixed word for counts by reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownFormat | Self::OtherFormat(_) => "unknown-format",
            Self::Video(_) => "video",
            Self::Truncated => "truncated",
            Self::Animation => "animation",
            Self::TooLarge { .. } | Self::TooHungry { .. } => "too-large",
            Self::Corrupt(_) => "undecodable",
        }
    }
}
