//! Verdicts follow from what is recorded alone: any order of events, cut into any number of runs, under whatever
//! settings in between, ends the same.

use image::{Rgb, RgbImage};
use pipeline::catalog::decisions::{self, Choice};
use pipeline::catalog::detections::{DetectionOutcome, Face, GIVEN};
use pipeline::catalog::files::{self, File, Outcome};
use pipeline::catalog::heads::HeadRecord;
use pipeline::catalog::images::{self, Image};
use pipeline::catalog::posts::{self, Post, Rating, tag_text};
use pipeline::catalog::{Write, detections};
use pipeline::head::{Measures, StoredHead};
use vision::picture::Format;
use vision::thumbnail::Thumbnail;

use crate::common;
use crate::fixture::House;

/// Something that comes to the catalog.
#[derive(Clone, Debug)]
enum Event {
    /// A post of a picture with imported heads.
    Post(i64),
    /// What a post says anew.
    Retagged(i64),
    /// A decision about the first head of a post.
    Decided(i64),
}

fn hash(words: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(words))
}

/// Of forty drawings, with some noise.
fn thumbnail(number: u64) -> String {
    let mut drawing = fastrand::Rng::with_seed(number * 7 % 40);
    let mut noise = fastrand::Rng::with_seed(number);
    let blocks: Vec<u8> = (0..64).map(|_| drawing.u8(20..230)).collect();
    let drawn = RgbImage::from_fn(48, 48, |x, y| {
        let level = blocks[(y / 6 * 8 + x / 6) as usize];
        Rgb([level + noise.u8(0..5); 3])
    });
    Thumbnail::of(&drawn).to_text()
}

fn said(number: i64, again: bool) -> Post {
    let mut random = fastrand::Rng::with_seed(number as u64 + 1000 * u64::from(again));
    let tags: &[&str] = if random.u8(..5) == 0 {
        &["ai-generated", "smile"]
    } else {
        &["smile"]
    };
    Post {
        rating: Rating::ALL[random.usize(..Rating::ALL.len())],
        tags: tag_text(tags.iter().copied()),
        artist: (random.u8(..3) > 0).then(|| format!("artist{}", number % 2)),
        ..common::post(number, None)
    }
}

/// One to three heads in a picture.
async fn add(write: &mut Write, number: i64) {
    let (image, post) = (hash(&format!("picture {number}")), said(number, false));
    let stored = Image {
        image: image.clone(),
        format: Format::Png,
        bytes: 10,
        width: 1000,
        height: 800,
        md5: format!("{number:032x}"),
        stored_at: 1_700_000_000,
    };
    posts::record(write, &post).await.expect("writes");
    images::record(write, &stored).await.expect("writes");
    let file = File::of(&post, Outcome::Stored(image.clone()));
    files::record(write, &file).await.expect("writes");
    let mut random = fastrand::Rng::with_seed(number as u64 + 7);
    let count = random.i64(1..4);
    let (mut faces, mut records) = (Vec::new(), Vec::new());
    for ordinal in 0..count {
        let name = number as u64 * 4 + ordinal as u64;
        let measures = Measures {
            perceptual: String::new(),
            colour: 2.5 + random.f64() * 20.0,
            contrast: 9.0 + random.f64() * 60.0,
            crossings: random.f64() * 0.31,
            thumbnail: thumbnail(name),
            // Few values, so that some are equal.
            detail: random.u8(..3).into(),
        };
        faces.push(Face {
            ordinal,
            x0: 300.0 * ordinal as f64,
            y0: 300.0,
            x1: 300.0 * ordinal as f64 + 100.0,
            y1: 410.0,
            score: f64::from(random.u8(45..60)) / 60.0,
        });
        records.push(HeadRecord {
            ordinal,
            crop: GIVEN.into(),
            head: StoredHead {
                head: hash(&format!("head {name}")),
                pixels: hash(&format!("pixels {name}")),
                side: random.i64(100..300),
                sharpness: 0.34 + random.f64() * 0.4,
                measures,
            },
            native_side: random.i64(62..300),
            inside: 0.79 + random.f64() * 0.21,
        });
    }
    let outcome = DetectionOutcome::Detected(faces);
    let recorded = detections::record(write, &image, GIVEN, &outcome, &records).await;
    recorded.expect("writes");
}

async fn happen(house: &House, event: &Event) {
    let mut write = house.catalog.write().await.expect("begins");
    match *event {
        Event::Post(number) => add(&mut write, number).await,
        Event::Retagged(number) => posts::record(&mut write, &said(number, true)).await.expect("writes"),
        Event::Decided(number) => {
            let head = hash(&format!("head {}", number * 4));
            let choice = if number % 2 == 0 { Choice::Keep } else { Choice::Reject };
            decisions::record(&mut write, &head, choice, "").await.expect("writes");
        }
    }
    write.commit().await.expect("commits");
}

/// What must be the same in the end.
async fn verdicts(house: &House) -> Vec<String> {
    let policy = house.curate.digest().expect("hashes");
    house
        .rows(&format!(
            "SELECT image, ordinal, accepted, reason, detail, kept FROM verdicts WHERE policy = '{policy}' \
             ORDER BY image, ordinal"
        ))
        .await
}

async fn any_order_and_any_split_of_events_ends_the_same(at_once: House, others: Vec<House>) {
    let posts = 40;
    let all = || (0..posts).map(Event::Post);
    let mut later: Vec<Event> = (0..posts)
        .filter(|number| number % 5 == 1)
        .map(Event::Retagged)
        .collect();
    later.extend((0..posts).filter(|number| number % 9 == 2).map(Event::Decided));
    let set = |mut house: House| {
        house.curate.max_per_picture = 1;
        house.curate.max_per_artist = 5;
        house.curate.ratings = ["safe", "sensitive", "questionable", "unknown"]
            .map(String::from)
            .into();
        house
    };
    let at_once = set(at_once);
    for event in all().chain(later.clone()) {
        happen(&at_once, &event).await;
    }
    at_once.curate().await.expect("decides");
    let expected = verdicts(&at_once).await;
    for word in [
        "duplicate",
        "per-artist",
        "per-picture",
        "ai-made",
        "rating",
        "by-hand",
        "kept by hand",
    ] {
        assert!(
            expected.iter().any(|row| row.contains(word)),
            "{word} is not among {expected:#?}"
        );
    }
    for (seed, house) in (0..).zip(others) {
        let mut house = set(house);
        let mut random = fastrand::Rng::with_seed(seed);
        // A post is decided about and says something else once it is there.
        let mut waiting: Vec<Event> = all().collect();
        let mut held = later.clone();
        while !waiting.is_empty() {
            let event = waiting.swap_remove(random.usize(..waiting.len()));
            happen(&house, &event).await;
            if let Event::Post(new) = event {
                let (ready, rest): (Vec<Event>, Vec<Event>) = held.into_iter().partition(
                    |event| matches!(event, Event::Retagged(number) | Event::Decided(number) if *number == new),
                );
                waiting.extend(ready);
                held = rest;
            }
            if random.u8(..12) == 0 {
                house.curate().await.expect("decides");
            }
            if random.u8(..20) == 0 {
                let settings = house.curate.clone();
                house.curate.near_duplicate = [0, 14, 20][random.usize(..3)];
                house.curate.min_score = 0.7;
                house.curate().await.expect("decides under other settings");
                house.curate = settings;
            }
        }
        house.curate().await.expect("decides");
        assert_eq!(verdicts(&house).await, expected, "seed {seed}");
        assert_eq!(house.curate().await.expect("has nothing to do").done, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_split_of_events_ends_the_same_on_sqlite() {
    let mut others = Vec::new();
    for _ in 0..12 {
        others.push(House::new().await);
    }
    any_order_and_any_split_of_events_ends_the_same(House::new().await, others).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn any_order_and_any_split_of_events_ends_the_same_on_postgres() {
    let (one, other) = (House::on_postgres().await, House::on_postgres().await);
    any_order_and_any_split_of_events_ends_the_same(one, vec![other]).await;
}
