//! Proving that a manifest and its heads are what was frozen.

use std::path::Path;

use image::ImageFormat;
use rayon::prelude::*;
use serde::Serialize;

use super::{ManifestError, ManifestRow, Opened, Tombstones, pixel_hash};
use crate::keys::{Key, sha256};
use crate::store::{Contents, Store, StoreError};

/// What is wrong with bytes that are not those that were stored.
const CHANGED: &str = "was changed: its bytes do not hash to its name";

/// One file that is not as it was frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file: a path, or an object's name in the store.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Heads checked.
    pub heads: u64,
    /// Rows whose heads were purged, and so are neither checked nor missed.
    pub purged: u64,
    /// Whether their bytes were hashed too.
    pub deep: bool,
    /// Everything changed or missing, in the order of the rows; empty when all is well.
    pub problems: Vec<Problem>,
}

/// Checks `manifests/<name>`: header, rows and id agree, every head that was not purged is in the store
/// and, when `deep`, its bytes hash to its name and its pixels to what the row says. Every problem is
/// reported, not the first alone. `tick` is called with how many rows were checked.
///
/// # Errors
/// [`ManifestError::Absent`], or the store's own failure where it vanished altogether.
pub fn verify(folder: &Path, store: &Store, deep: bool, mut tick: impl FnMut(u64)) -> anyhow::Result<VerifyReport> {
    let mut report = VerifyReport {
        heads: 0,
        purged: 0,
        deep,
        problems: Vec::new(),
    };
    match check(folder, store, &mut report, &mut tick) {
        Ok(()) => Ok(report),
        Err(error) => match error.downcast::<ManifestError>() {
            Ok(ManifestError::Changed { path, what }) => {
                report.problems.insert(0, Problem { file: path, what });
                Ok(report)
            }
            Ok(other) => Err(other.into()),
            Err(other) => Err(other),
        },
    }
}

fn check(folder: &Path, store: &Store, report: &mut VerifyReport, tick: &mut impl FnMut(u64)) -> anyhow::Result<()> {
    let (opened, tombstones) = (Opened::open(folder)?, Tombstones::load(folder)?);
    let there = (!report.deep).then(|| store.contents("heads")).transpose()?;
    for batch in opened.batches()? {
        let batch = batch?;
        let (purged, left): (Vec<_>, Vec<_>) = batch.iter().partition(|row| tombstones.contains(&row.head));
        let found: Result<Vec<Option<Problem>>, StoreError> = store.in_parallel(|| {
            left.par_iter()
                .map(|row| check_head(row, store, there.as_ref()))
                .collect()
        });
        report.problems.extend(found?.into_iter().flatten());
        report.heads += left.len() as u64;
        report.purged += purged.len() as u64;
        tick(report.heads + report.purged);
    }
    Ok(())
}

/// What is wrong with a head; where what is there is known, its bytes are not read.
fn check_head(row: &ManifestRow, store: &Store, there: Option<&Contents>) -> Result<Option<Problem>, StoreError> {
    let problem = |file: &str, what: String| {
        Some(Problem {
            file: file.into(),
            what,
        })
    };
    let key = match Key::head(&row.head) {
        Ok(key) => key,
        Err(error) => return Ok(problem(&row.head, error.to_string())),
    };
    if there.is_some_and(|there| there.holds(&key, None)) {
        return Ok(None);
    }
    match store.read_blocking(&key) {
        Ok(bytes) => Ok(wrong_bytes(row, &bytes).and_then(|what| problem(key.as_str(), what))),
        Err(StoreError::Missing(_)) => Ok(problem(key.as_str(), "is missing".into())),
        Err(StoreError::Damaged(_)) => Ok(problem(key.as_str(), CHANGED.into())),
        Err(StoreError::Io { reason, .. }) => Ok(problem(key.as_str(), format!("cannot be read ({reason})"))),
        Err(error) => Err(error),
    }
}

/// What is wrong with a head's bytes.
fn wrong_bytes(row: &ManifestRow, bytes: &[u8]) -> Option<String> {
    if sha256(bytes) != row.head {
        return Some(CHANGED.into());
    }
    match image::load_from_memory_with_format(bytes, ImageFormat::Png) {
        Err(error) => Some(format!("is no PNG picture ({error})")),
        Ok(picture) if pixel_hash(&picture.to_rgb8()) != row.pixels => {
            Some("has other pixels than its row says".into())
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::fixture::{frozen, path_of};
    use crate::manifest::{Manifest, ManifestBody, read_head};

    #[test]
    fn every_missing_and_changed_head_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, manifest) = frozen(folder.path(), 4);
        let place = folder.path().join("manifests/v1");
        let head = read_head(&store, &manifest.rows[3]).expect("reads");
        assert_eq!(head.get_pixel(0, 0).0, [3, 7, 9]);
        assert!(
            verify(&place, &store, true, |_| ())
                .expect("verifies")
                .problems
                .is_empty()
        );

        let key = |index: usize| Key::head(&manifest.rows[index].head).expect("a hash");
        std::fs::remove_file(path_of(&store, &key(1))).expect("removes");
        std::fs::write(path_of(&store, &key(2)), b"other").expect("changes");
        let files = |deep| -> Vec<String> {
            let report = verify(&place, &store, deep, |_| ()).expect("verifies");
            report.problems.into_iter().map(|problem| problem.file).collect()
        };
        assert_eq!(files(false), [key(1).as_str()]);
        assert_eq!(files(true), [key(1).as_str(), key(2).as_str()]);
        assert!(read_head(&store, &manifest.rows[2]).is_err());
    }

    #[test]
    fn a_purged_head_is_counted_and_not_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, manifest) = frozen(folder.path(), 3);
        let place = folder.path().join("manifests/v1");
        let (purged, lost) = (&manifest.rows[0].head, &manifest.rows[1].head);
        for head in [purged, lost] {
            std::fs::remove_file(path_of(&store, &Key::head(head).expect("a hash"))).expect("removes");
        }
        Tombstones::add(&place, [purged.clone()]).expect("adds");
        let report = verify(&place, &store, true, |_| ()).expect("verifies");
        assert_eq!((report.heads, report.purged, report.problems.len()), (2, 1, 1));
        assert!(report.problems[0].file.contains(lost.as_str()));
        assert_eq!(
            Manifest::load(&place).expect("reads").id(),
            manifest.id(),
            "the id stays"
        );
    }

    #[test]
    fn a_head_whose_pixels_are_not_those_of_its_row_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, manifest) = frozen(folder.path(), 2);
        let mut rows = manifest.rows.clone();
        rows[1].pixels = rows[0].pixels.clone();
        let other = Manifest::new("v2", ManifestBody::default(), rows).expect("is a manifest");
        other.write(&folder.path().join("manifests")).expect("writes");
        let report = verify(&folder.path().join("manifests/v2"), &store, true, |_| ()).expect("verifies");
        assert_eq!(report.problems.len(), 1);
        assert!(report.problems[0].what.contains("other pixels"), "{report:?}");
    }

    #[test]
    fn a_vanished_store_is_an_error_and_no_list_of_missing_heads() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = frozen(folder.path(), 2);
        std::fs::remove_dir_all(store.folder().expect("a folder")).expect("vanishes");
        let error = verify(&folder.path().join("manifests/v1"), &store, false, |_| ()).expect_err("is gone");
        assert!(error.to_string().contains("vanished"), "{error}");
    }
}
