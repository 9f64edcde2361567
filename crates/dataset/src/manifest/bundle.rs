//! A manifest with its heads in one place, to train on another machine.
//!
//! A bundle is a data folder of its own: `manifests/<name>/` and `store/`, with a `bundle.json` that
//! says what it is of. It is filled head by head, so that a killed run is gone on with; the manifest,
//! without which nothing of it is used, comes last.

mod archive;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::disk::{HEADER, ROWS, head_bytes};
use super::{ManifestRow, Opened, Problem, Tombstones, VerifyReport, verify};
use crate::failure::{Locked, Usage};
use crate::files::{self, write_durably};
use crate::keys::Key;
use crate::lock::LockedFile;
use crate::store::Store;

const TICKET: &str = "bundle.json";
const FORMAT: u32 = 1;

/// Ending of a bundle that is one file.
const TAR: &str = "tar";

/// What is wrong with a head that was purged after it was bundled.
const PURGED: &str = "was purged since";

/// What bundle.json holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ticket {
    format: u32,
    /// The manifest's name and id.
    manifest: String,
    id: String,
}

impl Ticket {
    fn of(opened: &Opened) -> Self {
        Self {
            format: FORMAT,
            manifest: opened.name.clone(),
            id: opened.id.clone(),
        }
    }

    fn text(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// What [`bundle`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bundle {
    /// Heads in it.
    pub heads: u64,
    /// Rows whose heads were purged, and so are not.
    pub purged: u64,
}

/// Puts the manifest in `folder` (`manifests/<name>`) with its heads into `target`: a folder, or one
/// file where it ends in `.tar`. A folder that is a bundle of the same manifest is completed, and heads
/// that were purged since are taken out of it. Ends with a proof of every byte. `tick` is called with how many
/// rows are done.
///
/// # Errors
/// [`Usage`] where the target is there and is something else; else what the store or the disk met.
pub fn bundle(folder: &Path, store: &Store, target: &Path, mut tick: impl FnMut(u64)) -> anyhow::Result<Bundle> {
    let opened = Opened::open(folder)?;
    loop {
        let tombstones = Tombstones::load(folder)?;
        let made = match target.extension().is_some_and(|extension| extension == TAR) {
            true => archive::write(&opened, &tombstones, store, target, &mut tick)?,
            false => to_folder(&opened, &tombstones, store, target, &mut tick)?,
        };
        // A purge that ran beside it: what it took out must not leave.
        if Tombstones::load(folder)? == tombstones {
            return Ok(made);
        }
    }
}

/// Proves a bundle of a manifest, folder or .tar, head by head; `None` where the path is no bundle.
///
/// # Errors
/// What the disk says.
pub fn verify_bundle(opened: &Opened, target: &Path) -> anyhow::Result<Option<VerifyReport>> {
    if target.is_file() {
        return archive::verify(opened, target);
    }
    let Some((data, name)) = find_bundle(target) else {
        return Ok(None);
    };
    let place = data.join("manifests").join(name);
    let store = Store::open(&data.join("store"))?;
    let mut report = verify(&place, &store, true, |_| ())?;
    if Opened::open(&place).is_ok_and(|found| found.id != opened.id) {
        report.problems.push(other_version(target));
    }
    for head in Tombstones::load(opened.folder())?.iter() {
        let key = Key::head(head)?;
        if store.length(&key)?.is_some() {
            let (file, what) = (key.to_string(), PURGED.into());
            report.problems.push(Problem { file, what });
        }
    }
    Ok(Some(report))
}

fn other_version(target: &Path) -> Problem {
    Problem {
        file: target.display().to_string(),
        what: "is a bundle of another version".into(),
    }
}

/// The data folder and the name of the manifest where `path` is a bundle's folder.
pub fn find_bundle(path: &Path) -> Option<(PathBuf, String)> {
    let text = std::fs::read(path.join(TICKET)).ok()?;
    let ticket: Ticket = serde_json::from_slice(&text).ok()?;
    Some((path.into(), ticket.manifest))
}

fn to_folder(
    opened: &Opened,
    tombstones: &Tombstones,
    store: &Store,
    target: &Path,
    tick: &mut impl FnMut(u64),
) -> anyhow::Result<Bundle> {
    let _lock = begin(opened, target)?;
    let to = Store::create(&target.join("store"))?;
    // Left by a run that was killed: the lock keeps others away.
    to.sweep()?;
    let purged: Result<Vec<Key>, _> = tombstones.iter().map(Key::head).collect();
    to.remove_durably(&purged?)?;
    let mut done = 0;
    for batch in opened.batches()? {
        let batch = batch?;
        let left = batch.par_iter().filter(|row| !tombstones.contains(&row.head));
        let keys: anyhow::Result<Vec<Key>> = store.in_parallel(|| left.map(|row| copy_head(row, store, &to)).collect());
        to.flush_names(&keys?)?;
        done += batch.len() as u64;
        tick(done);
    }
    let place = put_manifest(opened, tombstones, target)?;
    write_text(&target.join("README.md"), &read_me(opened))?;
    let report = verify(&place, &to, true, &mut *tick)?;
    if let Some(problem) = report.problems.first() {
        bail!(
            "the bundle {} is not whole: {} {}; remove it and bundle again",
            target.display(),
            problem.file,
            problem.what
        );
    }
    Ok(Bundle {
        heads: report.heads,
        purged: report.purged,
    })
}

/// Makes the folder, or finds it begun for the same manifest. Gives its locked ticket.
fn begin(opened: &Opened, target: &Path) -> anyhow::Result<LockedFile> {
    let ticket = Ticket::of(opened);
    let path = target.join(TICKET);
    match std::fs::read(&path) {
        Ok(text) if serde_json::from_slice(&text).ok() == Some(ticket.clone()) => return lock(&path),
        Ok(_) => {
            let why = format!(
                "{} is a bundle of another manifest; name another folder",
                target.display()
            );
            return Err(Usage(why).into());
        }
        Err(_) => {}
    }
    let cannot = || format!("cannot write {}", target.display());
    // A run that was killed may have left its ticket half written.
    let begun = |entry: &PathBuf| *entry == path.with_added_extension("part");
    if target.exists() && (!target.is_dir() || !files::sorted_entries(target).with_context(cannot)?.iter().all(begun)) {
        let why = format!(
            "{} is there and is no bundle; name a new or empty folder",
            target.display()
        );
        return Err(Usage(why).into());
    }
    std::fs::create_dir_all(target).with_context(cannot)?;
    write_text(&path, &ticket.text()?)?;
    lock(&path)
}

/// Keeps a second run off the folder.
fn lock(ticket: &Path) -> anyhow::Result<LockedFile> {
    let file = File::open(ticket).with_context(|| format!("cannot read {}", ticket.display()))?;
    LockedFile::take(file).map_err(|error| match error {
        Some(error) => anyhow::Error::new(error).context("cannot lock the bundle"),
        None => anyhow::Error::new(Locked {
            what: ticket.display().to_string(),
            holder: "pipeline manifest bundle".into(),
        }),
    })
}

/// Copies a head that is not there, or not whole; its name is yet to be flushed.
fn copy_head(row: &ManifestRow, from: &Store, to: &Store) -> anyhow::Result<Key> {
    let key = Key::head(&row.head)?;
    if !to.read_blocking(&key).is_ok_and(|bytes| key.is_of(bytes)) {
        to.place_blocking(&key, head_bytes(from, row)?)?;
    }
    Ok(key)
}

/// The files of the manifest, its list of purged heads first: they are in force before the rows are.
fn put_manifest(opened: &Opened, tombstones: &Tombstones, target: &Path) -> anyhow::Result<PathBuf> {
    let place = target.join("manifests").join(&opened.name);
    let cannot = || format!("cannot write {}", place.display());
    if place.exists() {
        Tombstones::add(&place, tombstones.iter().map(String::from))?;
        return Ok(place);
    }
    let temporary = place.with_file_name(format!(".{}.part", opened.name));
    if temporary.exists() {
        std::fs::remove_dir_all(&temporary).with_context(cannot)?;
    }
    std::fs::create_dir_all(&temporary).with_context(cannot)?;
    for name in [ROWS, HEADER] {
        let to = temporary.join(name);
        std::fs::copy(opened.folder().join(name), &to).with_context(cannot)?;
        File::open(&to).and_then(|file| file.sync_all()).with_context(cannot)?;
    }
    Tombstones::add(&temporary, tombstones.iter().map(String::from))?;
    files::sync_folder(&temporary).with_context(cannot)?;
    std::fs::rename(&temporary, &place).with_context(cannot)?;
    files::sync_parent(&place).with_context(cannot)?;
    Ok(place)
}

fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    write_durably(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

fn read_me(opened: &Opened) -> String {
    format!(
        "# {name}: heads to train on\n\nThe dataset `{name}` ({rows} rows, id {id}) with its heads, named by their SHA-256. Train on it \
         wherever the trainer is:\n\n```sh\ntrainer run --manifest DIR   # DIR: this folder\n```\n\n`pipeline --data DIR manifest \
         verify {name}` proves that nothing of it changed, and `manifest show {name}` tells where it came from. The pictures \
         belong to their artists; every row names its source.\n",
        name = opened.name,
        rows = opened.rows,
        id = opened.id,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use crate::manifest::fixture::{frozen, path_of};

    #[test]
    fn a_bundle_is_a_data_folder_that_is_completed_and_follows_a_purge() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, manifest) = frozen(folder.path(), 5);
        let (place, target) = (folder.path().join("manifests/v1"), folder.path().join("out/v1"));
        let head = |index: usize| Key::head(&manifest.rows[index].head).expect("a hash");
        Tombstones::add(&place, [manifest.rows[4].head.clone()]).expect("adds");
        let made = bundle(&place, &store, &target, |_| ()).expect("bundles");
        assert_eq!(made, Bundle { heads: 4, purged: 1 });
        assert_eq!(find_bundle(&target), Some((target.clone(), "v1".into())));
        let copy = Store::open(&target.join("store")).expect("opens");
        assert!(copy.read_blocking(&head(4)).is_err(), "a purged head does not leave");

        // What a killed run may leave: no manifest yet, a head that is missing, another that is damaged.
        std::fs::remove_dir_all(target.join("manifests")).expect("removes");
        std::fs::remove_file(path_of(&copy, &head(0))).expect("removes");
        let mut bytes = copy.read_blocking(&head(1)).expect("reads");
        bytes[20] ^= 1;
        std::fs::write(path_of(&copy, &head(1)), bytes).expect("damages");
        assert_eq!(bundle(&place, &store, &target, |_| ()).expect("goes on").heads, 4);

        Tombstones::add(&place, [manifest.rows[2].head.clone()]).expect("adds");
        let opened = Opened::open(&place).expect("opens");
        let check = || {
            verify_bundle(&opened, &target)
                .expect("verifies")
                .expect("is a bundle")
                .problems
        };
        let problems = check();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].file.contains(head(2).as_str()) && problems[0].what == "was purged since");
        let again = bundle(&place, &store, &target, |_| ()).expect("follows");
        assert!(check().is_empty());
        assert_eq!(again, Bundle { heads: 3, purged: 2 });
        assert!(copy.read_blocking(&head(2)).is_err());
        let moved = Manifest::load(&target.join("manifests/v1")).expect("reads");
        assert_eq!(moved.id(), manifest.id());
    }

    #[test]
    fn a_bundle_of_one_file_holds_the_same_and_has_the_same_bytes_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, manifest) = frozen(folder.path(), 5);
        let place = folder.path().join("manifests/v1");
        Tombstones::add(&place, [manifest.rows[4].head.clone()]).expect("adds");
        let (first, second) = (folder.path().join("a.tar"), folder.path().join("b.tar"));
        for target in [&first, &second] {
            assert_eq!(bundle(&place, &store, target, |_| ()).expect("bundles").heads, 4);
        }
        assert_eq!(
            std::fs::read(&first).expect("reads"),
            std::fs::read(&second).expect("reads")
        );
        let out = folder.path().join("elsewhere");
        tar::Archive::new(File::open(&first).expect("opens"))
            .unpack(&out)
            .expect("unpacks");
        let (data, name) = find_bundle(&out.join("v1")).expect("is a bundle");
        let moved = Store::open(&data.join("store")).expect("opens");
        let report = verify(&data.join("manifests").join(name), &moved, true, |_| ()).expect("verifies");
        assert_eq!((report.heads, report.purged, report.problems.len()), (4, 1, 0));
    }

    #[test]
    fn what_is_there_already_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = frozen(folder.path(), 2);
        let place = folder.path().join("manifests/v1");
        let target = folder.path().join("thesis");
        std::fs::create_dir(&target).expect("a folder");
        std::fs::write(target.join("thesis.txt"), "years of work").expect("writes");
        let error = bundle(&place, &store, &target, |_| ())
            .expect_err("is no bundle")
            .to_string();
        assert!(error.contains("is no bundle"), "{error}");
        let file = folder.path().join("thesis.tar");
        std::fs::write(&file, "years of work").expect("writes");
        let error = bundle(&place, &store, &file, |_| ())
            .expect_err("is no bundle")
            .to_string();
        assert!(error.contains("is there"), "{error}");
        assert_eq!(std::fs::read(&file).expect("reads"), b"years of work");
    }

    #[test]
    fn a_damaged_head_is_named_and_never_bundled() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, manifest) = frozen(folder.path(), 3);
        let place = folder.path().join("manifests/v1");
        let key = Key::head(&manifest.rows[1].head).expect("a hash");
        std::fs::write(path_of(&store, &key), b"other").expect("damages");
        for target in ["out", "out.tar"] {
            let target = folder.path().join(target);
            let error = bundle(&place, &store, &target, |_| ())
                .expect_err("is damaged")
                .to_string();
            assert!(error.contains(key.as_str()), "{error}");
            assert!(find_bundle(&target).is_none_or(|(data, _)| !data.join("manifests/v1").exists()));
        }
        assert!(!folder.path().join("out.tar").exists());
    }
}
