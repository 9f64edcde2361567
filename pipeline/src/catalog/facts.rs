//! All that verdicts depend on, read table by table and held in memory: some 250 bytes a head.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context;
use vision::Style;

use super::Catalog;
use super::binds::Binds;
use super::boxes;
use super::decisions::{Decision, Decisions};
use super::detections::{Face, GIVEN, HAND};
use super::duplicate_groups;
use super::pictures::{ByFace, FaceKey, Hash, Pictures, hash_of};
use super::posts::Rating;
use super::scan::scan;
use super::verdicts;
use crate::digests::Digests;

/// Of every measured head of the current detector and crop rule, and of every imported one.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub(super) stored: Arc<Pictures>,
    /// Stored pictures, by their number.
    pub pictures: Vec<Picture>,
    /// Every face of these detectors and of a hand, without those that a hand made anew or took away.
    pub faces: ByFace<Face>,
    /// The heads.
    pub heads: ByFace<Head>,
    /// Fingerprints of the verdicts that are recorded.
    pub(super) recorded: ByFace<u64>,
}

/// A picture with what the posts that have it say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// A bit for each of [`Rating::ALL`] that one of the posts has.
    pub ratings: u8,
    /// Whether one says that it was made by a machine.
    pub ai_made: bool,
    /// A number for the artist: of the posts that name one, the first by name.
    pub artist: Option<u32>,
}

impl Picture {
    /// Every rating that one of the posts has, in the order of the words.
    pub fn ratings(&self) -> impl Iterator<Item = &'static str> {
        let mut words = Rating::ALL.map(Rating::as_str);
        words.sort_unstable();
        let bit = |word: &str| -> u8 { 1 << Rating::parse(word) as u8 };
        words.into_iter().filter(move |word| self.ratings & bit(word) != 0)
    }
}

/// A head with what was measured on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// SHA-256 of the stored PNG.
    pub head: Hash,
    /// Its group of near-duplicates, by the smallest pixel hash in it.
    pub group: Hash,
    /// Its place among [`Facts::faces`].
    pub face: u32,
    /// Side of the stored head in pixels.
    pub side: i64,
    /// Side of the region in the picture, in pixels.
    pub native_side: i64,
    /// Share of the region inside the picture.
    pub inside: f64,
    /// Sharpness, 0 to 1.
    pub sharpness: f64,
    /// As `head::Measures` has it.
    pub colour: f64,
    /// As `head::Measures` has it.
    pub contrast: f64,
    /// As `head::Measures` has it.
    pub crossings: f64,
    /// As `head::Measures` has it: how good a copy it is beside others of the same drawing.
    pub detail: f64,
    /// What was decided by hand.
    pub decision: Option<Arc<Decision>>,
    /// Score of the face when the detector sees the head alone, where that was taken.
    pub second_score: Option<f64>,
    /// Its style, where that was taken.
    pub style: Option<Box<Style>>,
}

impl Facts {
    /// The face of a head.
    pub fn face(&self, head: &Head) -> &Face {
        &self.faces.rows[head.face as usize].1
    }

    /// The picture of a head.
    pub fn picture(&self, key: FaceKey) -> &Picture {
        &self.pictures[key.picture as usize]
    }

    /// The number of a picture by its SHA-256 (hex); none where it is not stored.
    pub fn picture_number(&self, image: &str) -> Option<u32> {
        self.stored.number(image)
    }

    /// SHA-256 (hex) of that picture.
    pub fn image(&self, key: FaceKey) -> String {
        self.stored.name(key.picture)
    }
}

/// Reads them, second scores and styles left out. `ai_tags` are tags by which sites mark what a machine made.
///
/// # Errors
/// Where the database refuses.
pub async fn load(catalog: &Catalog, digests: &Digests, ai_tags: &[String]) -> anyhow::Result<Facts> {
    let stored = Pictures::load(catalog).await?;
    let hidden = boxes::hidden(catalog, digests, &stored).await?;
    let (pictures, faces, heads, groups, recorded, decisions) = tokio::try_join!(
        pictures(catalog, &stored, ai_tags),
        faces(catalog, digests, &stored, hidden),
        heads(catalog, digests, &stored),
        duplicate_groups::shared(catalog),
        verdicts::recorded(catalog, digests, &stored),
        Decisions::load(catalog),
    )?;
    let faces = ByFace::new(faces);
    let heads = heads.into_iter().filter_map(|(key, mut head)| {
        head.face = faces.position(key)? as u32;
        if let Some(group) = groups.get(&head.group) {
            head.group = *group;
        }
        let image = &stored.names[key.picture as usize];
        head.decision = decisions.about(&head.head, image, &faces.rows[head.face as usize].1);
        Some((key, head))
    });
    let heads = ByFace::new(heads.collect());
    Ok(Facts {
        stored,
        pictures,
        faces,
        heads,
        recorded: ByFace::new(recorded),
    })
}

async fn pictures(catalog: &Catalog, stored: &Arc<Pictures>, ai_tags: &[String]) -> anyhow::Result<Vec<Picture>> {
    let ai_tags: Vec<String> = ai_tags.iter().map(|tag| format!(" {tag} ")).collect();
    let picture = |(width, height): &(i64, i64)| Picture {
        width: *width as u32,
        height: *height as u32,
        ..Picture::default()
    };
    let all: Vec<Picture> = stored.sizes.iter().map(picture).collect();
    let sql = "SELECT f.image, p.rating, p.artist, COALESCE(p.ai_made, 0), p.tags FROM files AS f \
               JOIN posts AS p ON p.source = f.source AND p.post = f.post \
               WHERE f.outcome = 'stored' AND f.image IS NOT NULL";
    let (stored, artists) = (Arc::clone(stored), Artists::default());
    let read = scan(
        catalog,
        sql.into(),
        Binds::default(),
        (all, artists),
        move |(all, artists), cells| {
            let Some(number) = stored.number(cells.text(0)?) else {
                return Ok(());
            };
            let picture = &mut all[number as usize];
            picture.ratings |= 1 << Rating::parse(cells.text(1)?) as u8;
            picture.ai_made = picture.ai_made || cells.number(3)? == 1 || {
                let tags = cells.text(4)?;
                ai_tags.iter().any(|tag| tags.contains(tag.as_str()))
            };
            if let Some(name) = cells.text_or_none(2)? {
                picture.artist = Some(artists.first(picture.artist, name));
            }
            Ok(())
        },
    );
    let (all, _) = read.await.context("cannot read what the posts say of the pictures")?;
    Ok(all)
}

/// Artists by number.
#[derive(Default)]
struct Artists {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Artists {
    /// The number of the first by name of two.
    fn first(&mut self, known: Option<u32>, name: &str) -> u32 {
        if let Some(known) = known.filter(|known| *self.names[*known as usize] <= *name) {
            return known;
        }
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (name, number): (Arc<str>, u32) = (name.into(), self.names.len() as u32);
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }
}

async fn faces(
    catalog: &Catalog,
    digests: &Digests,
    stored: &Arc<Pictures>,
    hidden: HashSet<FaceKey>,
) -> anyhow::Result<Vec<(FaceKey, Face)>> {
    let mut binds = Binds::default();
    let detectors = binds.texts(&[&digests.detector, GIVEN, HAND]);
    let sql =
        format!("SELECT image, detector, ordinal, x0, y0, x1, y1, score FROM faces WHERE detector IN ({detectors})");
    let stored = Arc::clone(stored);
    let read = scan(catalog, sql, binds, Vec::new(), move |faces, cells| {
        if let Some(key) = FaceKey::of(cells, &stored)?.filter(|key| !hidden.contains(key)) {
            let face = Face {
                ordinal: key.ordinal.into(),
                x0: cells.real(3)?,
                y0: cells.real(4)?,
                x1: cells.real(5)?,
                y1: cells.real(6)?,
                score: cells.real(7)?,
            };
            faces.push((key, face));
        }
        Ok(())
    });
    read.await.context("cannot read the faces")
}

/// In place of the group, each has its pixel hash.
async fn heads(catalog: &Catalog, digests: &Digests, stored: &Arc<Pictures>) -> anyhow::Result<Vec<(FaceKey, Head)>> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT image, detector, ordinal, head, pixels, side, native_side, inside, sharpness, colour, contrast, \
         crossings, detail FROM heads WHERE measures <> 0 AND {}",
        FaceKey::condition(digests, &mut binds)
    );
    let stored = Arc::clone(stored);
    let read = scan(catalog, sql, binds, Vec::new(), move |heads, cells| {
        if let Some(key) = FaceKey::of(cells, &stored)? {
            let head = Head {
                head: hash_of(cells.text(3)?),
                group: hash_of(cells.text(4)?),
                side: cells.number(5)?,
                native_side: cells.number(6)?,
                inside: cells.real(7)?,
                sharpness: cells.real(8)?,
                colour: cells.real(9)?,
                contrast: cells.real(10)?,
                crossings: cells.real(11)?,
                detail: cells.real(12)?,
                ..Head::default()
            };
            heads.push((key, head));
        }
        Ok(())
    });
    read.await.context("cannot read what is measured on the heads")
}
