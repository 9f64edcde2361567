//! `/index.php?page=dapi` of both generations, a page of posts and one alone.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::{Dialect, Span, gelbooru};

fuzz_target!(|bytes: &[u8]| {
    common::with_search(Dialect::Gelbooru, |search| {
        let _ = search.parse_alias(bytes, "miku");
        if let Ok(page) = gelbooru::parse(search, bytes, 7) {
            common::check_page(&page, Span::default());
        }
        if let Ok(post) = gelbooru::parse_post(search, bytes, &common::listed(), 7) {
            common::check_post(&post);
        }
    });
});
