//! `/index.php?page=dapi` of both generations, a page of posts and one alone.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::Gelbooru;

fuzz_target!(|bytes: &[u8]| common::with_search(&Gelbooru, |search| common::read_all(search, bytes)));
