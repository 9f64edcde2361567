//! What the tests of manifests begin with.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::{Manifest, ManifestBody, pixel_hash, row};
use crate::keys::{Key, sha256};
use crate::store::Store;

/// A store with heads of as many shades and the manifest `v1` over them.
pub fn frozen(folder: &Path, count: u8) -> (Store, Manifest) {
    let store = Store::create(&folder.join("store")).expect("creates");
    let rows = (0..count).map(|shade| {
        let mut png = std::io::Cursor::new(Vec::new());
        let head = RgbImage::from_pixel(4, 4, image::Rgb([shade, 7, 9]));
        head.write_to(&mut png, image::ImageFormat::Png).expect("encodes");
        let png = png.into_inner();
        let mut row = row::sample(&shade.to_string(), 'a');
        row.head = sha256(&png);
        row.pixels = pixel_hash(&head);
        let key = Key::head(&row.head).expect("a hash");
        store.put_blocking(&key, png).expect("writes");
        row
    });
    let manifest = Manifest::new("v1", ManifestBody::default(), rows.collect()).expect("is a manifest");
    manifest.write(&folder.join("manifests")).expect("writes");
    (store, manifest)
}

/// The file of an object.
pub fn path_of(store: &Store, key: &Key) -> PathBuf {
    store.path_of(key).expect("a store in a folder")
}
