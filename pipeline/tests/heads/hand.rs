//! Decisions by hand go before every filter, and last.

use dataset::failure::{USAGE, exit_code};
use pipeline::catalog::decisions::Choice;
use pipeline::catalog::denied::Entry;
use pipeline::curate::hand::{Args, decide};
use pipeline::selection::Selection;

use crate::curate::reason;
use crate::fixture::{House, picture, png};
use crate::manifest::freeze;

fn args(heads: &[&str]) -> Args {
    Args {
        heads: heads.iter().map(|head| head.to_string()).collect(),
        ..Args::default()
    }
}

async fn head_of(house: &House, image: &str) -> String {
    let crop = house.crop.crop_digest();
    let sql = format!("SELECT MIN(head) FROM heads WHERE image = '{image}' AND ordinal = 0 AND crop = '{crop}'");
    house.rows(&sql).await.concat()
}

async fn a_decision_overrides_and_lasts(mut house: House) {
    let good = house.add(1, None, &png(&picture(1, &[(2, 2, 255)]))).await;
    let weak = house.add(2, None, &png(&picture(2, &[(2, 2, 115)]))).await;
    house.crop(Selection::default()).await.expect("crops");
    let untouched = house.tables().await;
    let (good_head, weak_head) = (head_of(&house, &good).await, head_of(&house, &weak).await);
    let because = Args {
        because: "a cat".into(),
        ..args(&[&good_head[..10]])
    };
    decide(&house.catalog, Choice::Reject, &because).await.expect("decides");
    decide(&house.catalog, Choice::Keep, &args(&[&weak_head[..10]]))
        .await
        .expect("decides");
    house.curate().await.expect("decides");
    let decided = async |house: &House| (reason(house, &good).await, reason(house, &weak).await);
    let expected = ("by-hand".to_string(), "accepted".to_string());
    assert_eq!(decided(&house).await, expected);
    let details = house.rows("SELECT detail FROM verdicts ORDER BY detail").await;
    assert_eq!(details, ["kept by hand", "refused by hand: a cat"]);

    house.curate.min_score = 0.999;
    house.curate.max_per_artist = 1;
    house.curate().await.expect("decides");
    assert_eq!(decided(&house).await, expected, "under another policy");
    // So much narrower that they are no copies of the heads before.
    house.crop.margin = 1.0;
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(decided(&house).await, expected, "cut anew");
    house.crop.nms = 0.5;
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(decided(&house).await, expected, "found by another detector");

    let mut undo = args(&[&good_head, &weak_head]);
    undo.undo = true;
    assert_eq!(decide(&house.catalog, Choice::Keep, &undo).await.expect("forgets"), 2);
    (house.crop.margin, house.crop.nms) = (2.0, 0.4);
    (house.curate.min_score, house.curate.max_per_artist) = (0.5, 0);
    house.curate().await.expect("decides");
    let left = house.tables().await;
    for row in &untouched {
        assert!(left.contains(row), "{row}");
    }
}

async fn a_kept_duplicate_is_the_best_of_its_group(house: House) {
    let drawn = picture(7, &[(1, 1, 255)]);
    let mut images = Vec::new();
    for number in 0..3_u8 {
        let mut copy = drawn.clone();
        // Within the head, so that the heads are three files.
        copy.put_pixel(70, 70, image::Rgb([number, 0, 90]));
        images.push(house.add(number.into(), None, &png(&copy)).await);
    }
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(house.verdicts().await, ["accepted 1", "duplicate 2"]);
    let mut duplicates = Vec::new();
    for image in &images {
        if reason(&house, image).await == "duplicate" {
            duplicates.push(image);
        }
    }
    let kept = head_of(&house, duplicates[1]).await;
    decide(&house.catalog, Choice::Keep, &args(&[&kept]))
        .await
        .expect("decides");
    house.curate().await.expect("decides");
    assert_eq!(house.verdicts().await, ["accepted 1", "duplicate 2"]);
    assert_eq!(reason(&house, duplicates[1]).await, "accepted");
    let better = house
        .rows("SELECT DISTINCT detail FROM verdicts WHERE reason = 'duplicate'")
        .await;
    assert_eq!(better, std::slice::from_ref(&kept), "the detail names the better one");
    let frozen = freeze(&house, Some("v1"), &Selection::default())
        .await
        .expect("freezes");
    let heads: Vec<&str> = frozen.manifest.rows.iter().map(|row| row.head.as_str()).collect();
    assert_eq!(heads, [kept.as_str()]);
}

async fn an_id_must_name_one_head(house: House) {
    for number in 0..20 {
        house
            .add(number, None, &png(&picture(number as u32, &[(2, 2, 255)])))
            .await;
    }
    house.crop(Selection::default()).await.expect("crops");
    let refused = async |id: &str, undo: bool| {
        let args = Args { undo, ..args(&[id]) };
        let error = decide(&house.catalog, Choice::Reject, &args)
            .await
            .expect_err("is refused");
        assert_eq!(exit_code(&error), USAGE);
        error.to_string()
    };
    assert!(refused("xyz", false).await.contains("is no ID"));
    assert!(refused(&"0".repeat(60), false).await.contains("no head's hash begins"));
    let heads = house.rows("SELECT DISTINCT head FROM heads ORDER BY head").await;
    let shared = heads
        .windows(2)
        .find(|pair| pair[0][..1] == pair[1][..1])
        .expect("20 heads and 16 digits");
    assert!(refused(&shared[0][..1], false).await.contains("fits several heads"));
    assert!(refused(&heads[0], true).await.contains("nothing was decided"));
    assert!(house.rows("SELECT * FROM decisions").await.is_empty());
}

async fn a_purge_takes_the_decisions_too(house: House) {
    let image = house.add(1, None, &png(&picture(1, &[(2, 2, 255)]))).await;
    house.add(2, None, &png(&picture(2, &[(2, 2, 255)]))).await;
    house.crop(Selection::default()).await.expect("crops");
    let head = head_of(&house, &image).await;
    decide(&house.catalog, Choice::Keep, &args(&[&head]))
        .await
        .expect("decides");
    house.curate().await.expect("decides");
    house.purge(&[Entry::post("board", "1")]).await;
    let left = house.tables().await.join("\n");
    assert!(!left.contains(&head) && !left.contains(&image), "{left}");
}

on_both!(
    a_decision_overrides_and_lasts,
    a_kept_duplicate_is_the_best_of_its_group,
    an_id_must_name_one_head,
    a_purge_takes_the_decisions_too
);
