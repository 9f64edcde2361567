//! What lies beside an imported picture; the first byte says whether it is JSON or tags.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::import::read_sidecar;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(post) = read_sidecar(text, kind % 2 == 0) {
        common::check_texts(&post);
    }
});
