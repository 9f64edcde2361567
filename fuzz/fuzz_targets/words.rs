//! What is read of answers that are none: a site's own words, counts, and escaped characters.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::entities::unescaped;
use pipeline::crawl::source::{Dialect, words};

fuzz_target!(|bytes: &[u8]| {
    if let Some(words) = words::of(bytes) {
        assert!(!words.is_empty() && !words.contains(char::is_control), "{words:?}");
    }
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains('&') || unescaped(&text) == text);
    for dialect in [Dialect::Moebooru, Dialect::Danbooru, Dialect::Gelbooru, Dialect::Pixiv] {
        common::with_search(dialect, |search| {
            let _ = search.parse_count(bytes, 1_700_000_000);
        });
    }
});
