//! Made by a machine, where the source says so: a set of machine pictures teaches the machine.

use super::Subject;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "ai-made";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    (subject.posts.ai_made && !settings.ai_made).then(|| "its source says so".into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn what_a_machine_made_is_refused_unless_it_may_pass() {
        let mut settings = CurateSettings::default();
        assert!(refused(REASON, &settings, |head| head.posts.ai_made = true));
        settings.ai_made = true;
        assert!(!refused(REASON, &settings, |head| head.posts.ai_made = true));
    }
}
