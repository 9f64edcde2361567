//! What freezing a version of a million heads costs, beside what the machine needs for its parts alone.
//!
//! `fill` writes a catalog of HEADS heads with verdicts (1,000,000 by default) in a folder. In a process of their
//! own each, so that its peak memory is told, `create` does what `pipeline manifest create` does, `again`
//! the same of a part, `verify` reads and checks all rows, and `diff` compares the two. Prints seconds, the
//! manifest's id where one is made, and peak memory.
//!
//! `bench/manifest` runs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use dataset::Store;
use dataset::manifest::Opened;
use pipeline::catalog::Catalog;
use pipeline::digests::Digests;
use pipeline::manifest::{self, ManifestSettings, Origin};
use pipeline::selection::Selection;
use pipeline::settings::Settings;
use sqlx::{AssertSqlSafe, Executor};
use vision::crop::CropRule;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder for the catalog")?);
    let what = arguments
        .next()
        .context("say what: fill, create, again, verify or diff")?;
    let count: i64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())
        .context("the third argument is a number of heads")?;
    std::fs::create_dir_all(&folder)?;
    let url = Catalog::sqlite_url(&folder.join("catalog.sqlite"));
    let manifests = folder.join("manifests");
    let catalog = Catalog::open(&url).await?;
    let began = Instant::now();
    match what.as_str() {
        "fill" => {
            Store::create(&folder.join("store"))?;
            fill(&catalog, count, &digests()?).await?;
        }
        "create" => create(&catalog, &manifests, "v1", 0).await?,
        "again" => create(&catalog, &manifests, "v2", 500).await?,
        "verify" => {
            for batch in Opened::open(&manifests.join("v1"))?.batches()? {
                batch?;
            }
        }
        "diff" => {
            let report = manifest::diff::compare(&manifests, &catalog, "v1", "v2").await?;
            println!("{}", report.text());
        }
        other => anyhow::bail!("`{other}` is none of fill, create, again, verify, diff"),
    }
    println!("{what}_seconds {:.3}", began.elapsed().as_secs_f64());
    println!("{what}_memory_peak_mib {}", peak_mib());
    Ok(())
}

/// Those of the settings that ship: `bench/desk` serves the same catalog by them.
fn digests() -> anyhow::Result<Digests> {
    let settings = Settings::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../stages.toml"))?;
    Ok(Digests {
        detector: settings.crop.load_detector(1)?.digest().into(),
        crop: settings.crop.crop_digest(),
        policy: settings.curate.digest()?,
    })
}

async fn create(catalog: &Catalog, manifests: &Path, name: &str, least: i64) -> anyhow::Result<()> {
    let digests = digests()?;
    let selection = Selection {
        min_likes: (least > 0).then_some(least),
        ..Selection::default()
    };
    let origin = Origin {
        selection: &selection,
        digests: &digests,
        rule: CropRule::default(),
        settings: &BTreeMap::new(),
        popularity: &BTreeMap::new(),
    };
    let created = manifest::create(catalog, manifests, &ManifestSettings::default(), &origin, name).await?;
    println!("{name}_rows {} id {}", created.manifest.rows, created.manifest.id);
    Ok(())
}

/// Rows as crawl, crop and curate leave them: each tenth head refused, each hundredth a duplicate, tags
/// and addresses of the usual length.
async fn fill(catalog: &Catalog, count: i64, digests: &Digests) -> anyhow::Result<()> {
    let Digests { detector, crop, policy } = digests;
    let hash = |salt: &str| {
        format!(
            "printf('%08x%08x%08x%08x%08x%08x%08x%08x', (n*2654435761+{salt})%4294967296, (n*2246822519)%4294967296, \
             n, {salt}, (n*3266489917)%4294967296, (n*668265263)%4294967296, (n*374761393)%4294967296, n)"
        )
    };
    let (image, head) = (hash("1"), hash("2"));
    // Two heads of a hundred look alike.
    let pixels = hash("3")
        .replace("n*", "(n-(n%100=1))*")
        .replace(" n,", " (n-(n%100=1)),")
        .replace(", n)", ", (n-(n%100=1)))");
    let tags = (0..20).map(|tag| format!("'tag_of_usual_length_'||((n*{})%5000)", 7919 + tag * 104_729));
    let tags = tags.collect::<Vec<_>>().join("||' '||");
    let tables = [
        format!(
            "INSERT INTO posts (source, post, number, status, created_at, fetched_at, likes, views, score, rating, tags, artist, page_url, \
             source_url, file_url, md5, file_size, width, height, waiting) SELECT CASE WHEN n%3=0 THEN 'danbooru' ELSE 'konachan' END, \
             CAST(n AS TEXT), n, 'active', 1400000000+n*200, 1700000000, (n*7919)%1000, NULL, (n*7919)%1000, 'safe', ' '||{tags}||' ', \
             'artist_'||((n*31)%20000), 'https://konachan.example/post/show/'||n, 'https://www.pixiv.example/artworks/'||(n*17), \
             'https://konachan.example/image/'||n||'.jpg', printf('%032x', n), 1000000, 1600, 1200, 0 FROM n"
        ),
        format!(
            "INSERT INTO images (image, format, bytes, width, height, md5, stored_at) SELECT {image}, 'jpeg', 1000000, 1600, 1200, \
             printf('%032x', n), 1700000000 FROM n"
        ),
        format!(
            "INSERT INTO files (source, post, page, image, outcome, attempts, recorded_at) SELECT CASE WHEN n%3=0 THEN 'danbooru' ELSE \
             'konachan' END, CAST(n AS TEXT), 0, {image}, 'stored', 1, 1700000000 FROM n"
        ),
        format!(
            "INSERT INTO detections (image, detector, outcome, faces, attempts, recorded_at) SELECT {image}, '{detector}', 'found', 1, 1, \
             1700000000 FROM n"
        ),
        format!(
            "INSERT INTO faces (image, detector, ordinal, x0, y0, x1, y1, score) SELECT {image}, '{detector}', 0, 100.5, 200.25, 300.5+n%50, \
             420.25+n%40, 0.5+(n%1000)/2000.0 FROM n"
        ),
        format!(
            "INSERT INTO heads (image, detector, ordinal, crop, head, pixels, side, native_side, inside, sharpness, measures, colour, \
             contrast, crossings, detail, recorded_at) SELECT {image}, '{detector}', 0, '{crop}', {head}, {pixels}, 400, 400, 1.0, \
             0.4+(n%500)/1000.0, 1, 20.0, 40.0, 0.1, 100.0, 1700000000 FROM n"
        ),
        format!(
            "INSERT INTO verdicts (image, detector, ordinal, crop, policy, accepted, reason) SELECT {image}, '{detector}', 0, '{crop}', \
             '{policy}', CASE WHEN n%10=9 OR n%100=1 THEN 0 ELSE 1 END, CASE WHEN n%10=9 THEN 'score' WHEN n%100=1 THEN 'duplicate' END FROM n"
        ),
    ];
    let mut connection = catalog.pool().acquire().await?;
    // A gibibyte of pages: the indexes of hashes are written everywhere.
    connection.execute("PRAGMA cache_size = -1048576").await?;
    // Rows enter in the order of their keys' hashes where they can: as fast as a crawl is slow.
    for table in tables {
        let sql = format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM n WHERE n<{count}) {}",
            ""
        );
        let (insert, select) = table.split_once(" SELECT ").context("is an insert")?;
        connection
            .execute(AssertSqlSafe(format!("{insert} {sql} SELECT {select}")))
            .await?;
    }
    connection.execute("ANALYZE").await?;
    Ok(())
}

/// Peak resident memory of this process in MiB; 0 where the system does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
