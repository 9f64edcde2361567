//! What of a stored head a run sees: the side it is packed at, and where its face stands.
//!
//! Networks learn where faces stand before anything else. A run that goes on from another one whose faces were
//! larger, or higher, would unlearn what the other knows; so its heads are cut to the other's framing.

use std::collections::BTreeMap;

use dataset::ManifestRow;
use dataset::manifest::ManifestBody;
use dataset::train_settings::TrainConfig;
use image::RgbImage;
use image::imageops::crop_imm;
use serde_json::Value;
use vision::crop::CropRule;

/// The side that heads are packed at, and where their faces stand; none: as they were cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Framing {
    /// Pixels.
    pub side: u32,
    face: Option<Face>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Face {
    /// Size of the face box (the root of its area), as a share of the head's side.
    size: f64,
    /// Height of its centre from the top, as a share of the side.
    y: f64,
}

impl From<&TrainConfig> for Framing {
    fn from(config: &TrainConfig) -> Self {
        let face = Face {
            size: config.face_size,
            y: 0.5 + config.face_shift,
        };
        Self {
            side: config.side,
            face: (config.face_size > 0.0).then_some(face),
        }
    }
}

impl Framing {
    /// Heads as they were cut.
    pub fn as_cut(side: u32) -> Self {
        Self { side, face: None }
    }

    /// Whether heads are seen as they were cut.
    pub fn is_as_cut(self) -> bool {
        self.face.is_none()
    }

    /// What tells files of heads in this framing from others.
    pub fn name(self) -> String {
        match self.face {
            Some(Face { size, y }) => format!("{}-face-{size:.3}-{y:.3}", self.side),
            None => self.side.to_string(),
        }
    }

    /// The rule that cuts heads out of pictures as this framing wants them.
    pub fn rule(self) -> CropRule {
        match self.face {
            Some(Face { size, y }) => CropRule {
                margin: (1.0 / size) as f32,
                centre_y: y as f32,
                ..CropRule::default()
            },
            None => CropRule::default(),
        }
    }

    /// What is packed of the heads of a manifest: left edge, upper edge and side of a square, in pixels of the stored
    /// head. A head that was imported as one has no face box, and stays whole; so does one whose face is large enough
    /// as it is.
    pub fn squares(self, manifest: &ManifestBody, rows: &[&ManifestRow]) -> Vec<[u32; 3]> {
        let cut_by = rule_of(&manifest.settings);
        rows.iter().map(|row| self.square(row, cut_by.as_ref())).collect()
    }

    fn square(self, row: &ManifestRow, cut_by: Option<&CropRule>) -> [u32; 3] {
        let whole = row.side as u32;
        let (Some(face), Some(rule)) = (self.face, cut_by.filter(|_| row.has_face_box())) else {
            return [0, 0, whole];
        };
        let bbox = [row.x0, row.y0, row.x1, row.y1].into();
        let [x, y, size] = rule.place(&bbox, row.image_width as u32, row.image_height as u32);
        let side = (f64::from(whole) * size / face.size)
            .round()
            .clamp(1.0, f64::from(whole));
        let start = |centre: f64, place: f64| (f64::from(whole) * centre - side * place).round();
        let inside = |start: f64| start.clamp(0.0, f64::from(whole) - side) as u32;
        [inside(start(x, 0.5)), inside(start(y, face.y)), side as u32]
    }
}

/// That square of a stored head.
pub fn cut(head: RgbImage, [x, y, side]: [u32; 3]) -> RgbImage {
    match head.dimensions() == (side, side) {
        true => head,
        false => crop_imm(&head, x, y, side, side).to_image(),
    }
}

/// The rule that a manifest's heads were cut by, out of its settings; none where these do not tell.
fn rule_of(settings: &BTreeMap<String, String>) -> Option<CropRule> {
    let fields = settings.iter().filter_map(|(name, text)| {
        let field = name.strip_prefix("crop.")?.to_owned();
        Some((field, serde_json::from_str(text).ok()?))
    });
    serde_json::from_value(Value::Object(fields.collect())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(size: f64, y: f64) -> Framing {
        Framing {
            side: 96,
            face: Some(Face { size, y }),
        }
    }

    /// A head of 200 px with a face of 100 px in a picture of 1000, cut by the usual rule.
    fn row(x0: f64, y0: f64) -> ManifestRow {
        ManifestRow {
            detector: "d".into(),
            image_width: 1000,
            image_height: 1000,
            x0,
            y0,
            x1: x0 + 100.0,
            y1: y0 + 100.0,
            side: 200,
            ..ManifestRow::default()
        }
    }

    #[test]
    fn squares_put_faces_where_they_are_asked_for() {
        let rule = CropRule::default();
        let square = |framing: Framing, row: &ManifestRow| framing.square(row, Some(&rule));
        // The face's box is 50 to 150 across and 66 to 166 down in its head.
        assert_eq!(square(framing(0.8, 0.5), &row(400.0, 400.0)), [38, 53, 125]);
        assert_eq!(square(framing(0.8, 0.456), &row(400.0, 400.0)), [38, 59, 125]);
        // Nothing is there above the head's upper edge, and none is cut wider than it was.
        assert_eq!(square(framing(0.6, 1.0), &row(400.0, 400.0)), [17, 0, 167]);
        assert_eq!(square(framing(0.4, 0.5), &row(400.0, 400.0)), [0, 0, 200]);
        // A head at the picture's edge, whose face has left its place by five pixels.
        assert_eq!(square(framing(0.8, 0.456), &row(400.0, 871.0)), [38, 64, 125]);
    }

    #[test]
    fn heads_without_a_face_box_or_a_rule_stay_whole() {
        let given = ManifestRow {
            detector: dataset::manifest::GIVEN.into(),
            ..row(400.0, 400.0)
        };
        let rule = CropRule::default();
        assert_eq!(framing(0.8, 0.5).square(&given, Some(&rule)), [0, 0, 200]);
        assert_eq!(framing(0.8, 0.5).square(&row(400.0, 400.0), None), [0, 0, 200]);
        assert_eq!(Framing::as_cut(96).square(&row(400.0, 400.0), Some(&rule)), [0, 0, 200]);
        assert_eq!(rule_of(&BTreeMap::new()), None);
    }
}
