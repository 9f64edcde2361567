//! A frozen manifest over drawn shapes, and the program as a process.

use std::path::Path;
use std::process::Command;

use dataset::manifest::ManifestBody;
use dataset::{Key, Manifest, ManifestRow, Split, Store};
use image::{ImageFormat, Rgb, RgbImage};
use sha2::{Digest, Sha256};

/// Freezes heads as the manifest `name` under `data`, every one for training.
pub fn freeze(data: &Path, name: &str, heads: impl Iterator<Item = RgbImage>) {
    freeze_splits(data, name, heads.map(|head| (head, Split::Train)));
}

/// Freezes heads of both splits.
pub fn freeze_splits(data: &Path, name: &str, heads: impl Iterator<Item = (RgbImage, Split)>) {
    freeze_changed(data, name, ManifestBody::default(), heads, |_| ());
}

/// Freezes heads under a body of their own, each row as `change` leaves it.
pub fn freeze_changed(
    data: &Path,
    name: &str,
    body: ManifestBody,
    heads: impl Iterator<Item = (RgbImage, Split)>,
    change: impl Fn(&mut ManifestRow),
) {
    let store = Store::create(&data.join("store")).expect("a store");
    let rows = heads.enumerate().map(|(number, (head, split))| {
        let mut png = std::io::Cursor::new(Vec::new());
        head.write_to(&mut png, ImageFormat::Png).expect("encodes");
        let png = png.into_inner();
        let hash = hex::encode(Sha256::digest(&png));
        store
            .put_blocking(&Key::head(&hash).expect("a hash"), png)
            .expect("writes");
        let mut row = ManifestRow {
            pixels: dataset::manifest::pixel_hash(&head),
            split,
            ..row(&format!("{number:06}"), &hash, i64::from(head.width()))
        };
        change(&mut row);
        row
    });
    let rows = rows.collect();
    let manifest = Manifest::new(name, body, rows).expect("a manifest");
    manifest.write(&data.join("manifests")).expect("writes");
}

/// Discs of several colours and places: a set that a tiny network can train on.
pub fn discs(count: u32) -> impl Iterator<Item = RgbImage> {
    (0..count).map(|number| {
        let (x0, y0) = (6.0 + (number % 5) as f32, 6.0 + (number % 3) as f32);
        RgbImage::from_fn(16, 16, |x, y| {
            let inside = (x as f32 - x0).hypot(y as f32 - y0) < 5.0;
            match inside {
                true => Rgb([200, (number * 7 % 256) as u8, 90]),
                false => Rgb([30, 40, (number * 13 % 256) as u8]),
            }
        })
    })
}

/// The program, with its settings file and data folder.
pub fn trainer(data: &Path) -> Command {
    let config = data.join("stages.toml");
    if !config.exists() {
        std::fs::write(&config, "").expect("writes");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.arg("--config").arg(config).arg("--data").arg(data);
    command
}

fn row(post: &str, head: &str, side: i64) -> ManifestRow {
    ManifestRow {
        source: "import:test".into(),
        post: post.into(),
        page: 0,
        ordinal: 0,
        artist: None,
        page_url: None,
        source_url: None,
        rating: "unknown".into(),
        tags: String::new(),
        likes: None,
        views: None,
        created_at: 0,
        image: head.into(),
        image_width: side,
        image_height: side,
        detector: "given".into(),
        x0: 0.0,
        y0: 0.0,
        x1: 1.0,
        y1: 1.0,
        score: 1.0,
        head: head.into(),
        pixels: head.into(),
        side,
        sharpness: 100.0,
        duplicate_group: head.into(),
        split: Split::Train,
        perceptual: None,
    }
}
