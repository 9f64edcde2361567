//! Greyscale, a sketch, or a single tint: no colours to learn.

use super::Subject;
use super::below;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "grey";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    below(subject.head.colour, settings.min_colour)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn a_sketch_is_refused_and_the_bound_passes() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.head.colour = 0.5));
        assert!(!refused(REASON, &settings, |head| head.head.colour = settings.min_colour));
    }
}
