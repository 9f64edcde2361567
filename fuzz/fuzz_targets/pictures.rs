//! Files that claim to be pictures, of every format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vision::picture::{Format, Limits, decode, header, is_animated};

fuzz_target!(|bytes: &[u8]| {
    let Some(format) = Format::sniff(bytes) else { return };
    // Small, so that an input takes no longer than it is long.
    let limits = Limits {
        pixels: 1 << 18,
        side: 4096,
        memory: 64 << 20,
    };
    let complete = format.is_complete(bytes);
    let _ = is_animated(bytes, format);
    let header = header(bytes, &limits);
    if let Ok(picture) = decode(bytes, &limits) {
        assert!(complete, "a picture that is not whole was decoded");
        let header = header.expect("was read to decode it");
        assert_eq!((header.width, header.height), picture.dimensions());
    }
});
