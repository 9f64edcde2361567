//! What a user says of a YOLOv3 that does not say it itself: `[crop.model]` of stages.toml.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::letterbox::Fit;
use crate::yolo::ScaleLayout;

/// What a model expects and answers. Whatever is `None` is read from the file's metadata (keys of the
/// same names), and else from the shapes of its inputs and outputs; [`super::plan`] names the defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// What the outputs hold.
    pub form: Option<Form>,
    /// Side of a square input in pixels; or the two below.
    pub input_side: Option<u32>,
    /// Width of the input in pixels.
    pub input_width: Option<u32>,
    /// Height of the input in pixels.
    pub input_height: Option<u32>,
    /// Order of the input's axes.
    pub input_layout: Option<InputLayout>,
    /// Order of the colours.
    pub colours: Option<ColourOrder>,
    /// An input number is (pixel / divisor - mean) / deviation, pixel being 0 to 255.
    pub divisor: Option<f32>,
    /// Of red, green, blue.
    pub mean: Option<[f32; 3]>,
    /// Of red, green, blue.
    pub deviation: Option<[f32; 3]>,
    /// How a picture of another shape fills the input.
    pub fit: Option<Fit>,
    /// Red, green, blue of the bars beside it.
    pub fill: Option<[u8; 3]>,
    /// Longer side in pixels to which a picture is reduced for a second look, from which only faces that
    /// fill much of it are taken; 0 for none.
    pub second_look: Option<u32>,
    /// (width, height) in input pixels, small to large.
    pub anchors: Option<Vec<[f32; 2]>>,
    /// Which anchors (numbers from 0) each scale has, the coarsest scale first.
    pub masks: Option<Vec<Vec<usize>>>,
    /// How far a centre may leave its cell: one number for all scales, or one each, coarsest first.
    pub scale_x_y: Option<Vec<f32>>,
    /// How the outputs lie, where their shapes leave it open.
    pub heads: Option<ScaleLayout>,
    /// Names of the classes, in order.
    pub classes: Option<Vec<String>>,
    /// The classes that are faces.
    pub keep: Option<Vec<ClassChoice>>,
}

/// What a model's outputs hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// The raw logits of each scale, an output each.
    Raw,
    /// All predictions in one output [N, boxes, 5 + classes]: centre, size, objectness and class
    /// probabilities, as Ultralytics' YOLOv3 exports have it.
    Rows,
    /// All predictions in one output [N, 4 + classes, boxes]: centre, size and class probabilities, as
    /// YOLOv8, v9, v11 and v12 have it. Where only its lengths say so, the two may also be turned.
    Yolov8,
    /// The boxes that the model itself selected, in one output [N, boxes, 6]: corners, score and class, as
    /// YOLOv10 and Ultralytics' exports with suppression have it.
    Yolov10,
    /// Boxes, scores and the indices of those that the model itself selected, as the ONNX model zoo's
    /// yolov3 has it.
    Selected,
}

/// Order of the input's axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputLayout {
    /// [N, 3, H, W].
    #[default]
    Nchw,
    /// [N, H, W, 3].
    Nhwc,
}

/// Order of the input's colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourOrder {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red, as OpenCV has it.
    Bgr,
}

/// A class, by number or name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ClassChoice {
    /// From 0.
    Number(usize),
    /// As in `classes`.
    Name(String),
}

impl<'de> Deserialize<'de> for ClassChoice {
    // By hand: a derived untagged enum would tell neither what is wrong nor in which line.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl de::Visitor<'_> for Either {
            type Value = ClassChoice;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a class's number (from 0) or name")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<ClassChoice, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Signed(number), &self);
                usize::try_from(number).map(ClassChoice::Number).map_err(wrong)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<ClassChoice, E> {
                Ok(ClassChoice::Number(number as usize))
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<ClassChoice, E> {
                Ok(ClassChoice::Name(name.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl ModelSettings {
    /// These settings, and `other`'s where these say nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            form: self.form.or(other.form),
            input_side: self.input_side.or(other.input_side),
            input_width: self.input_width.or(other.input_width),
            input_height: self.input_height.or(other.input_height),
            input_layout: self.input_layout.or(other.input_layout),
            colours: self.colours.or(other.colours),
            divisor: self.divisor.or(other.divisor),
            mean: self.mean.or(other.mean),
            deviation: self.deviation.or(other.deviation),
            fit: self.fit.or(other.fit),
            fill: self.fill.or(other.fill),
            second_look: self.second_look.or(other.second_look),
            anchors: self.anchors.or(other.anchors),
            masks: self.masks.or(other.masks),
            scale_x_y: self.scale_x_y.or(other.scale_x_y),
            heads: self.heads.or(other.heads),
            classes: self.classes.or(other.classes),
            keep: self.keep.or(other.keep),
        }
    }

    /// Width and height that are asked for; `None` where nothing is.
    ///
    /// # Errors
    /// Where the side and the two lengths contradict each other, or one of the two is missing.
    pub(super) fn input_size(&self) -> Result<Option<(u32, u32)>, String> {
        match (self.input_side, self.input_width, self.input_height) {
            (None, None, None) => Ok(None),
            (Some(side), None, None) => Ok(Some((side, side))),
            (side, Some(width), Some(height)) if side.is_none_or(|side| (side, side) == (width, height)) => {
                Ok(Some((width, height)))
            }
            (Some(side), ..) => Err(format!(
                "input_side = {side} and input_width, input_height contradict each other: give one or the other"
            )),
            _ => Err("input_width and input_height go together".into()),
        }
    }
}
