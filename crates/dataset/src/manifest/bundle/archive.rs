//! A bundle as one file: an uncompressed tar, since PNG files do not shrink.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use rayon::prelude::*;

use super::{Bundle, PURGED, TICKET, Ticket, other_version, read_me};
use crate::failure::Usage;
use crate::files;
use crate::keys::{Key, sha256_of};
use crate::manifest::disk::{HEADER, ROWS, head_bytes};
use crate::manifest::tombstones::TOMBSTONES;
use crate::manifest::{ManifestRow, Opened, Problem, Tombstones, VerifyReport};
use crate::store::{MARKER, MARKER_TEXT, Store};

/// Heads held in memory at once.
const CHUNK: usize = 256;

/// Writes the whole file under another name, reads it back and renames it.
pub(super) fn write(
    opened: &Opened,
    tombstones: &Tombstones,
    store: &Store,
    target: &Path,
    tick: &mut impl FnMut(u64),
) -> anyhow::Result<Bundle> {
    let cannot = || format!("cannot write {}", target.display());
    if target.exists() && ticket_of(target) != Some(Ticket::of(opened)) {
        let why = format!(
            "{} is there and is no bundle of this manifest; name another file",
            target.display()
        );
        return Err(Usage(why).into());
    }
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).with_context(cannot)?;
    }
    let temporary = target.with_added_extension("part");
    let file = BufWriter::with_capacity(1 << 20, File::create(&temporary).with_context(cannot)?);
    let mut tar = Tar {
        builder: tar::Builder::new(file),
        folder: opened.name.clone(),
    };
    let made = fill(&mut tar, opened, tombstones, store, tick)?;
    let mut file = tar.builder.into_inner().with_context(cannot)?;
    file.flush().with_context(cannot)?;
    file.get_ref().sync_all().with_context(cannot)?;
    if let Some(problem) = prove(opened, tombstones, &temporary)?.problems.first() {
        bail!(
            "{} is not as it was written: {} {}",
            temporary.display(),
            problem.file,
            problem.what
        );
    }
    std::fs::rename(&temporary, target).with_context(cannot)?;
    files::sync_parent(target).with_context(cannot)?;
    Ok(made)
}

struct Tar<W: Write> {
    builder: tar::Builder<W>,
    /// Every path begins with it, so that unpacking makes one folder.
    folder: String,
}

impl<W: Write> Tar<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = format!("{}/{name}", self.folder);
        self.add_from(&path, bytes.len() as u64, bytes)
    }

    /// Owner, time and mode are the same on every machine.
    fn add_from(&mut self, path: &str, length: u64, bytes: impl Read) -> std::io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(length);
        self.builder.append_data(&mut header, path, bytes)
    }
}

fn fill(
    tar: &mut Tar<impl Write>,
    opened: &Opened,
    tombstones: &Tombstones,
    store: &Store,
    tick: &mut impl FnMut(u64),
) -> anyhow::Result<Bundle> {
    tar.add(TICKET, Ticket::of(opened).text()?.as_bytes())?;
    tar.add("README.md", read_me(opened).as_bytes())?;
    let folder = format!("manifests/{}", opened.name);
    if !tombstones.is_empty() {
        let bytes = std::fs::read(opened.folder().join(TOMBSTONES))?;
        tar.add(&format!("{folder}/{TOMBSTONES}"), &bytes)?;
    }
    tar.add(
        &format!("{folder}/{HEADER}"),
        &std::fs::read(opened.folder().join(HEADER))?,
    )?;
    let rows = File::open(opened.folder().join(ROWS))?;
    let length = rows.metadata()?.len();
    tar.add_from(&format!("{}/{folder}/{ROWS}", opened.name), length, rows)?;
    tar.add(&format!("store/{MARKER}"), MARKER_TEXT.as_bytes())?;
    let mut made = Bundle { heads: 0, purged: 0 };
    for batch in opened.batches()? {
        for chunk in batch?.chunks(CHUNK) {
            let left: Vec<&ManifestRow> = chunk.iter().filter(|row| !tombstones.contains(&row.head)).collect();
            let heads: anyhow::Result<Vec<Vec<u8>>> =
                store.in_parallel(|| left.par_iter().map(|row| head_bytes(store, row)).collect());
            for (row, bytes) in left.iter().zip(heads?) {
                tar.add(&format!("store/{}", Key::head(&row.head)?), &bytes)?;
            }
            made.heads += left.len() as u64;
            made.purged += (chunk.len() - left.len()) as u64;
            tick(made.heads + made.purged);
        }
    }
    Ok(made)
}

/// Proves a finished file; `None` where it is no bundle.
pub(super) fn verify(opened: &Opened, path: &Path) -> anyhow::Result<Option<VerifyReport>> {
    let Some(ticket) = ticket_of(path) else { return Ok(None) };
    let mut report = prove(opened, &Tombstones::load(opened.folder())?, path)?;
    if ticket != Ticket::of(opened) {
        report.problems.insert(0, other_version(path));
    }
    Ok(Some(report))
}

/// Reads every head of the file against its name, and the manifest's own files against those of the
/// manifest: what was changed, is missing or was purged since.
fn prove(opened: &Opened, tombstones: &Tombstones, path: &Path) -> anyhow::Result<VerifyReport> {
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, File::open(path)?));
    let mut found = HashSet::new();
    let mut problems = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let (hash, _) = sha256_of(&mut entry)?;
        let problem = match name.rsplit('/').next() {
            Some(own @ (HEADER | ROWS)) => {
                (hash != sha256_of(File::open(opened.folder().join(own))?)?.0).then_some("was changed")
            }
            Some(last) => last.strip_suffix(".png").and_then(|head| {
                found.insert(head.to_string());
                let purged = tombstones.contains(head).then_some(PURGED);
                (hash != head)
                    .then_some("was changed: its bytes do not hash to its name")
                    .or(purged)
            }),
            None => None,
        };
        problems.extend(problem.map(|what| Problem {
            file: name,
            what: what.into(),
        }));
    }
    let mut purged = 0;
    for batch in opened.batches()? {
        for row in batch? {
            match (tombstones.contains(&row.head), found.contains(&row.head)) {
                (true, _) => purged += 1,
                (false, true) => {}
                (false, false) => problems.push(Problem {
                    file: Key::head(&row.head)?.to_string(),
                    what: "is missing".into(),
                }),
            }
        }
    }
    Ok(VerifyReport {
        heads: found.len() as u64,
        purged,
        deep: true,
        problems,
    })
}

/// The ticket that is the file's first entry.
fn ticket_of(path: &Path) -> Option<Ticket> {
    let mut archive = tar::Archive::new(File::open(path).ok()?);
    let first = archive.entries().ok()?.next()?.ok()?;
    serde_json::from_reader(first).ok()
}
