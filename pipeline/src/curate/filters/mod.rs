//! The filters of single heads, one a file: from what is recorded of a head to a reason for refusing it.

mod ai_made;
mod aspect;
mod edge;
mod flat;
mod grey;
mod look;
mod others;
mod rating;
mod score;
mod sharpness;
mod side;
mod text;

use vision::BBox;
use vision::crop::{CropRule, Region};

use super::CurateSettings;
use crate::catalog::candidates::{Candidate, PostFacts, PostRules};
use crate::catalog::detections::Face;
use crate::catalog::verdicts::{Rejection, SET_REASONS};

/// A head with all that filters ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    /// What is recorded of it.
    pub(super) head: Candidate,
    /// The other faces of its picture.
    pub(super) others: Vec<Face>,
    /// What the posts say of its picture.
    pub(super) posts: PostFacts,
    /// The score of the second look; `None` where none is due.
    pub(super) look: Option<f64>,
    /// The rule that cut it.
    pub(super) rule: CropRule,
}

impl Subject {
    /// The box of its face.
    fn face(&self) -> BBox {
        let head = &self.head;
        let [x0, y0, x1, y1] = [head.x0, head.y0, head.x1, head.y1].map(|edge| edge as f32);
        BBox { x0, y0, x1, y1 }
    }

    /// Where it was cut out of its picture.
    fn region(&self) -> Region {
        self.rule.region(
            &self.face(),
            self.head.picture_width as u32,
            self.head.picture_height as u32,
        )
    }

    /// Its name, and where its face is in it.
    pub(super) fn placed(&self) -> (&str, [f64; 3]) {
        let (width, height) = (self.head.picture_width as u32, self.head.picture_height as u32);
        (&self.head.head, self.rule.place(&self.face(), width, height))
    }

    fn face_width(&self) -> f64 {
        self.head.x1 - self.head.x0
    }

    fn face_height(&self) -> f64 {
        self.head.y1 - self.head.y0
    }
}

/// Its reason, and what refuses.
type Filter = (&'static str, fn(&Subject, &CurateSettings) -> Option<String>);

/// In the order in which they are asked; the first that refuses gives the reason. What the posts say
/// comes after all that never changes, and the second look, which costs most, is asked last.
const FILTERS: [Filter; 12] = [
    (score::REASON, score::refusal),
    (side::REASON, side::refusal),
    (aspect::REASON, aspect::refusal),
    (edge::REASON, edge::refusal),
    (flat::REASON, flat::refusal),
    (sharpness::REASON, sharpness::refusal),
    (grey::REASON, grey::refusal),
    (text::REASON, text::refusal),
    (others::REASON, others::refusal),
    (ai_made::REASON, ai_made::refusal),
    (rating::REASON, rating::refusal),
    (look::REASON, look::refusal),
];

/// The reason of a head that was refused by hand.
pub const BY_HAND: &str = "by-hand";

/// Every reason there is, in the order in which they are asked.
pub const REASONS: [&str; FILTERS.len() + 1 + SET_REASONS.len()] = {
    let mut reasons = [BY_HAND; FILTERS.len() + 1 + SET_REASONS.len()];
    let mut at = 0;
    while at < FILTERS.len() {
        reasons[at + 1] = FILTERS[at].0;
        at += 1;
    }
    at = 0;
    while at < SET_REASONS.len() {
        reasons[FILTERS.len() + 1 + at] = SET_REASONS[at];
        at += 1;
    }
    reasons
};

/// Reasons that are asked for after what the posts say.
const AFTER_POSTS: [&str; 1 + SET_REASONS.len()] = [
    look::REASON,
    SET_REASONS[0],
    SET_REASONS[1],
    SET_REASONS[2],
    SET_REASONS[3],
];

/// The first filter's refusal, or `None` where the head passes all. Without a second look, that filter
/// has nothing to say.
pub(super) fn judge(subject: &Subject, settings: &CurateSettings) -> Option<Rejection> {
    FILTERS.iter().find_map(|(reason, filter)| {
        let detail = filter(subject, settings)?;
        Some(Rejection { reason, detail })
    })
}

/// What is asked of the posts.
pub(super) fn post_rules(settings: &CurateSettings) -> PostRules<'_> {
    PostRules {
        ai_made: (!settings.ai_made).then_some((ai_made::REASON, settings.ai_tags.as_slice())),
        rating: (!settings.ratings.is_empty()).then_some((rating::REASON, settings.ratings.as_slice())),
        later: &AFTER_POSTS,
    }
}

/// The refusal of a value below a bound.
fn below(value: f64, least: f64) -> Option<String> {
    (value < least).then(|| format!("{value:.3} < {least}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head that every filter passes: a face of 100 x 110 pixels in the middle of its picture.
    pub(super) fn good() -> Subject {
        Subject {
            head: Candidate {
                native_side: 210,
                inside: 1.0,
                sharpness: 0.5,
                colour: 20.0,
                contrast: 50.0,
                crossings: 0.1,
                x0: 400.0,
                y0: 300.0,
                x1: 500.0,
                y1: 410.0,
                score: 0.9,
                picture_width: 1000,
                picture_height: 800,
                ..Candidate::default()
            },
            posts: PostFacts {
                ratings: vec!["safe".into()],
                ai_made: false,
            },
            look: Some(0.9),
            ..Subject::default()
        }
    }

    /// Whether the filter of that reason refuses what `spoil` made of a good head.
    pub(super) fn refused(reason: &str, settings: &CurateSettings, spoil: impl Fn(&mut Subject)) -> bool {
        assert_eq!(judge(&good(), settings), None);
        let mut subject = good();
        spoil(&mut subject);
        let rejection = judge(&subject, settings);
        if let Some(rejection) = &rejection {
            assert_eq!(rejection.reason, reason);
            assert!(!rejection.detail.is_empty());
        }
        rejection.is_some()
    }

    #[test]
    fn every_reason_is_one_word_and_named_once() {
        for (at, reason) in REASONS.iter().enumerate() {
            assert!(!REASONS[..at].contains(reason), "{reason}");
            assert!(
                reason
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || letter == '-')
            );
        }
        let after: Vec<&str> = REASONS
            .iter()
            .copied()
            .skip_while(|reason| *reason != rating::REASON)
            .skip(1)
            .collect();
        assert_eq!(after, AFTER_POSTS);
    }
}
