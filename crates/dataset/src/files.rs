//! Durable files and folders: what is renamed into place is whole, on the disk, or not there.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Makes a folder with those above it, where it is missing.
///
/// # Errors
/// Whatever the system says, with the folder.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Makes the folder that a file is to be written into: before the work that fills it.
///
/// # Errors
/// As [`make_folder`].
pub fn make_folder_of(path: &Path) -> anyhow::Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}

/// Writes a file under a temporary name beside it, flushes it and renames it.
///
/// # Errors
/// Whatever the system says; the temporary file may stay.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_added_extension("part");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Flushes a folder's list of names to the disk.
///
/// # Errors
/// Whatever the system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Flushes the list of names that holds `path`.
///
/// # Errors
/// Whatever the system says.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// The paths in a folder, sorted; none where the folder is missing.
///
/// # Errors
/// Whatever else the system says.
pub fn sorted_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

/// The files of a folder and of those in it, in the order of their paths. Links to folders are not followed, so the
/// walk ends; hidden files and folders are a system's own.
///
/// # Errors
/// Where a folder cannot be listed.
pub fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in sorted_entries(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let name = path.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let about = path.symlink_metadata();
        let about = about.with_context(|| format!("cannot look at {}", path.display()))?;
        if about.is_dir() {
            files.extend(files_below(&path)?);
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}
