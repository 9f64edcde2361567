//! Makes up what people would have written beside each picture: times, votes, ratings, tags.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::board::{Invention, Upload};
use crate::post::{Post, Rating, Status, TagType};

/// The oldest post's id; like a real board's, far from 1.
pub(crate) const FIRST_ID: u64 = 300_001;
/// 2026-06-01, the newest post's upload: fixed, so that a seed names one board for ever.
pub(crate) const NEWEST: i64 = 1_780_272_000;
/// Six years in seconds: from the oldest post to the newest.
const SPAN: i64 = 6 * 365 * 86_400;

/// Artists, some with the disambiguation that real tags carry.
const ARTISTS: [&str; 12] = [
    "aoi_tori",
    "hoshi_neko",
    "ichigo_ame",
    "kumo_(artist)",
    "mizuki_nao",
    "nanairo",
    "rin_paint",
    "sora_no_iro",
    "tama_(dango)",
    "usagi_ya",
    "yoru",
    "yuki_usagi",
];
/// Characters and the works they are from; the first are the most often drawn.
const CHARACTERS: [(&str, &str); 14] = [
    ("hoshino_akane", "night_train"),
    ("kotori_(night_train)", "night_train"),
    ("chiyo_(seven_bells)", "seven_bells"),
    ("nagisa_rei", "paper_moon"),
    ("mei_(tea_and_thunder)", "tea_and_thunder"),
    ("suzu", "seven_bells"),
    ("tsukino_hina", "paper_moon"),
    ("shirayuki_nagi", "night_train"),
    ("ran_(tea_and_thunder)", "tea_and_thunder"),
    ("amamiya_yui", "glass_garden"),
    ("captain_mio", "glass_garden"),
    ("kurose_ren", "paper_moon"),
    ("lilia", "seven_bells"),
    ("otohime_(glass_garden)", "glass_garden"),
];
/// Groups that publish together.
const CIRCLES: [&str; 3] = ["blue_kettle", "moonlit_works", "studio_kasa"];
/// What can be seen, by decreasing frequency.
const GENERAL: [&str; 28] = [
    "long_hair",
    "blush",
    "smile",
    "short_hair",
    "blue_eyes",
    "dress",
    "skirt",
    "bow",
    "hat",
    "brown_hair",
    "ribbons",
    "seifuku",
    "animal_ears",
    "flowers",
    "sky",
    "twintails",
    "glasses",
    "red_eyes",
    "braids",
    "clouds",
    "headphones",
    "night",
    "stars",
    "tree",
    "umbrella",
    "water",
    "white",
    "winter",
];

/// A post for each upload, the first upload the oldest.
pub(crate) fn posts(uploads: Vec<Upload>, invention: &Invention) -> Vec<Post> {
    let count = uploads.len();
    let mut dice = ChaCha8Rng::seed_from_u64(invention.seed);
    // Quantiles in random order: a board of 200 posts surely has some at the top.
    let mut luck: Vec<f64> = (0..count).map(|rank| (rank as f64 + 0.5) / count as f64).collect();
    luck.shuffle(&mut dice);
    let mut id = FIRST_ID;
    let mut posts = Vec::with_capacity(count);
    for (index, upload) in uploads.into_iter().enumerate() {
        let gap = SPAN / count as i64;
        // The most liked can always be crawled, whatever the other lots.
        let plain = invention.plain || luck[index] < 0.01;
        let post = Post {
            id,
            created_at: NEWEST - gap * (count - 1 - index) as i64 - dice.random_range(0..gap.max(2) / 2),
            change: id * 6 + dice.random_range(0..6),
            creator_id: dice.random_range(1_000..1_020),
            author: String::new(),
            score: score(luck[index]),
            rating: if plain { Rating::Safe } else { rating(dice.random()) },
            status: if plain { Status::Active } else { status(dice.random()) },
            held: !plain && dice.random_bool(0.01),
            parent_id: None,
            tags: tags(&mut dice, upload.faces.len()),
            source: source(&mut dice),
            file: upload.file,
            faces: upload.faces,
            heads: upload.heads,
        };
        posts.push(Post {
            author: format!("uploader_{}", post.creator_id),
            ..post
        });
        id += dice.random_range(1..4);
    }
    posts
}

/// Votes by quantile (0 the luckiest): a Pareto tail with median 10, 2 % at 500 or more and about
/// 1,600 at the top.
fn score(luck: f64) -> i64 {
    let luck = 0.015 + 0.985 * luck;
    (7.0 / luck.powf(1.3) - 7.0).round() as i64
}

/// 80 % safe, 14 % questionable, 6 % explicit.
fn rating(chance: f64) -> Rating {
    match chance {
        chance if chance < 0.80 => Rating::Safe,
        chance if chance < 0.94 => Rating::Questionable,
        _ => Rating::Explicit,
    }
}

/// 3 % deleted, 1 % pending.
fn status(chance: f64) -> Status {
    match chance {
        chance if chance < 0.03 => Status::Deleted,
        chance if chance < 0.04 => Status::Pending,
        _ => Status::Active,
    }
}

/// Most name the artist's own publication; some name nothing.
fn source(dice: &mut ChaCha8Rng) -> String {
    match dice.random_range(0..10) {
        0 => String::new(),
        _ => format!(
            "https://www.pixiv.net/en/artworks/{}",
            dice.random_range(60_000_000..140_000_000)
        ),
    }
}

fn tags(dice: &mut ChaCha8Rng, faces: usize) -> Vec<(String, TagType)> {
    let mut tags: Vec<(&str, TagType)> = vec![(ARTISTS[skewed(dice, ARTISTS.len())], TagType::Artist)];
    if dice.random_bool(0.25) {
        tags.push(("original", TagType::Copyright));
    } else {
        for _ in 0..faces.clamp(1, 3) {
            let (character, work) = CHARACTERS[skewed(dice, CHARACTERS.len())];
            tags.extend([(character, TagType::Character), (work, TagType::Copyright)]);
        }
    }
    if dice.random_bool(0.05) {
        tags.push((CIRCLES[skewed(dice, CIRCLES.len())], TagType::Circle));
    }
    if faces > 1 {
        tags.push((if faces == 2 { "2girls" } else { "group" }, TagType::General));
    }
    for _ in 0..dice.random_range(3..10) {
        tags.push((GENERAL[skewed(dice, GENERAL.len())], TagType::General));
    }
    tags.sort();
    tags.dedup();
    tags.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect()
}

/// An index below `count`; small ones are more likely.
fn skewed(dice: &mut ChaCha8Rng, count: usize) -> usize {
    let chance: f64 = dice.random();
    (chance * chance * count as f64) as usize
}
