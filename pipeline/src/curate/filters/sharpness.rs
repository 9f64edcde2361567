//! Out of focus, or enlarged from too few pixels.

use super::Subject;
use super::below;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "blurred";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    below(subject.head.sharpness, settings.min_sharpness)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn a_blurred_head_is_refused_and_the_bound_passes() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.head.sharpness = 0.2));
        assert!(!refused(REASON, &settings, |head| head.head.sharpness = settings.min_sharpness));
    }
}
