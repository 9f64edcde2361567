//! Whose pictures an export is made of: a line a head in ATTRIBUTION.csv, and the artists by number.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use dataset::ManifestRow;

/// The file.
pub(super) const FILE: &str = "ATTRIBUTION.csv";

/// The list under way.
pub(super) struct Attribution {
    file: BufWriter<File>,
    artists: HashMap<String, u64>,
    /// Heads of nobody known.
    unknown: u64,
}

impl Attribution {
    pub(super) fn begin(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        writeln!(file, "head,artist,source,post,page_url,source_url")?;
        Ok(Self {
            file,
            artists: HashMap::new(),
            unknown: 0,
        })
    }

    pub(super) fn add(&mut self, row: &ManifestRow) -> anyhow::Result<()> {
        let of = |text: &Option<String>| quoted(text.as_deref().unwrap_or_default());
        writeln!(
            self.file,
            "{},{},{},{},{},{}",
            row.head,
            of(&row.artist),
            quoted(&row.source),
            quoted(&row.post),
            of(&row.page_url),
            of(&row.source_url)
        )?;
        match &row.artist {
            Some(artist) => match self.artists.get_mut(artist) {
                Some(heads) => *heads += 1,
                None => drop(self.artists.insert(artist.clone(), 1)),
            },
            None => self.unknown += 1,
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        Ok(self.file.get_ref().sync_all()?)
    }

    /// The artists with most heads, and how many artists there are.
    pub(super) fn most(&self, count: usize) -> (Vec<(&str, u64)>, usize) {
        let mut artists: Vec<(&str, u64)> = self
            .artists
            .iter()
            .map(|(name, heads)| (name.as_str(), *heads))
            .collect();
        artists.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        artists.truncate(count);
        (artists, self.artists.len())
    }

    /// Heads whose artist no source names.
    pub(super) fn unknown(&self) -> u64 {
        self.unknown
    }
}

/// A field of a CSV file (RFC 4180).
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_field_is_quoted() {
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("a b"), "a b");
    }
}
