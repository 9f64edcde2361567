//! Heads that passed, each with what was found of its face.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context;
use dataset::Split;
use rayon::slice::ParallelSliceMut;

use super::super::Catalog;
use super::super::binds::Binds;
use super::super::detections::{GIVEN, HAND};
use super::super::pictures::{ByFace, FaceKey, Hash, Pictures, hash_of};
use super::super::scan::{Cells, scan};
use super::super::verdicts::{DUPLICATE, PER_ARTIST, PER_PICTURE, of_policy};
use super::super::{duplicate_groups, splits};
use crate::digests::Digests;

/// A head that passed every filter of single heads, and its style's: some 170 bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// Which face of which picture.
    pub key: FaceKey,
    /// SHA-256 of the stored PNG.
    pub head: Hash,
    /// SHA-256 of its pixels.
    pub pixels: Hash,
    /// Its group of several heads; one alone is named by its pixels.
    pub shared: Option<Box<Hash>>,
    /// Edges of the face in the picture, and its score.
    pub face: [f64; 5],
    /// Side in pixels.
    pub side: i64,
    /// As measured.
    pub sharpness: f64,
    /// How good a copy it is, as `heads.detail`.
    pub detail: f64,
    /// Its perceptual hash.
    pub perceptual: Option<[u8; 16]>,
    /// Whether it was kept by hand.
    pub kept: bool,
    /// Whether it is above the number allowed of its picture or artist: it is none to freeze, and neither
    /// is a copy of it.
    pub capped: bool,
    /// The split of its group of several heads, where one of them has one.
    pub group_split: Option<Split>,
    /// Its own of an earlier version, which the manifest fills in.
    pub split: Option<Split>,
}

impl Head {
    /// The name of its group.
    pub fn group(&self) -> &Hash {
        self.shared.as_deref().unwrap_or(&self.pixels)
    }
}

/// What was decided of a head.
#[derive(Clone, Copy)]
struct Decided {
    /// A number of [`Reasons::words`].
    reason: u16,
    passed: bool,
    capped: bool,
    kept: bool,
}

/// How many heads of each picture there are by what was decided of them, so that any pictures can be counted.
#[derive(Default)]
pub(super) struct Reasons {
    /// Why heads were refused; empty for those that are accepted.
    words: Vec<String>,
    /// Of every head: the picture, whether it was imported, and the word; none where nothing was decided.
    of: Vec<(u32, bool, Option<u16>)>,
}

impl Reasons {
    /// The number of a word: there are a dozen.
    fn number(&mut self, word: &str) -> u16 {
        let known = self.words.iter().position(|known| known == word);
        let at = known.unwrap_or_else(|| {
            self.words.push(word.into());
            self.words.len() - 1
        });
        at as u16
    }

    /// The heads of some pictures without a verdict, and the others by word.
    pub(super) fn count(&self, counts: impl Fn(u32, bool) -> bool) -> (u64, BTreeMap<&str, u64>) {
        let (mut undecided, mut decided) = (0, vec![0; self.words.len()]);
        for (_, _, word) in self.of.iter().filter(|(picture, given, _)| counts(*picture, *given)) {
            match word {
                None => undecided += 1,
                Some(word) => decided[usize::from(*word)] += 1,
            }
        }
        let words = self.words.iter().map(String::as_str).zip(decided);
        (undecided, words.filter(|(_, count)| *count > 0).collect())
    }
}

/// Every head that passed, in the order of the keys, and what was decided of all; `hidden` ones are left out.
pub(super) async fn read(
    catalog: &Catalog,
    digests: &Digests,
    pictures: &Arc<Pictures>,
    hidden: HashSet<FaceKey>,
) -> anyhow::Result<(Reasons, Vec<Head>)> {
    let (reasons, decided) = decided(catalog, digests, pictures).await?;
    let groups = duplicate_groups::shared(catalog).await?;
    let splits = splits::of_groups(catalog).await?;
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT image, detector, ordinal, head, pixels, side, sharpness, perceptual, detail FROM heads WHERE {}",
        FaceKey::condition(digests, &mut binds)
    );
    let (stored, none) = (Arc::clone(pictures), (reasons, Vec::new()));
    let read = scan(catalog, sql, binds, none, move |(reasons, heads), cells| {
        let Some(key) = FaceKey::of(cells, &stored)?.filter(|key| !hidden.contains(key)) else {
            return Ok(());
        };
        let decided = decided.get(key);
        let reason = decided.map(|decided| decided.reason);
        reasons.of.push((key.picture, key.imported(), reason));
        if let Some(decided) = decided.filter(|decided| decided.passed) {
            let mut head = head(key, cells)?;
            head.shared = shared(&groups, &head.pixels);
            head.group_split = splits.get(head.group()).copied();
            (head.kept, head.capped) = (decided.kept, decided.capped);
            heads.push(head);
        }
        Ok(())
    });
    let (reasons, mut heads) = read.await.context("cannot read the heads")?;
    heads.par_sort_unstable_by_key(|head| head.key);
    let mut heads = with_faces(catalog, digests, pictures, heads).await?;
    heads.retain(|head| head.face != [0.0; 5]);
    Ok((reasons, heads))
}

fn shared(groups: &HashMap<Hash, Hash>, pixels: &Hash) -> Option<Box<Hash>> {
    let group = groups.get(pixels).filter(|group| *group != pixels);
    group.map(|group| Box::new(*group))
}

fn head(key: FaceKey, cells: &Cells<'_>) -> anyhow::Result<Head> {
    let mut perceptual = [0; 16];
    let is_hash = hex::decode_to_slice(cells.text(7)?, &mut perceptual).is_ok();
    Ok(Head {
        key,
        head: hash_of(cells.text(3)?),
        pixels: hash_of(cells.text(4)?),
        side: cells.number(5)?,
        sharpness: cells.real(6)?,
        perceptual: is_hash.then_some(perceptual),
        detail: cells.real(8)?,
        ..Head::default()
    })
}

async fn decided(
    catalog: &Catalog,
    digests: &Digests,
    pictures: &Arc<Pictures>,
) -> anyhow::Result<(Reasons, ByFace<Decided>)> {
    let mut binds = Binds::default();
    let (current, policy) = (FaceKey::condition(digests, &mut binds), binds.text(&digests.policy));
    let sql = format!(
        "SELECT image, detector, ordinal, accepted, reason, kept FROM verdicts AS v WHERE {} AND {current}",
        of_policy(&policy)
    );
    let pictures = Arc::clone(pictures);
    let none = (Reasons::default(), Vec::new());
    let read = scan(catalog, sql, binds, none, move |(reasons, all), cells| {
        if let Some(key) = FaceKey::of(cells, &pictures)? {
            let accepted = cells.number(3)? == 1;
            let word = cells.text_or_none(4)?.filter(|_| !accepted).unwrap_or_default();
            let capped = matches!(word, PER_PICTURE | PER_ARTIST);
            let decided = Decided {
                reason: reasons.number(word),
                passed: accepted || capped || word == DUPLICATE,
                capped,
                kept: cells.number(5)? == 1,
            };
            all.push((key, decided));
        }
        Ok(())
    });
    let (reasons, all) = read.await.context("cannot read the verdicts")?;
    Ok((reasons, ByFace::new(all)))
}

/// The heads, in the order of their keys, with their faces: these need no table of their own in memory.
async fn with_faces(
    catalog: &Catalog,
    digests: &Digests,
    pictures: &Arc<Pictures>,
    heads: Vec<Head>,
) -> anyhow::Result<Vec<Head>> {
    let mut binds = Binds::default();
    let detectors = binds.texts(&[&digests.detector, GIVEN, HAND]);
    let sql =
        format!("SELECT image, detector, ordinal, x0, y0, x1, y1, score FROM faces WHERE detector IN ({detectors})");
    let pictures = Arc::clone(pictures);
    let read = scan(catalog, sql, binds, heads, move |heads, cells| {
        let key = FaceKey::of(cells, &pictures)?;
        let found = key.and_then(|key| heads.binary_search_by_key(&key, |head| head.key).ok());
        if let Some(at) = found {
            let [x0, y0, x1, y1] = [cells.real(3)?, cells.real(4)?, cells.real(5)?, cells.real(6)?];
            heads[at].face = [x0, y0, x1, y1, cells.real(7)?];
        }
        Ok(())
    });
    read.await.context("cannot read the faces")
}
