//! What near-duplicates and verdicts cost on a catalog of a million heads.
//!
//! Writes a catalog of COUNT heads (1,000,000 by default) whose perceptual hashes lie in clusters as
//! those of real heads do: each is a mixture of two hashes measured on the pictures of a folder, and one
//! in fifty is a copy of another with a few bits changed. Then times the search in memory, against
//! comparing all with all on a sample; the grouping and the judging of all of them; and a refresh that
//! adds a thousand. Prints seconds and peak memory.
//!
//! `bench/near` runs it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use dataset::Store;
use pipeline::catalog::detections::GIVEN;
use pipeline::catalog::files::{self, File, Outcome};
use pipeline::catalog::images::{self, Image};
use pipeline::catalog::posts::{self, Post, Rating};
use pipeline::catalog::{Catalog, Write};
use pipeline::crop::CropSettings;

use pipeline::curate::{self, CurateSettings, duplicates};

use pipeline::head::measures::VERSION;
use pipeline::stop::Stop;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use vision::near::Index;
use vision::perceptual::{mirrored, perceptual, to_text};
use vision::picture::{Format, Limits, decode};

/// Heads written at once.
const BATCH: usize = 5000;
/// Heads of one picture.
const FACES: usize = 10;
/// Real heads whose hashes are mixed.
const SEEDS: usize = 12_000;
/// Heads of a refresh.
const REFRESH: usize = 1000;
/// Heads that are compared with all others.
const SAMPLE: usize = 2000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder for the catalog")?);
    let pictures = PathBuf::from(arguments.next().context("name a folder of heads")?);
    let count: usize = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    std::fs::create_dir_all(&folder)?;
    let reach = CurateSettings::default().near_duplicate;
    let hashes = mixed(&real(&pictures)?, count + REFRESH);
    search(&hashes[..count], reach);

    let catalog = Catalog::open(&Catalog::sqlite_url(&folder.join("catalog.sqlite"))).await?;
    let store = Store::create(&folder.join("store"))?;
    time("write", fill(&catalog, &hashes[..count], 0)).await?;
    println!("memory_peak_mib_after_writing {}", peak_mib());
    run(&catalog, &store, reach, "all").await?;
    fill(&catalog, &hashes[count..], count).await?;
    run(&catalog, &store, reach, "refresh").await?;
    println!("memory_peak_mib {}", peak_mib());
    Ok(())
}

/// The hashes of real heads.
fn real(folder: &Path) -> anyhow::Result<Vec<u128>> {
    let paths: Vec<PathBuf> = dataset::files::sorted_entries(folder)?
        .into_iter()
        .take(SEEDS)
        .collect();
    let hash = |path: &PathBuf| decode(&std::fs::read(path).ok()?, &Limits::default()).ok();
    let hashes: Vec<u128> = paths
        .par_iter()
        .filter_map(hash)
        .map(|head| perceptual(&head))
        .collect();
    anyhow::ensure!(hashes.len() > 1, "{} holds no pictures", folder.display());
    Ok(hashes)
}

/// As many hashes as asked for, in clusters.
fn mixed(real: &[u128], count: usize) -> Vec<u128> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut hashes: Vec<u128> = Vec::with_capacity(count);
    while hashes.len() < count {
        if hashes.len() % 50 == 49 {
            let copy = hashes[random.usize(..hashes.len())];
            let flips = random.usize(1..10);
            hashes.push((0..flips).fold(copy, |hash, _| hash ^ 1 << random.u32(0..119)));
            continue;
        }
        let (one, other) = (real[random.usize(..real.len())], real[random.usize(..real.len())]);
        // Three bits of eight of the other.
        let choice = random.u128(..) & (random.u128(..) | random.u128(..));
        hashes.push(one & !choice | other & choice);
    }
    hashes
}

/// The search in memory, and the same by comparing a sample with all.
fn search(hashes: &[u128], reach: u32) {
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let mut sets = Index::new(hashes.to_vec(), reach).sets(mirrored(0));
    let indexed = began.elapsed().as_secs_f64();
    let groups = (0..hashes.len()).filter(|at| sets.first(*at) == *at).count();
    println!(
        "search_seconds {indexed:.3} of the processor {:.3} heads {} groups {groups}",
        cpu_seconds() - cpu,
        hashes.len()
    );
    let began = Instant::now();
    let step = (hashes.len() / SAMPLE).max(1);
    let near = |at: usize| -> Vec<(usize, usize)> {
        let (hash, turned) = (hashes[at], mirrored(hashes[at]));
        let near = |other: &usize| {
            let other = hashes[*other];
            (other ^ hash).count_ones() <= reach || (other ^ turned).count_ones() <= reach
        };
        (0..hashes.len()).filter(near).map(|other| (at, other)).collect()
    };
    let sample: Vec<usize> = (0..hashes.len()).step_by(step).collect();
    let pairs: Vec<(usize, usize)> = sample.par_iter().flat_map_iter(|at| near(*at)).collect();
    let all = began.elapsed().as_secs_f64() * hashes.len() as f64 / sample.len() as f64 / 2.0;
    for (a, b) in &pairs {
        assert_eq!(sets.first(*a), sets.first(*b), "the index finds all");
    }
    println!(
        "all_with_all_seconds {all:.0} (of {} heads, each pair once, extrapolated; {} pairs all found)",
        sample.len(),
        pairs.len() - sample.len()
    );
    println!("all_with_all_over_index {:.0}", all / indexed);
}

/// Writes heads, ten of each imported picture.
async fn fill(catalog: &Catalog, hashes: &[u128], first: usize) -> anyhow::Result<()> {
    for (batch, some) in hashes.chunks(BATCH).enumerate() {
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
            record(&mut write, &image, of_picture).await?;
        }
        write.commit().await?;
    }
    Ok(())
}

/// The heads of one picture, in two statements: the catalog's own way is one for each.
async fn record(write: &mut Write, image: &str, hashes: &[u128]) -> anyhow::Result<()> {
    let sql = "INSERT INTO detections (image, detector, outcome, faces, attempts, recorded_at) \
               VALUES ($1, $2, 'found', 10, 1, 0)";
    sqlx::query(sql)
        .bind(image)
        .bind(GIVEN)
        .execute(write.connection())
        .await?;
    let (mut faces, mut heads) = (Vec::new(), Vec::new());
    for (ordinal, hash) in hashes.iter().enumerate() {
        let name = hex::encode(Sha256::digest(format!("{image}{ordinal}")));
        let score = 0.5 + (hash % 1000) as f64 / 2000.0;
        faces.push(format!(
            "('{image}', '{GIVEN}', {ordinal}, 0.0, 0.0, 96.0, 96.0, {score})"
        ));
        heads.push(format!(
            "('{image}', '{GIVEN}', {ordinal}, '{GIVEN}', '{name}', '{name}', 96, 96, 1.0, 0.5, {VERSION}, '{}', \
             20.0, 50.0, 0.1, 0)",
            to_text(*hash)
        ));
    }
    for sql in [
        format!(
            "INSERT INTO faces (image, detector, ordinal, x0, y0, x1, y1, score) VALUES {}",
            faces.join(", ")
        ),
        format!(
            "INSERT INTO heads (image, detector, ordinal, crop, head, pixels, side, native_side, inside, sharpness, \
             measures, perceptual, colour, contrast, crossings, recorded_at) VALUES {}",
            heads.join(", ")
        ),
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

/// Groups and judges what waits.
async fn run(catalog: &Catalog, store: &Store, reach: u32, what: &str) -> anyhow::Result<()> {
    let stop = Stop::never();
    time(&format!("{what}_group"), duplicates::group(catalog, reach, &stop)).await?;
    let (crop, settings) = (CropSettings::default(), CurateSettings::default());
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let tally = curate::run(catalog, store, &crop, &settings, &stop).await?;
    println!(
        "{what}_judge_seconds {:.3} of the processor {:.3}",
        began.elapsed().as_secs_f64(),
        cpu_seconds() - cpu
    );
    println!("{}", tally.text(what));
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
