//! What a refresh that finds nothing new costs on a catalog of a million posts, network left out.
//!
//! Writes a catalog of POSTS posts (1,000,000 by default), a tenth of which are stored and the rest
//! left out by the filter, so that all of those wait; then times, in a catalog opened anew, all that
//! a crawl asks of it. Prints seconds and peak memory.
//!
//! `bench/catalog` runs it.

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

/// Tries of a picture, as `[crawl] file_attempts` has it.
const ATTEMPTS: i64 = 3;

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

/// All that a crawl asks of the catalog where the site has nothing new; then what other questions cost.
async fn refresh(url: &str, count: i64) -> anyhow::Result<()> {
    let began = Instant::now();
    let catalog = Catalog::open(url).await?;
    summary::has_images(&catalog).await?;
    println!("open_seconds {:.3}", began.elapsed().as_secs_f64());
    let part = Instant::now();
    look_again(&catalog, count).await?;
    println!("window_seconds {:.3}", part.elapsed().as_secs_f64());
    let few = selection(MANY, &[]);
    println!("pending_seconds {:.3}", pending(&catalog, &few).await?);
    println!("refresh_seconds {:.3}", began.elapsed().as_secs_f64());

    println!(
        "pending_by_a_rare_tag_seconds {:.3}",
        pending(&catalog, &selection(0, &["none_has_it"])).await?
    );
    let part = Instant::now();
    let waiting = files::count_pending(&catalog, &selection(0, &[]), ATTEMPTS, Window::below(i64::MAX)).await?;
    println!("count_of_{waiting}_seconds {:.3}", part.elapsed().as_secs_f64());
    let part = Instant::now();
    summary::counts(&catalog).await?;
    println!("status_seconds {:.3}", part.elapsed().as_secs_f64());
    println!("memory_peak_mib {}", peak_mib());
    Ok(())
}

/// Records the posts of the overlap window anew, page by page as a listing does.
async fn look_again(catalog: &Catalog, count: i64) -> anyhow::Result<()> {
    let mut cursor = cursors::load(catalog, "board", "likes >= 500").await?;
    for page in 0..WINDOW_PAGES {
        let below = count - page * PAGE;
        let again: Vec<Post> = ((below - PAGE).max(0)..below).rev().map(post).collect();
        cursor.oldest = below;
        let mut write = catalog.write().await?;
        posts::record_all(&mut write, &again).await?;
        cursors::record(&mut write, "board", "likes >= 500", &cursor).await?;
        write.commit().await?;
    }
    Ok(())
}

fn selection(likes: i64, tags: &[&str]) -> Selection {
    Selection {
        source: Some("board".into()),
        ratings: vec![Rating::Safe],
        min_likes: Some(likes),
        since: Some(FIRST),
        tags: tags.iter().map(ToString::to_string).collect(),
        ..Selection::default()
    }
}

/// Seconds that it takes to see that nothing waits.
async fn pending(catalog: &Catalog, selection: &Selection) -> anyhow::Result<f64> {
    let began = Instant::now();
    let window = Window {
        limit: 500,
        ..Window::below(i64::MAX)
    };
    let found = files::pending(catalog, selection, ATTEMPTS, window).await?;
    anyhow::ensure!(found.is_empty(), "{} posts wait", found.len());
    Ok(began.elapsed().as_secs_f64())
}

/// Peak resident memory of this process in MiB; 0 where the system does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kib.unwrap_or(0) / 1024
}
