//! Compiles the small C++ shim and writes libtorch's place into the program.

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
    let include = std::path::Path::new(&libtorch).join("../include");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(include)
        .opt_level(1)
        .warnings(false)
        .file("src/shim.cpp")
        .compile("trainer_shim");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rerun-if-changed=src/shim.cpp");
}
