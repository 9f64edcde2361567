//! Every reason with a head that was found and cut for it; verdicts about sets in any order of events;
//! what a changed setting does again, and what it does not.

use image::{Rgb, RgbImage, imageops};
use pipeline::catalog::posts;
use pipeline::catalog::verdicts::{DUPLICATE, PER_PICTURE};
use pipeline::curate::{BY_HAND, CurateSettings, REASONS};
use pipeline::selection::Selection;

use crate::fixture::{House, jpeg, picture, png, post, tables_of};
use crate::manifest::freeze;
use crate::model::{CELL, SIDE};

/// The reason of the verdict on the best face of a picture, `accepted` where there is none.
pub async fn reason(house: &House, image: &str) -> String {
    let digests = house.digests().await;
    let sql = format!(
        "SELECT COALESCE(reason, 'accepted') FROM verdicts WHERE image = '{image}' AND ordinal = 0 \
         AND policy = '{}' AND crop = '{}' AND detector = '{}'",
        digests.policy, digests.crop, digests.detector
    );
    house.rows(&sql).await.concat()
}

/// The red cell in the middle, round it what `draw` says.
fn around(draw: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    png(&RgbImage::from_fn(SIDE, SIDE, |x, y| match (x / CELL, y / CELL) {
        (2, 2) => Rgb([255, 0, 0]),
        _ => Rgb(draw(x, y)),
    }))
}

type Tweak = fn(&mut CurateSettings);

async fn every_reason_has_a_head_that_was_found(mut house: House) {
    let one = |seed: u32, cells: &[(u32, u32, u8)]| png(&picture(seed, cells));
    let soft = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let far = f64::from((x as i32 - 80).pow(2) + (y as i32 - 80).pow(2));
        Rgb([(255.0 * (-far / 3000.0).exp()) as u8, 0, 0])
    });
    let tint = RgbImage::from_fn(SIDE, SIDE, |x, y| match (x / CELL, y / CELL) {
        (2, 2) => Rgb([255 - (x % 8) as u8 * 4, 0, 0]),
        _ => Rgb([(x / 4 * 37 + y / 4 * 91) as u8 % 120, 0, 0]),
    });
    let surface = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        Rgb([if (x / CELL, y / CELL) == (2, 2) { 255 } else { 250 }, 0, 0])
    });
    let print = around(|x, y| {
        if (x / 3 + y / 3) % 2 == 0 {
            [250, 250, 250]
        } else {
            [0, 0, 90]
        }
    });
    let none: Tweak = |_| {};
    let cases: [(&str, Vec<u8>, Tweak); 13] = [
        ("score", one(1, &[(2, 2, 115)]), none),
        ("side", one(2, &[(2, 2, 255)]), |settings| settings.min_side = 100),
        ("aspect", one(3, &[(0, 2, 255)]), |settings| settings.max_aspect = 1.05),
        ("edge", one(4, &[(0, 0, 255)]), none),
        ("flat", png(&surface), none),
        ("blurred", png(&soft), none),
        ("grey", png(&tint), none),
        ("text", print, none),
        ("two-heads", one(5, &[(2, 2, 255), (3, 2, 250)]), none),
        ("ai-made", one(6, &[(2, 2, 255)]), none),
        ("rating", one(7, &[(2, 2, 255)]), |settings| {
            settings.ratings = vec!["sensitive".into()]
        }),
        ("no-face", one(8, &[(2, 2, 255)]), |settings| {
            settings.min_second_score = 0.2
        }),
        ("per-artist", one(9, &[(2, 2, 240)]), |settings| {
            settings.max_per_artist = 1
        }),
    ];
    // Those of the tests below and in `hand.rs`; style wants a network of features.
    let elsewhere = [BY_HAND, DUPLICATE, PER_PICTURE, "style"];
    let here = |reason: &str| cases.iter().any(|case| case.0 == reason);
    assert!(REASONS.iter().all(|reason| elsewhere.contains(reason) || here(reason)));
    let mut images = Vec::new();
    for (number, (_, bytes, _)) in (1..).zip(&cases) {
        images.push(house.add(number, None, bytes).await);
    }
    // Better than the last, and by the same artist.
    house.add(16, None, &one(16, &[(2, 2, 255)])).await;
    // The tenth: posts 1, 4, 7, 10 and 13 are by artist1.
    let made = posts::Post {
        ai_made: Some(true),
        ..post(10, None)
    };
    let mut write = house.catalog.write().await.expect("begins");
    posts::record(&mut write, &made).await.expect("writes");
    write.commit().await.expect("commits");
    house.crop(Selection::default()).await.expect("crops");
    let before = house.rows("SELECT * FROM faces").await.len();
    let defaults = house.curate.clone();
    for ((expected, _, tweak), image) in cases.iter().zip(&images) {
        house.curate = defaults.clone();
        tweak(&mut house.curate);
        house.curate().await.expect("decides");
        assert_eq!(reason(&house, image).await, *expected);
    }
    assert_eq!(
        house.rows("SELECT * FROM faces").await.len(),
        before,
        "nothing was detected anew"
    );
}

async fn of_one_picture_the_best_heads_stay(mut house: House) {
    let cells = [(1, 1, 255), (4, 1, 220), (1, 4, 200), (4, 4, 180)];
    let image = house.add(1, None, &png(&picture(1, &cells))).await;
    house.curate.max_per_picture = 2;
    house.curate.near_duplicate = 0;
    house.crop(Selection::default()).await.expect("crops");
    let sql = format!("SELECT ordinal, COALESCE(reason, 'accepted') FROM verdicts WHERE image = '{image}' ORDER BY 1");
    assert_eq!(
        house.rows(&sql).await,
        ["0 accepted", "1 accepted", "2 per-picture", "3 per-picture"]
    );
}

/// Three drawings, each as PNG, as JPEG and brightened.
fn copies() -> Vec<Vec<u8>> {
    let of = |seed: u32| {
        let drawn = picture(seed, &[(2, 2, 250)]);
        let mut bright = drawn.clone();
        for pixel in bright.pixels_mut() {
            pixel[0] = pixel[0].saturating_add(5);
        }
        [png(&drawn), jpeg(&drawn), png(&bright)]
    };
    (1..4).flat_map(of).collect()
}

async fn near_duplicates_are_the_same_in_any_order(at_once: House, mut shuffled: Vec<House>) {
    let files = copies();
    for (number, bytes) in (1..).zip(&files) {
        at_once.add(number, None, bytes).await;
    }
    at_once.crop(Selection::default()).await.expect("crops");
    assert_eq!(at_once.verdicts().await, ["accepted 3", "duplicate 6"]);
    let expected = at_once.tables().await;
    for (seed, house) in (0..).zip(&mut shuffled) {
        let mut order: Vec<usize> = (0..files.len()).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        for (step, number) in order.iter().enumerate() {
            house.add(*number as i64 + 1, None, &files[*number]).await;
            if step % 2 == seed as usize % 2 {
                house.crop(Selection::default()).await.expect("crops");
            }
        }
        // By way of another distance, too.
        house.curate.near_duplicate = 0;
        house.crop(Selection::default()).await.expect("decides");
        house.curate.near_duplicate = CurateSettings::default().near_duplicate;
        house.crop(Selection::default()).await.expect("decides");
        let policy = house.curate.digest().expect("hashes");
        let mut tables = house.tables().await;
        tables.retain(|row| !(row.contains(" given ") || row.len() > 200) || row.contains(&policy) || !is_verdict(row));
        assert_eq!(tables, expected, "seed {seed}");
    }
}

/// A row of verdicts names four digests beside a number.
fn is_verdict(row: &str) -> bool {
    let digests = row.split(' ').filter(|word| word.len() == 64);
    digests.count() >= 4 && !row.contains(" 1.0000 ")
}

async fn older_heads_are_measured_from_their_files(house: House) {
    for (number, bytes) in (1..).zip(copies()) {
        house.add(number, None, &bytes).await;
    }
    house.crop(Selection::default()).await.expect("crops");
    let expected = tables_of(&house.catalog).await;
    let detections = house
        .rows("SELECT image, attempts, recorded_at FROM detections ORDER BY image")
        .await;
    for sql in [
        "UPDATE heads SET measures = 0, perceptual = '', colour = 0, contrast = 0, crossings = 0, detail = 0",
        "DELETE FROM thumbnails",
        "DELETE FROM duplicate_groups",
        "DELETE FROM verdicts",
    ] {
        house.rows(sql).await;
    }
    let summary = house.curate().await.expect("measures");
    assert_eq!((summary.done, summary.failed), (9, 0));
    assert_eq!(tables_of(&house.catalog).await, expected);
    let again = house
        .rows("SELECT image, attempts, recorded_at FROM detections ORDER BY image")
        .await;
    assert_eq!(again, detections, "nothing was detected anew");
}

async fn what_posts_say_later_counts_as_if_they_had_said_it_first(house: House) {
    let bytes = png(&picture(1, &[(2, 2, 255)]));
    let image = house.add(1, None, &bytes).await;
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(reason(&house, &image).await, "accepted");
    for (tags, expected) in [(" ai-generated smile ", "ai-made"), (" smile ", "accepted")] {
        let told = posts::Post {
            tags: tags.into(),
            ..post(1, None)
        };
        let mut write = house.catalog.write().await.expect("begins");
        posts::record(&mut write, &told).await.expect("writes");
        write.commit().await.expect("commits");
        house.curate().await.expect("decides");
        assert_eq!(reason(&house, &image).await, expected);
    }
}

async fn a_second_score_is_taken_once(mut house: House) {
    house.curate.min_second_score = 0.2;
    let image = house.add(1, None, &png(&picture(1, &[(2, 2, 255)]))).await;
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(reason(&house, &image).await, "no-face");
    house.rows("UPDATE second_passes SET score = 0.9").await;
    house.curate.min_second_score = 0.3;
    house.curate().await.expect("decides");
    assert_eq!(
        reason(&house, &image).await,
        "accepted",
        "what is recorded is not taken again"
    );
    house.crop.margin = 1.8;
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(
        house.rows("SELECT COUNT(*) FROM second_passes").await,
        ["2"],
        "another head"
    );
}

async fn the_younger_of_joined_splits_leaves(mut house: House) {
    house.curate.near_duplicate = 0;
    for seed in 1..9 {
        let drawn = picture(seed, &[(2, 2, 250)]);
        let mut second = drawn.clone();
        imageops::replace(&mut second, &RgbImage::from_pixel(3, 3, Rgb([100, 100, 255])), 52, 88);
        house.add(i64::from(seed), None, &png(&drawn)).await;
        house.add(i64::from(seed) + 100, None, &png(&second)).await;
    }
    house.crop(Selection::default()).await.expect("crops");
    let first = freeze(&house, Some("v1"), &Selection::default())
        .await
        .expect("freezes");
    assert_eq!(first.manifest.rows.len(), 16);
    house.curate.near_duplicate = CurateSettings::default().near_duplicate;
    house.curate().await.expect("decides");
    let second = freeze(&house, Some("v2"), &Selection::default())
        .await
        .expect("freezes");
    let rows = &second.manifest.rows;
    assert_eq!(rows.len(), 8, "one of each pair");
    let split =
        |rows: &[dataset::ManifestRow], post: &str| rows.iter().find(|row| row.post == post).map(|row| row.split);
    let mut straddling = 0;
    for seed in 1..9 {
        let (older, younger) = (seed.to_string(), (seed + 100).to_string());
        let before = split(&first.manifest.rows, &older);
        let straddles = before != split(&first.manifest.rows, &younger);
        straddling += u64::from(straddles);
        let now = split(rows, &older).or(split(rows, &younger));
        assert_eq!(now, before, "the group has the split of its oldest head");
        assert!(
            !straddles || split(rows, &younger).is_none(),
            "{younger} would change its split"
        );
    }
    assert!(straddling > 0, "some pair was drawn apart");
    let told = second
        .manifest
        .body
        .funnel
        .iter()
        .find(|step| step.step == "refused: straddles");
    assert_eq!(told.map(|step| step.count), Some(straddling));
}

on_both!(
    every_reason_has_a_head_that_was_found,
    of_one_picture_the_best_heads_stay,
    older_heads_are_measured_from_their_files,
    what_posts_say_later_counts_as_if_they_had_said_it_first,
    a_second_score_is_taken_once,
    the_younger_of_joined_splits_leaves
);

#[tokio::test(flavor = "multi_thread")]
async fn near_duplicates_are_the_same_in_any_order_on_sqlite() {
    let mut shuffled = Vec::new();
    for _ in 0..6 {
        shuffled.push(House::new().await);
    }
    near_duplicates_are_the_same_in_any_order(House::new().await, shuffled).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn near_duplicates_are_the_same_in_any_order_on_postgres() {
    let shuffled = vec![House::on_postgres().await, House::on_postgres().await];
    near_duplicates_are_the_same_in_any_order(House::on_postgres().await, shuffled).await;
}
