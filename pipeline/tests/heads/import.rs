use std::path::PathBuf;

use dataset::failure::{USAGE, exit_code};
use pipeline::digests;
use pipeline::import::{self, ImportRequest, Kind};
use pipeline::outcome::Tally;
use pipeline::selection::Selection;
use pipeline::stop::Stop;

use crate::fixture::{House, jpeg, objects, picture, png};

fn request(folder: PathBuf, kind: Kind) -> ImportRequest {
    ImportRequest {
        folder,
        kind,
        source: "import:set".into(),
        limit: None,
    }
}

async fn import(house: &House, request: &ImportRequest) -> anyhow::Result<Tally> {
    let (rule, limits) = (house.crop.rule(), house.crop.limits());
    let stop = Stop::never();
    let tally = import::run(&house.catalog, &house.store, rule, limits, request, &stop).await?;
    house.judge().await?;
    Ok(tally)
}

/// Two good heads, one wide, a copy, a small one, and a text.
fn folder(house: &House) -> PathBuf {
    let folder = house.path("set");
    std::fs::create_dir_all(folder.join("deeper")).expect("a folder");
    let wide = image::imageops::crop_imm(&picture(2, &[]), 0, 20, 190, 100).to_image();
    let small = image::imageops::crop_imm(&picture(3, &[]), 0, 0, 40, 40).to_image();
    let first = png(&picture(1, &[]));
    std::fs::write(folder.join("b.png"), &first).expect("writes");
    std::fs::write(folder.join("a.jpg"), jpeg(&picture(4, &[]))).expect("writes");
    std::fs::write(folder.join("deeper/copy.png"), &first).expect("writes");
    std::fs::write(folder.join("deeper/wide.png"), png(&wide)).expect("writes");
    std::fs::write(folder.join("small.png"), png(&small)).expect("writes");
    std::fs::write(folder.join("read me.txt"), "no picture").expect("writes");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_taken_as_they_are_once_and_judged() {
    let mut house = House::new().await;
    // The noise of the test's pictures is what the filters of print and greyscale are for.
    (house.curate.max_crossings, house.curate.min_colour) = (1.0, 0.0);
    let request = request(folder(&house), Kind::Heads);
    let tally = import(&house, &request).await.expect("imports");
    assert_eq!((tally.done, tally.skipped, tally.failed), (5, 0, 1));
    assert_eq!(
        house.verdicts().await,
        ["accepted 3", "side 1"],
        "the copy is the same picture"
    );
    let wide =
        house.rows("SELECT x0, y0, x1, y1, side FROM faces AS a JOIN heads AS h ON h.image = a.image WHERE x0 > 0");
    assert_eq!(wide.await, ["45.0000 0.0000 145.0000 100.0000 100"]);
    let posts = house
        .rows("SELECT post, outcome, reason FROM files ORDER BY post")
        .await;
    let expected = [
        "a.jpg stored -",
        "b.png stored -",
        "deeper/copy.png stored -",
        "deeper/wide.png stored -",
        "read me.txt refused unknown-format",
        "small.png stored -",
    ];
    assert_eq!(posts, expected);

    let again = import(&house, &request).await.expect("has nothing to do");
    assert_eq!((again.done, again.skipped, again.failed), (0, 6, 0));
    std::fs::write(request.folder.join("read me.txt"), png(&picture(9, &[]))).expect("becomes a picture");
    let again = import(&house, &request).await.expect("takes what changed");
    assert_eq!((again.done, again.skipped, again.failed), (1, 5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_heads_need_no_weights_and_are_never_cropped() {
    let mut house = House::new().await;
    house.crop.detector = house.path("no.onnx");
    import(&house, &request(folder(&house), Kind::Heads))
        .await
        .expect("imports");
    let digests = digests::current(&house.catalog, &house.crop, &house.curate).await;
    assert_eq!(digests.expect("needs no weights").detector, "");
    house.crop.detector = house.path("red.onnx");
    let error = house.crop(Selection::default()).await.expect_err("selects nothing");
    assert_eq!(exit_code(&error), USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_taken_up_again_where_it_ended() {
    let house = House::new().await;
    let mut request = request(folder(&house), Kind::Heads);
    request.limit = Some(2);
    let tally = import(&house, &request).await.expect("imports");
    assert_eq!((tally.done, tally.skipped), (2, 0));
    request.limit = None;
    let tally = import(&house, &request).await.expect("imports the rest");
    assert_eq!((tally.done, tally.skipped, tally.failed), (3, 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_wait_for_the_detector() {
    let house = House::new().await;
    let folder = house.path("set");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("one.png"), png(&picture(1, &[(2, 2, 255)]))).expect("writes");
    let request = request(folder, Kind::Pictures);
    import(&house, &request).await.expect("imports");
    assert!(objects(&house.store, "heads").await.is_empty());
    let tally = house.crop(Selection::default()).await.expect("crops");
    assert_eq!(tally.done, 1);
    assert_eq!(house.verdicts().await, ["accepted 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_heads_or_pictures_and_an_empty_folder_is_refused() {
    let house = House::new().await;
    import(&house, &request(folder(&house), Kind::Heads))
        .await
        .expect("imports");
    let error = import(&house, &request(house.path("set"), Kind::Pictures))
        .await
        .expect_err("is refused");
    assert_eq!(exit_code(&error), USAGE);
    assert!(error.to_string().contains("was imported as heads"), "{error}");
    std::fs::create_dir(house.path("empty")).expect("a folder");
    let error = import(&house, &request(house.path("empty"), Kind::Heads))
        .await
        .expect_err("is refused");
    assert_eq!(exit_code(&error), USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_imported_under_any_name_and_decoded_by_the_crop() {
    let house = House::new().await;
    let folder = house.path("set");
    std::fs::create_dir(&folder).expect("a folder");
    let made = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/vision/tests/pictures/files");
    for name in [
        "ten-bits.avif",
        "lossy.jxl",
        "runs.bmp",
        "lzw.tif",
        "profile.webp",
        "plain.gif",
        "scans-restart.jpg",
    ] {
        let other = name.replace(".avif", ".jpg").replace(".jxl", ".png");
        std::fs::copy(made.join(name), folder.join(other)).expect("copies");
    }
    // A preview's end behind a picture that was cut.
    let whole = std::fs::read(made.join("420.jpg")).expect("reads");
    std::fs::write(folder.join("cut.jpg"), [&whole[..whole.len() / 2], &whole].concat()).expect("writes");
    let request = request(folder, Kind::Pictures);
    let tally = import(&house, &request).await.expect("imports");
    assert_eq!((tally.done, tally.failed), (7, 1));
    let refused = house
        .rows("SELECT post, reason FROM files WHERE outcome <> 'stored'")
        .await;
    assert_eq!(refused, ["cut.jpg truncated"]);
    let formats = house.rows("SELECT format FROM images ORDER BY format").await;
    assert_eq!(formats, ["avif", "bmp", "gif", "jpeg", "jxl", "tiff", "webp"]);
    let tally = house.crop(Selection::default()).await.expect("crops");
    assert_eq!((tally.done, tally.failed), (7, 0), "{tally:?}");
}
