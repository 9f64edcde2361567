//! The dialects of image boards, one file each. A new site of a known dialect is a table in stages.toml;
//! a new dialect is a file here, which implements [`Dialect`], and its line in [`DIALECTS`].

mod answer;
mod danbooru;
mod dialect;
pub mod entities;
mod gelbooru;
pub mod moebooru;
mod pixiv;
mod search;
mod terms;
mod zerochan;

use serde::{Deserialize, Deserializer};

pub use answer::{Artist, Count, FileUrls, NO_DATE, NO_ID, OUT_OF_PLACE, Page, Renamed};
pub use danbooru::Danbooru;
pub use dialect::Dialect;
pub use gelbooru::Gelbooru;
pub use moebooru::Moebooru;
pub use pixiv::Pixiv;
pub use search::{Probe, Query, Search, Span};
pub use zerochan::Zerochan;

/// All dialects; stages.toml has their names in small letters.
pub const DIALECTS: [&dyn Dialect; 5] = [&Moebooru, &Danbooru, &Gelbooru, &Pixiv, &Zerochan];

/// For serde's `deserialize_with`: a dialect by its name.
pub fn by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static dyn Dialect, D::Error> {
    let name = String::deserialize(deserializer)?;
    let word = |dialect: &dyn Dialect| dialect.name().to_lowercase();
    let found = DIALECTS.into_iter().find(|dialect| word(*dialect) == name);
    found.ok_or_else(|| {
        let known: Vec<String> = DIALECTS.map(word).into();
        serde::de::Error::custom(format!(
            "unknown dialect `{name}`, expected one of {}",
            known.join(", ")
        ))
    })
}

#[cfg(test)]
pub mod tests;
