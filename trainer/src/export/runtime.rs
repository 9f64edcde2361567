//! ONNX Runtime for browsers, which the exported page draws with: pinned by version and by the hash of each file,
//! fetched by npm, and kept in the user's cache beside the other native libraries.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use dataset::files::{make_folder, write_durably};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

/// The package and its version.
const PACKAGE: &str = "onnxruntime-web@1.30.0";
/// What the page needs of the package's folder `dist`, with SHA-256: the script, and the wasm build.
const FILES: [(&str, &str); 2] = [
    (
        "ort.wasm.bundle.min.mjs",
        "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    ),
    (
        "ort-wasm-simd-threaded.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    ),
];
/// Its licence, which the package does not hold.
pub const LICENCE: &str = include_str!("page/LICENSE.onnxruntime.txt");

/// Names and bytes of the files: those of the cache, fetched where one is missing or damaged.
///
/// # Errors
/// Where npm is missing or fails, or what it fetched is not what is pinned.
pub fn files() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let folder = cache()?.join(PACKAGE.replace('@', "-"));
    if let Some(files) = read(&folder) {
        return Ok(files);
    }
    eprintln!("fetching {PACKAGE} by npm (33 MB, once) into {}", folder.display());
    make_folder(&folder)?;
    let temporary = folder.join(format!("fetching.{}", std::process::id()));
    make_folder(&temporary)?;
    let fetched = fetch(&temporary).and_then(|package| unpack(&package, &folder));
    let _ = std::fs::remove_dir_all(&temporary);
    fetched?;
    read(&folder).with_context(|| format!("the files in {} changed while they were read", folder.display()))
}

/// The folder that `native/fetch.py` keeps libraries in.
fn cache() -> Result<PathBuf> {
    let named = |name| {
        std::env::var_os(name)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    let cache = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    let cache = cache.context("name a folder for the page's runtime in XDG_CACHE_HOME: HOME is not set")?;
    Ok(cache.join("anime-heads/native"))
}

/// The files of a folder, if each is there and has its hash.
fn read(folder: &Path) -> Option<Vec<(&'static str, Vec<u8>)>> {
    let file = |(name, pinned): &(&'static str, &str)| {
        let bytes = std::fs::read(folder.join(name)).ok()?;
        (hex::encode(Sha256::digest(&bytes)) == *pinned).then_some((*name, bytes))
    };
    FILES.iter().map(file).collect()
}

/// Has npm fetch the package, from wherever it is configured to, and gives the archive's path.
fn fetch(folder: &Path) -> Result<PathBuf> {
    let mut command = Command::new("npm");
    command.args(["pack", PACKAGE, "--ignore-scripts", "--silent", "--pack-destination"]);
    let output = command.arg(folder).current_dir(folder).output().with_context(|| {
        format!(
            "cannot start npm, which fetches the page's runtime ({PACKAGE}): install it (Debian: apt-get install npm)"
        )
    })?;
    let archive = dataset::files::sorted_entries(folder)?.pop();
    match archive.filter(|_| output.status.success()) {
        Some(archive) => Ok(archive),
        None => bail!(
            "npm cannot fetch {PACKAGE}, the page's runtime: `npm pack {PACKAGE}` must work here; without a network, export \
             on a machine that has one: the page's folder can be moved\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    }
}

/// Writes the files of an archive that have their hashes.
fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let cannot = || format!("cannot unpack {PACKAGE}");
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(archive).with_context(cannot)?));
    let mut found = 0;
    for entry in archive.entries().with_context(cannot)? {
        let mut entry = entry.with_context(cannot)?;
        let path = entry.path().with_context(cannot)?.into_owned();
        let Some((name, pinned)) = FILES
            .iter()
            .find(|(name, _)| path == Path::new("package/dist").join(name))
        else {
            continue;
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).with_context(cannot)?;
        let hash = hex::encode(Sha256::digest(&bytes));
        ensure!(
            hash == *pinned,
            "{name} of {PACKAGE} has SHA-256 {hash}, and {pinned} was expected: what npm fetched is not what was tested"
        );
        let path = folder.join(name);
        write_durably(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        found += 1;
    }
    ensure!(
        found == FILES.len(),
        "{PACKAGE}, as npm fetched it, lacks a file that the page needs"
    );
    Ok(())
}
