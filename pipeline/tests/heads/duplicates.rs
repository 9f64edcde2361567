//! Near-duplicates among imported heads: which copies are found, which heads are kept apart, and which of a
//! group stays. The heads are drawn.

use drawing::{Settings, draw};
use image::{RgbImage, imageops};
use pipeline::curate::CurateSettings;
use pipeline::import::{ImportRequest, Kind};

use crate::fixture::{House, import_of, png};

/// Heads of different drawings.
fn heads(count: usize) -> Vec<RgbImage> {
    let settings = Settings { side: 700 };
    let heads = (0..).filter_map(|seed| {
        let drawing = draw(seed, &settings);
        let [left, top, right, bottom] = *drawing.faces.first()?;
        let side = (((right - left) * (bottom - top)).sqrt() * 1.8) as u32;
        let x = ((left + right) as u32 / 2).checked_sub(side / 2)?;
        let y = ((top + bottom) as u32 / 2).checked_sub(side * 58 / 100)?;
        let fits = x + side <= drawing.image.width() && y + side <= drawing.image.height() && side >= 96;
        fits.then(|| imageops::crop_imm(&drawing.image, x, y, side, side).to_image())
    });
    heads.take(count).collect()
}

fn grey(head: &RgbImage) -> RgbImage {
    let mut copy = head.clone();
    for pixel in copy.pixels_mut() {
        let [red, green, blue] = pixel.0.map(f32::from);
        pixel.0 = [(0.299 * red + 0.587 * green + 0.114 * blue).round() as u8; 3];
    }
    copy
}

fn brighter(head: &RgbImage) -> RgbImage {
    let mut copy = head.clone();
    // A cast of a float ends at the bounds of the whole number.
    copy.iter_mut().for_each(|part| *part = (f32::from(*part) * 1.3) as u8);
    copy
}

fn cut(head: &RgbImage) -> RgbImage {
    let (side, edge) = (head.width(), head.width() / 20);
    imageops::crop_imm(head, edge, edge, side - 2 * edge, side - 2 * edge).to_image()
}

fn corner(head: &RgbImage) -> RgbImage {
    let side = head.width() * 4 / 5;
    imageops::crop_imm(head, 0, 0, side, side).to_image()
}

fn framed(head: &RgbImage) -> RgbImage {
    let edge = head.width() / 12;
    let mut copy = RgbImage::from_pixel(head.width() + 2 * edge, head.width() + 2 * edge, image::Rgb([255; 3]));
    imageops::replace(&mut copy, head, edge.into(), edge.into());
    copy
}

fn with_bar(head: &RgbImage) -> RgbImage {
    let (mut copy, side) = (head.clone(), head.width());
    let text = |x: u32, y: u32| if (x / 3 + y / 5).is_multiple_of(3) { 250 } else { 5 };
    for (x, y) in (side * 85 / 100..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
        copy.put_pixel(x, y, image::Rgb([text(x, y); 3]));
    }
    copy
}

fn turned(head: &RgbImage) -> RgbImage {
    let middle = (head.width() - 1) as f32 / 2.0;
    let (sine, cosine) = 10_f32.to_radians().sin_cos();
    RgbImage::from_fn(head.width(), head.height(), |x, y| {
        let (x, y) = (x as f32 - middle, y as f32 - middle);
        let (x, y) = (middle + cosine * x + sine * y, middle - sine * x + cosine * y);
        imageops::interpolate_bilinear(head, x, y).unwrap_or(image::Rgb([0; 3]))
    })
}

/// Imports files as heads, all at once or one after the other, and gives how many are refused as duplicates.
async fn refused(house: &mut House, name: &str, files: &[(String, Vec<u8>)], one_by_one: bool) -> usize {
    house.curate = CurateSettings {
        min_second_score: 0.0,
        min_sharpness: 0.0,
        min_colour: 0.0,
        min_contrast: 0.0,
        max_crossings: 1.0,
        ..CurateSettings::default()
    };
    let folder = house.path(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let request = ImportRequest {
        source: format!("import:{name}"),
        ..import_of(&folder, Kind::Heads)
    };
    for (at, (name, bytes)) in files.iter().enumerate() {
        std::fs::write(folder.join(name), bytes).expect("writes");
        if one_by_one || at + 1 == files.len() {
            house.import(&request).await.expect("imports");
            house.curate().await.expect("decides");
        }
    }
    let policy = house.curate.digest().expect("hashes");
    let sql = format!("SELECT image FROM verdicts WHERE policy = '{policy}' AND reason = 'duplicate'");
    house.rows(&sql).await.len()
}

fn files(heads: &[RgbImage], what: &str) -> Vec<(String, Vec<u8>)> {
    let file = |(at, head): (usize, &RgbImage)| (format!("{at}-{what}.png"), png(head));
    heads.iter().enumerate().map(file).collect()
}

async fn different_heads_are_kept_apart_in_colour_and_in_grey(mut house: House) {
    let heads = heads(40);
    assert_eq!(refused(&mut house, "colour", &files(&heads, "colour"), false).await, 0);
    let grey: Vec<RgbImage> = heads.iter().map(grey).collect();
    // Each is the copy of the one in colour, and of no other.
    assert_eq!(
        refused(&mut house, "grey", &files(&grey, "grey"), false).await,
        heads.len()
    );
    let groups = "SELECT COUNT(*) FROM duplicate_groups GROUP BY duplicate_group HAVING COUNT(*) > 2";
    assert!(house.rows(groups).await.is_empty());
}

async fn copies_are_found_however_they_were_altered(mut house: House) {
    let heads = heads(12);
    let mut all = files(&heads, "original");
    refused(&mut house, "set", &all, false).await;
    type Alter = fn(&RgbImage) -> RgbImage;
    let ways: [(&str, Alter); 8] = [
        ("grey", grey),
        ("brighter", brighter),
        ("cut", cut),
        ("corner", corner),
        ("framed", framed),
        ("with a bar", with_bar),
        ("turned", turned),
        ("mirrored", imageops::flip_horizontal),
    ];
    let mut before = 0;
    for (what, alter) in ways {
        let copies: Vec<RgbImage> = heads.iter().map(alter).collect();
        all.extend(files(&copies, what));
        let now = refused(&mut house, "set", &files(&copies, what), false).await;
        assert!(
            now - before >= heads.len() - 1,
            "{what}: {} of {}",
            now - before,
            heads.len()
        );
        before = now;
    }
    // One file after the other, in another order, the tables end the same.
    let mut other = House::new().await;
    let mut some: Vec<_> = all
        .iter()
        .filter(|(name, _)| name.starts_with("1-") || name.starts_with("2-"))
        .cloned()
        .collect();
    let few = refused(&mut other, "set", &some, false).await;
    let expected = other
        .rows("SELECT pixels, duplicate_group FROM duplicate_groups ORDER BY pixels")
        .await;
    let mut third = House::new().await;
    fastrand::Rng::with_seed(5).shuffle(&mut some);
    assert_eq!(refused(&mut third, "set", &some, true).await, few);
    assert_eq!(
        third
            .rows("SELECT pixels, duplicate_group FROM duplicate_groups ORDER BY pixels")
            .await,
        expected
    );
}

async fn the_original_stays_beside_worse_copies(mut house: House) {
    let heads = heads(10);
    let mut all = files(&heads, "original");
    let enlarged = |head: &RgbImage| {
        let side = 2 * head.width();
        imageops::resize(head, side, side, imageops::FilterType::CatmullRom)
    };
    let reduced =
        |head: &RgbImage| imageops::resize(head, head.width() / 3, head.width() / 3, imageops::FilterType::Triangle);
    for (at, head) in heads.iter().enumerate() {
        let mut saved = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut saved, 40);
        head.write_with_encoder(encoder).expect("encodes");
        all.push((format!("{at}-saved.jpg"), saved));
        all.push((format!("{at}-blurred.png"), png(&imageops::blur(head, 1.5))));
        all.push((format!("{at}-enlarged.png"), png(&enlarged(head))));
        all.push((format!("{at}-reduced.png"), png(&reduced(head))));
    }
    refused(&mut house, "set", &all, false).await;
    let policy = house.curate.digest().expect("hashes");
    let sql = format!(
        "SELECT f.post FROM verdicts AS v JOIN files AS f ON f.image = v.image WHERE v.policy = '{policy}' \
         AND v.accepted = 1 ORDER BY f.post"
    );
    let accepted = house.rows(&sql).await;
    let originals = accepted.iter().filter(|post| post.contains("original")).count();
    assert!(originals >= heads.len() - 1, "{accepted:?}");
}

on_both!(
    different_heads_are_kept_apart_in_colour_and_in_grey,
    copies_are_found_however_they_were_altered,
    the_original_stays_beside_worse_copies
);
