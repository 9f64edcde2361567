//! The detector is not sure enough: half of what it proposes below this is another organ or pattern.

use super::Subject;
use super::below;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "score";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    below(subject.head.score, settings.min_score)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn an_unsure_face_is_refused_and_the_bound_passes() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.head.score = 0.49));
        assert!(!refused(REASON, &settings, |head| head.head.score = settings.min_score));
    }
}
