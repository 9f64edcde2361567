//! Compiles the C++ beside the sources and writes libtorch's place into the program.

use std::path::{Path, PathBuf};

/// What the program calls of libtorch beyond tch.
const SOURCES: [&str; 2] = ["src/shim.cpp", "src/engine/ranks/group.cpp"];
/// The headers that libtorch's own process group includes and that do not come with libtorch.
const GLOO: [&str; 5] = [
    "algorithm.h",
    "context.h",
    "common/error.h",
    "rendezvous/store.h",
    "transport/device.h",
];

fn main() {
    let libtorch = std::env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys names libtorch's folder");
    // The linked program finds libtorch beside a checkout it was moved with, else where it was built.
    for path in [
        "$ORIGIN/../../.native/libtorch/lib",
        "$ORIGIN/../../../.native/libtorch/lib",
        &libtorch,
    ] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{path}");
    }
    let include = Path::new(&libtorch).join("../include");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(include.join("torch/csrc/api/include"))
        .include(include)
        .include(empty_headers())
        .opt_level(1)
        .warnings(false)
        .files(SOURCES)
        .compile("trainer_shim");
    println!("cargo:rustc-link-lib=c10");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
}

/// A folder with an empty file for each header of gloo: `group.cpp` says itself what it takes of them.
fn empty_headers() -> PathBuf {
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names a folder"));
    for header in GLOO {
        let path = folder.join("gloo").join(header);
        let parent = path.parent().expect("is in a folder");
        std::fs::create_dir_all(parent).expect("cargo's folder can be written");
        std::fs::write(path, "").expect("cargo's folder can be written");
    }
    folder
}
