//! `/post.json`, with and without the kinds of the tags.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::{Dialect, Span, moebooru};

fuzz_target!(|bytes: &[u8]| {
    common::with_search(Dialect::Moebooru, |search| {
        let _ = search.parse_alias(bytes, "miku");
        if let Ok(page) = moebooru::parse(search, bytes, 7) {
            common::check_page(&page, Span::default());
        }
    });
});
