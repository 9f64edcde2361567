//! The filter of styles with the shipped detector's layers: strangers go, hands decide, the order of
//! events does not matter, and a style is taken once.

use std::path::Path;

use image::{Rgb, RgbImage};
use pipeline::catalog::decisions::{self, Choice};
use pipeline::curate::StyleSettings;
use pipeline::selection::Selection;

use crate::curate::reason;
use crate::fixture::{House, picture, png};
use crate::model::{CELL, SIDE};

/// The settings with the shipped network.
pub fn on(max_distance: f64) -> StyleSettings {
    let defaults = StyleSettings::default();
    StyleSettings {
        max_distance,
        network: Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&defaults.network),
        ..defaults
    }
}

/// Soft bands of one colour round a red cell, unlike the noise of `picture`.
fn stranger(seed: u32) -> Vec<u8> {
    png(&RgbImage::from_fn(SIDE, SIDE, |x, y| match (x / CELL, y / CELL) {
        (2, 2) => Rgb([250 - seed as u8, 0, 0]),
        _ => {
            let wave = f64::from(x + 3 * y * (seed % 5 + 1) + seed * 7) / 9.0;
            Rgb([0, (110.0 + 100.0 * wave.sin()) as u8, (seed * 5) as u8])
        }
    }))
}

/// Heads of one kind, and the last three strangers.
fn files() -> Vec<Vec<u8>> {
    let own = (0..27).map(|seed| png(&picture(seed, &[(2, 2, 250)])));
    own.chain((1..4).map(stranger)).collect()
}

async fn strangers_are_refused_and_hands_decide(mut house: House) {
    house.curate.near_duplicate = 0;
    house.curate.min_sharpness = 0.0;
    let mut images = Vec::new();
    for (number, bytes) in (1..).zip(files()) {
        images.push(house.add(number, None, &bytes).await);
    }
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(house.verdicts().await, ["accepted 30"], "off");
    assert_eq!(house.rows("SELECT COUNT(*) FROM styles").await, ["0"]);
    let detections = house
        .rows("SELECT image, attempts, recorded_at FROM detections ORDER BY image")
        .await;

    house.curate.style = on(2.0);
    house.curate().await.expect("decides");
    assert_eq!(house.verdicts().await, ["accepted 27", "style 3"]);
    for image in &images[27..] {
        assert_eq!(reason(&house, image).await, "style");
    }
    // What is recorded is taken: at another bound nothing is looked at again.
    house
        .rows("UPDATE styles SET vector = (SELECT MIN(vector) FROM styles)")
        .await;
    house.curate.style.max_distance = 3.0;
    house.curate().await.expect("decides");
    assert_eq!(house.verdicts().await, ["accepted 30"], "all alike in the table");
    house.rows("DELETE FROM styles").await;
    house.curate.style.max_distance = 2.0;
    house.curate().await.expect("decides");
    assert_eq!(house.verdicts().await, ["accepted 27", "style 3"]);
    assert_eq!(house.rows("SELECT COUNT(*) FROM styles").await, ["30"]);
    let again = house
        .rows("SELECT image, attempts, recorded_at FROM detections ORDER BY image")
        .await;
    assert_eq!(again, detections, "nothing was detected anew");

    let head = house
        .rows(&format!("SELECT head FROM heads WHERE image = '{}'", images[28]))
        .await
        .concat();
    let mut write = house.catalog.write().await.expect("begins");
    decisions::record(&mut write, &head, Choice::Keep, "ours")
        .await
        .expect("records");
    write.commit().await.expect("commits");
    for _ in 0..2 {
        house.curate().await.expect("decides");
        assert_eq!(reason(&house, &images[28]).await, "accepted");
        assert_eq!(house.verdicts().await, ["accepted 28", "style 2"]);
    }
    let mut write = house.catalog.write().await.expect("begins");
    decisions::undo(&mut write, &head).await.expect("forgets");
    write.commit().await.expect("commits");
    house.curate().await.expect("decides");
    assert_eq!(house.verdicts().await, ["accepted 27", "style 3"]);
}

async fn wanted_heads_take_the_place_of_the_set(mut house: House) {
    house.curate.near_duplicate = 0;
    house.curate.min_sharpness = 0.0;
    for (number, bytes) in (1..).zip(files()) {
        house.add(number, None, &bytes).await;
    }
    house.crop(Selection::default()).await.expect("crops");
    house.curate.style = on(3.0);
    house.curate.style.like = house.path("wanted");
    let missing = house.curate().await.expect_err("has no folder").to_string();
    assert!(missing.contains("is no folder"), "{missing}");
    std::fs::create_dir_all(house.path("wanted/more")).expect("a folder");
    let few = house.curate().await.expect_err("has too few").to_string();
    assert!(few.contains("5 different heads"), "{few}");
    // Wanted are heads cut like those of the strangers.
    for seed in 10..20 {
        let whole = image::load_from_memory(&stranger(seed)).expect("decodes").into_rgb8();
        let head = image::imageops::crop_imm(&whole, CELL * 3 / 2, CELL * 3 / 2, CELL * 2, CELL * 2).to_image();
        let name = house.path("wanted/more").join(format!("{seed}.png"));
        head.save(name).expect("writes");
    }
    std::fs::write(house.path("wanted/notes.txt"), "no picture").expect("writes");
    house.curate().await.expect("decides");
    assert_eq!(house.verdicts().await, ["accepted 3", "style 27"]);
    let before = house.digests().await.policy;
    std::fs::rename(house.path("wanted"), house.path("moved")).expect("moves");
    house.curate.style.like = house.path("moved");
    assert_eq!(house.digests().await.policy, before, "files count by what is in them");
    std::fs::remove_file(house.path("moved/more/10.png")).expect("removes");
    assert_ne!(house.digests().await.policy, before);
}

async fn styles_are_the_same_in_any_order(at_once: House, shuffled: Vec<House>) {
    let mut files = files();
    // Copies: a stranger's, and one of our own.
    files.push(stranger(1).into_iter().collect());
    let copy = image::load_from_memory(&files[4]).expect("decodes").into_rgb8();
    files.push(crate::fixture::jpeg(&copy));
    let settle = |mut house: House| {
        house.curate.min_sharpness = 0.0;
        house.curate.style = on(2.0);
        house.curate.max_per_artist = 8;
        house
    };
    let at_once = settle(at_once);
    for (number, bytes) in (1..).zip(&files) {
        at_once.add(number, None, bytes).await;
    }
    at_once.crop(Selection::default()).await.expect("crops");
    let expected = at_once.tables().await;
    assert!(
        expected.iter().any(|row| row.contains(" style ")) && expected.iter().any(|row| row.contains("per-artist"))
    );
    for (seed, house) in (0..).zip(shuffled) {
        let house = settle(house);
        let mut order: Vec<usize> = (0..files.len()).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        for (step, number) in order.iter().enumerate() {
            house.add(*number as i64 + 1, None, &files[*number]).await;
            if step % 7 == 6 || step >= 28 {
                house.crop(Selection::default()).await.expect("crops");
            }
        }
        assert_eq!(house.tables().await, expected, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_layer_is_an_error_that_names_those_there_are() {
    let mut house = House::new().await;
    house.add(1, None, &files()[0]).await;
    house.curate.style = on(2.0);
    house.curate.style.layers = vec!["add_28".into()];
    let told = format!("{:#}", house.crop(Selection::default()).await.expect_err("refuses"));
    assert!(told.contains("no tensor `add_28`") && told.contains("add_29"), "{told}");
    house.curate.style.network = house.path("nothing.onnx");
    let told = format!("{:#}", house.curate().await.expect_err("refuses"));
    assert!(told.contains("nothing.onnx") && told.contains("curate.style"), "{told}");
}

on_both!(
    strangers_are_refused_and_hands_decide,
    wanted_heads_take_the_place_of_the_set
);

#[tokio::test(flavor = "multi_thread")]
async fn styles_are_the_same_in_any_order_on_sqlite() {
    let mut shuffled = Vec::new();
    for _ in 0..3 {
        shuffled.push(House::new().await);
    }
    styles_are_the_same_in_any_order(House::new().await, shuffled).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn styles_are_the_same_in_any_order_on_postgres() {
    let other = House::on_postgres().await;
    styles_are_the_same_in_any_order(House::on_postgres().await, vec![other]).await;
}
