//! A data folder with pictures whose faces are known.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use dataset::{Key, Store};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use pipeline::catalog::Catalog;
use pipeline::catalog::denied::Entry;
use pipeline::catalog::files::{self, File, Outcome};
use pipeline::catalog::images::{self, Image};
use pipeline::catalog::posts::{self, Post};
use pipeline::crop::{self, CropRequest};
use pipeline::curate::{self, CurateSettings};
use pipeline::digests::{self, Digests};
use pipeline::import::{self, ImportRequest, Kind};
use pipeline::purge::{self, Plan};
use pipeline::selection::Selection;
use pipeline::settings::CropSettings;
use pipeline::stop::Stop;
use pipeline::summary::Summary;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row};
use tempfile::TempDir;
use vision::picture::Format;

use crate::common;
use crate::model::{self, CELL, SIDE};

/// Everything a stage needs.
pub struct House {
    pub folder: TempDir,
    pub catalog: Catalog,
    pub store: Store,
    pub crop: CropSettings,
    pub curate: CurateSettings,
}

impl House {
    /// Empty, on SQLite.
    pub async fn new() -> Self {
        let (folder, catalog) = common::sqlite().await;
        Self::around(folder, catalog)
    }

    /// Empty, on PostgreSQL.
    pub async fn on_postgres() -> Self {
        Self::around(tempfile::tempdir().expect("a folder"), common::postgres().await)
    }

    fn around(folder: TempDir, catalog: Catalog) -> Self {
        let store = Store::create(&folder.path().join("store")).expect("creates");
        let detector = folder.path().join("red.onnx");
        std::fs::write(&detector, model::bytes()).expect("writes");
        let crop = CropSettings {
            detector,
            workers: 2,
            // Small pictures: what is placed at an edge is there to be refused.
            max_shift: 0.0,
            max_shrink: 0.0,
            ..CropSettings::default()
        };
        // The network looks at its own side alone, and sees a cell at a time.
        let curate = CurateSettings {
            min_second_score: 0.0,
            ..CurateSettings::default()
        };
        Self {
            folder,
            catalog,
            store,
            crop,
            curate,
        }
    }

    /// Stores bytes as the picture of a post `number` with these likes.
    pub async fn add(&self, number: i64, likes: Option<i64>, bytes: &[u8]) -> String {
        let format = Format::sniff(bytes).unwrap_or(Format::Png);
        let hash = hex::encode(Sha256::digest(bytes));
        let key = Key::image(&hash, format.extension()).expect("a hash");
        self.store.put_blocking(&key, bytes).expect("stores");
        let image = Image {
            image: hash.clone(),
            format,
            bytes: bytes.len() as i64,
            width: i64::from(SIDE),
            height: i64::from(SIDE),
            md5: format!("{number:032x}"),
            stored_at: 1_700_000_000,
        };
        let post = post(number, likes);
        let file = File::of(&post, Outcome::Stored(hash.clone()));
        let mut write = self.catalog.write().await.expect("begins");
        posts::record(&mut write, &post).await.expect("writes");
        images::record(&mut write, &image).await.expect("writes");
        files::record(&mut write, &file).await.expect("writes");
        write.commit().await.expect("commits");
        hash
    }

    /// Crops what the selection asks for, and records the verdicts.
    pub async fn crop(&self, selection: Selection) -> anyhow::Result<Summary> {
        let request = CropRequest {
            selection,
            ..CropRequest::default()
        };
        let summary = self.request(&request).await?;
        self.curate().await?;
        Ok(summary)
    }

    /// Crops what a request asks for, and gives no verdicts.
    pub async fn request(&self, request: &CropRequest) -> anyhow::Result<Summary> {
        crop::run(&self.catalog, &self.store, &self.crop, request, &Stop::never()).await
    }

    /// Takes a folder in, and gives no verdicts.
    pub async fn import(&self, request: &ImportRequest) -> anyhow::Result<Summary> {
        let (rule, limits) = (self.crop.rule(), self.crop.limits());
        import::run(&self.catalog, &self.store, rule, limits, request, &Stop::never()).await
    }

    /// Takes posts and artists out.
    pub async fn purge(&self, asked: &[Entry]) -> Plan {
        let plan = Plan::of(&self.catalog, &self.store, &self.path("manifests"), asked).await;
        let plan = plan.expect("plans");
        let purged = purge::run(&self.catalog, &self.store, self.folder.path(), &plan).await;
        purged.expect("purges");
        plan
    }

    /// Records the verdicts on all heads.
    pub async fn curate(&self) -> anyhow::Result<Summary> {
        curate::run(&self.catalog, &self.store, &self.crop, &self.curate, &Stop::never()).await
    }

    /// The digests of the settings as they are.
    pub async fn digests(&self) -> Digests {
        let digests = digests::current(&self.catalog, &self.crop, &self.curate).await;
        digests.expect("has digests")
    }

    /// The rows of a query, each as text; all columns must be texts or numbers.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        rows_of(&self.catalog, sql).await
    }

    /// All tables of crop and curate, the times left out.
    pub async fn tables(&self) -> Vec<String> {
        tables_of(&self.catalog).await
    }

    /// Accepted heads and refused ones by reason, as `word count`.
    pub async fn verdicts(&self) -> Vec<String> {
        let policy = self.curate.digest().expect("hashes");
        self.rows(&format!(
            "SELECT COALESCE(reason, 'accepted') AS word, COUNT(*) AS heads FROM verdicts WHERE policy = '{policy}' \
             GROUP BY COALESCE(reason, 'accepted') ORDER BY 1"
        ))
        .await
    }

    /// Path of a folder in the data folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A folder as the source `import:set`.
pub fn import_of(folder: impl Into<PathBuf>, kind: Kind) -> ImportRequest {
    ImportRequest {
        folder: folder.into(),
        kind,
        source: "import:set".into(),
        limit: None,
        moved: false,
    }
}

/// The program in a working directory.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command.current_dir(folder);
    command
}

/// The rows of a query, each as text; all columns must be texts or numbers.
pub async fn rows_of(catalog: &Catalog, sql: &str) -> Vec<String> {
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(catalog.pool()).await;
    let text = |row: &sqlx::any::AnyRow| -> String {
        let cells = (0..row.len()).map(|at| {
            let text = row
                .try_get::<Option<String>, _>(at)
                .map(|cell| cell.unwrap_or("-".into()));
            let number = |_| {
                let number = row.try_get::<Option<i64>, _>(at);
                number.map(|cell| cell.map_or("-".into(), |number| number.to_string()))
            };
            let real = |_| row.try_get::<f64, _>(at).map(|cell| format!("{cell:.4}"));
            text.or_else(number).or_else(real).expect("a text or a number")
        });
        cells.collect::<Vec<String>>().join(" ")
    };
    rows.expect("reads").iter().map(text).collect()
}

/// All tables of crop, curate and manifest, the times left out.
pub async fn tables_of(catalog: &Catalog) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT image, detector, outcome, reason, faces FROM detections ORDER BY image, detector",
        "SELECT image, detector, ordinal, x0, y0, x1, y1, score FROM faces ORDER BY image, detector, ordinal",
        "SELECT image, detector, ordinal, crop, head, pixels, side, native_side, inside, sharpness, \
         measures, perceptual, colour, contrast, crossings, detail FROM heads \
         ORDER BY image, detector, ordinal, crop",
        "SELECT image, detector, ordinal, crop, policy, accepted, reason, detail, kept FROM verdicts \
         ORDER BY image, detector, ordinal, crop, policy",
        "SELECT pixels, duplicate_group, reach FROM duplicate_groups ORDER BY pixels",
        "SELECT pixels, thumbnail FROM thumbnails ORDER BY pixels",
        "SELECT head, network, score FROM second_passes ORDER BY head, network",
        "SELECT head, network, vector FROM styles ORDER BY head, network",
        "SELECT head, image, x0, y0, x1, y1, decision, because FROM decisions ORDER BY head, image",
        "SELECT duplicate_group, split FROM splits ORDER BY duplicate_group",
    ] {
        all.extend(rows_of(catalog, sql).await);
    }
    all
}

/// A post of `board` by one of three artists.
pub fn post(number: i64, likes: Option<i64>) -> Post {
    Post {
        artist: Some(format!("artist{}", number % 3)),
        ..common::post(number, likes)
    }
}

/// A picture of blue and white noise of its own, with red cells: (column, row, red).
pub fn picture(seed: u32, cells: &[(u32, u32, u8)]) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let cell = cells
            .iter()
            .find(|(column, row, _)| (*column, *row) == (x / CELL, y / CELL));
        match cell {
            Some((_, _, red)) => Rgb([*red, 0, 0]),
            None => {
                let mixed = (x / 4).wrapping_mul(0x9E37_79B1)
                    ^ (y / 4).wrapping_mul(0x85EB_CA77)
                    ^ seed.wrapping_mul(0xC2B2_AE3D);
                let bit = (mixed.wrapping_mul(0x27D4_EB2F) >> 15) & 1;
                Rgb([bit as u8 * 200, bit as u8 * 200, 255])
            }
        }
    })
}

/// A picture as a PNG file.
pub fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture.clone())
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("encodes");
    bytes.into_inner()
}

/// A picture as a JPEG file.
pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture.clone())
        .write_to(&mut bytes, ImageFormat::Jpeg)
        .expect("encodes");
    bytes.into_inner()
}

/// Objects in the store below a folder.
pub async fn objects(store: &Store, prefix: &str) -> Vec<String> {
    store.list(prefix).expect("lists")
}
