//! The filters of single heads, a row each: the reason, and what is measured against which setting.

use vision::BBox;
use vision::crop::{CropRule, Region};

use super::CurateSettings;
use crate::catalog::detections::Face;
use crate::catalog::facts::{Facts, Head, Picture};
use crate::catalog::pictures::{FaceKey, FoundBy};
use crate::catalog::verdicts::Verdict;

/// A head with what lies beside it.
pub(super) struct Subject<'facts> {
    key: FaceKey,
    head: &'facts Head,
    face: &'facts Face,
    picture: &'facts Picture,
    /// Every face of its picture.
    faces: &'facts [(FaceKey, Face)],
    rule: CropRule,
}

impl<'facts> Subject<'facts> {
    pub(super) fn of(facts: &'facts Facts, key: FaceKey, head: &'facts Head, rule: CropRule) -> Self {
        Self {
            key,
            head,
            face: facts.face(head),
            picture: facts.picture(key),
            faces: facts.faces.of(key.picture),
            rule,
        }
    }
}

/// Its reason, and what it says of a head that it refuses.
type Filter = (&'static str, fn(&Subject<'_>, &CurateSettings) -> Option<String>);

/// In the order in which they are asked; the first that refuses gives the reason. The second pass, which costs
/// most, is asked last.
pub(super) const FILTERS: [Filter; 12] = [
    // The detector is not sure enough: half of what it proposes below this is another organ or pattern. It is not
    // asked about a box that a hand made.
    ("score", |of, settings| {
        let detected = of.key.found_by != FoundBy::Hand;
        below(of.face.score, settings.min_score).filter(|_| detected)
    }),
    // Too few pixels in the picture for the sides that are trained.
    ("side", |of, settings| {
        let (side, least) = (of.head.native_side, settings.min_side);
        (side < least).then(|| format!("{side} < {least}"))
    }),
    // A face box far from square holds half a face, or two.
    ("aspect", |of, settings| {
        let (face, most) = (of.face, settings.max_aspect);
        let aspect = (face.x1 - face.x0) / (face.y1 - face.y0);
        let square = (1.0 / most..=most).contains(&aspect);
        (!square).then(|| format!("{aspect:.2} is not within 1:{most} and {most}:1"))
    }),
    // Too much of the head lies beyond the picture and shows smeared edge pixels.
    ("edge", |of, settings| below(of.head.inside, settings.min_inside)),
    // A surface without a drawing on it, or one so pale or dark that nothing is to be seen.
    ("flat", |of, settings| below(of.head.contrast, settings.min_contrast)),
    // Out of focus, or enlarged from too few pixels.
    ("blurred", |of, settings| {
        below(of.head.sharpness, settings.min_sharpness)
    }),
    // Greyscale, a sketch, or a single tint: no colours to learn.
    ("grey", |of, settings| below(of.head.colour, settings.min_colour)),
    // Print, screen tone or a pattern: strong steps everywhere, where a head has them at its lines.
    ("text", |of, settings| {
        let (crossings, most) = (of.head.crossings, settings.max_crossings);
        (crossings > most).then(|| format!("{crossings:.3} > {most}"))
    }),
    // Another face shows in the head, at a size that matters.
    ("two-heads", two_heads),
    // Made by a machine, where the source says so: a set of machine pictures teaches the machine.
    ("ai-made", |of, settings| {
        (of.picture.ai_made && !settings.ai_made).then(|| "its source says so".into())
    }),
    // A rating that is not wanted: of several posts with the picture, one is enough.
    ("rating", |of, settings| {
        let unwanted = |rating: &&str| !settings.ratings.iter().any(|wanted| wanted == rating);
        let mut ratings = of.picture.ratings().filter(|_| !settings.ratings.is_empty());
        let unwanted = ratings.find(unwanted)?;
        Some(format!("{unwanted} is none of {}", settings.ratings.join(", ")))
    }),
    // Another organ, or no face: seen by itself, the head shows none where its face must be.
    ("no-face", |of, settings| {
        below(of.head.second_score?, settings.min_second_score)
    }),
];

/// What the first filter says that refuses a head. Without a second score, that filter says nothing.
pub(super) fn refusal(subject: &Subject<'_>, settings: &CurateSettings) -> Verdict {
    let refused = FILTERS.iter().find_map(|(reason, filter)| {
        let detail = filter(subject, settings)?;
        Some(Verdict::refused(reason, detail))
    });
    refused.unwrap_or_default()
}

/// The refusal of a value below a bound.
fn below(value: f64, least: f64) -> Option<String> {
    (value < least).then(|| format!("{value:.3} < {least}"))
}

/// Two boxes of which one holds so much of the other are one face found twice: the detector's own
/// suppression goes by intersection over union, which a box within a box evades.
const SAME: f32 = 0.6;

fn two_heads(of: &Subject<'_>, settings: &CurateSettings) -> Option<String> {
    if of.key.imported() {
        return None;
    }
    let own = of.face.bbox();
    let region = of.rule.region(&own, of.picture.width, of.picture.height);
    let size = |face: &BBox| f64::from(face.area().sqrt());
    let shown = |(key, face): &&(FaceKey, Face)| {
        let other = face.bbox();
        *key != of.key
            && !key.imported()
            && face.score > settings.max_other_score
            && size(&other) >= settings.min_other_size * size(&own)
            && holds(&region, other.centre())
            && own.overlap(&other).area() / own.area().min(other.area()).max(1.0) < SAME
    };
    let (_, other) = of.faces.iter().find(shown)?;
    let most = settings.max_other_score;
    // The figures first: a sheet shows no more than the beginning.
    Some(format!("{:.3} > {most}, face {} beside it", other.score, other.ordinal))
}

fn holds(region: &Region, (x, y): (f32, f32)) -> bool {
    let inside = |at: f32, start: i64| (start as f32..(start + i64::from(region.side)) as f32).contains(&at);
    inside(x, region.x) && inside(y, region.y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::posts::Rating;
    use crate::decide::REASONS;

    /// A head that every filter passes: a face of 100 x 110 pixels in the middle of its picture.
    #[derive(Clone)]
    struct Sample {
        head: Head,
        face: Face,
        picture: Picture,
        others: Vec<Face>,
    }

    fn face(x: f64, y: f64, width: f64, height: f64, score: f64) -> Face {
        Face {
            ordinal: 1,
            x0: x,
            y0: y,
            x1: x + width,
            y1: y + height,
            score,
        }
    }

    fn rated(ratings: &[Rating]) -> u8 {
        ratings.iter().map(|rating| 1_u8 << *rating as u8).sum()
    }

    fn good() -> Sample {
        Sample {
            head: Head {
                native_side: 210,
                inside: 1.0,
                sharpness: 0.5,
                colour: 20.0,
                contrast: 50.0,
                crossings: 0.1,
                second_score: Some(0.9),
                ..Head::default()
            },
            face: face(400.0, 300.0, 100.0, 110.0, 0.9),
            picture: Picture {
                width: 1000,
                height: 800,
                ratings: rated(&[Rating::Safe]),
                ..Picture::default()
            },
            others: Vec::new(),
        }
    }

    /// The reason for refusing what `spoil` made of a good head, and what is said with it.
    fn refused(settings: &CurateSettings, spoil: fn(&mut Sample)) -> Option<(&'static str, String)> {
        let mut sample = good();
        spoil(&mut sample);
        let key = |ordinal| FaceKey {
            ordinal,
            ..FaceKey::default()
        };
        let others = (1..).zip(&sample.others).map(|(ordinal, face)| (key(ordinal), *face));
        let faces: Vec<(FaceKey, Face)> = std::iter::once((key(0), sample.face)).chain(others).collect();
        let subject = Subject {
            key: key(0),
            head: &sample.head,
            face: &sample.face,
            picture: &sample.picture,
            faces: &faces,
            rule: CropRule::default(),
        };
        let verdict = refusal(&subject, settings);
        Some((verdict.reason?, verdict.detail.expect("says why").into()))
    }

    #[test]
    fn each_filter_refuses_beyond_its_bound_and_passes_what_is_on_it() {
        type Spoil = fn(&mut Sample);
        let mut settings = CurateSettings::default();
        assert_eq!(refused(&settings, |_| ()), None);
        let cases: [(&str, Spoil, Spoil); 10] = [
            ("score", |of| of.face.score = 0.49, |of| of.face.score = 0.5),
            ("side", |of| of.head.native_side = 63, |of| of.head.native_side = 64),
            ("aspect", |of| of.face.x1 = 700.0, |of| of.face.x1 = 400.0 + 1.8 * 110.0),
            ("aspect", |of| of.face.x1 = 440.0, |of| of.face.x1 = 500.0),
            ("edge", |of| of.head.inside = 0.3, |of| of.head.inside = 0.8),
            ("flat", |of| of.head.contrast = 2.0, |of| of.head.contrast = 10.0),
            ("blurred", |of| of.head.sharpness = 0.2, |of| of.head.sharpness = 0.35),
            ("grey", |of| of.head.colour = 0.5, |of| of.head.colour = 3.0),
            ("text", |of| of.head.crossings = 0.6, |of| of.head.crossings = 0.3),
            (
                "no-face",
                |of| of.head.second_score = Some(0.01),
                |of| of.head.second_score = None,
            ),
        ];
        for (reason, beyond, on) in cases {
            let (given, detail) = refused(&settings, beyond).expect(reason);
            assert_eq!((given, detail.is_empty()), (reason, false));
            assert_eq!(refused(&settings, on), None, "{reason}");
        }
        let made: Spoil = |of| of.picture.ai_made = true;
        assert_eq!(refused(&settings, made).expect("refused").0, "ai-made");
        settings.ai_made = true;
        assert_eq!(refused(&settings, made), None);
        let mixed: Spoil = |of| of.picture.ratings = rated(&[Rating::Explicit, Rating::Safe]);
        assert_eq!(refused(&settings, mixed), None);
        settings.ratings = vec!["safe".into(), "sensitive".into()];
        let (reason, detail) = refused(&settings, mixed).expect("refused");
        assert_eq!(
            (reason, detail.as_str()),
            ("rating", "explicit is none of safe, sensitive")
        );
    }

    #[test]
    fn another_face_in_the_head_is_refused_where_it_matters() {
        let settings = CurateSettings::default();
        // The head shows 345 to 555 across.
        let beside = |spoil| refused(&settings, spoil).map(|(reason, _)| reason);
        let near = beside(|of| of.others = vec![face(490.0, 320.0, 100.0, 100.0, 0.9)]);
        assert_eq!(near, Some("two-heads"));
        let outside = beside(|of| of.others = vec![face(600.0, 320.0, 100.0, 100.0, 0.9)]);
        let small = beside(|of| of.others = vec![face(490.0, 320.0, 40.0, 40.0, 0.9)]);
        let unsure = beside(|of| of.others = vec![face(490.0, 320.0, 100.0, 100.0, 0.3)]);
        let once_more = beside(|of| of.others = vec![face(410.0, 320.0, 70.0, 70.0, 0.9)]);
        assert_eq!([outside, small, unsure, once_more], [None; 4]);
    }

    #[test]
    fn every_reason_is_one_word_and_named_once() {
        for (at, reason) in REASONS.iter().enumerate() {
            assert!(!REASONS[..at].contains(reason), "{reason}");
            let plain = |letter: char| letter.is_ascii_lowercase() || letter == '-';
            assert!(reason.chars().all(plain), "{reason}");
        }
    }
}
