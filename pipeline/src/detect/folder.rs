//! The pictures of files and folders as they are named on the command line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use dataset::failure::Usage;
use dataset::files::files_below;
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
/// over in a folder is reported on standard error, by its ending.
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
        let (pictures, passed) = pictures_below(path)?;
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
        if pictures.is_empty() {
            let why = format!(
                "no picture file lies in {}, nor in a folder in it. {passed}",
                path.display()
            );
            return Err(Usage(why.trim_end().into()).into());
        }
        if !passed.is_empty() {
            eprintln!("{passed}");
        }
        all.extend(pictures);
    }
    Ok(all)
}

/// Files whose ending or bytes are a picture's, and how many others there are by ending.
fn pictures_below(root: &Path) -> anyhow::Result<(Vec<Picture>, BTreeMap<String, u64>)> {
    let (mut all, mut passed) = (Vec::new(), BTreeMap::new());
    for path in files_below(root)? {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        // What has a picture's ending is tried even where its bytes say something else.
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
    Ok((all, passed))
}

/// Whether a file begins as a picture does, whatever its name is.
fn is_picture(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
    read.is_ok() && Format::sniff(&start).is_some()
}
