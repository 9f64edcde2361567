//! Two heads in one box: another face shows in the head, at a size that matters.

use vision::BBox;
use vision::crop::Region;

use super::Subject;
use crate::catalog::detections::{Face, GIVEN};
use crate::curate::CurateSettings;

pub(super) const REASON: &str = "two-heads";

/// Two boxes of which one holds so much of the other are one face found twice: the detector's own
/// suppression goes by intersection over union, which a box within a box evades.
const SAME: f32 = 0.6;

pub(super) fn refusal(subject: &Subject, settings: &CurateSettings) -> Option<String> {
    if subject.head.key.detector == GIVEN {
        return None;
    }
    let (own, region) = (subject.face(), subject.region());
    let size = |face: &BBox| f64::from(face.area().sqrt());
    let shown = |face: &&Face| {
        let [x0, y0, x1, y1] = [face.x0, face.y0, face.x1, face.y1].map(|edge| edge as f32);
        let other = BBox { x0, y0, x1, y1 };
        face.score > settings.max_other_score
            && size(&other) >= settings.min_other_size * size(&own)
            && holds(&region, other.centre())
            && shared(&own, &other) < SAME
    };
    let other = subject.others.iter().find(shown)?;
    let most = settings.max_other_score;
    // The figures first: a sheet shows no more than the beginning.
    Some(format!("{:.3} > {most}, face {} beside it", other.score, other.ordinal))
}

fn holds(region: &Region, (x, y): (f32, f32)) -> bool {
    let inside = |at: f32, start: i64| (start as f32..(start + i64::from(region.side)) as f32).contains(&at);
    inside(x, region.x) && inside(y, region.y)
}

/// The common part of two boxes, as a share of the smaller.
fn shared(a: &BBox, b: &BBox) -> f32 {
    let width = (a.x1.min(b.x1) - a.x0.max(b.x0)).max(0.0);
    let height = (a.y1.min(b.y1) - a.y0.max(b.y0)).max(0.0);
    width * height / a.area().min(b.area()).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    /// Refused for a face of that side and score, its left upper corner there?
    fn beside(x: f64, y: f64, side: f64, score: f64) -> bool {
        refused(REASON, &CurateSettings::default(), |subject| {
            subject.others = vec![Face {
                ordinal: 1,
                x0: x,
                y0: y,
                x1: x + side,
                y1: y + side,
                score,
            }];
        })
    }

    #[test]
    fn another_face_in_the_head_is_refused_where_it_matters() {
        // The head shows 345 to 555 across.
        assert!(beside(490.0, 320.0, 100.0, 0.9));
        assert!(!beside(600.0, 320.0, 100.0, 0.9), "outside");
        assert!(!beside(490.0, 320.0, 40.0, 0.9), "small");
        assert!(!beside(490.0, 320.0, 100.0, 0.3), "unsure");
        assert!(!beside(410.0, 320.0, 70.0, 0.9), "the same face once more");
    }
}
