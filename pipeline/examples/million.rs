//! What a refresh that finds nothing new costs on a catalog of a million posts, network left out.
//!
//! Writes a catalog of POSTS posts (1,000,000 by default), a tenth of which are stored and the rest
//! left out by the filter, so that all of those wait; then times, in a catalog opened anew, all that
//! a crawl asks of it. Prints seconds and peak memory.
//!
//! Example: cargo run --release -p pipeline --example million -- /tmp/million 1000000

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use pipeline::catalog::files::{self, File, Outcome, Window};
use pipeline::catalog::posts::{self, Post, Rating, tag_text};
use pipeline::catalog::{Catalog, cursors, summary};
use pipeline::selection::Selection;

/// Posts written at once.
const BATCH: i64 = 5000;

/// Posts of one page, as the largest site gives them.
const PAGE: i64 = 200;

/// One post in so many has the likes that are asked for.
const SELECTED: i64 = 10;

/// Upload of the first, in 2017.
const FIRST: i64 = 1_500_000_000;

/// Likes of those.
const MANY: i64 = 500;

/// Pages that a refresh looks at again: a month of a busy site.
const WINDOW_PAGES: i64 = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder for the catalog")?);
    let count: i64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())
        .context("the second argument is a number of posts")?;
    std::fs::create_dir_all(&folder)?;
    let url = Catalog::sqlite_url(&folder.join("catalog.sqlite"));
    let catalog = Catalog::open(&url).await?;
    fill(&catalog, count).await?;
    catalog.close().await;
    println!("memory_peak_mib_after_writing {}", peak_mib());
    refresh(&url, count).await
}

/// Writes what is missing of the catalog.
async fn fill(catalog: &Catalog, count: i64) -> anyhow::Result<()> {
    let there = summary::counts(catalog).await?.posts.values().sum::<u64>() as i64;
    let began = Instant::now();
    for first in (there..count).step_by(BATCH as usize) {
        let page: Vec<Post> = (first..(first + BATCH).min(count)).map(post).collect();
        let mut write = catalog.write().await?;
        posts::record_all(&mut write, &page).await?;
        for post in page.iter().filter(|post| post.likes == Some(MANY)) {
            files::record(&mut write, &File::of(post, Outcome::Stored("0".repeat(64)))).await?;
        }
        write.commit().await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("write_seconds {seconds:.3} posts {}", count - there);
    Ok(())
}

fn post(number: i64) -> Post {
    let tag = |kind: &str, of: i64| format!("{kind}_{}", number.wrapping_mul(2_654_435_761).rem_euclid(of));
    let tags = [
        tag("hair", 20),
        tag("eyes", 15),
        tag("pose", 500),
        tag("series", 3000),
        tag("artist", 20_000),
    ];
    Post {
        source: "board".into(),
        post: number.to_string(),
        number,
        created_at: FIRST + number * 200,
        fetched_at: 1_700_000_000,
        likes: Some(if number % SELECTED == 0 { MANY } else { number % MANY }),
        score: Some(number % MANY),
        rating: Rating::Safe,
        tags: tag_text(tags.iter().map(String::as_str)),
        artist: Some(tags[4].clone()),
        page_url: Some(format!("https://board.example/post/show/{number}")),
        source_url: Some(format!("https://art.example/works/{number}")),
        file_url: Some(format!("https://board.example/image/{number:032x}/{}.jpg", tags[3])),
        sample_url: Some(format!("https://board.example/sample/{number:032x}/{}.jpg", tags[3])),
        md5: Some(format!("{number:032x}")),
        file_size: Some(1_000_000),
        width: Some(1600),
        height: Some(1200),
        ..Post::default()
    }
}

/// All that a crawl asks of the catalog where the site has nothing new.
async fn refresh(url: &str, count: i64) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut part = Instant::now();
    let mut lap = |what: &str| {
        println!("{what}_seconds {:.3}", part.elapsed().as_secs_f64());
        part = Instant::now();
    };
    let catalog = Catalog::open(url).await?;
    summary::has_images(&catalog).await?;
    lap("open");
    let mut cursor = cursors::load(&catalog, "board", "likes >= 500").await?;
    for page in 0..WINDOW_PAGES {
        let below = count - page * PAGE;
        let again: Vec<Post> = ((below - PAGE).max(0)..below).rev().map(post).collect();
        cursor.oldest = below;
        let mut write = catalog.write().await?;
        posts::record_all(&mut write, &again).await?;
        cursors::record(&mut write, "board", "likes >= 500", &cursor).await?;
        write.commit().await?;
    }
    lap("window");
    let filters = [
        ("likes", MANY, Vec::new()),
        ("likes_and_tag", MANY, vec!["hair_3".to_string()]),
        ("rare_tag", 0, vec!["none_has_it".to_string()]),
    ];
    for (name, likes, tags) in filters {
        let selection = Selection {
            source: Some("board".into()),
            ratings: vec![Rating::Safe],
            min_likes: Some(likes),
            since: Some(FIRST),
            tags,
            ..Selection::default()
        };
        let window = Window {
            from: 0,
            below: i64::MAX,
            limit: i64::MAX,
        };
        let waiting = files::count_pending(&catalog, &selection, 3, window).await?;
        let first = files::pending(&catalog, &selection, 3, Window { limit: 500, ..window }).await?;
        anyhow::ensure!(waiting == 0 && first.is_empty(), "{waiting} wait under {name}");
        lap(&format!("pending_{name}"));
    }
    println!("total_seconds {:.3}", began.elapsed().as_secs_f64());
    summary::counts(&catalog).await?;
    lap("status");
    println!("memory_peak_mib {}", peak_mib());
    Ok(())
}

/// Peak resident memory of this process in MiB; 0 where the system does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kib.unwrap_or(0) / 1024
}
