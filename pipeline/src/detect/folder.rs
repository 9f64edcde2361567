//! The pictures of files and folders as they are named on the command line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Usage;
use vision::picture::Format;

/// Bytes by which a picture's format is known.
const START: u64 = 64;

/// A picture file.
pub(super) struct Picture {
    pub(super) path: PathBuf,
    /// As reports call it: its path in the folder that was named, or the file's own name.
    pub(super) name: String,
}

/// Files as they are named, and the picture files of folders and of those in them, sorted. What is passed
/// over in a folder is told on standard error, by its ending.
///
/// # Errors
/// [`Usage`] where a folder holds no picture; else where it cannot be listed.
pub(super) fn expanded(named: &[PathBuf]) -> anyhow::Result<Vec<Picture>> {
    let mut all = Vec::new();
    for path in named {
        if !path.is_dir() {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            all.push(Picture {
                name: name.into_owned(),
                path: path.clone(),
            });
            continue;
        }
        let (before, mut passed) = (all.len(), BTreeMap::new());
        walk(path, path, &mut all, &mut passed)?;
        let counts: Vec<String> = passed
            .iter()
            .map(|(ending, count)| format!("{count} {ending}"))
            .collect();
        let passed = match counts.is_empty() {
            true => String::new(),
            false => format!(
                "passed over in {}, no pictures that are read: {}",
                path.display(),
                counts.join(", ")
            ),
        };
        if all.len() == before {
            let why = format!(
                "no picture file lies in {}, nor in a folder in it. {passed}",
                path.display()
            );
            return Err(Usage(why.trim_end().into()).into());
        }
        if !passed.is_empty() {
            eprintln!("{passed}");
        }
    }
    Ok(all)
}

/// Links to folders are not followed, so the walk ends; hidden files and folders are a system's own.
fn walk(root: &Path, folder: &Path, all: &mut Vec<Picture>, passed: &mut BTreeMap<String, u64>) -> anyhow::Result<()> {
    let entries = dataset::files::sorted_entries(folder);
    for path in entries.with_context(|| format!("cannot list {}", folder.display()))? {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        let kind = path
            .symlink_metadata()
            .with_context(|| format!("cannot look at {}", path.display()))?;
        if kind.is_dir() {
            walk(root, &path, all, passed)?;
        } else if path.is_file() {
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            // What has a picture's ending is looked at even where its bytes say something else.
            if Format::of_extension(&ending).is_some() || is_picture(&path) {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                all.push(Picture { path, name });
                continue;
            }
            let ending = match ending.is_empty() {
                true => "without an ending".to_string(),
                false => format!(".{ending}"),
            };
            *passed.entry(ending).or_default() += 1;
        }
    }
    Ok(())
}

/// Whether a file begins as a picture does, whatever its name is.
fn is_picture(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
    read.is_ok() && Format::sniff(&start).is_some()
}
