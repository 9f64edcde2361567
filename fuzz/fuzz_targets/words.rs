//! What is read of answers that are none: a site's own words, counts, and escaped characters.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::error_body;
use pipeline::crawl::source::DIALECTS;
use pipeline::crawl::source::entities::unescaped;

fuzz_target!(|bytes: &[u8]| {
    if let Some(words) = error_body::words(bytes) {
        assert!(!words.is_empty() && !words.contains(char::is_control), "{words:?}");
    }
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains('&') || unescaped(&text) == text);
    for dialect in DIALECTS {
        common::with_search(dialect, |search| {
            let _ = dialect.parse_count(search, bytes, 1_700_000_000);
        });
    }
});
