//! What differs between the rows of two manifests, found in one walk over both.

use std::cmp::Ordering;

use super::{Batches, ManifestError, ManifestRow, Opened};

/// A difference. Rows are the same one where they name the same face of the same picture of the same
/// post.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// In the second manifest alone.
    Added(Box<ManifestRow>),
    /// In the first alone.
    Removed(Box<ManifestRow>),
    /// In both, with other content: as in the first, as in the second.
    Changed(Box<(ManifestRow, ManifestRow)>),
}

/// Calls `take` with every difference in canonical order, and gives how many rows are the same. Both manifests are
/// read part by part.
///
/// # Errors
/// Where a manifest cannot be read, or what `take` says.
pub fn diff<E: From<ManifestError>>(
    before: &Opened,
    after: &Opened,
    mut take: impl FnMut(Change) -> Result<(), E>,
) -> Result<u64, E> {
    let (mut before, mut after) = (Rows::of(before)?, Rows::of(after)?);
    let (mut old, mut new) = (before.next()?, after.next()?);
    let mut same = 0;
    loop {
        let order = match (&old, &new) {
            (None, None) => return Ok(same),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => face(old).cmp(&face(new)),
        };
        let (left, right) = (
            order.is_le().then(|| old.take()).flatten(),
            order.is_ge().then(|| new.take()).flatten(),
        );
        if left.is_some() {
            old = before.next()?;
        }
        if right.is_some() {
            new = after.next()?;
        }
        match (left, right) {
            (Some(left), Some(right)) if left == right => same += 1,
            (Some(left), Some(right)) => take(Change::Changed(Box::new((left, right))))?,
            (Some(left), None) => take(Change::Removed(Box::new(left)))?,
            (None, Some(right)) => take(Change::Added(Box::new(right)))?,
            (None, None) => return Ok(same),
        }
    }
}

/// What names a row in both manifests; canonical order is the order of these.
fn face(row: &ManifestRow) -> (&str, &str, i64, i64) {
    (&row.source, &row.post, row.page, row.ordinal)
}

/// Rows one by one.
struct Rows<'manifest> {
    batches: Batches<'manifest>,
    batch: std::vec::IntoIter<ManifestRow>,
}

impl<'manifest> Rows<'manifest> {
    fn of(opened: &'manifest Opened) -> Result<Self, ManifestError> {
        Ok(Self {
            batches: opened.batches()?,
            batch: Vec::new().into_iter(),
        })
    }

    fn next(&mut self) -> Result<Option<ManifestRow>, ManifestError> {
        loop {
            if let Some(row) = self.batch.next() {
                return Ok(Some(row));
            }
            match self.batches.next().transpose()? {
                Some(batch) => self.batch = batch.into_iter(),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Manifest, ManifestBody, row};

    #[test]
    fn every_difference_is_given_once_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, rows: Vec<ManifestRow>| {
            let manifest = Manifest::new(name, ManifestBody::default(), rows).expect("a manifest");
            manifest.write(folder.path()).expect("writes");
            Opened::open(&folder.path().join(name)).expect("opens")
        };
        let rows = |posts: &[&str]| posts.iter().map(|post| row::sample(post, 'a')).collect::<Vec<_>>();
        let before = write("v1", rows(&["1", "2", "3", "5"]));
        let mut later = rows(&["0", "2", "3", "4", "6"]);
        later[2].likes = Some(7);
        let after = write("v2", later);
        let mut found = Vec::new();
        let same = diff(&before, &after, |change| {
            found.push(match change {
                Change::Added(row) => format!("+{}", row.post),
                Change::Removed(row) => format!("-{}", row.post),
                Change::Changed(rows) => format!("{} {:?}", rows.0.post, rows.0.differences(&rows.1)),
            });
            Ok::<_, ManifestError>(())
        });
        assert_eq!(same.expect("reads"), 1);
        assert_eq!(found, ["+0", "-1", "3 [\"likes\"]", "+4", "-5", "+6"]);
    }
}
