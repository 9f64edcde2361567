//! Too few pixels in the picture for the sides that are trained.

use super::Subject;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "side";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    let (side, least) = (subject.head.native_side, settings.min_side);
    (side < least).then(|| format!("{side} < {least}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn a_small_head_is_refused_and_the_bound_passes() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.head.native_side = 63));
        assert!(!refused(REASON, &settings, |head| head.head.native_side = 64));
    }
}
