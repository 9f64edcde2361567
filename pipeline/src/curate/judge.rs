//! Verdicts about single heads, page by page.

use std::collections::HashMap;

use dataset::Store;
use dataset::failure::Interrupted;
use vision::crop::CropRule;

use super::CurateSettings;
use super::filters::{self, BY_HAND, Subject};
use super::look::Looker;
use crate::catalog::Catalog;
use crate::catalog::candidates::{self, Candidate, PostFacts};
use crate::catalog::decisions::{Decision, Decisions};
use crate::catalog::detections::{Face, GIVEN};
use crate::catalog::verdicts::{self, HeadKey, Judgement, Rejection};
use crate::digests::Digests;
use crate::progress;
use crate::stop::Stop;

/// Heads of one transaction.
const PAGE: i64 = 2000;

/// What judging needs.
pub(super) struct Bench<'run> {
    pub(super) catalog: &'run Catalog,
    pub(super) store: &'run Store,
    pub(super) digests: &'run Digests,
    pub(super) settings: &'run CurateSettings,
    pub(super) rule: CropRule,
    pub(super) looker: Option<Looker>,
}

impl Bench<'_> {
    /// Judges every head that waits; says how many.
    ///
    /// # Errors
    /// `Interrupted`, or where the store vanished, the network fails or the database refuses.
    pub(super) async fn judge_all(&self, stop: &Stop) -> anyhow::Result<u64> {
        let bar = progress::bar(candidates::count(self.catalog, self.digests).await?, "curate");
        let decisions = Decisions::load(self.catalog).await?;
        let mut last = HeadKey::default();
        let mut done = 0;
        loop {
            let page = candidates::page(self.catalog, self.digests, &last, PAGE).await?;
            let Some(end) = page.last() else { break };
            last = end.key.clone();
            if stop.requested() {
                return Err(Interrupted.into());
            }
            let judged = self.judge(page, &decisions).await?;
            let mut write = self.catalog.write().await?;
            verdicts::record(&mut write, &self.digests.policy, &judged).await?;
            write.commit().await?;
            done += judged.len() as u64;
            bar.inc(judged.len() as u64);
        }
        bar.finish_and_clear();
        Ok(done)
    }

    async fn judge(&self, page: Vec<Candidate>, decisions: &Decisions) -> anyhow::Result<Vec<Judgement>> {
        let mut subjects = self.subjects(page).await?;
        let mut verdicts: Vec<(Option<Rejection>, Option<String>)> = subjects
            .iter()
            .map(|subject| match decisions.about(&subject.head) {
                Some(decision) => by_hand(decision),
                None => (filters::judge(subject, self.settings), None),
            })
            .collect();
        if let Some(looker) = &self.looker {
            let due = |at: usize| {
                verdicts[at].0.is_none() && verdicts[at].1.is_none() && subjects[at].head.key.detector != GIVEN
            };
            let due: Vec<usize> = (0..subjects.len()).filter(|at| due(*at)).collect();
            let heads: Vec<(&str, [f64; 3])> = due.iter().map(|at| subjects[*at].placed()).collect();
            let scores = looker.scores(self.catalog, self.store, &heads).await?;
            for at in due {
                subjects[at].look = scores.get(&subjects[at].head.head).copied();
                verdicts[at].0 = filters::judge(&subjects[at], self.settings);
            }
        }
        let judged = subjects
            .into_iter()
            .zip(verdicts)
            .map(|(subject, (rejection, kept))| Judgement {
                key: subject.head.key,
                pixels: subject.head.pixels,
                rejection,
                kept,
            });
        Ok(judged.collect())
    }

    /// The heads of a page with what lies beside them in the catalog.
    async fn subjects(&self, page: Vec<Candidate>) -> anyhow::Result<Vec<Subject>> {
        let images = candidates::images_of(&page);
        let mut faces: HashMap<String, Vec<Face>> =
            candidates::faces(self.catalog, &self.digests.detector, &images).await?;
        let posts: HashMap<String, PostFacts> =
            candidates::posts(self.catalog, &self.settings.ai_tags, &images).await?;
        faces.retain(|_, faces| faces.len() > 1);
        let subject = |head: Candidate| {
            let others = faces.get(&head.key.image).into_iter().flatten();
            Subject {
                others: others
                    .filter(|face| face.ordinal != head.key.ordinal)
                    .copied()
                    .collect(),
                posts: posts.get(&head.key.image).cloned().unwrap_or_default(),
                look: None,
                rule: self.rule,
                head,
            }
        };
        Ok(page.into_iter().map(subject).collect())
    }
}

/// What a decision makes of a head: a refusal, or what it is kept for.
fn by_hand(decision: &Decision) -> (Option<Rejection>, Option<String>) {
    let told = |word: &str| match decision.because.as_str() {
        "" => format!("{word} by hand"),
        because => format!("{word} by hand: {because}"),
    };
    match decision.keeps() {
        true => (None, Some(told("kept"))),
        false => {
            let detail = told("refused");
            (
                Some(Rejection {
                    reason: BY_HAND,
                    detail,
                }),
                None,
            )
        }
    }
}
