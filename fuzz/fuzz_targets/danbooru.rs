//! `/posts.json`.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::Danbooru;

fuzz_target!(|bytes: &[u8]| common::with_search(&Danbooru, |search| common::read_all(search, bytes)));
