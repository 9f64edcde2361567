//! Lists of entries, and an entry by itself.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::Zerochan;

fuzz_target!(|bytes: &[u8]| common::with_search(&Zerochan, |search| common::read_all(search, bytes)));
