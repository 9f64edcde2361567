//! What sharing the pictures of a PostgreSQL catalog costs crop workers, whose detector here only sleeps.
//!
//! `scale URL WORKERS PICTURES MILLISECONDS [PROCESS]` writes PICTURES pictures into an empty catalog, and has WORKERS
//! workers take them, sleep so long for each, and record a face and a head of each. Prints pictures/s, the
//! milliseconds a picture that a worker waits for the database and, where PROCESS is the server's, those of a
//! processor that the server takes.
//!
//! `bench/scale` runs it.

use std::time::{Duration, Instant};

use anyhow::Context;
use pipeline::access::Access;
use pipeline::catalog::Catalog;
use pipeline::catalog::detections::{self, CropKey, DetectionOutcome, Face, PendingPicture};
use pipeline::catalog::heads::{self, HeadRecord};
use pipeline::catalog::leases::{Next, Share};
use pipeline::catalog::session::Holder;
use pipeline::head::{Measures, StoredHead};
use pipeline::selection::Selection;
use sqlx::AssertSqlSafe;

/// Ticks of a second in the kernel's files.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let url = arguments.first().context("name a catalog")?;
    let workers = number(1).context("how many workers?")?;
    let pictures = number(2).context("how many pictures?")?;
    let sleep = Duration::from_millis(number(3).context("how many milliseconds a picture?")?);
    let catalog = Catalog::open(url).await?;
    fill(&catalog, pictures).await?;

    let (began, before) = (Instant::now(), processor(number(4)));
    let started = (0..workers).map(|_| tokio::spawn(work(catalog.clone(), sleep)));
    let mut waited = Duration::ZERO;
    for worker in started.collect::<Vec<_>>() {
        waited += worker.await??;
    }
    let (seconds, pictures) = (began.elapsed().as_secs_f64(), pictures as f64);
    anyhow::ensure!(
        recorded(&catalog).await? == pictures as i64,
        "not every picture was recorded once"
    );
    println!("workers {workers}");
    println!("pictures_per_second {:.1}", pictures / seconds);
    println!("waited_ms_per_picture {:.3}", waited.as_secs_f64() * 1000.0 / pictures);
    if let (Some(before), Some(after)) = (before, processor(number(4))) {
        println!(
            "server_processor_ms_per_picture {:.3}",
            (after - before) * 1000.0 / pictures
        );
    }
    Ok(())
}

/// Writes pictures, each of a post of its own.
async fn fill(catalog: &Catalog, pictures: u64) -> anyhow::Result<()> {
    for sql in [
        "INSERT INTO posts (source, post, number, status, created_at, fetched_at, likes, rating, tags) \
         SELECT 'board', CAST(n AS TEXT), n, 'active', 1600000000 + n, 1700000000, n % 1000, 'safe', ' a b c ' \
         FROM generate_series(1, COUNT) AS n",
        "INSERT INTO images (image, format, bytes, width, height, md5, stored_at) \
         SELECT encode(sha256(CAST(CAST(n AS TEXT) AS bytea)), 'hex'), 'jpeg', 500000, 1200, 1600, \
         md5(CAST(n AS TEXT)), 1700000000 FROM generate_series(1, COUNT) AS n",
        "INSERT INTO files (source, post, page, image, outcome, attempts, recorded_at) \
         SELECT 'board', CAST(n AS TEXT), 0, encode(sha256(CAST(CAST(n AS TEXT) AS bytea)), 'hex'), 'stored', 1, \
         1700000000 FROM generate_series(1, COUNT) AS n",
        "ANALYZE",
    ] {
        let sql = sql.replace("COUNT", &pictures.to_string());
        sqlx::query(AssertSqlSafe(sql)).execute(catalog.pool()).await?;
    }
    Ok(())
}

/// Pictures that have a detection of one attempt, a face and a head.
async fn recorded(catalog: &Catalog) -> anyhow::Result<i64> {
    let sql = "SELECT COUNT(*) FROM detections AS d JOIN faces AS f ON f.image = d.image \
               JOIN heads AS h ON h.image = d.image WHERE d.attempts = 1";
    let (count,) = sqlx::query_as(sql).fetch_one(catalog.pool()).await?;
    Ok(count)
}

/// One worker; gives the time that it waited for the database.
async fn work(catalog: Catalog, sleep: Duration) -> anyhow::Result<Duration> {
    let locks = Access::Crop.locks();
    let catalog = catalog.hold(Holder::this("crop", 60), false, &locks).await?;
    catalog.share().await?;
    let key = CropKey {
        detector: "d".repeat(64),
        crop: "c".repeat(64),
        min_score: 0.2,
    };
    let joined = Share::join(&catalog, &Selection::default(), &key).await?;
    let (mut share, _) = joined.context("a PostgreSQL catalog is expected")?;
    let mut waited = Duration::ZERO;
    loop {
        let began = Instant::now();
        let next = share.next(&catalog, i64::MAX).await?;
        waited += began.elapsed();
        let pictures = match next {
            Next::Pictures(pictures) => pictures,
            Next::Others(..) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            Next::Nothing => return Ok(waited),
        };
        tokio::time::sleep(sleep * pictures.len() as u32).await;
        let began = Instant::now();
        record(&catalog, &share, &key, &pictures).await?;
        waited += began.elapsed();
    }
}

async fn record(catalog: &Catalog, share: &Share, key: &CropKey, pictures: &[PendingPicture]) -> anyhow::Result<()> {
    let face = Face {
        ordinal: 0,
        x0: 100.5,
        y0: 100.25,
        x1: 300.125,
        y1: 300.0,
        score: 0.9,
    };
    let outcome = DetectionOutcome::Detected(vec![face]);
    let found: Vec<HeadRecord> = pictures.iter().map(|picture| head(&picture.image, &key.crop)).collect();
    let done: Vec<(&str, bool)> = pictures.iter().map(|picture| (&*picture.image, false)).collect();
    let mut write = catalog.write().await?;
    let mine = share.finish(&mut write, &done).await?;
    let outcomes: Vec<_> = mine.iter().map(|image| (*image, &outcome)).collect();
    detections::record_all(&mut write, &key.detector, &outcomes).await?;
    let mine = done.iter().zip(&found).filter(|((image, _), _)| mine.contains(image));
    let heads: Vec<_> = mine.map(|((image, _), head)| (*image, &*key.detector, head)).collect();
    heads::record_all(&mut write, &heads).await?;
    write.commit().await
}

fn head(image: &str, crop: &str) -> HeadRecord {
    let hash: String = image.chars().rev().collect();
    HeadRecord {
        ordinal: 0,
        crop: crop.into(),
        head: StoredHead {
            head: hash.clone(),
            pixels: hash,
            side: 200,
            sharpness: 0.5,
            measures: Measures {
                perceptual: image[..32].into(),
                thumbnail: "m".repeat(576),
                colour: 30.0,
                contrast: 40.0,
                crossings: 0.1,
                detail: 0.5,
            },
        },
        native_side: 200,
        inside: 1.0,
    }
}

/// Seconds of a processor that a server and its processes took, ended ones included.
fn processor(process: Option<u64>) -> Option<f64> {
    let process = process?;
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    let ticks = |process: u64, fields: std::ops::Range<usize>| -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // Behind the name, which may hold spaces.
        let fields_all: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let fields = fields_all.get(fields)?.iter();
        Some(fields.filter_map(|field| field.parse::<f64>().ok()).sum())
    };
    // A child that ends meanwhile is counted by its parent the next time.
    let own = ticks(process, 11..15)?;
    let living: f64 = children.filter_map(|child| ticks(child, 11..13)).sum();
    Some((own + living) / TICKS)
}
