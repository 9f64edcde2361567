//! Search, ranking, works and their files, and the works of an artist, of the web pages and of the app.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::ListingForm;
use pipeline::crawl::source::Pixiv;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let kind = kind % 7;
    let listing = if kind < 4 { ListingForm::Auto } else { ListingForm::App };
    let ranking = (kind == 1).then_some("daily");
    common::with_listing(&Pixiv, listing, ranking, |search| common::read_all(search, bytes));
});
