//! `/post.json`, the list page's script and the post page's tags.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pipeline::catalog::posts::Post;
use pipeline::crawl::source::{Dialect, Span, moebooru};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    common::with_search(Dialect::Moebooru, None, |search| match kind % 3 {
        0 => {
            if let Ok(page) = moebooru::parse(search, bytes, 7) {
                common::check_page(&page, Span::default());
            }
        }
        1 => {
            if let Ok(page) = moebooru::web::parse_list(search, bytes, 7) {
                common::check_page(&page, Span::default());
            }
        }
        _ => {
            let listed = Post {
                post: "1".into(),
                number: 1,
                ..Post::default()
            };
            if let Ok(post) = moebooru::web::parse_post(bytes, &listed) {
                common::check_post(&post);
            }
        }
    });
});
