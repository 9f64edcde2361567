//! A Moebooru site's pages for people: the list page's script and the post page's tags.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::{Moebooru, Span, moebooru};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    common::with_search(&Moebooru, |search| match kind % 2 {
        0 => {
            if let Ok(page) = moebooru::web::parse_list(search, bytes, 7) {
                common::check_page(&page, Span::default());
            }
        }
        _ => {
            if let Ok(post) = moebooru::web::parse_post(bytes, &common::listed()) {
                common::check_post(&post);
            }
        }
    });
});
