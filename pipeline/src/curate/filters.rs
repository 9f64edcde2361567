//! The filters: one function each, from what is recorded of a head to a reason for refusing it.

use super::CurateSettings;
use crate::catalog::verdicts::{Candidate, Rejection};

type Filter = fn(&Candidate, &CurateSettings) -> Option<Rejection>;

/// In the order in which they are asked; the first that refuses gives the reason.
const FILTERS: [Filter; 5] = [score, side, aspect, edge, sharpness];

/// Every reason of a single head, in the order of the filters.
pub const REASONS: [&str; 5] = ["score", "side", "aspect", "edge", "blurred"];

/// The first filter's refusal, or `None` where the head is accepted.
pub(super) fn judge(head: &Candidate, settings: &CurateSettings) -> Option<Rejection> {
    FILTERS.iter().find_map(|filter| filter(head, settings))
}

fn reject(reason: &'static str, detail: String) -> Option<Rejection> {
    Some(Rejection { reason, detail })
}

/// The detector is not sure enough: half of what it proposes below this is another organ or pattern.
fn score(head: &Candidate, settings: &CurateSettings) -> Option<Rejection> {
    if head.score >= settings.min_score {
        return None;
    }
    reject("score", format!("{:.3} < {}", head.score, settings.min_score))
}

/// Too few pixels in the picture for the sides that are trained.
fn side(head: &Candidate, settings: &CurateSettings) -> Option<Rejection> {
    if head.native_side >= settings.min_side {
        return None;
    }
    reject("side", format!("{} < {}", head.native_side, settings.min_side))
}

/// A face box far from square holds half a face, or two.
fn aspect(head: &Candidate, settings: &CurateSettings) -> Option<Rejection> {
    let aspect = head.face_width / head.face_height;
    if (1.0 / settings.max_aspect..=settings.max_aspect).contains(&aspect) {
        return None;
    }
    reject(
        "aspect",
        format!("{aspect:.2} is not within 1:{0} and {0}:1", settings.max_aspect),
    )
}

/// Too much of the head lies beyond the picture and shows smeared edge pixels.
fn edge(head: &Candidate, settings: &CurateSettings) -> Option<Rejection> {
    if head.inside >= settings.min_inside {
        return None;
    }
    reject("edge", format!("{:.2} < {}", head.inside, settings.min_inside))
}

/// Out of focus, or enlarged from too few pixels.
fn sharpness(head: &Candidate, settings: &CurateSettings) -> Option<Rejection> {
    if head.sharpness >= settings.min_sharpness {
        return None;
    }
    reject("blurred", format!("{:.3} < {}", head.sharpness, settings.min_sharpness))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::verdicts::HeadKey;

    fn good() -> Candidate {
        Candidate {
            key: HeadKey::default(),
            pixels: String::new(),
            native_side: 200,
            inside: 1.0,
            sharpness: 0.5,
            face_width: 100.0,
            face_height: 110.0,
            score: 0.9,
        }
    }

    #[test]
    fn each_filter_refuses_what_it_is_for() {
        let settings = CurateSettings::default();
        assert_eq!(judge(&good(), &settings), None);
        type Spoil = fn(&mut Candidate);
        let spoiled: [(&str, Spoil); 6] = [
            ("score", |head| head.score = 0.1),
            ("side", |head| head.native_side = 20),
            ("aspect", |head| head.face_width = 400.0),
            ("aspect", |head| head.face_width = 25.0),
            ("edge", |head| head.inside = 0.3),
            ("blurred", |head| head.sharpness = 0.2),
        ];
        for (reason, spoil) in spoiled {
            let mut head = good();
            spoil(&mut head);
            let rejection = judge(&head, &settings).expect("is refused");
            assert_eq!(rejection.reason, reason);
            assert!(REASONS.contains(&rejection.reason) && !rejection.detail.is_empty());
        }
    }

    #[test]
    fn the_bounds_themselves_pass() {
        let settings = CurateSettings::default();
        let mut head = good();
        head.score = settings.min_score;
        head.native_side = settings.min_side;
        head.inside = settings.min_inside;
        head.sharpness = settings.min_sharpness;
        head.face_width = head.face_height * settings.max_aspect;
        assert_eq!(judge(&head, &settings), None);
    }
}
