//! A surface without a drawing on it, or one so pale or dark that nothing is to be seen.

use super::Subject;
use super::below;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "flat";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    below(subject.head.contrast, settings.min_contrast)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn a_surface_is_refused_and_the_bound_passes() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.head.contrast = 2.0));
        assert!(!refused(REASON, &settings, |head| head.head.contrast = settings.min_contrast));
    }
}
