//! What the targets share: a site to ask, and what must hold of anything that was read.
#![allow(dead_code, reason = "each target uses a part")]

use pipeline::catalog::posts::Post;
use pipeline::crawl::{ListingForm, SiteSettings};
use pipeline::crawl::source::{Artist, Dialect, Page, Search, Span};
use pipeline::selection::Selection;
use url::Url;

/// Reads through a search on a site of the dialect.
pub fn with_search(dialect: &'static dyn Dialect, read: impl FnOnce(&Search<'_>)) {
    with_listing(dialect, ListingForm::Auto, None, read);
}

/// Reads through a search in this form, or a ranking, on a site of the dialect.
pub fn with_listing(
    dialect: &'static dyn Dialect,
    listing: ListingForm,
    ranking: Option<&str>,
    read: impl FnOnce(&Search<'_>),
) {
    let site = SiteSettings {
        dialect,
        listing,
        root: "https://board.example".into(),
        ..SiteSettings::default()
    };
    let root = Url::parse(&site.root).expect("a URL");
    let selection = Selection::default();
    read(&Search {
        ranking,
        ..Search::of("board", &site, &root, &selection)
    });
}

/// Reads bytes as each answer of a dialect, and checks what comes of it.
pub fn read_all(search: &Search<'_>, bytes: &[u8]) {
    let (dialect, span) = (search.site.dialect, Span::default());
    if let Ok(page) = dialect.parse(search, bytes, span, 1_700_000_000) {
        check_page(&page, span);
    }
    if let Ok(post) = dialect.parse_detail(search, bytes, &listed(), 7) {
        check_post(&post);
    }
    match dialect.parse_artist(search, bytes, 7) {
        Ok(Artist::Works(numbers)) => assert!(numbers.iter().all(|number| *number > 0)),
        Ok(Artist::Page(page, _)) => check_page(&page, span),
        Ok(Artist::Term(_)) | Err(_) => {}
    }
    let _ = dialect.parse_files(search, bytes);
    let _ = dialect.parse_count(search, bytes, 1_700_000_000);
    let _ = dialect.parse_alias(search, search.root, bytes, "miku");
}

/// Checks a page, from wherever it came.
pub fn check_page(page: &Page, span: Span) {
    for post in &page.posts {
        check_post(post);
    }
    assert!(page.rows() >= page.posts.len() as u64);
    if let (Some(next), Some(below)) = (page.next, span.below) {
        // A listing that does not go down is the caller's to refuse; it must not overflow here.
        let _ = next.checked_sub(below);
    }
}

/// What the catalog relies on.
pub fn check_post(post: &Post) {
    assert!(post.number > 0 && post.post == post.number.to_string(), "{post:?}");
    check_texts(post);
}

/// What databases and filters rely on of a post's texts.
pub fn check_texts(post: &Post) {
    for tags in [&post.tags, &post.artists, &post.characters, &post.copyrights] {
        assert!(tags.starts_with(' ') && tags.ends_with(' ') && !tags.contains('\0'), "{tags:?}");
    }
    assert!(post.pages >= 1, "{post:?}");
    let texts = [&post.file_url, &post.md5, &post.artist, &post.source_url, &post.extension];
    assert!(texts.into_iter().flatten().all(|text| !text.contains('\0')), "a database text holds no zero");
}

/// The post that a listing named before its own answer is read.
pub fn listed() -> Post {
    Post {
        post: "1".into(),
        number: 1,
        ..Post::default()
    }
}
