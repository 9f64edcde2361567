//! What near-duplicates and verdicts cost on a catalog of a million heads.
//!
//! Writes a catalog of COUNT heads (1,000,000 by default) whose thumbnails lie in clusters as those of real
//! heads do: each is a mixture of two of the pictures of a folder, and one in fifty is a copy of another with
//! a little noise. Then times the search in memory; the grouping and the verdicts on all of them; and a refresh
//! that adds a thousand. Prints seconds and peak memory. With `verdicts` as the last argument the groups are
//! written too, and the verdicts alone are timed.
//!
//! `bench/near` runs it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use dataset::Store;
use image::RgbImage;
use pipeline::catalog::detections::GIVEN;
use pipeline::catalog::files::{self, File, Outcome};
use pipeline::catalog::images::{self, Image};
use pipeline::catalog::posts::{self, Post, Rating};
use pipeline::catalog::{Catalog, Write};
use pipeline::settings::CropSettings;

use pipeline::curate::{self, CurateSettings, duplicates};

use pipeline::head::measures::VERSION;
use pipeline::stop::Stop;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use vision::letterbox::resize;
use vision::near::sets;
use vision::picture::{Format, Limits, decode};
use vision::thumbnail::Thumbnail;

/// Heads written at once.
const BATCH: usize = 5000;
/// Heads of one picture.
const FACES: usize = 10;
/// Real heads that are mixed, and their side then: that of a thumbnail.
const SEEDS: usize = 12_000;
const SIDE: u32 = 24;
/// Heads of a refresh.
const REFRESH: usize = 1000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder for the catalog")?);
    let pictures = PathBuf::from(arguments.next().context("name a folder of heads")?);
    let count: usize = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let grouped = arguments.next().is_some_and(|what| what == "verdicts");
    std::fs::create_dir_all(&folder)?;
    let reach = CurateSettings::default().near_duplicate;
    let heads = mixed(&real(&pictures)?, count + REFRESH);
    if !grouped {
        search(&heads[..count], reach);
    }

    let catalog = Catalog::open(&Catalog::sqlite_url(&folder.join("catalog.sqlite"))).await?;
    let store = Store::create(&folder.join("store"))?;
    time("write", fill(&catalog, &heads[..count], 0, grouped.then_some(reach))).await?;
    println!("memory_peak_mib_after_writing {}", peak_mib());
    run(&catalog, &store, reach, "all").await?;
    fill(&catalog, &heads[count..], count, grouped.then_some(reach)).await?;
    run(&catalog, &store, reach, "refresh").await?;
    println!("memory_peak_mib {}", peak_mib());
    Ok(())
}

/// Real heads, reduced.
fn real(folder: &Path) -> anyhow::Result<Vec<RgbImage>> {
    let paths: Vec<PathBuf> = dataset::files::sorted_entries(folder)?
        .into_iter()
        .take(SEEDS)
        .collect();
    let read = |path: &PathBuf| decode(&std::fs::read(path).ok()?, &Limits::default()).ok();
    let heads: Vec<RgbImage> = paths
        .par_iter()
        .filter_map(read)
        .map(|head| resize(&head, SIDE, SIDE))
        .collect();
    anyhow::ensure!(heads.len() > 1, "{} holds no pictures", folder.display());
    Ok(heads)
}

/// As many thumbnails as asked for, in clusters.
fn mixed(real: &[RgbImage], count: usize) -> Vec<Thumbnail> {
    // One in fifty is drawn as the one before it, but for the noise.
    let draw = |number: usize| {
        let mut random = fastrand::Rng::with_seed(if number % 50 == 49 { number - 1 } else { number } as u64);
        let (one, other) = (random.usize(..real.len()), random.usize(..real.len()));
        let share = 0.4 + 0.2 * random.f32();
        random.seed(number as u64);
        let mut head = real[one].clone();
        for (own, other) in head.iter_mut().zip(real[other].iter()) {
            let mixed = f32::from(*own) * share + f32::from(*other) * (1.0 - share);
            *own = (mixed + 4.0 * random.f32()) as u8;
        }
        Thumbnail::of(&head)
    };
    (0..count).into_par_iter().map(draw).collect()
}

/// The search in memory.
fn search(heads: &[Thumbnail], reach: u32) {
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let mut sets = sets(heads, heads.len(), reach);
    let groups = (0..heads.len()).filter(|at| sets.first(*at) == *at).count();
    println!(
        "search_seconds {:.3} of the processor {:.3} heads {} groups {groups}",
        began.elapsed().as_secs_f64(),
        cpu_seconds() - cpu,
        heads.len()
    );
}

/// Writes heads, ten of each imported picture.
async fn fill(catalog: &Catalog, heads: &[Thumbnail], first: usize, grouped: Option<u32>) -> anyhow::Result<()> {
    for (batch, some) in heads.chunks(BATCH).enumerate() {
        let mut write = catalog.write().await?;
        for (at, of_picture) in some.chunks(FACES).enumerate() {
            let number = (first + batch * BATCH + at * FACES) as i64;
            let image = hex::encode(Sha256::digest(number.to_le_bytes()));
            let post = Post {
                source: "import:bench".into(),
                post: format!("{number}.png"),
                number,
                rating: Rating::Unknown,
                md5: Some(image[..32].into()),
                ..Post::default()
            };
            posts::record(&mut write, &post).await?;
            images::record(&mut write, &stored(&image)).await?;
            files::record(&mut write, &File::of(&post, Outcome::Stored(image.clone()))).await?;
            record(&mut write, &image, of_picture, (number as usize, grouped)).await?;
        }
        write.commit().await?;
    }
    Ok(())
}

/// The heads of one picture, in a few statements: the catalog's own way is one for each.
async fn record(
    write: &mut Write,
    image: &str,
    thumbnails: &[Thumbnail],
    (first, grouped): (usize, Option<u32>),
) -> anyhow::Result<()> {
    let sql = "INSERT INTO detections (image, detector, outcome, faces, attempts, recorded_at) \
               VALUES ($1, $2, 'found', 10, 1, 0)";
    sqlx::query(sql)
        .bind(image)
        .bind(GIVEN)
        .execute(write.connection())
        .await?;
    let (mut faces, mut heads, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut groups): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (ordinal, thumbnail) in thumbnails.iter().enumerate() {
        let name = hex::encode(Sha256::digest(format!("{image}{ordinal}")));
        let score = 0.5 + (ordinal * 37 % 100) as f64 / 200.0;
        faces.push(format!(
            "('{image}', '{GIVEN}', {ordinal}, 0.0, 0.0, 96.0, 96.0, {score})"
        ));
        heads.push(format!(
            "('{image}', '{GIVEN}', {ordinal}, '{GIVEN}', '{name}', '{name}', 96, 96, 1.0, 0.5, {VERSION}, '', \
             20.0, 50.0, 0.1, {score}, 0)"
        ));
        seen.push(format!("('{name}', '{}')", thumbnail.to_text()));
        names.push(name);
    }
    if let Some(reach) = grouped {
        for (at, name) in names.iter().enumerate() {
            let (copied, copy) = ((first + at) % 50 == 48, (first + at) % 50 == 49);
            let other = if copied {
                names.get(at + 1)
            } else {
                names.get(at.wrapping_sub(1)).filter(|_| copy)
            };
            let group = other.map_or(name, |other| other.min(name));
            groups.push(format!("('{name}', '{group}', {reach})"));
        }
        let sql = format!(
            "INSERT INTO duplicate_groups (pixels, duplicate_group, reach) VALUES {}",
            groups.join(", ")
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(write.connection())
            .await?;
    }
    for sql in [
        format!(
            "INSERT INTO faces (image, detector, ordinal, x0, y0, x1, y1, score) VALUES {}",
            faces.join(", ")
        ),
        format!(
            "INSERT INTO heads (image, detector, ordinal, crop, head, pixels, side, native_side, inside, sharpness, \
             measures, perceptual, colour, contrast, crossings, detail, recorded_at) VALUES {}",
            heads.join(", ")
        ),
        format!("INSERT INTO thumbnails (pixels, thumbnail) VALUES {}", seen.join(", ")),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(write.connection())
            .await?;
    }
    Ok(())
}

fn stored(image: &str) -> Image {
    Image {
        image: image.into(),
        format: Format::Png,
        bytes: 1000,
        width: 96,
        height: 96,
        md5: image[..32].into(),
        stored_at: 1_700_000_000,
    }
}

/// Groups what waits, and records the verdicts.
async fn run(catalog: &Catalog, store: &Store, reach: u32, what: &str) -> anyhow::Result<()> {
    let stop = Stop::never();
    time(&format!("{what}_group"), duplicates::group(catalog, reach, &stop)).await?;
    let (crop, settings) = (CropSettings::default(), CurateSettings::default());
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let summary = curate::run(catalog, store, &crop, &settings, &stop).await?;
    println!(
        "{what}_curate_seconds {:.3} of the processor {:.3}",
        began.elapsed().as_secs_f64(),
        cpu_seconds() - cpu
    );
    println!("{}", summary.text(what));
    Ok(())
}

async fn time<T>(what: &str, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let done = work.await?;
    println!(
        "{what}_seconds {:.3} of the processor {:.3}",
        began.elapsed().as_secs_f64(),
        cpu_seconds() - cpu
    );
    Ok(done)
}

/// Processor time of this process so far; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // User and system time in hundredths, the 14th and 15th field; the name in brackets may have blanks.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Peak resident memory of this process in MiB; 0 where the system does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kib.unwrap_or(0) / 1024
}
