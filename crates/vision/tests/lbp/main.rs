//! LBP cascades against OpenCV itself: the same boxes on noise, on drawn shapes and on real pictures.
//! OpenCV is that of the Python that TEST_PYTHON names (`pip install "opencv-python-headless<5"`).

mod random;

use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use vision::picture::Limits;
use vision::{BBox, Detection, Detector, DetectorSettings, LbpSettings};

/// Reads lines of `file scale neighbours size`, writes a line of `x0,y0,x1,y1` boxes for each.
const OPENCV: &str = r#"
import sys, cv2
cascade = cv2.CascadeClassifier(sys.argv[1])
for line in sys.stdin:
    name, scale, neighbours, size = line.rsplit(" ", 3)
    grey = cv2.equalizeHist(cv2.cvtColor(cv2.imread(name), cv2.COLOR_BGR2GRAY))
    found = cascade.detectMultiScale(grey, float(scale), int(neighbours), 0, (int(size), int(size)))
    print(" ".join(f"{x},{y},{x + w},{y + h}" for x, y, w, h in found))
"#;

fn python() -> PathBuf {
    let named = std::env::var_os("TEST_PYTHON");
    named
        .map(PathBuf::from)
        .expect("TEST_PYTHON names a Python that has cv2")
}

/// OpenCV's boxes for each file.
fn opencv(python: &Path, cascade: &Path, files: &[PathBuf], settings: &LbpSettings) -> Vec<Vec<BBox>> {
    let folder = tempfile::tempdir().expect("a folder");
    let asked: String = files
        .iter()
        .map(|file| {
            let LbpSettings {
                scale_factor,
                min_neighbors,
                min_size,
                ..
            } = settings;
            format!("{} {scale_factor} {min_neighbors} {min_size}\n", file.display())
        })
        .collect();
    let list = folder.path().join("asked.txt");
    std::fs::write(&list, asked).expect("writes");
    let ran = Command::new(python)
        .args(["-c", OPENCV])
        .arg(cascade)
        .stdin(std::fs::File::open(&list).expect("opens"))
        .output()
        .expect("runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let answer = String::from_utf8(ran.stdout).expect("is text");
    let one = |text: &str| {
        let edges: Vec<f32> = text.split(',').map(|edge| edge.parse().expect("a number")).collect();
        BBox {
            x0: edges[0],
            y0: edges[1],
            x1: edges[2],
            y1: edges[3],
        }
    };
    answer
        .lines()
        .map(|line| line.split_whitespace().map(one).collect())
        .collect()
}

fn detector(cascade: &Path, settings: &LbpSettings, threads: usize) -> Detector {
    let lbp = LbpSettings {
        cascade: cascade.into(),
        ..settings.clone()
    };
    let settings = DetectorSettings {
        threads,
        ..DetectorSettings::default()
    };
    Detector::load_lbp(settings, &lbp).expect("loads")
}

/// Boxes in an order of their own.
fn sorted(boxes: impl Iterator<Item = BBox>) -> Vec<[i32; 4]> {
    let mut all: Vec<[i32; 4]> = boxes
        .map(|bbox| [bbox.x0, bbox.y0, bbox.x1, bbox.y1].map(|edge| edge as i32))
        .collect();
    all.sort_unstable();
    all
}

fn boxes(found: &[Detection]) -> Vec<[i32; 4]> {
    sorted(found.iter().map(|found| found.bbox))
}

fn save(folder: &Path, name: &str, picture: &RgbImage) -> PathBuf {
    let path = folder.join(name);
    picture.save(&path).expect("writes");
    path
}

#[test]
#[ignore = "needs a Python with OpenCV 4, named by TEST_PYTHON"]
fn random_cascades_on_random_pictures_find_what_opencv_finds() {
    let python = python();
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = 0;
    for (seed, depth) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        let cascade = folder.path().join(format!("{seed}.xml"));
        std::fs::write(&cascade, random::cascade(seed, depth)).expect("writes");
        let pictures = random::pictures(seed);
        let names: Vec<PathBuf> = pictures
            .iter()
            .enumerate()
            .map(|(number, picture)| save(folder.path(), &format!("{seed}-{number}.png"), picture))
            .collect();
        for (scale_factor, min_neighbors, min_size) in [(1.1, 3, 24), (1.3, 0, 30), (1.05, 2, 60)] {
            let settings = LbpSettings {
                scale_factor,
                min_neighbors,
                min_size,
                ..LbpSettings::default()
            };
            let expected = opencv(&python, &cascade, &names, &settings);
            for threads in [1, 2] {
                let found = detector(&cascade, &settings, threads)
                    .detect_batch(&pictures)
                    .expect("runs");
                for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let expected = sorted(expected.iter().copied());
                    seen += expected.len();
                    let what = format!("cascade {seed}, picture {number}, {settings:?}, {threads} threads");
                    let found = boxes(found);
                    let only = |these: &[[i32; 4]], those: &[[i32; 4]]| -> Vec<[i32; 4]> {
                        these.iter().filter(|one| !those.contains(one)).copied().collect()
                    };
                    let (more, fewer) = (only(&found, &expected), only(&expected, &found));
                    assert!(found == expected, "{what}: {more:?} in place of {fewer:?}");
                }
            }
        }
    }
    assert!(seen > 1000, "{seen} boxes are too few to tell anything");
}

#[test]
#[ignore = "reads ../shared/data, and needs a Python with OpenCV 4, named by TEST_PYTHON"]
fn real_pictures_give_the_boxes_that_opencv_gives() {
    let python = python();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let cascade = shared.join("models/lbpcascade_animeface.xml");
    let listed = std::fs::read_dir(shared.join("illustrations")).expect("is there");
    let mut files: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jpg"));
    files.sort();
    let settings = LbpSettings::default();
    let detector = detector(&cascade, &settings, 0);
    // OpenCV gets our pixels: its own decoder leaves colour profiles out.
    let folder = tempfile::tempdir().expect("a folder");
    let decode = |(number, file): (usize, &PathBuf)| {
        let bytes = std::fs::read(file).expect("reads");
        let picture = vision::picture::decode(&bytes, &Limits::default()).expect("decodes");
        (save(folder.path(), &format!("{number}.png"), &picture), picture)
    };
    let (names, pictures): (Vec<PathBuf>, Vec<RgbImage>) = files.iter().enumerate().map(decode).unzip();
    let expected = opencv(&python, &cascade, &names, &settings);
    let mut all = 0;
    for ((file, picture), expected) in files.iter().zip(&pictures).zip(&expected) {
        let found = detector.detect(picture).expect("runs");
        assert_eq!(boxes(&found), sorted(expected.iter().copied()), "{}", file.display());
        assert!(found.iter().all(|found| found.score >= 0.875));
        all += found.len();
    }
    println!("{all} boxes on {} pictures, all equal", files.len());
    assert!(all > 30, "{all} boxes are too few to tell anything");
}

#[test]
fn what_is_no_lbp_cascade_is_refused_with_its_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cascade.xml");
    let good = random::cascade(1, 1);
    for (text, expected) in [
        (good.replace(">LBP<", ">HAAR<"), "it is a HAAR cascade of BOOST stages"),
        (
            good.replace(">BOOST<", ">FOREST<"),
            "it is a LBP cascade of FOREST stages",
        ),
        (
            "<opencv_storage><face type_id=\"opencv-haar-classifier\"><size>24 24</size></face></opencv_storage>"
                .into(),
            "HAAR cascade of the old format",
        ),
        (
            "<html>busy</html>".into(),
            "an OpenCV storage is expected, and <html> was found",
        ),
        ("%YAML:1.0".into(), "it is no XML"),
        (good.replace("<height>24", "<height>9"), "leaves the window of 24 x 9"),
        (good.replace("<maxCatCount>256", "<maxCatCount>0"), "have 0 values"),
        (good.replace("<internalNodes>", "<internalNodes> 7 "), "numbers each"),
        (good.replace("<leafValues>", "<leafValues> x "), "`x` in <leafValues>"),
        (
            good.replace("<stages>", "<stags>").replace("</stages>", "</stags>"),
            "<stages> is missing",
        ),
    ] {
        std::fs::write(&path, text).expect("writes");
        let lbp = LbpSettings {
            cascade: path.clone(),
            ..LbpSettings::default()
        };
        let error = Detector::load_lbp(DetectorSettings::default(), &lbp)
            .err()
            .expect("is refused");
        let error = error.to_string();
        assert!(error.contains(expected), "`{expected}` is not in: {error}");
    }
    let nothing = Detector::load_lbp(DetectorSettings::default(), &LbpSettings::default());
    assert!(
        nothing
            .err()
            .expect("is refused")
            .to_string()
            .contains("[crop.lbp] cascade")
    );
}

#[test]
fn the_digest_is_of_the_cascade_and_of_what_it_is_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let digest = |seed: u64, name: &str, settings: &LbpSettings| {
        let path = folder.path().join(name);
        std::fs::write(&path, random::cascade(seed, 1)).expect("writes");
        detector(&path, settings, 1).digest().to_owned()
    };
    let usual = LbpSettings::default();
    let first = digest(1, "a.xml", &usual);
    assert_eq!(digest(1, "elsewhere.xml", &usual), first);
    let more = LbpSettings {
        min_neighbors: 6,
        ..usual.clone()
    };
    assert_ne!(digest(1, "a.xml", &more), first);
    assert_ne!(digest(2, "a.xml", &usual), first);
}

#[test]
fn pictures_smaller_than_the_window_or_of_one_colour_hold_no_face() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cascade.xml");
    std::fs::write(&path, random::cascade(1, 1)).expect("writes");
    let detector = detector(&path, &LbpSettings::default(), 0);
    for (width, height) in [(1, 1), (23, 900), (900, 1), (24, 24)] {
        let found = detector.detect(&RgbImage::new(width, height)).expect("runs");
        assert!(found.is_empty(), "{width} x {height}: {found:?}");
    }
}
