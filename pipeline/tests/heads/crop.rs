use dataset::failure::{USAGE, exit_code};
use pipeline::crop::CropRequest;
use pipeline::selection::Selection;
use pipeline::summary::Summary;

use crate::fixture::{House, jpeg, objects, picture, png};
use crate::model::{CELL, FACE, score};

const OUTCOMES: &str = "SELECT outcome, reason, faces, attempts, COUNT(*) AS pictures FROM detections \
                        GROUP BY outcome, reason, faces, attempts ORDER BY 1, 2, 3, 4";

fn likes(least: i64) -> Selection {
    Selection {
        min_likes: Some(least),
        ..Selection::default()
    }
}

/// Two good faces, a weak one, and one cut by the edge; nothing; and three files that are no pictures.
async fn fill(house: &House) -> [String; 5] {
    let faces = picture(1, &[(1, 1, 255), (4, 3, 200), (1, 4, 110)]);
    let whole = house.add(1, Some(900), &png(&faces)).await;
    let empty = house.add(2, Some(800), &jpeg(&picture(2, &[]))).await;
    let corner = house.add(3, Some(20), &png(&picture(3, &[(0, 0, 255)]))).await;
    let bytes = png(&picture(4, &[(2, 2, 255)]));
    let truncated = house.add(4, Some(700), &bytes[..bytes.len() - 20]).await;
    let garbage = house.add(5, Some(600), b"<html>busy</html>").await;
    [whole, empty, corner, truncated, garbage]
}

async fn every_picture_gets_an_outcome_once(house: House) {
    let [whole, ..] = fill(&house).await;
    let summary = house.crop(likes(500)).await.expect("crops");
    assert_eq!((summary.done, summary.skipped, summary.failed), (2, 0, 2));
    let expected = [
        "found - 3 1 1",
        "nothing - 0 1 1",
        "refused truncated 0 1 1",
        "refused unknown-format 0 1 1",
    ];
    assert_eq!(house.rows(OUTCOMES).await, expected);
    let boxes = house
        .rows(&format!(
            "SELECT x0, y0, x1, score FROM faces WHERE image = '{whole}' ORDER BY ordinal"
        ))
        .await;
    let centre = |cell: u32| f64::from(cell * CELL + CELL / 2);
    let half = f64::from(FACE) / 2.0;
    let line = |column: u32, row: u32, red: u8| {
        let (x, y) = (centre(column), centre(row));
        format!("{:.4} {:.4} {:.4} {:.4}", x - half, y - half, x + half, score(red))
    };
    assert_eq!(boxes, [line(1, 1, 255), line(4, 3, 200), line(1, 4, 110)]);
    assert_eq!(house.verdicts().await, ["accepted 2", "score 1"]);

    let again = house.crop(likes(500)).await.expect("has nothing to do");
    assert_eq!((again.done, again.skipped, again.failed), (0, 4, 0));
    let lower = house.crop(likes(10)).await.expect("picks up what was below");
    assert_eq!((lower.done, lower.skipped, lower.failed), (1, 4, 0));
    assert_eq!(house.verdicts().await, ["accepted 2", "edge 1", "score 1"]);
}

async fn missing_bytes_are_an_item_failure_that_is_tried_again(house: House) {
    let [whole, empty, ..] = fill(&house).await;
    let path = house
        .store
        .path_of(&dataset::Key::image(&whole, "png").expect("a hash"))
        .expect("a folder");
    let bytes = std::fs::read(&path).expect("reads");
    std::fs::remove_file(&path).expect("removes");
    let summary = house.crop(likes(800)).await.expect("goes on");
    assert_eq!((summary.done, summary.failed), (1, 1));
    assert!(
        house
            .rows(OUTCOMES)
            .await
            .contains(&"failed missing-bytes 0 1 1".to_string())
    );
    assert!(
        house.rows(OUTCOMES).await.contains(&"nothing - 0 1 1".to_string()),
        "{empty}"
    );
    std::fs::write(&path, bytes).expect("restores");
    let summary = house.crop(likes(800)).await.expect("tries again");
    assert_eq!((summary.done, summary.skipped, summary.failed), (1, 1, 0));
    assert!(house.rows(OUTCOMES).await.contains(&"found - 3 2 1".to_string()));
}

async fn what_is_too_large_is_refused_from_its_header_alone(mut house: House) {
    // A PNG that claims 20,000 x 20,000 pixels: 1.2 GB, were it decoded.
    let mut bomb = png(&picture(1, &[]));
    bomb[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&20_000_u32.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    house.add(1, Some(900), &bomb).await;
    // 16 bits with alpha: some 15 bytes a pixel on the way to RGB.
    let side = 1000;
    let deep = image::DynamicImage::from(image::ImageBuffer::from_pixel(side, side, image::Rgba([9_u16; 4])));
    let mut bytes = std::io::Cursor::new(Vec::new());
    deep.write_to(&mut bytes, image::ImageFormat::Png).expect("encodes");
    house.add(2, Some(900), bytes.get_ref()).await;
    house.add(3, Some(900), &png(&picture(2, &[(1, 1, 255)]))).await;
    house.crop.memory_megabytes = 10;
    let summary = house.crop(Selection::default()).await.expect("crops");
    assert_eq!((summary.done, summary.failed), (1, 2));
    let said = house
        .rows("SELECT reason, detail FROM detections WHERE outcome = 'refused' ORDER BY detail")
        .await;
    assert_eq!(
        said,
        [
            "too-large too large: 20000 x 20000 pixels",
            "too-large too large: decoding 1000 x 1000 pixels takes 15 MB, more than [crop] memory_megabytes allows",
        ]
    );
}

/// Rows that each step has recorded so far, of all digests: detections, heads, verdicts, and head files.
async fn recorded(house: &House) -> [String; 4] {
    let count = async |table: &str| house.rows(&format!("SELECT COUNT(*) FROM {table}")).await.concat();
    let files = objects(&house.store, "heads").await.len().to_string();
    [
        count("detections").await,
        count("heads").await,
        count("verdicts").await,
        files,
    ]
}

async fn each_digest_asks_for_its_own_step_alone(mut house: House) {
    fill(&house).await;
    house.crop(likes(500)).await.expect("crops");
    let (detections, first) = (house.rows(OUTCOMES).await, house.digests().await);
    assert_eq!(recorded(&house).await, ["4", "3", "3", "3"]);

    // The policy: every head gets its verdict anew, and nothing else changes.
    house.curate.min_score = 0.999;
    let decided = house.curate().await.expect("decides");
    assert_eq!(decided.done, 3);
    assert_eq!(house.verdicts().await, ["accepted 1", "score 2"]);
    assert_eq!(recorded(&house).await, ["4", "3", "6", "3"]);
    let second = house.digests().await;
    assert_ne!(second.policy, first.policy);
    assert_eq!((&second.detector, &second.crop), (&first.detector, &first.crop));
    let nothing = house.crop(likes(500)).await.expect("has nothing to do");
    assert_eq!((nothing.done, nothing.skipped), (0, 4));

    // The crop rule: heads are cut anew and get their verdicts, from the faces that are known.
    house.crop.margin = 1.5;
    let summary = house.crop(likes(500)).await.expect("cuts anew");
    assert_eq!((summary.done, summary.skipped, summary.failed), (1, 3, 0));
    assert_eq!(house.rows(OUTCOMES).await, detections, "no new detection");
    assert_eq!(recorded(&house).await, ["4", "6", "9", "6"]);
    let third = house.digests().await;
    assert_ne!(third.crop, second.crop);
    assert_eq!((&third.detector, &third.policy), (&second.detector, &second.policy));

    // The detector: all pictures are looked at anew. The same boxes give the same head files.
    house.crop.nms = 0.5;
    let summary = house.crop(likes(500)).await.expect("detects anew");
    assert_eq!((summary.done, summary.skipped, summary.failed), (2, 0, 2));
    assert_eq!(recorded(&house).await, ["8", "9", "12", "6"]);
    let fourth = house.digests().await;
    assert_ne!(fourth.detector, third.detector);
    assert_eq!((&fourth.crop, &fourth.policy), (&third.crop, &third.policy));

    // Back to the first settings nothing is left to do: nothing was overwritten.
    (house.crop.nms, house.crop.margin, house.curate.min_score) = (0.4, 2.0, 0.5);
    let summary = house.crop(likes(500)).await.expect("has nothing to do");
    assert_eq!((summary.done, summary.skipped), (0, 4));
    assert_eq!(house.curate().await.expect("has nothing to do").done, 0);
    assert_eq!(recorded(&house).await, ["8", "9", "12", "6"]);
    assert_eq!(house.verdicts().await, ["accepted 2", "score 1"]);
}

async fn originals_go_once_their_heads_are_cut_and_are_counted_where_they_are_missed(mut house: House) {
    let [whole, ..] = fill(&house).await;
    let crop = async |house: &House, least: i64| {
        let request = CropRequest {
            selection: likes(least),
            drop_originals: true,
            ..CropRequest::default()
        };
        house.request(&request).await.expect("crops")
    };
    let count = |summary: &Summary, label: &str| summary.lines.iter().find(|line| line.0 == label).map(|line| line.1);
    let summary = crop(&house, 800).await;
    assert_eq!(
        (summary.done, count(&summary, "originals dropped")),
        (2, Some(2)),
        "{summary:?}"
    );
    assert_eq!(
        objects(&house.store, "images").await.len(),
        3,
        "others are not looked at yet"
    );
    let heads = objects(&house.store, "heads").await;
    let again = crop(&house, 800).await;
    assert_eq!(
        (again.done, again.skipped, count(&again, "originals dropped")),
        (0, 2, Some(0))
    );

    // A run that was cut short between the mark and the bytes is taken up.
    let key = dataset::Key::image(&whole, "png").expect("a hash");
    house.store.put_blocking(&key, b"bytes").expect("writes");
    house
        .rows(&format!("UPDATE images SET dropped_at = 0 WHERE image = '{whole}'"))
        .await;
    crop(&house, 800).await;
    assert_eq!(objects(&house.store, "images").await.len(), 3);
    assert_eq!(
        house.rows("SELECT COUNT(*) FROM images WHERE dropped_at > 0").await,
        ["2"]
    );

    house.crop.nms = 0.5;
    let summary = crop(&house, 800).await;
    assert_eq!(
        (
            summary.done,
            summary.failed,
            count(&summary, "dropped pictures that cannot be looked at again")
        ),
        (0, 0, Some(2))
    );
    assert_eq!(objects(&house.store, "heads").await, heads);
}

async fn the_best_of_equal_heads_does_not_depend_on_the_order(first: House, second: House) {
    // The same cell in the same surroundings, and different pictures by a far corner.
    let mut pictures: Vec<Vec<u8>> = Vec::new();
    for corner in 0..4 {
        let mut drawn = picture(7, &[(1, 1, 255)]);
        drawn.put_pixel(191, 191, image::Rgb([corner, 0, 90]));
        pictures.push(png(&drawn));
    }
    for (number, bytes) in pictures.iter().enumerate() {
        first.add(number as i64, Some(1), bytes).await;
    }
    first.crop(Selection::default()).await.expect("crops");
    for (number, bytes) in pictures.iter().enumerate().rev() {
        second.add(number as i64, Some(1), bytes).await;
        second
            .crop(Selection::default())
            .await
            .expect("crops one after the other");
    }
    assert_eq!(first.verdicts().await, ["accepted 1", "duplicate 3"]);
    assert_eq!(first.tables().await, second.tables().await);
}

async fn an_empty_selection_names_the_threshold_that_gives_something(house: House) {
    let said = |error: anyhow::Error| {
        assert_eq!(exit_code(&error), USAGE);
        error.to_string()
    };
    let error = said(house.crop(likes(1)).await.expect_err("has nothing"));
    assert!(error.contains("pipeline crawl"), "{error}");
    fill(&house).await;
    let error = said(house.crop(likes(1000)).await.expect_err("selects nothing"));
    assert!(
        error.contains("highest of 5 is 900: --min-likes 20 would give 5"),
        "{error}"
    );
    let other = Selection {
        source: Some("elsewhere".into()),
        ..likes(10)
    };
    let error = said(house.crop(other).await.expect_err("selects nothing"));
    assert!(
        error.contains("none of the 5 stored pictures passes the filters (source=elsewhere)"),
        "{error}"
    );
    house.add(6, None, &png(&picture(6, &[]))).await;
    let unliked = Selection {
        since: Some(1_600_000_006),
        ..likes(10)
    };
    let error = said(house.crop(unliked).await.expect_err("selects nothing"));
    assert!(error.contains("leave --min-likes out"), "{error}");
}

on_both!(
    every_picture_gets_an_outcome_once,
    missing_bytes_are_an_item_failure_that_is_tried_again,
    what_is_too_large_is_refused_from_its_header_alone,
    each_digest_asks_for_its_own_step_alone,
    originals_go_once_their_heads_are_cut_and_are_counted_where_they_are_missed,
    an_empty_selection_names_the_threshold_that_gives_something
);

#[tokio::test(flavor = "multi_thread")]
async fn the_best_of_equal_heads_does_not_depend_on_the_order_on_sqlite() {
    the_best_of_equal_heads_does_not_depend_on_the_order(House::new().await, House::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn the_best_of_equal_heads_does_not_depend_on_the_order_on_postgres() {
    let (first, second) = (House::on_postgres().await, House::on_postgres().await);
    the_best_of_equal_heads_does_not_depend_on_the_order(first, second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_store_and_missing_weights_stop_the_run() {
    let mut house = House::new().await;
    fill(&house).await;
    std::fs::rename(house.path("store"), house.path("elsewhere")).expect("vanishes");
    let error = house.crop(Selection::default()).await.expect_err("stops").to_string();
    assert!(error.contains("vanished"), "{error}");
    assert!(house.rows("SELECT * FROM detections").await.is_empty());
    house.crop.detector = house.path("no.onnx");
    let error = house.crop(Selection::default()).await.expect_err("stops").to_string();
    assert!(error.contains("no.onnx"), "{error}");
    house.crop.detector = house.path("corrupt.onnx");
    std::fs::write(&house.crop.detector, b"no model").expect("writes");
    let error = house.crop(Selection::default()).await.expect_err("stops").to_string();
    assert!(error.contains("not a usable YOLO detector"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_at_the_edge_moves_or_shrinks_as_far_as_it_may() {
    let mut house = House::new().await;
    house.curate.min_side = 32;
    // A face that the upper edge cuts off.
    house.add(1, None, &png(&picture(1, &[(2, 0, 255)]))).await;
    let inside = "SELECT side, inside FROM heads ORDER BY recorded_at, inside";
    (house.crop.max_shift, house.crop.max_shrink) = (0.0, 0.0);
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(house.verdicts().await, ["edge 1"]);
    assert_eq!(house.rows(inside).await, ["76 0.6579"]);
    // Another rule cuts other heads from the faces that are known.
    (house.crop.max_shift, house.crop.max_shrink) = (0.25, 0.5);
    let summary = house.crop(Selection::default()).await.expect("cuts anew");
    assert_eq!(summary.done, 1);
    assert_eq!(house.verdicts().await, ["accepted 1", "edge 1"]);
    let rows = house.rows(inside).await;
    assert!(rows.iter().any(|row| row == "54 1.0000"), "{rows:?}");
    // Back under the first rule, nothing is cut again.
    (house.crop.max_shift, house.crop.max_shrink) = (0.0, 0.0);
    assert_eq!(house.crop(Selection::default()).await.expect("is done").done, 0);
}
