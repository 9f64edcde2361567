//! A file that is whole under its name, or not there.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file as `<name>#<number>`, flushes its bytes and renames it; makes its folder where it is
/// missing. The new name itself is not flushed.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // Several threads may be writing the same content at once.
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let (temporary, mut file) = loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("#{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        match File::create_new(&name) {
            Ok(file) => break (PathBuf::from(name), file),
            Err(error) if error.kind() == ErrorKind::NotFound => make_folder(path.parent().unwrap_or(path))?,
            // Left by a killed run.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    };
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // What cannot be removed either is swept later.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Makes a folder, and those above it, so that they outlast a power cut.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    match std::fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_folder(folder.parent().ok_or(error)?)?;
            return make_folder(folder);
        }
        Err(error) => return Err(error),
    }
    crate::files::sync_parent(folder)
}
