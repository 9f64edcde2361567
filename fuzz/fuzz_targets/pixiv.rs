//! Search, ranking, works and their files.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::catalog::posts::Post;
use pipeline::crawl::source::{Dialect, Span, pixiv};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let ranking = (kind % 4 == 1).then_some("daily");
    common::with_search(Dialect::Pixiv, ranking, |search| match kind % 4 {
        0 | 1 => {
            let span = Span::default();
            if let Ok(page) = pixiv::parse(search, bytes, span, 1_700_000_000) {
                common::check_page(&page, span);
            }
        }
        2 => {
            let listed = Post {
                post: "1".into(),
                number: 1,
                ..Post::default()
            };
            if let Ok(post) = pixiv::parse_detail(search, bytes, &listed, 7) {
                common::check_post(&post);
            }
        }
        _ => {
            let _ = pixiv::parse_files(bytes);
        }
    });
});
