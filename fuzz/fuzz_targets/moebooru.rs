//! `/post.json`, with and without the kinds of the tags.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::Moebooru;

fuzz_target!(|bytes: &[u8]| common::with_search(&Moebooru, |search| common::read_all(search, bytes)));
