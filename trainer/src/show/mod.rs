//! What is shown of a trained run: samples, progress over epochs, walks, completed pictures.

pub mod animation;
pub mod blend;
pub mod card;
pub mod complete;
pub mod gallery;
pub mod mask;
pub mod progress;
pub mod sample;
pub mod search;
pub mod walk;

use std::path::Path;

use anyhow::{Context, Result};

/// Takes away the numbered pictures of an earlier call: fewer of this one would stand among them.
///
/// # Errors
/// What the disk says.
pub(crate) fn clear(folder: &Path, prefix: &str) -> Result<()> {
    let is_ours = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(".png"));
        number.is_some_and(|number| number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let paths = dataset::files::sorted_entries(folder)?;
    for path in paths.iter().filter(|path| is_ours(path)) {
        std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}
