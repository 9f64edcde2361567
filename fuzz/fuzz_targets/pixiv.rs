//! Search, ranking, works and their files, and the works of an artist, of the web pages and of the app.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::ListingForm;
use pipeline::crawl::source::{Dialect, Span, pixiv};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let kind = kind % 7;
    let listing = if kind < 4 { ListingForm::Auto } else { ListingForm::App };
    let ranking = (kind == 1).then_some("daily");
    common::with_listing(Dialect::Pixiv, listing, ranking, |search| match kind {
        0 | 1 | 4 => {
            let span = Span::default();
            if let Ok(page) = search.parse(bytes, span, 1_700_000_000) {
                common::check_page(&page, span);
            }
        }
        2 | 5 => {
            if let Ok(post) = search.parse_detail(bytes, &common::listed(), 7) {
                common::check_post(&post);
            }
        }
        _ => {
            let _ = search.parse_files(bytes);
            for number in pixiv::parse_artist(bytes).unwrap_or_default() {
                assert!(number > 0);
            }
        }
    });
});
