//! Another organ, or no face: looked at by itself, the head shows none where its face must be.

use super::Subject;
use super::below;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "no-face";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    below(subject.look?, settings.min_second_score)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn a_head_without_a_face_is_refused_and_one_not_looked_at_is_not() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.look = Some(0.01)));
        assert!(!refused(REASON, &settings, |head| head.look = None));
    }
}
