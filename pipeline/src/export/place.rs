//! The folder of an export of pictures: files that appear whole under their names, and what must go again.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Usage;
use dataset::files::{make_folder, sorted_entries, sync_folder, write_durably};
use dataset::keys::check_hash;

use crate::catalog::denied::Denied;

/// Says that a folder is one of these. Hidden: no trainer takes it for data.
const TICKET: &str = ".pictures.json";
const TICKET_TEXT: &str = "{\"format\": 1, \"kind\": \"pictures\"}\n";

/// What became of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was written.
    New,
    /// The same bytes were there.
    There,
    /// Other bytes are there, and stay.
    Differs,
    /// It was not asked for.
    Nothing,
}

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Place(PathBuf);

impl Place {
    /// Makes the folder, or goes on in one that an earlier export made.
    ///
    /// # Errors
    /// [`Usage`] where something else is there.
    pub(super) fn begin(dir: &Path) -> anyhow::Result<Self> {
        make_folder(dir)?;
        let cannot = || format!("cannot write {}", dir.display());
        let ticket = dir.join(TICKET);
        let ours = std::fs::read_to_string(&ticket).is_ok_and(|text| text == TICKET_TEXT);
        for path in sorted_entries(dir).with_context(cannot)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match name.starts_with('.') && name.ends_with(".part") {
                // Left by a run that was killed.
                true => std::fs::remove_file(&path).with_context(cannot)?,
                false if ours => {}
                false => {
                    let why = format!(
                        "{} is there and is no export of pictures; name a new or empty folder",
                        dir.display()
                    );
                    return Err(Usage(why).into());
                }
            }
        }
        if !ours {
            write_durably(&ticket, TICKET_TEXT.as_bytes()).with_context(cannot)?;
        }
        Ok(Self(dir.into()))
    }

    /// Writes a file, unless one is there.
    pub(super) fn write(&self, name: &str, bytes: &[u8], overwrite: bool) -> anyhow::Result<Written> {
        self.put(name, bytes, overwrite, |temporary| {
            let mut file = File::create(temporary)?;
            file.write_all(bytes)?;
            file.sync_all()
        })
    }

    /// Links a file whose bytes are known, unless one is there.
    pub(super) fn link(&self, name: &str, from: &Path, bytes: &[u8], overwrite: bool) -> anyhow::Result<Written> {
        self.put(name, bytes, overwrite, |temporary| std::fs::hard_link(from, temporary))
            .with_context(|| "leave out --link where the folder is on another disk than the store")
    }

    fn put(
        &self,
        name: &str,
        bytes: &[u8],
        overwrite: bool,
        make: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> anyhow::Result<Written> {
        let path = self.0.join(name);
        let cannot = || format!("cannot write {}", path.display());
        match std::fs::read(&path) {
            Ok(found) if found == bytes => return Ok(Written::There),
            Ok(_) if !overwrite => return Ok(Written::Differs),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(cannot),
            _ => {}
        }
        let temporary = self.0.join(format!(".{name}.part"));
        make(&temporary).with_context(cannot)?;
        std::fs::rename(&temporary, &path).with_context(cannot)?;
        Ok(Written::New)
    }

    /// Makes the names outlast a power cut.
    pub(super) fn sync(&self) -> anyhow::Result<()> {
        sync_folder(&self.0).with_context(|| format!("cannot flush {}", self.0.display()))
    }

    /// Takes out pictures that were purged, with their sidecars; says how many pictures.
    pub(super) fn remove_purged(&self, denied: &Denied) -> anyhow::Result<u64> {
        let cannot = || format!("cannot remove what was purged from {}", self.0.display());
        let mut pictures = 0;
        for path in sorted_entries(&self.0).with_context(cannot)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let (hash, ending) = name.split_once('.').unwrap_or((name.as_ref(), ""));
            if check_hash(hash).is_ok() && denied.has_sha256(hash) {
                std::fs::remove_file(&path).with_context(cannot)?;
                pictures += u64::from(!matches!(ending, "txt" | "json"));
            }
        }
        self.sync()?;
        Ok(pictures)
    }
}
