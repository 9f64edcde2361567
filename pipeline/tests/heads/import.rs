use std::path::PathBuf;

use dataset::failure::{USAGE, exit_code};
use pipeline::digests;
use pipeline::import::{ImportRequest, Kind};
use pipeline::selection::Selection;
use pipeline::summary::Summary;

use crate::fixture::{House, import_of, jpeg, objects, picture, png, program};

async fn import(house: &House, request: &ImportRequest) -> anyhow::Result<Summary> {
    let summary = house.import(request).await?;
    house.curate().await?;
    Ok(summary)
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
    std::fs::write(folder.join("read me.md"), "no picture").expect("writes");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_taken_as_they_are_once_and_have_verdicts() {
    let mut house = House::new().await;
    // The noise of the test's pictures is what the filters of print and greyscale are for.
    (house.curate.max_crossings, house.curate.min_colour) = (1.0, 0.0);
    let request = import_of(folder(&house), Kind::Heads);
    let summary = import(&house, &request).await.expect("imports");
    assert_eq!((summary.done, summary.skipped, summary.failed), (5, 0, 1));
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
        "read me.md refused unknown-format",
        "small.png stored -",
    ];
    assert_eq!(posts, expected);

    let again = import(&house, &request).await.expect("has nothing to do");
    assert_eq!((again.done, again.skipped, again.failed), (0, 6, 0));
    std::fs::write(request.folder.join("read me.md"), png(&picture(9, &[]))).expect("becomes a picture");
    let again = import(&house, &request).await.expect("takes what changed");
    assert_eq!((again.done, again.skipped, again.failed), (1, 5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_heads_need_no_weights_and_are_never_cropped() {
    let mut house = House::new().await;
    house.crop.detector = house.path("no.onnx");
    import(&house, &import_of(folder(&house), Kind::Heads))
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
    let mut request = import_of(folder(&house), Kind::Heads);
    request.limit = Some(2);
    let summary = import(&house, &request).await.expect("imports");
    assert_eq!((summary.done, summary.skipped), (2, 0));
    request.limit = None;
    let summary = import(&house, &request).await.expect("imports the rest");
    assert_eq!((summary.done, summary.skipped, summary.failed), (3, 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_wait_for_the_detector() {
    let house = House::new().await;
    let folder = house.path("set");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("one.png"), png(&picture(1, &[(2, 2, 255)]))).expect("writes");
    let request = import_of(folder, Kind::Pictures);
    import(&house, &request).await.expect("imports");
    assert!(objects(&house.store, "heads").await.is_empty());
    let summary = house.crop(Selection::default()).await.expect("crops");
    assert_eq!(summary.done, 1);
    assert_eq!(house.verdicts().await, ["accepted 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_heads_or_pictures_and_an_empty_folder_is_refused() {
    let house = House::new().await;
    import(&house, &import_of(folder(&house), Kind::Heads))
        .await
        .expect("imports");
    let error = import(&house, &import_of(house.path("set"), Kind::Pictures))
        .await
        .expect_err("is refused");
    assert_eq!(exit_code(&error), USAGE);
    assert!(error.to_string().contains("was imported as heads"), "{error}");
    std::fs::create_dir(house.path("empty")).expect("a folder");
    let other = ImportRequest {
        source: "import:empty".into(),
        ..import_of(house.path("empty"), Kind::Heads)
    };
    let error = import(&house, &other).await.expect_err("is refused");
    assert_eq!(exit_code(&error), USAGE);
}

/// The program's import of a folder, from a working directory; its exit code and what it said.
fn by_program(house: &House, from: &std::path::Path, words: &[&str]) -> (Option<i32>, String) {
    let data = house.path("program");
    let settings = house.path("stages.toml");
    std::fs::write(&settings, "").expect("writes");
    let mut command = program(from);
    command.arg("--config").arg(settings).arg("--data").arg(data);
    let ended = command
        .args(["import", "--as", "heads"])
        .args(words)
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    (ended.status.code(), said.into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_folders_of_one_name_are_distinguished_and_one_folder_is_the_same_from_everywhere() {
    let house = House::new().await;
    for (place, number) in [("A", 1), ("B", 2)] {
        std::fs::create_dir_all(house.path(place).join("x")).expect("a folder");
        std::fs::write(house.path(place).join("x/1.png"), png(&picture(number, &[]))).expect("writes");
    }
    let here = house.folder.path().to_path_buf();
    let (code, said) = by_program(&house, &here, &["A/x"]);
    assert_eq!(code, Some(0), "{said}");
    // Another folder of that name, by its own name or by one that is given, is refused with the way out.
    for words in [&["B/x"][..], &["B/x", "--source", "x"]] {
        let (code, said) = by_program(&house, &here, words);
        assert_eq!(code, Some(USAGE.into()), "{said}");
        assert!(
            said.contains("A/x") && said.contains("--source NAME") && said.contains("--moved"),
            "{said}"
        );
    }
    let (code, said) = by_program(&house, &here, &["B/x", "--source", "other"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("import: 1 done"), "{said}");
    // The same folder stays the same source, however it is named.
    std::os::unix::fs::symlink(house.path("A"), house.path("link")).expect("links");
    let absolute = house.path("A/x").display().to_string();
    for (from, folder) in [
        (here.clone(), "./A/../A/x"),
        (house.path("A"), "x"),
        (house.path("B"), &absolute),
        (here.clone(), "link/x"),
    ] {
        let (code, said) = by_program(&house, &from, &[folder]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("import: 0 done, 1 already there"), "{said}");
    }
    std::fs::rename(house.path("A"), house.path("C")).expect("moves");
    assert_eq!(by_program(&house, &here, &["C/x"]).0, Some(USAGE.into()));
    let (code, said) = by_program(&house, &here, &["C/x", "--moved"]);
    assert!(code == Some(0) && said.contains("1 already there"), "{said}");
    assert_eq!(by_program(&house, &here, &["C/x"]).0, Some(0));
}

on_both!(names_that_differ_in_bytes_only_are_kept_apart);

async fn names_that_differ_in_bytes_only_are_kept_apart(house: House) {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = house.path("set");
    std::fs::create_dir_all(&folder).expect("a folder");
    let names: [&[u8]; 8] = [
        b"a.png",
        b"A.png",
        "\u{e9}.png".as_bytes(),
        "e\u{301}.png".as_bytes(),
        b"\xff.png",
        b"\xfe.png",
        b"\\xff.png",
        b"a .png",
    ];
    let write = |number: usize, name: &[u8]| {
        let path = folder.join(OsStr::from_bytes(name));
        std::fs::write(path, png(&picture(number as u32, &[]))).expect("writes");
    };
    names.iter().enumerate().for_each(|(number, name)| write(number, name));
    let request = import_of(folder.clone(), Kind::Heads);
    assert_eq!(import(&house, &request).await.expect("imports").done, 8);
    let count = house
        .rows("SELECT COUNT(DISTINCT post) AS posts, COUNT(DISTINCT image) AS images FROM files")
        .await;
    assert_eq!(count, ["8 8"]);
    assert_eq!(import(&house, &request).await.expect("has nothing to do").skipped, 8);
    // Another file under one of the names changes that one alone.
    write(20, names[4]);
    let again = import(&house, &request).await.expect("takes what changed");
    assert_eq!((again.done, again.skipped), (1, 7));
    let count = house
        .rows("SELECT COUNT(DISTINCT post) AS posts, COUNT(DISTINCT image) AS images FROM files")
        .await;
    assert_eq!(count, ["8 8"]);
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
    // A preview's end behind a picture that was cut in its scan.
    let whole = std::fs::read(made.join("420.jpg")).expect("reads");
    std::fs::write(folder.join("cut.jpg"), [&whole[..whole.len() * 2 / 3], &whole].concat()).expect("writes");
    let request = import_of(folder, Kind::Pictures);
    let summary = import(&house, &request).await.expect("imports");
    assert_eq!((summary.done, summary.failed), (7, 1));
    let refused = house
        .rows("SELECT post, reason FROM files WHERE outcome <> 'stored'")
        .await;
    assert_eq!(refused, ["cut.jpg truncated"]);
    let formats = house.rows("SELECT format FROM images ORDER BY format").await;
    assert_eq!(formats, ["avif", "bmp", "gif", "jpeg", "jxl", "tiff", "webp"]);
    let summary = house.crop(Selection::default()).await.expect("crops");
    assert_eq!((summary.done, summary.failed), (7, 0), "{summary:?}");
}
