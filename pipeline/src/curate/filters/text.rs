//! Print, screen tone or a pattern: strong steps everywhere, where a head has them at its lines.

use super::Subject;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "text";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    let (crossings, most) = (subject.head.crossings, settings.max_crossings);
    (crossings > most).then(|| format!("{crossings:.3} > {most}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn print_is_refused_and_the_bound_passes() {
        let settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.head.crossings = 0.6));
        assert!(!refused(REASON, &settings, |head| head.head.crossings = settings.max_crossings));
    }
}
