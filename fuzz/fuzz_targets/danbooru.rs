//! `/posts.json`.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::{Dialect, Span, danbooru};

fuzz_target!(|bytes: &[u8]| {
    common::with_search(Dialect::Danbooru, |search| {
        let _ = search.parse_alias(bytes, "miku");
        if let Ok(page) = danbooru::parse(search, bytes, 7) {
            common::check_page(&page, Span::default());
        }
    });
});
