//! Too much of the head lies beyond the picture and shows smeared edge pixels.

use super::Subject;
use super::below;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "edge";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    below(subject.head.inside, settings.min_inside)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn a_head_cut_off_is_refused_and_the_bound_passes() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.head.inside = 0.3));
        assert!(!refused(REASON, &settings, |head| head.head.inside = settings.min_inside));
    }
}
