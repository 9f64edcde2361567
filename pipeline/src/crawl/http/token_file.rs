//! Refresh tokens that a site gave in place of those that were set. They are kept for the next run, in a file of
//! the data folder that only its owner can read.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use dataset::files::sync_parent;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Nobody else may read or write it.
const MODE: u32 = 0o600;

/// A token, and which one it stands for: once another is set, it is worth nothing.
#[derive(Debug, Deserialize, Serialize)]
struct Kept {
    /// SHA-256 of the token that was set.
    of: String,
    token: String,
}

/// The token that stands for the one that was set under a variable's name, where there is one.
pub fn load(path: &Path, variable: &str, set: &str) -> Option<String> {
    let kept = read(path).remove(variable)?;
    (kept.of == digest(set)).then_some(kept.token)
}

/// Keeps a token for the one that was set.
///
/// # Errors
/// Where the file cannot be written.
pub fn store(path: &Path, variable: &str, set: &str, token: &str) -> io::Result<()> {
    let mut all = read(path);
    let kept = Kept {
        of: digest(set),
        token: token.into(),
    };
    all.insert(variable.into(), kept);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new: PathBuf = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(MODE)
        .open(&new)?;
    // An older one keeps its mode.
    file.set_permissions(fs::Permissions::from_mode(MODE))?;
    file.write_all(&serde_json::to_vec(&all)?)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    sync_parent(path)
}

/// All that is kept; nothing of a file that others can read.
fn read(path: &Path) -> BTreeMap<String, Kept> {
    let private = fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 == 0);
    let bytes = fs::read(path).ok().filter(|_| private);
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_for_the_one_that_was_set_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data/tokens.json");
        assert_eq!(load(&path, "A", "old"), None);
        store(&path, "A", "old", "new").expect("writes");
        store(&path, "B", "other", "newer").expect("writes");
        assert_eq!(load(&path, "A", "old").as_deref(), Some("new"));
        assert_eq!(load(&path, "A", "set anew"), None);
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("is ours");
        assert_eq!(load(&path, "B", "other"), None, "others can read it");
    }
}
