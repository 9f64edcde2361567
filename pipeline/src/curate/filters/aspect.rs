//! A face box far from square holds half a face, or two.

use super::Subject;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "aspect";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    let (aspect, most) = (subject.face_width() / subject.face_height(), settings.max_aspect);
    let square = (1.0 / most..=most).contains(&aspect);
    (!square).then(|| format!("{aspect:.2} is not within 1:{most} and {most}:1"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn long_boxes_are_refused_either_way_and_the_bound_passes() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.head.x1 = head.head.x0 + 300.0));
        assert!(refused(REASON, &settings, |head| head.head.x1 = head.head.x0 + 40.0));
        let widest = settings.max_aspect * 110.0;
        assert!(!refused(REASON, &settings, |head| head.head.x1 = head.head.x0 + widest));
    }
}
