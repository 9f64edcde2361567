//! The runtime of the page: npm is missing, fetches something else, fetches what is damaged.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::fixture::trained;
use super::{export, told};

/// Where the runtime lies in a cache.
fn cached(cache: &Path, name: &str) -> PathBuf {
    cache.join("anime-heads/native/onnxruntime-web-1.30.0").join(name)
}

const WASM: &str = "ort-wasm-simd-threaded.wasm";

#[test]
fn a_folder_with_files_and_an_unknown_run_are_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let taken = data.path().join("taken");
    std::fs::create_dir(&taken).expect("makes");
    std::fs::write(taken.join("mine.txt"), "mine").expect("writes");
    for (run, folder, expected) in [
        ("a", taken.clone(), "is not empty: name a new folder"),
        ("a", taken.join("mine.txt"), "cannot be a folder for the page"),
        ("a", data.path().join("site"), "no run"),
    ] {
        let output = export(data.path(), run, &folder).output().expect("starts");
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
    assert_eq!(std::fs::read_dir(&taken).expect("lists").count(), 1);
    let both = export(data.path(), "a", &data.path().join("site"))
        .args(["--formats", "onnx"])
        .output();
    assert_eq!(both.expect("starts").status.code(), Some(2));
}

/// A folder with an `npm` that gives an archive whose files are no runtime, whatever is asked for.
fn another_npm(folder: &Path) {
    let archive = folder.join("other.tgz");
    let file = std::fs::File::create(&archive).expect("makes");
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    for name in ["ort.wasm.bundle.min.mjs", WASM] {
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        let path = format!("package/dist/{name}");
        tar.append_data(&mut header, path, &b"other"[..]).expect("writes");
    }
    tar.into_inner().expect("writes").finish().expect("writes");
    let script = format!(
        "#!/bin/sh\nfor last; do :; done\n/bin/cp {} \"$last\"\n",
        archive.display()
    );
    let npm = folder.join("npm");
    std::fs::write(&npm, script).expect("writes");
    std::fs::set_permissions(&npm, PermissionsExt::from_mode(0o755)).expect("is ours");
}

#[test]
fn without_npm_or_with_another_runtime_no_page_is_written() {
    let data = trained();
    let cache = data.path().join("cache");
    let tools = data.path().join("tools");
    std::fs::create_dir(&tools).expect("makes");
    let site = data.path().join("site");
    let refused = |expected: &str| {
        let mut command = export(data.path(), "a", &site);
        let output = command
            .env("XDG_CACHE_HOME", &cache)
            .env("PATH", &tools)
            .output()
            .expect("starts");
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
        assert!(told(&output).contains(expected), "{}", told(&output));
        assert!(!site.exists() && !cached(&cache, WASM).exists());
    };
    refused("install it (Debian: apt-get install npm)");
    another_npm(&tools);
    refused("what npm fetched is not what was tested");
}

#[test]
#[ignore = "needs npm and a package registry"]
fn a_damaged_runtime_is_fetched_again_and_then_no_npm_is_needed() {
    let data = trained();
    let cache = data.path().join("cache");
    std::fs::create_dir_all(cached(&cache, "")).expect("makes");
    std::fs::write(cached(&cache, WASM), "damaged").expect("writes");
    let [first, second] = ["first", "second"].map(|name| data.path().join(name));
    let output = export(data.path(), "a", &first)
        .env("XDG_CACHE_HOME", &cache)
        .output()
        .expect("starts");
    assert!(output.status.success(), "{}", told(&output));
    let again = export(data.path(), "a", &second)
        .env("XDG_CACHE_HOME", &cache)
        .env("PATH", "")
        .output();
    let again = again.expect("starts");
    assert!(again.status.success(), "{}", told(&again));
    assert!(!told(&again).contains("fetching"), "{}", told(&again));
    for name in [
        "generator.onnx",
        "about.json",
        "runtime/ort-wasm-simd-threaded.wasm",
        "index.html",
    ] {
        let [one, other] = [&first, &second].map(|folder| std::fs::read(folder.join(name)).expect("is there"));
        assert!(one == other && !one.is_empty(), "{name}");
    }
    assert!(!data.path().join("first.part").exists());
    // What is not measured is said, not faked.
    let about = std::fs::read_to_string(first.join("about.json")).expect("reads");
    assert!(about.contains("trainer attributes a"), "{about}");
}
