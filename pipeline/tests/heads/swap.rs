//! Heads over faces, by the program.

use std::path::Path;
use std::process::Output;

use image::{Rgb, RgbImage};

use crate::fixture::{House, picture, program};
use crate::model::SIDE;

/// A folder with a picture of two faces (centres 48, 48 and 144, 112; the first is surer) and two heads in which
/// the network sees no face: they are squares, whose faces are where the rule puts them.
async fn furnished() -> House {
    let house = House::new().await;
    let settings = "[crop]\ndetector = \"red.onnx\"\n";
    std::fs::write(house.path("stages.toml"), settings).expect("writes");
    let drawn = picture(3, &[(1, 1, 255), (4, 3, 220)]);
    drawn.save(house.path("two.png")).expect("writes");
    picture(4, &[]).save(house.path("none.png")).expect("writes");
    std::fs::create_dir(house.path("heads")).expect("a folder");
    for (name, colour) in [("blue", [0, 40, 250]), ("green", [10, 240, 20])] {
        let head = RgbImage::from_fn(80, 80, |x, y| match (x / 8 + y / 8) % 2 {
            0 => Rgb(colour),
            _ => Rgb(colour.map(|level: u8| level / 2)),
        });
        head.save(house.path(&format!("heads/{name}.png"))).expect("writes");
    }
    house
}

fn swap(house: &House, words: &[&str]) -> Output {
    let mut command = program(house.folder.path());
    command.arg("swap").args(words).output().expect("runs")
}

fn refused(house: &House, words: &[&str], code: i32) -> String {
    let ended = swap(house, words);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(code), "{words:?}: {said}");
    said
}

fn open(path: &Path) -> RgbImage {
    image::open(path).expect("opens").to_rgb8()
}

/// The channel that is strongest in the middle of each face.
fn colours(drawn: &RgbImage) -> [usize; 2] {
    [(48, 48), (144, 112)].map(|(x, y)| {
        let pixel = drawn.get_pixel(x, y);
        (0..3).max_by_key(|channel| pixel[*channel]).expect("three channels")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_face_gets_a_head_of_its_own_and_the_rest_stays() {
    let house = furnished().await;
    let before = open(&house.path("two.png"));
    assert_eq!(colours(&before), [0, 0]);
    let words = ["two.png", "--head", "heads", "--out", "out.png"];
    let ended = swap(&house, &words);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(
        said.contains("face 1: heads/") && said.contains("face 2: heads/"),
        "{said}"
    );
    let drawn = open(&house.path("out.png"));
    let mut of_faces = colours(&drawn);
    of_faces.sort_unstable();
    assert_eq!(of_faces, [1, 2], "a green and a blue one");
    for (x, y) in [(0, 0), (SIDE - 1, 0), (0, SIDE - 1), (SIDE - 1, SIDE - 1), (96, 10)] {
        assert_eq!(drawn.get_pixel(x, y), before.get_pixel(x, y), "{x} {y}");
    }
    // The same again, in a file that is replaced when that is asked for.
    let bytes = std::fs::read(house.path("out.png")).expect("reads");
    assert!(refused(&house, &words, 2).contains("--overwrite"));
    assert!(swap(&house, &[&words[..], &["--overwrite"]].concat()).status.success());
    assert_eq!(std::fs::read(house.path("out.png")).expect("reads"), bytes);
    // One face alone, by one head, as JPEG.
    let ended = swap(
        &house,
        &[
            "two.png",
            "--head",
            "heads/green.png",
            "--face",
            "2",
            "--out",
            "one.jpg",
        ],
    );
    assert!(ended.status.success());
    assert_eq!(colours(&open(&house.path("one.jpg"))), [0, 1]);
    assert_eq!(
        dataset::files::sorted_entries(house.folder.path())
            .expect("lists")
            .iter()
            .filter(|path| path.display().to_string().contains(".part"))
            .count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_told_with_the_way_out() {
    let house = furnished().await;
    std::fs::create_dir(house.path("empty")).expect("a folder");
    std::fs::write(house.path("text.png"), "no picture").expect("writes");
    let head = ["--head", "heads", "--out", "out.png"];
    let with = |first: &'static str, rest: &[&'static str]| [&[first], rest].concat();
    assert!(refused(&house, &with("none.png", &head), 2).contains("no face"));
    assert!(
        refused(
            &house,
            &with("two.png", &["--head", "heads", "--out", "o.png", "--face", "3"]),
            2
        )
        .contains("2 face(s)")
    );
    assert!(
        refused(
            &house,
            &with(
                "two.png",
                &["--head", "heads", "--out", "o.png", "--min-score", "0.99999"]
            ),
            2
        )
        .contains("--min-score")
    );
    assert!(refused(&house, &with("text.png", &head), 1).contains("cannot read text.png"));
    assert!(refused(&house, &with("missing.png", &head), 1).contains("cannot read missing.png"));
    assert!(refused(&house, &with("two.png", &["--head", "empty", "--out", "o.png"]), 2).contains("holds no head"));
    assert!(
        refused(&house, &with("two.png", &["--head", "text.png", "--out", "o.png"]), 1)
            .contains("cannot read text.png")
    );
    assert!(refused(&house, &with("two.png", &["--head", "heads", "--out", "o.gif"]), 2).contains(".png or .jpg"));
    assert!(!house.path("out.png").exists() && !house.path("o.png").exists());
}
