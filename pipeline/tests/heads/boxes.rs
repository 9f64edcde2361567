//! Boxes by hand: cut at once, judged as others, and known to every detector that comes later.

use dataset::Key;
use dataset::failure::{USAGE, exit_code};
use pipeline::catalog::boxes::{self, Boxes, Edges};
use pipeline::catalog::decisions::Choice;
use pipeline::catalog::denied::Entry;
use pipeline::crop::by_hand::{self, Change};
use pipeline::curate::hand;
use pipeline::export::{self, Args, Sidecar};
use pipeline::import::Kind;
use pipeline::selection::{Selection, SelectionArgs};
use pipeline::stop::Stop;

use crate::fixture::{House, import_of, picture, png};
use crate::manifest::freeze;

/// The box of the strong face, and that of the weak one a little off.
const STRONG: Edges = [60.0, 60.0, 100.0, 100.0];
const WEAK_MOVED: Edges = [126.0, 125.0, 166.0, 165.5];

/// A picture with a face in the middle and a weak one (a score of .27) at the right, cropped.
async fn furnished(house: &House) -> String {
    let drawn = picture(1, &[(2, 2, 255), (4, 4, 115)]);
    let image = house.add(1, Some(10), &png(&drawn)).await;
    house.crop(Selection::default()).await.expect("crops");
    image
}

async fn change(house: &House, image: &str, boxes: Boxes) -> anyhow::Result<Boxes> {
    let before = boxes::of(house.catalog.pool(), image).await.expect("reads");
    by_hand::record(
        &house.catalog,
        &house.store,
        &house.crop,
        image,
        Change { before, boxes },
    )
    .await
}

/// Verdicts under the current settings, as `detector word`; digests are `detector`.
async fn verdicts(house: &House) -> Vec<String> {
    let digests = house.digests().await;
    let sql = format!(
        "SELECT CASE WHEN detector = '{}' THEN 'detector' ELSE detector END, COALESCE(reason, 'accepted') \
         FROM verdicts WHERE policy = '{}' AND crop = '{}' AND detector IN ('hand', '{}') ORDER BY 1, 2",
        digests.detector, digests.policy, digests.crop, digests.detector
    );
    house.rows(&sql).await
}

on_both!(a_made_box_is_judged_as_others_and_a_deleted_one_is_gone);

async fn a_made_box_is_judged_as_others_and_a_deleted_one_is_gone(mut house: House) {
    let image = furnished(&house).await;
    assert_eq!(verdicts(&house).await, ["detector accepted", "detector score"]);
    freeze(&house, Some("v1"), &Selection::default())
        .await
        .expect("freezes");
    let boxes = Boxes {
        made: vec![WEAK_MOVED],
        deleted: vec![STRONG],
        checked: None,
    };
    assert_eq!(change(&house, &image, boxes.clone()).await.expect("records"), boxes);
    assert_eq!(verdicts(&house).await, [""; 0], "all heads of the picture wait");
    house.curate().await.expect("decides");
    assert_eq!(verdicts(&house).await, ["hand accepted"]);
    let version = freeze(&house, Some("v2"), &Selection::default())
        .await
        .expect("freezes");
    let row = &version.manifest.rows[0];
    assert_eq!((version.manifest.rows.len(), row.detector.as_str()), (1, "hand"));
    assert_eq!([row.x0, row.y0, row.x1, row.y1], WEAK_MOVED);
    assert_eq!(version.manifest.body.detectors, ["hand"]);
    let steps: Vec<String> = version
        .manifest
        .body
        .funnel
        .iter()
        .map(|step| format!("{} {}", step.step, step.count))
        .collect();
    assert!(steps.contains(&"heads 1".to_string()), "{steps:?}");
    assert!(
        version.manifest.body.statistics.score.is_empty(),
        "a hand gives no score"
    );
    let first = dataset::Manifest::load(&house.path("manifests/v1")).expect("loads");
    assert_eq!(
        first.rows[0].detector,
        house.digests().await.detector,
        "an earlier version keeps its head"
    );
    let key = Key::head(&first.rows[0].head).expect("a hash");
    assert!(house.store.holds(&key, None).expect("looks"));

    // No bound of a score refuses it, another bound does, and a hand goes before all.
    house.curate.min_score = 0.9999;
    house.curate().await.expect("decides");
    assert_eq!(verdicts(&house).await, ["hand accepted"]);
    house.curate.min_side = 90;
    house.curate().await.expect("decides");
    assert_eq!(verdicts(&house).await, ["hand side"]);
    let keep = hand::Args {
        heads: vec![row.head.clone()],
        ..hand::Args::default()
    };
    hand::decide(&house.catalog, Choice::Keep, &keep)
        .await
        .expect("decides");
    house.curate().await.expect("decides");
    assert_eq!(verdicts(&house).await, ["hand accepted"]);
    house.curate.min_score = 0.5;
    house.curate.min_side = 64;

    // Another detector finds both faces again: the deleted one stays away, the moved one is there once.
    house.crop.nms = 0.5;
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(verdicts(&house).await, ["hand accepted"]);
    let rows = freeze(&house, Some("v3"), &Selection::default())
        .await
        .expect("freezes")
        .manifest
        .rows;
    assert_eq!(rows.iter().map(|row| &row.detector).collect::<Vec<_>>(), ["hand"]);

    // Another rule cuts it anew, also where the detector has nothing to do.
    house.crop.margin = 1.7;
    let summary = house.crop(Selection::default()).await.expect("crops");
    assert_eq!(summary.done, 1, "{summary:?}");
    assert_eq!(verdicts(&house).await, ["hand accepted"]);
    let again = house.crop(Selection::default()).await.expect("crops");
    assert_eq!(again.done, 0, "{again:?}");

    // Taken back, all is as it was; a purge leaves nothing.
    change(&house, &image, Boxes::default()).await.expect("records");
    house.curate().await.expect("decides");
    // What was kept by hand is the same face.
    assert_eq!(verdicts(&house).await, ["detector accepted"; 2]);
    change(&house, &image, boxes).await.expect("records");
    house.purge(&[Entry::post("board", "1")]).await;
    for table in ["faces", "heads", "detections", "verdicts"] {
        let left = house
            .rows(&format!("SELECT COUNT(*) FROM {table} WHERE image = '{image}'"))
            .await;
        assert_eq!(left, ["0"], "{table}");
    }
    assert_eq!(crate::fixture::objects(&house.store, "heads").await, [""; 0]);
}

on_both!(a_box_keeps_its_number_and_no_other_gets_it);

async fn a_box_keeps_its_number_and_no_other_gets_it(house: House) {
    let image = furnished(&house).await;
    let made = |list: &[Edges]| Boxes {
        made: list.to_vec(),
        ..Boxes::default()
    };
    let (one, two) = ([100.0, 20.0, 150.0, 70.0], [20.0, 100.0, 70.25, 150.0]);
    let numbers = "SELECT ordinal, x0 FROM faces WHERE detector = 'hand' ORDER BY ordinal";
    change(&house, &image, made(&[one])).await.expect("records");
    change(&house, &image, made(&[two, one])).await.expect("records");
    assert_eq!(house.rows(numbers).await, ["0 100.0000", "1 20.0000"]);
    change(&house, &image, made(&[two])).await.expect("records");
    change(&house, &image, made(&[two, one])).await.expect("records");
    assert_eq!(house.rows(numbers).await, ["1 20.0000", "2 100.0000"]);
    // A box of a picture that was checked, and a picture without a face.
    let checked = Boxes {
        checked: Some(vec![]),
        ..made(&[two])
    };
    change(&house, &image, checked.clone()).await.expect("records");
    assert_eq!(boxes::of(house.catalog.pool(), &image).await.expect("reads"), checked);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_told_with_the_way_out() {
    let house = House::new().await;
    let image = furnished(&house).await;
    let refused = async |image: &str, edges: Edges| {
        let boxes = Boxes {
            made: vec![edges],
            ..Boxes::default()
        };
        let error = change(&house, image, boxes).await.expect_err("is refused");
        assert_eq!(exit_code(&error), USAGE, "{error:#}");
        format!("{error:#}")
    };
    refused("../x", STRONG).await;
    assert!(refused(&"0".repeat(64), STRONG).await.contains("there is no picture"));
    assert!(refused(&image, [200.0, 10.0, 240.0, 50.0]).await.contains("192 x 192"));
    // Another tab was first.
    let stale = Change {
        before: Boxes {
            deleted: vec![STRONG],
            ..Boxes::default()
        },
        boxes: Boxes::default(),
    };
    let error = by_hand::record(&house.catalog, &house.store, &house.crop, &image, stale).await;
    let error = error.expect_err("is refused").to_string();
    assert!(error.contains("open it again"), "{error}");
    // A head that was imported has no boxes, a picture that was dropped gives no head.
    let folder = house.path("heads-given");
    std::fs::create_dir(&folder).expect("a folder");
    picture(7, &[]).save(folder.join("head.png")).expect("writes");
    house.import(&import_of(&folder, Kind::Heads)).await.expect("imports");
    let given = house
        .rows("SELECT image FROM detections WHERE detector = 'given'")
        .await;
    assert!(refused(&given[0], STRONG).await.contains("imported as a head"));
    house.rows("UPDATE images SET dropped_at = 1").await;
    assert!(refused(&image, STRONG).await.contains("dropped from the store"));
    let deleted = Boxes {
        deleted: vec![STRONG],
        ..Boxes::default()
    };
    change(&house, &image, deleted).await.expect("needs no bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn checked_pictures_are_exported_with_a_table_of_their_faces() {
    let house = House::new().await;
    let image = furnished(&house).await;
    let empty = house.add(2, Some(20), &png(&picture(2, &[]))).await;
    let unseen = house.add(3, Some(30), &png(&picture(3, &[(1, 1, 255)]))).await;
    house.crop(Selection::default()).await.expect("crops");
    let folder = house.path("export");
    let args = Args {
        dir: folder.clone(),
        sidecars: vec![Sidecar::None],
        underscores: false,
        link: false,
        overwrite: false,
        boxes: true,
        limit: None,
        select: SelectionArgs::default(),
    };
    let export = async || {
        export::run(
            &house.catalog,
            &house.store,
            &Selection::default(),
            &args,
            &Stop::never(),
        )
        .await
    };
    let error = export().await.expect_err("nothing is checked");
    assert_eq!(exit_code(&error), USAGE);
    assert!(error.to_string().contains("press c"), "{error}");

    let boxes = Boxes {
        made: vec![WEAK_MOVED],
        deleted: Vec::new(),
        checked: Some(vec![STRONG, WEAK_MOVED]),
    };
    change(&house, &image, boxes).await.expect("records");
    let nothing = Boxes {
        checked: Some(Vec::new()),
        ..Boxes::default()
    };
    change(&house, &empty, nothing).await.expect("records");
    let summary = export().await.expect("exports");
    assert_eq!(summary.done, 2, "{summary:?}");
    let table = std::fs::read_to_string(folder.join("boxes.csv")).expect("reads");
    let mut lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.remove(0), "file,x0,y0,x1,y1");
    lines.sort_unstable();
    let mut expected = [
        format!("{empty}.png,,,,"),
        format!("{image}.png,126,125,166,165.5"),
        format!("{image}.png,60,60,100,100"),
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert!(folder.join(format!("{image}.png")).exists() && !folder.join(format!("{unseen}.png")).exists());

    // What a later detector sees changes nothing of what a hand found right.
    let mut later = house;
    later.crop.nms = 0.5;
    later.crop(Selection::default()).await.expect("crops");
    let again = export::run(
        &later.catalog,
        &later.store,
        &Selection::default(),
        &args,
        &Stop::never(),
    )
    .await;
    assert_eq!(again.expect("exports").done, 0);
    assert_eq!(std::fs::read_to_string(folder.join("boxes.csv")).expect("reads"), table);
}
