//! A rating that is not wanted: of several posts with the picture, one is enough.

use super::Subject;
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "rating";

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    if settings.ratings.is_empty() {
        return None;
    }
    let unwanted = subject
        .posts
        .ratings
        .iter()
        .find(|rating| !settings.ratings.contains(rating))?;
    Some(format!("{unwanted} is none of {}", settings.ratings.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn one_post_with_another_rating_is_enough() {
        let mut settings = CurateSettings::default();
        let mixed = |head: &mut Subject| head.posts.ratings = vec!["explicit".into(), "safe".into()];
        assert!(!refused(REASON, &settings, mixed));
        settings.ratings = vec!["safe".into(), "sensitive".into()];
        assert!(refused(REASON, &settings, mixed));
    }
}
