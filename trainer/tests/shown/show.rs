//! `trainer sample`, `progress`, `walk`, `complete` and `card`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Rgb, RgbImage};

use super::fixture::{SIDE, detector, done, trained};

fn picture(path: &Path) -> RgbImage {
    let picture = image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    picture.into_rgb8()
}

fn frames<'a>(decoder: impl AnimationDecoder<'a>) -> Vec<RgbImage> {
    let frames = decoder.into_frames().collect_frames().expect("decodes");
    let pictures = frames
        .into_iter()
        .map(|frame| image::DynamicImage::ImageRgba8(frame.into_buffer()).into_rgb8());
    pictures.collect()
}

fn difference(one: &RgbImage, other: &RgbImage) -> u64 {
    let pairs = one.as_raw().iter().zip(other.as_raw());
    pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
}

#[test]
fn the_ranks_choose_among_the_same_heads() {
    let data = trained();
    let settings = format!("[eval]\ndetector = {:?}\n", detector());
    std::fs::write(data.path().join("stages.toml"), settings).expect("writes");
    let kept = |rank: &str, more: &[&str]| -> BTreeSet<Vec<u8>> {
        let out = data.path().join(rank);
        let shown = out.to_string_lossy();
        let mut args = vec![
            "sample", "a", "--count", "24", "--keep", "6", "--each", "--rank", rank, "--out", &shown,
        ];
        args.extend(more);
        let said = done(data.path(), &args);
        assert!(said.contains("kept 6 of 24"), "{said}");
        assert!(
            rank == "d" || said.contains("a face is found in 0 % of the kept"),
            "{said}"
        );
        let head = |number| std::fs::read(out.join(format!("head-{number:04}.png"))).expect("a head");
        (1..=6).map(head).collect()
    };
    let (d, detector, both) = (kept("d", &[]), kept("detector", &[]), kept("both", &["--labels"]));
    // None of these heads has a face, and the discriminator decides.
    assert_eq!(detector, d);
    assert_eq!(both, d);
    let labelled = picture(&data.path().join("both/grid.png"));
    let plain = picture(&data.path().join("d/grid.png"));
    assert_eq!(plain.dimensions(), (3 * (SIDE + 2) + 2, 2 * (SIDE + 2) + 2));
    assert!(labelled.height() > plain.height());
    assert_ne!(kept("d", &["--truncation", ".5"]), d);
    assert_eq!(kept("d", &["--gap", "9", "--columns", "2"]), d);
    assert_eq!(
        picture(&data.path().join("d/grid.png")).dimensions(),
        (2 * (SIDE + 9) + 9, 3 * (SIDE + 9) + 9)
    );
}

#[test]
fn batch_norms_are_recalibrated_to_the_same_bits_by_one_thread_and_by_two() {
    let data = trained();
    let buffers = data.path().join("runs/a/ema_buffers.safetensors");
    let out = data.path().join("sampled");
    let shown = out.to_string_lossy();
    let recalibrated = |threads: &str| {
        std::fs::remove_file(&buffers).expect("is there");
        let flags = ["--count", "2", "--keep", "2", "--rank", "d", "--threads", threads];
        done(data.path(), &[&["sample", "a", "--out", &shown], &flags[..]].concat());
        std::fs::read(&buffers).expect("is written")
    };
    assert!(recalibrated("1") == recalibrated("2"));
}

#[test]
fn progress_shows_every_epoch_as_gif_or_webp() {
    let data = trained();
    done(data.path(), &["progress", "a"]);
    let gif = File::open(data.path().join("runs/a/progress.gif")).expect("a gif");
    assert_eq!(frames(GifDecoder::new(BufReader::new(gif)).expect("is one")).len(), 2);
    let out = data.path().join("progress.webp");
    done(data.path(), &["progress", "a", "--out", &out.to_string_lossy()]);
    let webp = BufReader::new(File::open(&out).expect("a webp"));
    let shown = frames(WebPDecoder::new(webp).expect("is one"));
    let last = picture(&data.path().join("runs/a/grids/epoch-0002.png"));
    let top = image::imageops::crop_imm(&shown[1], 0, 0, last.width(), last.height()).to_image();
    assert_eq!(top, last);
}

#[test]
fn a_walk_passes_the_heads_named_and_closes() {
    let data = trained();
    let (out, grid) = (data.path().join("walk.webp"), data.path().join("sampled"));
    let (walk, sampled) = (out.to_string_lossy(), grid.to_string_lossy());
    let flags = ["--heads", "3,7,1", "--steps", "8", "--seed", "4", "--side", "64"];
    done(data.path(), &[&["walk", "a", "--out", &walk], &flags[..]].concat());
    let shown = frames(WebPDecoder::new(BufReader::new(File::open(&out).expect("a webp"))).expect("is one"));
    assert_eq!(shown.len(), 24);
    let flags = ["--count", "8", "--keep", "8", "--seed", "4", "--each"];
    done(data.path(), &[&["sample", "a", "--out", &sampled], &flags[..]].concat());
    let heads: Vec<RgbImage> = (1..=8)
        .map(|rank| picture(&grid.join(format!("head-{rank:04}.png"))))
        .collect();
    for place in [0, 8, 16] {
        assert!(
            heads.contains(&shown[place]),
            "frame {place} is one of the heads of that seed"
        );
    }
    let farthest = difference(&shown[0], &shown[8]);
    assert!(
        difference(&shown[0], &shown[23]) < farthest / 2,
        "the last frame leads back to the first"
    );
}

#[test]
fn a_head_is_completed_and_what_was_there_stays() {
    let data = trained();
    let out = data.path().join("completed");
    let shown = out.to_string_lossy();
    let whole = data.path().join("whole.png");
    super::fixture::heads(0..9)
        .next()
        .expect("a head")
        .save(&whole)
        .expect("writes");
    let pictures = whole.to_string_lossy();
    let complete = |mask: &str| {
        let flags = [
            "--steps",
            "40",
            "--tries",
            "2",
            "--blend",
            "plain",
            "--threads",
            "1",
            "--lambda",
            "0.1",
        ];
        let args = [
            "complete",
            "a",
            "--pictures",
            &pictures,
            "--mask",
            mask,
            "--out",
            &shown,
        ];
        let said = done(data.path(), &[&args[..], &flags[..]].concat());
        let numbers: Vec<f64> = said
            .split_whitespace()
            .filter_map(|word| word.trim_end_matches(')').parse().ok())
            .collect();
        let (end, start) = (numbers[numbers.len() - 3], numbers[numbers.len() - 1]);
        assert!(end <= start, "{mask}: {said}");
        picture(&out.join("completed-001.png"))
    };
    let before = picture(&whole);
    let left = complete("left");
    for (x, y) in [(32, 0), (63, 63), (40, 20)] {
        assert_eq!(left.get_pixel(x, y), before.get_pixel(x, y));
    }
    assert_ne!(left, before);
    for mask in ["centre", "random", "grid"] {
        assert_ne!(complete(mask), before, "{mask}");
    }
    let mask = data.path().join("mask.png");
    RgbImage::from_fn(SIDE, SIDE, |_, y| Rgb([if y < 20 { 0 } else { 255 }; 3]))
        .save(&mask)
        .expect("writes");
    let drawn = complete(&mask.to_string_lossy());
    assert_eq!(drawn.get_pixel(9, 20), before.get_pixel(9, 20));
    assert_eq!(
        frames(GifDecoder::new(BufReader::new(File::open(out.join("search.gif")).expect("a gif"))).expect("is one"))
            .len(),
        41
    );
    let sheet = picture(&out.join("sheet.png"));
    assert!(sheet.width() > 4 * 128 && sheet.height() > 128);
}

#[test]
fn a_card_names_manifest_settings_and_pictures() {
    let data = trained();
    done(data.path(), &["card", "a"]);
    let folder = data.path().join("runs/a");
    let card = std::fs::read_to_string(folder.join("README.md")).expect("a card");
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("run.json")).expect("reads")).expect("is JSON");
    let id = run["manifest_id"].as_str().expect("an id");
    for expected in [
        id,
        "# a: anime heads, 64 px",
        "| width | 8 |",
        "Not measured yet",
        "](losses.png)",
        "](grids/epoch-0002.png)",
    ] {
        assert!(card.contains(expected), "{expected} is not in {card}");
    }
    for picture in card.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(folder.join(picture).is_file(), "{picture}");
    }
}
