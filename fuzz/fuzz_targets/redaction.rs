//! Texts with secrets in them, as sites may send them.
#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use pipeline::secrets;

static KEPT: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    KEPT.call_once(|| {
        secrets::keep_login("ada", "k3y+of/Ada=1");
        secrets::keep("12345678");
    });
    let text = String::from_utf8_lossy(bytes).into_owned();
    assert!(!secrets::redact(&text).contains("k3y+of/Ada=1"));
    let _ = secrets::redact_json(&text);
    let _ = secrets::redact_said(&text);
    let mut body = bytes.to_vec();
    secrets::scrub(&mut body);
});
