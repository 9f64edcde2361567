//! Every recorded answer of the sites is read by the parser of its kind, whatever recordings there are.

use std::path::{Path, PathBuf};

use crate::common::site::{DANBOORU, GELBOORU, MOEBOORU, PIXIV};
use pipeline::catalog::posts::Post;
use pipeline::crawl::source::{Dialect, Page, Search, Span};
use pipeline::crawl::{ListingForm, SiteSettings};
use pipeline::selection::Selection;
use serde_json::Value;
use url::Url;

/// What a parser made of an answer.
#[derive(Debug)]
enum Read {
    /// Posts, or the files of one.
    Taken,
    /// The site's own words for a refusal.
    Refusal,
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("is there").path());
    let mut files: Vec<PathBuf> = paths
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect();
    files.sort();
    files
}

fn dialect(folder: &str) -> Option<&'static dyn Dialect> {
    match folder {
        "konachan" | "moebooru" | "yandere" => Some(MOEBOORU),
        "danbooru" | "safebooru" => Some(DANBOORU),
        "gelbooru" | "safebooru_org" => Some(GELBOORU),
        "pixiv" => Some(PIXIV),
        _ => None,
    }
}

/// The number of the work that an answer is about.
fn number(bytes: &[u8]) -> i64 {
    let answer: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let id = ["/body/id", "/body/illustId", "/illust/id"]
        .iter()
        .find_map(|place| answer.pointer(place));
    id.and_then(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()))
        .unwrap_or(1)
}

/// What the parsers of a search make of an answer; the reasons where none takes it.
fn read(search: &Search<'_>, bytes: &[u8]) -> Result<Read, Vec<String>> {
    let listed = Post {
        number: number(bytes),
        ..Post::default()
    };
    let posts = |page: Page| match page.posts.len() {
        0 => Err(format!("no post, {} unreadable rows", page.unreadable())),
        _ => Ok(Read::Taken),
    };
    let files = |files: Vec<_>| match files.len() {
        0 => Err("no file".to_string()),
        _ => Ok(Read::Taken),
    };
    let dialect = search.site.dialect;
    let mut readings = vec![dialect.parse(search, bytes, Span::default(), 7).and_then(posts)];
    if dialect == PIXIV {
        readings.push(dialect.parse_detail(search, bytes, &listed, 7).map(|_| Read::Taken));
        readings.push(dialect.parse_files(search, bytes).and_then(files));
    }
    if dialect.has_readable_pages() {
        let html = Search { html: true, ..*search };
        readings.push(dialect.parse(&html, bytes, Span::default(), 7).and_then(posts));
    }
    let (mut refusal, mut reasons) = (None, Vec::new());
    for reading in readings {
        match reading {
            Ok(read) => return Ok(read),
            Err(reason) if reason.starts_with("the site refused") => refusal = Some(Read::Refusal),
            Err(reason) => reasons.push(reason),
        }
    }
    refusal.ok_or(reasons)
}

#[test]
#[ignore = "reads ../shared/data"]
fn every_recording_is_read_by_a_parser_of_its_dialect() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/api");
    let recordings = files_below(&folder);
    assert!(!recordings.is_empty(), "{} is not there", folder.display());
    for path in recordings {
        let of = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let Some(dialect) = of.and_then(dialect) else {
            panic!("{} lies in a folder of no known site", path.display());
        };
        let bytes = std::fs::read(&path).expect("reads");
        let kinds: &[(ListingForm, Option<&str>)] = match dialect.has_app() {
            true => &[
                (ListingForm::Auto, None),
                (ListingForm::Auto, Some("daily")),
                (ListingForm::App, None),
            ],
            false => &[(ListingForm::Auto, None)],
        };
        let readings = kinds.iter().map(|(listing, ranking)| {
            let site = SiteSettings {
                dialect,
                listing: *listing,
                ..SiteSettings::default()
            };
            let root = Url::parse("https://board.example").expect("a root");
            let selection = Selection::default();
            let search = Search {
                ranking: *ranking,
                ..Search::of("board", &site, &root, &selection)
            };
            read(&search, &bytes)
        });
        let (taken, refused): (Vec<_>, Vec<_>) = readings.partition(Result::is_ok);
        println!("{}: {taken:?}", path.display());
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let error = answer.get("error").is_some_and(|error| *error != Value::Bool(false));
        let whole = |read: &Result<Read, Vec<String>>| !matches!(read, Ok(Read::Refusal)) || error;
        assert!(
            taken.iter().any(whole),
            "no parser took {}: {taken:?} {refused:?}",
            path.display()
        );
    }
}
