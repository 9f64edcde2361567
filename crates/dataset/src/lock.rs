//! One writing process at a time: an advisory lock on a file in a data or run folder, which the system
//! drops when the process ends, however it ends. Processes that a database keeps apart share it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::Context;

use crate::failure::Locked;
use crate::files::make_folder;

/// A file that no other run has locked.
#[derive(Debug)]
pub(crate) struct LockedFile(File);

impl LockedFile {
    /// Locks an open file.
    ///
    /// # Errors
    /// `None` where another run holds it; otherwise what the system refuses.
    pub(crate) fn take(file: File) -> Result<Self, Option<std::io::Error>> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(None),
            Err(TryLockError::Error(error)) => Err(Some(error)),
        }
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // Closing would not do: a program that another thread starts just now has a copy of the file until it runs,
        // and a lock lasts as long as its last copy. An error leaves it to the end of the process.
        let _ = self.0.unlock();
    }
}

/// Holds the lock until dropped.
#[derive(Debug)]
pub struct Lock {
    file: LockedFile,
    after_a_kill: bool,
    /// This process's line in the file, where others may hold the lock as well.
    shared: Option<String>,
}

impl Lock {
    /// Takes the lock of a folder, which is made where it is missing, for a command of `pipeline` or `trainer`.
    ///
    /// # Errors
    /// [`Locked`] where another run holds it; otherwise what the system refuses.
    pub fn take(folder: &Path, command: &str) -> anyhow::Result<Self> {
        make_folder(folder)?;
        let path = folder.join("lock");
        let locked = LockedFile::take(open(&path)?);
        let holder = std::fs::read_to_string(&path)?;
        let file = locked.map_err(|error| match error {
            Some(error) => anyhow::Error::new(error).context(format!("cannot lock {}", path.display())),
            None => anyhow::Error::new(Locked {
                what: path.display().to_string(),
                holder: holder.trim().to_string(),
            }),
        })?;
        file.0.set_len(0)?;
        (&file.0).write_all(line(command).as_bytes())?;
        Ok(Self {
            file,
            after_a_kill: !holder.is_empty(),
            shared: None,
        })
    }

    /// Takes the lock together with others that do so. [`Self::after_a_kill`] is told to whoever comes first.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn share(folder: &Path, command: &str) -> anyhow::Result<Self> {
        make_folder(folder)?;
        let path = folder.join("lock");
        let (file, line) = (open(&path)?, line(command));
        let alone = file.try_lock().is_ok();
        let mut before = String::new();
        (&file).read_to_string(&mut before)?;
        // In place of the lock of its own, which is let go first. Others have theirs for so long alone.
        file.unlock()?;
        file.lock_shared()
            .with_context(|| format!("cannot lock {}", path.display()))?;
        (&file).write_all(line.as_bytes())?;
        Ok(Self {
            file: LockedFile(file),
            after_a_kill: alone && !before.is_empty(),
            shared: Some(line),
        })
    }

    /// Whether the run before ended without letting go: it may have left files half written.
    pub fn after_a_kill(&self) -> bool {
        self.after_a_kill
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let file = &mut self.file.0;
        if let Some(line) = &self.shared {
            // Where others hold it still, or left something, who comes next sweeps once more.
            let mut left = String::new();
            let alone = file.unlock().is_ok() && file.try_lock().is_ok();
            let read = file.rewind().and_then(|()| file.read_to_string(&mut left));
            if !alone || read.is_err() || left != *line {
                return;
            }
        }
        // An error here only makes the next run sweep once more.
        let _ = file.set_len(0);
    }
}

/// The lock file, whose content stays; what is written goes to its end.
fn open(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().read(true).append(true).create(true).open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

fn line(command: &str) -> String {
    format!("{command}, process {}\n", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_with_who_holds_the_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Lock::take(folder.path(), "pipeline crawl konachan").expect("is free");
        let error = Lock::take(folder.path(), "crop").expect_err("is held");
        assert_eq!(crate::failure::exit_code(&error), crate::failure::LOCKED);
        assert!(
            error.to_string().contains("pipeline crawl konachan, process"),
            "{error}"
        );
        let in_a_child = first
            .file
            .0
            .try_clone()
            .expect("a copy, as a program that is being started has");
        drop(first);
        let second = Lock::take(folder.path(), "crop").expect("is free again");
        assert!(!second.after_a_kill());
        drop(in_a_child);
    }

    #[test]
    fn what_a_killed_run_left_in_the_file_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("lock"), "pipeline crawl konachan, process 1\n").expect("is written");
        assert!(Lock::take(folder.path(), "crop").expect("is free").after_a_kill());
        assert!(!Lock::take(folder.path(), "crop").expect("is free").after_a_kill());
    }

    #[test]
    fn a_shared_lock_has_several_holders_and_tells_the_first_of_a_kill() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("lock"), "pipeline crop, process 1\n").expect("is written");
        let first = Lock::share(folder.path(), "pipeline crop").expect("is free");
        let second = Lock::share(folder.path(), "pipeline crop").expect("is shared");
        assert!(first.after_a_kill() && !second.after_a_kill());
        assert!(Lock::take(folder.path(), "pipeline crop").is_err());
        drop((first, second));
        std::fs::write(folder.path().join("lock"), "").expect("is written");
        drop(Lock::share(folder.path(), "pipeline crop").expect("is free"));
        assert!(
            !Lock::share(folder.path(), "pipeline crop")
                .expect("is free")
                .after_a_kill()
        );
    }
}
