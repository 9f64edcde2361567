//! The files of a folder, each with its sidecars.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dataset::files::files_below;

/// Endings of files that speak of a picture beside them, the one that says more first.
const SIDECARS: [&str; 2] = ["json", "txt"];

/// A file of the folder.
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Its path inside the folder, as [`name_of`] writes it.
    pub(super) post: String,
    /// Seconds since 1970.
    pub(super) modified: i64,
    pub(super) bytes: i64,
    /// The files that speak of it.
    pub(super) sidecars: Vec<PathBuf>,
    /// Length and time of the file and of its sidecars: with another text it is read again.
    pub(super) version: String,
}

/// What a folder holds.
pub(super) struct Folder {
    /// What may be pictures, in the order of their names.
    pub(super) files: Vec<Found>,
    /// Sidecars of no picture.
    pub(super) orphans: u64,
}

/// Reads a folder and those in it, as [`files_below`].
///
/// # Errors
/// Where a folder cannot be listed.
pub(super) fn read_folder(root: &Path) -> anyhow::Result<Folder> {
    let mut all = BTreeMap::new();
    for path in files_below(root)? {
        if let Ok(about) = path.metadata() {
            all.insert(path, about);
        }
    }
    let mut used = BTreeSet::new();
    let mut files = Vec::new();
    for (path, about) in all.iter().filter(|(path, _)| !is_sidecar(path)) {
        let sidecars: Vec<PathBuf> = sidecars_of(path).filter(|path| all.contains_key(path)).collect();
        let mut version = version_of(about);
        for sidecar in &sidecars {
            let ending = sidecar.extension().unwrap_or_default().to_string_lossy();
            version.push_str(&format!(" {ending} {}", version_of(&all[sidecar])));
        }
        used.extend(sidecars.iter().cloned());
        files.push(Found {
            post: name_of(path.strip_prefix(root).unwrap_or(path)),
            modified: since_1970(about).0,
            bytes: about.len() as i64,
            path: path.clone(),
            sidecars,
            version,
        });
    }
    files.sort_unstable_by(|a, b| a.post.cmp(&b.post));
    let texts = all.len() - files.len();
    Ok(Folder {
        orphans: (texts - used.len()) as u64,
        files,
    })
}

fn is_sidecar(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    SIDECARS.iter().any(|sidecar| ending.eq_ignore_ascii_case(sidecar))
}

/// `a.jpg` is spoken of by `a.jpg.json`, `a.json`, `a.jpg.txt` and `a.txt`.
fn sidecars_of(path: &Path) -> impl Iterator<Item = PathBuf> {
    SIDECARS
        .iter()
        .flat_map(|ending| [path.with_added_extension(ending), path.with_extension(ending)])
}

fn since_1970(about: &Metadata) -> (i64, u32) {
    let age = about
        .modified()
        .unwrap_or(SystemTime::UNIX_EPOCH)
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    (age.as_secs() as i64, age.subsec_nanos())
}

fn version_of(about: &Metadata) -> String {
    let (seconds, nanoseconds) = since_1970(about);
    format!("{} {seconds}.{nanoseconds:09}", about.len())
}

/// A path as text, `/` between folders, from which no two paths get the same: a byte of no letter is
/// `\xff`, a control character `\u{7}`, and a backslash is doubled.
pub(super) fn name_of(path: &Path) -> String {
    let parts = path.components().map(|part| {
        let mut name = String::new();
        for chunk in part.as_os_str().as_encoded_bytes().utf8_chunks() {
            for letter in chunk.valid().chars() {
                match letter {
                    '\\' => name.push_str("\\\\"),
                    control if control.is_control() => name.extend(control.escape_unicode()),
                    letter => name.push(letter),
                }
            }
            name.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        }
        name
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn no_two_names_are_written_alike() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let names: [&[u8]; 9] = [
            b"a/1.jpg",
            b"\xff.jpg",
            b"\\xff.jpg",
            b"\\\\xff.jpg",
            b"\xfe.jpg",
            "é.jpg".as_bytes(),
            "e\u{301}.jpg".as_bytes(),
            b"\xe9.jpg",
            b"line\n.jpg",
        ];
        let written: Vec<String> = names
            .iter()
            .map(|name| name_of(Path::new(OsStr::from_bytes(name))))
            .collect();
        let different: BTreeSet<&String> = written.iter().collect();
        assert_eq!(different.len(), names.len(), "{written:?}");
        assert_eq!(written[..3], ["a/1.jpg", "\\xff.jpg", "\\\\xff.jpg"]);
        assert_eq!(written[8], "line\\u{a}.jpg");
    }
}
