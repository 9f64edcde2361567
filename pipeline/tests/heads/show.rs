//! What people and scripts look at: contact sheets and `pipeline detect`.

use std::path::Path;

use pipeline::selection::Selection;
use pipeline::sheet::{self, Args, Origin};
use pipeline::summary::Summary;

use crate::fixture::{House, picture, png, program};
use crate::model::score;

async fn draw(house: &House, args: &Args, out: &Path) -> anyhow::Result<Summary> {
    let origin = Origin {
        selection: &args.select.resolve()?,
        digests: &house.digests().await,
        rule: house.crop.rule(),
        min_score: house.curate.min_score,
        settings: pipeline::digests::described(&house.crop, &house.curate).expect("described"),
    };
    sheet::run(&house.catalog, &house.store, &origin, args, out).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sheets_show_every_verdict_and_forget_old_ones() {
    let house = House::new().await;
    let out = house.path("sheets");
    let args = Args {
        count: 50,
        ..Args::default()
    };
    let error = draw(&house, &args, &out).await;
    assert!(
        error
            .expect_err("has nothing to show")
            .to_string()
            .contains("pipeline crop")
    );
    for number in 0..3 {
        let drawn = picture(number, &[(2, 2, 255), (4, 4, 115), (0, 0, 255)]);
        house.add(i64::from(number), None, &png(&drawn)).await;
    }
    house.crop(Selection::default()).await.expect("crops");
    std::fs::create_dir_all(&out).expect("a folder");
    std::fs::write(out.join("rejected-old.png"), "old").expect("writes");
    let summary = draw(&house, &args, &out).await.expect("draws");
    assert_eq!(summary.done, 5);
    let names: Vec<String> = dataset::files::sorted_entries(&out)
        .expect("lists")
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "accepted.png",
            "borderline.png",
            "pictures.png",
            "rejected-edge.png",
            "rejected-score.png",
            "report.html"
        ]
    );
    let drawn = image::open(out.join("accepted.png")).expect("opens").into_rgb8();
    let green = drawn.pixels().filter(|pixel| pixel.0 == [40, 170, 70]).count();
    assert!(green >= 3 * 4 * 100, "three framed heads, not {green} pixels");

    let first = dataset::files::sorted_entries(&house.path("store/heads")).expect("lists");
    std::fs::remove_dir_all(&first[0]).expect("removes");
    draw(&house, &args, &out).await.expect("leaves it out");
}

#[test]
fn detect_prints_a_line_a_picture_and_needs_no_data_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("stages.toml"), "[crop]\ndetector = \"red.onnx\"\n").expect("writes");
    std::fs::write(path("red.onnx"), crate::model::bytes()).expect("writes");
    std::fs::write(
        path("a.png"),
        png(&picture(1, &[(1, 2, 255), (4, 4, 140), (0, 5, 110)])),
    )
    .expect("writes");
    std::fs::write(path("b.png"), "no picture").expect("writes");
    std::fs::write(path("c.png"), png(&picture(2, &[]))).expect("writes");
    let ended = program(folder.path())
        .args(["--config", "stages.toml", "detect", "--json", "a.png", "b.png", "c.png"])
        .env_clear()
        .output()
        .expect("runs");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{errors}");
    assert!(errors.contains("b.png: not a picture of a known format"), "{errors}");
    let output = String::from_utf8(ended.stdout).expect("is text");
    let lines: Vec<serde_json::Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).expect("is JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["file"], &lines[0]["width"]), (&"a.png".into(), &192.into()));
    let boxes = lines[0]["boxes"].as_array().expect("a list");
    let number = |index: usize, key: &str| boxes[index][key].as_f64().expect("a number");
    assert_eq!(boxes.len(), 2, "the third is below the acceptance score");
    for (index, corner, red) in [(0, [28.0, 60.0], 255), (1, [124.0, 124.0], 140)] {
        let found = ["x0", "y0", "x1", "y1"].map(|key| number(index, key));
        let expected = [corner[0], corner[1], corner[0] + 40.0, corner[1] + 40.0];
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01),
            "{found:?}"
        );
        assert!((number(index, "score") - score(red)).abs() < 1e-4);
    }
    assert_eq!(lines[1]["boxes"], serde_json::json!([]));
    assert!(!path("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_shown_beside_the_head_that_was_kept() {
    let house = House::new().await;
    for number in 0..3 {
        let mut drawn = picture(1, &[(2, 2, 255)]);
        // Inside the head: other pixels, and the same picture to the eye.
        drawn.put_pixel(45, 45, image::Rgb([number as u8 * 9, 0, 90]));
        house.add(number, None, &png(&drawn)).await;
    }
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(house.verdicts().await, ["accepted 1", "duplicate 2"]);
    let out = house.path("sheets");
    let args = Args {
        count: 50,
        ..Args::default()
    };
    draw(&house, &args, &out).await.expect("draws");
    let drawn = image::open(out.join("rejected-duplicate.png"))
        .expect("opens")
        .into_rgb8();
    let framed = |colour: [u8; 3]| drawn.pixels().filter(|pixel| pixel.0 == colour).count();
    let (green, red) = (framed([40, 170, 70]), framed([215, 50, 50]));
    // A frame of two pixels round 144.
    assert_eq!((green, red), (2 * 4 * 2 * 142, 2 * 4 * 2 * 142));
    let report = std::fs::read_to_string(out.join("report.html")).expect("reads");
    // In the gallery of duplicates, and in that of the bound.
    assert_eq!(report.matches("the head that was kept in its place").count(), 2 * 2);
}
