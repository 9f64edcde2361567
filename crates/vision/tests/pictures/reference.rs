//! Small files of every format and kind, beside the pixels of reference decoders: `make.py` makes both.

use std::path::{Path, PathBuf};

use image::RgbImage;
use vision::picture::{DecodeError, Format, Limits, decode, header, is_animated};

/// Levels by which a sample may differ: two decoders round otherwise.
const OFF: u8 = 2;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures").join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(name)).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

fn reference(name: &str) -> RgbImage {
    let path = folder("references").join(format!("{name}.png"));
    image::open(path).expect("a plain PNG").into_rgb8()
}

/// The most that a sample differs, and the mean.
fn difference(found: &RgbImage, meant: &RgbImage) -> (u8, f64) {
    let pairs = || found.as_raw().iter().zip(meant.as_raw());
    let off = pairs().map(|(found, meant)| found.abs_diff(*meant));
    let sum: u64 = off.clone().map(u64::from).sum();
    (off.max().unwrap_or(0), sum as f64 / meant.as_raw().len() as f64)
}

#[test]
fn every_file_gives_the_pixels_of_its_reference_decoder() {
    let mut wrong = Vec::new();
    let files = files("files");
    assert!(files.len() > 130, "only {} files", files.len());
    for path in files {
        let (bytes, name) = (std::fs::read(&path).expect("reads"), name(&path));
        let meant = reference(&name);
        let format = Format::of_extension(name.rsplit('.').next().expect("one"));
        match header(&bytes, &Limits::default()) {
            Ok(head) if (Some(head.format), head.width, head.height) == (format, meant.width(), meant.height()) => {}
            other => wrong.push(format!("{name}: its header is {other:?}")),
        }
        match decode(&bytes, &Limits::default()) {
            Ok(found) if found.dimensions() != meant.dimensions() => {
                wrong.push(format!(
                    "{name}: {:?} in place of {:?}",
                    found.dimensions(),
                    meant.dimensions()
                ));
            }
            Ok(found) => {
                let (most, mean) = difference(&found, &meant);
                if most > OFF {
                    wrong.push(format!("{name}: off by {most}, {mean:.2} on average"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_no_still_picture_or_of_a_kind_that_is_not_read_is_refused_by_name() {
    let named = |name: &str| match name {
        "twelve-bits.jpg" => "JPEG of 12 bits a sample",
        "lossless.jpg" => "JPEG of the lossless process",
        "hdr.png" | "hdr.avif" => "high dynamic range",
        _ => "animation",
    };
    for path in files("refused") {
        let (bytes, name) = (std::fs::read(&path).expect("reads"), name(&path));
        let error = decode(&bytes, &Limits::default()).expect_err(&name);
        assert!(error.to_string().contains(named(&name)), "{name}: {error}");
        assert_eq!(error == DecodeError::Animation, name.starts_with("animated"), "{name}");
    }
}

#[test]
fn a_file_cut_anywhere_is_truncated_or_refused_and_never_a_picture() {
    let limits = Limits::default();
    for path in files("files") {
        let (bytes, name) = (std::fs::read(&path).expect("reads"), name(&path));
        let format = Format::sniff(&bytes).expect("a picture");
        assert!(format.is_complete(&bytes), "{name} is whole");
        assert_eq!(is_animated(&bytes, format), Ok(false), "{name}");
        // What a file may lack and still be whole: bytes behind its end, and data that are no pixels.
        let whole = decode(&bytes, &limits).expect(&name);
        for part in 1..24 {
            let cut = &bytes[..bytes.len() * part / 24];
            match decode(cut, &limits) {
                Err(DecodeError::TooLarge { .. } | DecodeError::Animation) => panic!("{name} at {part}/24"),
                Err(_) => {}
                Ok(picture) => assert!(
                    picture == whole && matches!(format, Format::Tiff | Format::Bmp | Format::Gif),
                    "{name} at {part}/24 of its length is a picture"
                ),
            }
        }
    }
}

/// A seeded change of a file: bytes changed, a part taken out or doubled.
fn damaged(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match random.usize(..4) {
        0 => {
            let (start, length) = (random.usize(..bytes.len()), random.usize(1..32));
            bytes.drain(start..(start + length).min(bytes.len()));
        }
        1 => {
            let (start, length) = (random.usize(..bytes.len()), random.usize(1..32));
            let part = bytes[start..(start + length).min(bytes.len())].to_vec();
            bytes.splice(start..start, part);
        }
        _ => {
            for _ in 0..random.usize(1..12) {
                let at = random.usize(..bytes.len());
                let any = random.u8(..);
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff, any][random.usize(..6)];
            }
        }
    }
    bytes
}

/// How often each file is damaged; more of it by `DAMAGED=1000 cargo test -p vision --test pictures damaged`.
fn times() -> usize {
    let named = std::env::var("DAMAGED").ok().and_then(|times| times.parse().ok());
    named.unwrap_or(4)
}

#[test]
fn a_damaged_file_is_refused_or_gives_a_picture_of_the_size_it_says() {
    let limits = Limits {
        pixels: 1 << 20,
        side: 4096,
        memory: 256 << 20,
    };
    for path in files("files").into_iter().chain(files("refused")) {
        let (bytes, name) = (std::fs::read(&path).expect("reads"), name(&path));
        for seed in 0..times() {
            let file = damaged(&bytes, &mut fastrand::Rng::with_seed(seed as u64));
            let head = header(&file, &limits);
            if let Ok(picture) = decode(&file, &limits) {
                let head = head.expect("was read");
                assert_eq!((head.width, head.height), picture.dimensions(), "{name}, seed {seed}");
            }
        }
    }
}
