//! The heads as they stood when they were last decided, in memory, and lists of them by filters and order: some
//! 350 bytes a head and four a list, however many pages are looked at.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use dataset::failure::Usage;
use rayon::prelude::*;
use serde_json::{Value, json};
use vision::crop::CropRule;

use super::bounds::{self, Change, Effect};
use super::filters::{Filters, InOrOut, ListName, MEASURES, Measure, Measured, Order};
use crate::catalog::decisions::Choice;
use crate::catalog::facts::{self, Facts, Head};
use crate::catalog::gallery::{self, Popularity, Recorded};
use crate::catalog::pictures::{ByFace, FaceKey, FoundBy, Hash, hash_of};
use crate::catalog::verdicts::STYLE;
use crate::catalog::{second_passes, summary};
use crate::context::AppContext;
use crate::curate::second_pass;
use crate::decide::{BY_HAND, CurateSettings, Policy};
use crate::digests::{self, Digests};

/// The reason of a head in which the second pass finds no face.
pub const NO_FACE: &str = "no-face";
/// The reason of a head whose face has too low a score.
pub const SCORE: &str = "score";
/// Lists that are kept: those of a few tabs, before and after a change of a filter.
const LISTS: usize = 16;

/// The heads at one moment.
pub struct Snapshot {
    /// Counts the moments since the program began.
    pub number: u64,
    /// What the verdicts were recorded under.
    pub digests: Digests,
    /// What was measured.
    pub facts: Facts,
    /// Heads by `accepted`, `undecided` or the reason of refusal.
    pub counts: BTreeMap<String, u64>,
    /// Sites and imports with posts.
    pub sources: Vec<String>,
    verdicts: ByFace<Recorded>,
    popularity: Vec<Popularity>,
    /// `[curate]` as it stood.
    pub settings: CurateSettings,
    rule: CropRule,
    /// Lists by the filters' text, the newest last.
    lists: Mutex<Vec<(ListName, Arc<Vec<u32>>)>>,
    /// What the bounds that were moved last would do.
    effect: Mutex<(Vec<Change>, Arc<Effect>)>,
}

/// What restricts a list beside the facts: of which pictures, and which head files.
pub struct Chosen {
    /// Whether each picture is; none: all are.
    pub pictures: Option<Vec<bool>>,
    /// Files of a version; none: all.
    pub within: Option<HashSet<Hash>>,
    /// Files of a version that are left out.
    pub without: HashSet<Hash>,
}

impl Snapshot {
    /// Reads it.
    ///
    /// # Errors
    /// Where the catalog or the detector cannot be read.
    pub async fn load(context: &AppContext, number: u64) -> anyhow::Result<Self> {
        let (catalog, crop) = (&context.catalog, &context.settings.crop);
        let (settings, rule) = (context.settings.curate.clone(), crop.rule());
        let detector = digests::detector(catalog, crop, 1).await?;
        let digests = digests::of(detector.as_ref(), crop, &settings)?;
        let mut facts = facts::load(catalog, &digests, &settings.ai_tags).await?;
        let verdicts = gallery::verdicts(catalog, &digests, &facts).await?;
        if let Some(detector) = detector.filter(|_| settings.min_second_score > 0.0) {
            second_passes::fill(catalog, &second_pass::network(&detector, rule), &mut facts).await?;
        }
        // Styles are not compared anew where bounds are moved: what they refuse stays refused.
        for (key, head) in &mut facts.heads.rows {
            if verdicts.get(*key).and_then(Option::as_deref) == Some(STYLE) {
                head.second_score = Some(-1.0);
            }
        }
        let mut counts = BTreeMap::new();
        for (key, _) in &facts.heads.rows {
            *counts.entry(word(&verdicts, *key).to_owned()).or_default() += 1;
        }
        Ok(Self {
            number,
            counts,
            sources: summary::counts(catalog).await?.posts.into_keys().collect(),
            verdicts,
            settings,
            rule,
            popularity: gallery::popularity(catalog, &facts).await?,
            digests,
            facts,
            lists: Mutex::default(),
            effect: Mutex::default(),
        })
    }

    /// What decided its heads, as far as that can be asked again.
    pub fn policy(&self) -> Policy<'_> {
        Policy {
            settings: &self.settings,
            rule: self.rule,
            wanted: None,
        }
    }

    /// What moved bounds would do.
    pub fn effect(&self, changes: &[Change]) -> Arc<Effect> {
        let mut last = self.effect.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 != changes {
            *last = (changes.to_vec(), Arc::new(Effect::of(self, &self.policy(), changes)));
        }
        Arc::clone(&last.1)
    }

    /// A head with what measures are taken of.
    pub fn measured(&self, at: u32) -> Measured<'_> {
        let (key, head) = &self.facts.heads.rows[at as usize];
        Measured {
            facts: &self.facts,
            key: *key,
            head,
            popularity: self.popularity[key.picture as usize],
        }
    }

    /// `accepted`, the reason of refusal, or `undecided`.
    pub fn verdict(&self, key: FaceKey) -> &str {
        word(&self.verdicts, key)
    }

    /// A list that was asked for before.
    pub fn known(&self, name: &ListName) -> Option<Arc<Vec<u32>>> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lists.iter().find(|(known, _)| known == name);
        found.map(|(_, list)| Arc::clone(list))
    }

    /// Places of the heads that the filters let through, in order.
    ///
    /// # Errors
    /// [`Usage`] for a verdict that there is not.
    pub fn list(&self, name: ListName, filters: &Filters, chosen: &Chosen) -> Result<Arc<Vec<u32>>, Usage> {
        let wanted = Wanted::of(filters, &self.facts)?;
        let heads: Vec<u32> = match filters.change {
            None => (0..self.facts.heads.rows.len() as u32).collect(),
            Some(InOrOut::In) => self.effect(&filters.bound).incoming.clone(),
            Some(InOrOut::Out) => self.effect(&filters.bound).outgoing.clone(),
        };
        let mut list: Vec<u32> = heads
            .into_par_iter()
            .filter(|at| self.passes(*at, filters, &wanted, chosen))
            .collect();
        let order = match (filters.order, filters.change) {
            (None, Some(change)) => Some(nearest(&filters.bound[0], change)),
            (order, _) => order,
        };
        if let Some(order) = order {
            self.sort(&mut list, order);
        }
        let list = Arc::new(list);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.push((name, Arc::clone(&list)));
        if lists.len() > LISTS {
            lists.remove(0);
        }
        Ok(list)
    }

    fn passes(&self, at: u32, filters: &Filters, wanted: &Wanted<'_>, chosen: &Chosen) -> bool {
        let of = self.measured(at);
        let chosen_picture = |all: &Vec<bool>| all[of.key.picture as usize];
        wanted.verdict(self.verdict(of.key))
            && filters
                .decision
                .is_none_or(|wanted| wanted.choice() == by_hand(of.head))
            && wanted.group.is_none_or(|group| of.head.group == group)
            && wanted.picture.is_none_or(|picture| picture == Some(of.key.picture))
            && chosen.pictures.as_ref().is_none_or(chosen_picture)
            && chosen.within.as_ref().is_none_or(|files| files.contains(&of.head.head))
            && !chosen.without.contains(&of.head.head)
            && filters.measure.iter().all(|range| {
                let value = (range.measure)(&of);
                value.is_some_and(|value| range.bounds.contains(&value))
            })
    }

    /// Heads without the measure come last; equal ones by picture.
    fn sort(&self, list: &mut Vec<u32>, order: Order) {
        let mut keyed: Vec<(f64, u32)> = list
            .par_iter()
            .map(|at| {
                let value = (order.measure)(&self.measured(*at));
                let rising = |value: f64| if order.falling { -value } else { value };
                (value.map_or(f64::INFINITY, rising), *at)
            })
            .collect();
        keyed.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        *list = keyed.into_iter().map(|(_, at)| at).collect();
    }

    /// A head as the gallery shows it. `fresh` are decisions by hand that were taken since.
    pub fn tile(&self, at: u32, fresh: &HashMap<Hash, Option<Choice>>) -> Value {
        let of = self.measured(at);
        let (decided, verdict) = match fresh.get(&of.head.head) {
            None => (by_hand(of.head), self.verdict(of.key)),
            Some(None) => (None, "undecided"),
            Some(Some(Choice::Keep)) => (Some(Choice::Keep), "accepted"),
            Some(Some(Choice::Reject)) => (Some(Choice::Reject), BY_HAND),
        };
        json!({
            "head": hex::encode(of.head.head),
            "verdict": verdict,
            "decision": decided.map(Choice::word),
            "score": MEASURES[0].2(&of),
            "by_hand": of.key.found_by == FoundBy::Hand,
            "side": of.head.native_side,
        })
    }

    /// Every measure of a head by name.
    pub fn measures(&self, at: u32) -> Vec<Value> {
        let of = self.measured(at);
        let measure = |(name, about, value): &Measure| json!({ "name": name, "about": about, "value": value(&of) });
        MEASURES.iter().map(measure).collect()
    }

    /// Those of some head files that there are, each with a place of it.
    pub fn known_heads(&self, heads: &HashSet<Hash>) -> HashMap<Hash, u32> {
        let rows = (0..).zip(&self.facts.heads.rows);
        let mut known = HashMap::new();
        for (at, (_, head)) in rows.filter(|(_, (_, head))| heads.contains(&head.head)) {
            known.entry(head.head).or_insert(at);
        }
        known
    }

    /// Files of the heads without a verdict.
    pub fn undecided(&self) -> HashSet<Hash> {
        let rows = self.facts.heads.rows.iter();
        let undecided = rows.filter(|(key, _)| self.verdicts.get(*key).is_none());
        undecided.map(|(_, head)| head.head).collect()
    }

    /// Places of the heads of a group of near-duplicates, in the order of the list.
    pub fn group(&self, group: &Hash) -> Vec<u32> {
        let rows = self.facts.heads.rows.par_iter().enumerate();
        let found = rows.filter(|(_, (_, head))| head.group == *group);
        found.map(|(at, _)| at as u32).collect()
    }
}

/// Those nearest to a moved bound first.
fn nearest(change: &Change, way: InOrOut) -> Order {
    let (_, measured, _) = bounds::bound(change.name).expect("a change is of a bound");
    let least = change.name.starts_with("min_");
    Order {
        measure: bounds::measure(measured).2,
        // A lowered least bound lets in what is above it: the lowest of these are nearest to it.
        falling: least != (way == InOrOut::In),
    }
}

fn word(verdicts: &ByFace<Recorded>, key: FaceKey) -> &str {
    match verdicts.get(key) {
        None => "undecided",
        Some(None) => "accepted",
        Some(Some(reason)) => reason,
    }
}

/// The filters' words, read once.
struct Wanted<'filters> {
    verdict: Option<&'filters str>,
    group: Option<Hash>,
    /// The picture's number; none within: it is not stored.
    picture: Option<Option<u32>>,
}

impl<'filters> Wanted<'filters> {
    fn of(filters: &'filters Filters, facts: &Facts) -> Result<Self, Usage> {
        let verdict = filters.verdict.as_deref();
        let known = |word: &&str| {
            let general = ["accepted", "refused", "undecided"];
            general.contains(word) || crate::decide::REASONS.contains(word)
        };
        if let Some(word) = verdict.filter(|word| !known(word)) {
            let reasons = crate::decide::REASONS.join(", ");
            return Err(Usage(format!(
                "`{word}` is no verdict: accepted, refused, undecided and the reasons {reasons} are"
            )));
        }
        Ok(Self {
            verdict,
            group: filters.group.as_deref().map(hash_of),
            picture: filters.picture.as_deref().map(|image| facts.picture_number(image)),
        })
    }

    fn verdict(&self, is: &str) -> bool {
        match self.verdict {
            None => true,
            Some("refused") => !matches!(is, "accepted" | "undecided"),
            Some(wanted) => wanted == is,
        }
    }
}

fn by_hand(head: &Head) -> Option<Choice> {
    head.decision.as_ref().map(|decision| decision.choice())
}

/// What restricts a list beside the facts.
///
/// # Errors
/// [`Usage`] for filters that cannot be meant or a version that there is not; where the catalog cannot be read.
pub async fn chosen(context: &AppContext, filters: &Filters, facts: &Facts) -> anyhow::Result<Chosen> {
    let selects = filters.select != crate::selection::SelectionArgs::default();
    let pictures = match selects {
        true => {
            let selection = context.settled(&filters.select.resolve()?).await?;
            Some(gallery::selected(&context.catalog, &selection, facts).await?)
        }
        false => None,
    };
    let files = |version: &Option<String>| -> anyhow::Result<Option<HashSet<Hash>>> {
        let opened = version
            .as_deref()
            .map(|name| crate::manifest::open(&context.manifests(), name));
        opened.transpose()?.map(|opened| files_of(&opened)).transpose()
    };
    Ok(Chosen {
        pictures,
        within: files(&filters.version)?,
        without: files(&filters.without_version)?.unwrap_or_default(),
    })
}

fn files_of(version: &dataset::manifest::Opened) -> anyhow::Result<HashSet<Hash>> {
    let mut files = HashSet::new();
    for rows in version.batches()? {
        files.extend(rows?.iter().map(|row| hash_of(&row.head)));
    }
    Ok(files)
}
