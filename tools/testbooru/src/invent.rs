//! Makes up what people would have written beside each picture: times, votes, ratings, tags.

use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::board::Invention;
use crate::file::File;
use crate::post::{Access, Counters, Kind, Post, Rating, Status, TagType};
use crate::upload::Upload;

/// The oldest post's id; like a real board's, far from 1.
pub(crate) const FIRST_ID: u64 = 300_001;
/// 2026-06-01, the newest post's upload: fixed, so that a seed names one board for ever.
pub(crate) const NEWEST: i64 = 1_780_272_000;
/// The most liked can always be crawled, whatever the other lots.
const LUCKY: f64 = 0.01;
/// Six years in seconds: from the oldest post to the newest.
pub(crate) const SPAN: i64 = 6 * 365 * 86_400;

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
    let mut rng = ChaCha8Rng::seed_from_u64(invention.seed);
    // Quantiles in random order: a board of 200 posts surely has some at the top.
    let mut luck: Vec<f64> = (0..count).map(|rank| (rank as f64 + 0.5) / count as f64).collect();
    luck.shuffle(&mut rng);
    let mut id = FIRST_ID;
    let mut posts = Vec::with_capacity(count);
    for (index, upload) in uploads.into_iter().enumerate() {
        let gap = SPAN / count as i64;
        let plain = invention.plain || luck[index] < LUCKY;
        let post = Post {
            id,
            created_at: NEWEST - gap * (count - 1 - index) as i64 - rng.random_range(0..gap.max(2) / 2),
            change: id * 6 + rng.random_range(0..6),
            creator_id: rng.random_range(1_000..1_020),
            author: String::new(),
            score: score(luck[index]),
            counters: Counters::default(),
            rating: if plain { Rating::Safe } else { rating(rng.random()) },
            status: if plain { Status::Active } else { status(rng.random()) },
            access: Access::Open,
            held: !plain && rng.random_bool(0.01),
            parent_id: None,
            pools: Vec::new(),
            kind: Kind::Illustration,
            by_ai: false,
            tags: tags(&mut rng, upload.faces.len()),
            source: source(&mut rng),
            file: upload.file,
            pages: Vec::new(),
            faces: upload.faces,
            heads: upload.heads,
        };
        posts.push(Post {
            author: format!("uploader_{}", post.creator_id),
            ..post
        });
        id += rng.random_range(1..4);
    }
    let plain = |index: usize| invention.plain || luck[index] < LUCKY;
    further(&mut posts, invention.seed, plain);
    posts
}

/// What only some dialects show. It has a generator of its own, so that a seed keeps naming the same board to
/// those who read no more than Moebooru's answers.
fn further(posts: &mut [Post], seed: u64, plain: impl Fn(usize) -> bool) {
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    for index in 0..posts.len() {
        let others = posts.len();
        let pages: Vec<Arc<File>> = (1..pages(rng.random()))
            .map(|_| posts[rng.random_range(0..others)].file.clone())
            .collect();
        let post = &mut posts[index];
        post.counters = counters(post.score, &mut rng);
        post.kind = kind(post.file.extension, pages.len(), &mut rng);
        post.pages = pages;
        if !plain(index) {
            post.by_ai = rng.random_bool(0.05);
            if post.rating == Rating::Safe && rng.random_bool(0.2) {
                post.rating = Rating::Sensitive;
            }
            post.access = access(rng.random());
        }
    }
}

/// Three works in four have one page, the longest twelve.
pub(crate) fn pages(chance: f64) -> usize {
    match chance {
        chance if chance < 0.75 => 1,
        chance => 2 + ((chance - 0.75) * 44.0) as usize,
    }
}

/// Looked at far more often than liked, liked more often than kept.
fn counters(score: i64, rng: &mut ChaCha8Rng) -> Counters {
    let down_votes = if rng.random_bool(0.1) {
        rng.random_range(1..4)
    } else {
        0
    };
    let likes = score.unsigned_abs() + down_votes;
    let share: f64 = rng.random_range(0.5..0.95);
    Counters {
        views: likes * rng.random_range(8..25) + rng.random_range(20..90),
        likes,
        favourites: (likes as f64 * share) as u64,
        down_votes,
    }
}

fn kind(extension: &str, further_pages: usize, rng: &mut ChaCha8Rng) -> Kind {
    match extension {
        "zip" => Kind::Animation,
        _ if further_pages > 3 && rng.random_bool(0.5) => Kind::Manga,
        _ => Kind::Illustration,
    }
}

/// 2 % banned, 1 % behind each of the other doors.
pub(crate) fn access(chance: f64) -> Access {
    match chance {
        chance if chance < 0.02 => Access::Banned,
        chance if chance < 0.03 => Access::SanityLevel,
        chance if chance < 0.04 => Access::FriendsOnly,
        _ => Access::Open,
    }
}

/// Votes by quantile (0 the luckiest): a Pareto tail with median 10, 2 % at 500 or more and about
/// 1,600 at the top.
pub(crate) fn score(luck: f64) -> i64 {
    let luck = 0.015 + 0.985 * luck;
    (7.0 / luck.powf(1.3) - 7.0).round() as i64
}

/// 80 % safe, 14 % questionable, 6 % explicit.
pub(crate) fn rating(chance: f64) -> Rating {
    match chance {
        chance if chance < 0.80 => Rating::Safe,
        chance if chance < 0.94 => Rating::Questionable,
        _ => Rating::Explicit,
    }
}

/// 3 % deleted, 1 % pending.
pub(crate) fn status(chance: f64) -> Status {
    match chance {
        chance if chance < 0.03 => Status::Deleted,
        chance if chance < 0.04 => Status::Pending,
        _ => Status::Active,
    }
}

/// Most name the artist's own publication; some name nothing.
fn source(rng: &mut ChaCha8Rng) -> String {
    match rng.random_range(0..10) {
        0 => String::new(),
        _ => format!(
            "https://www.pixiv.net/en/artworks/{}",
            rng.random_range(60_000_000..140_000_000)
        ),
    }
}

pub(crate) fn tags(rng: &mut ChaCha8Rng, faces: usize) -> Vec<(String, TagType)> {
    let mut tags: Vec<(&str, TagType)> = vec![(ARTISTS[skewed(rng, ARTISTS.len())], TagType::Artist)];
    if rng.random_bool(0.25) {
        tags.push(("original", TagType::Copyright));
    } else {
        for _ in 0..faces.clamp(1, 3) {
            let (character, work) = CHARACTERS[skewed(rng, CHARACTERS.len())];
            tags.extend([(character, TagType::Character), (work, TagType::Copyright)]);
        }
    }
    if rng.random_bool(0.05) {
        tags.push((CIRCLES[skewed(rng, CIRCLES.len())], TagType::Circle));
    }
    if faces > 1 {
        tags.push((if faces == 2 { "2girls" } else { "group" }, TagType::General));
    }
    for _ in 0..rng.random_range(3..10) {
        tags.push((GENERAL[skewed(rng, GENERAL.len())], TagType::General));
    }
    tags.sort();
    tags.dedup();
    tags.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect()
}

/// An index below `count`; small ones are more likely.
fn skewed(rng: &mut ChaCha8Rng, count: usize) -> usize {
    let chance: f64 = rng.random();
    (chance * chance * count as f64) as usize
}
