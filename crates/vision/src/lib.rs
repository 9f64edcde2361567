//! What both programs need to know about pictures: boxes, letterboxing, the one YOLOv3 decode, the
//! place of a face in its head crop, what is measured on a head, reading and writing of picture files,
//! and the detectors: any YOLOv3 as ONNX, and OpenCV's LBP cascades.
//!
//! Architecture invariant: plain functions on plain data. No async, no database, no store, no torch.

pub mod colour;
pub mod crop;
pub mod detail;
pub mod detector;
pub mod features;
pub mod geometry;
mod lbp;
pub mod letterbox;
pub mod measures;
pub mod model;
pub mod near;
pub mod perceptual;
pub mod picture;
pub mod runtime;
pub mod sharpness;
pub mod swap;
pub mod thumbnail;
pub mod yolo;

pub use colour::Lab;
pub use detector::{Detector, DetectorError, DetectorSettings};
pub use features::{FeatureError, FeatureInput, FeatureNet, Style, StyleNet};
pub use geometry::{BBox, Detection, iou, nms};
pub use lbp::LbpSettings;
pub use letterbox::{Fit, Letterbox};
pub use model::ModelSettings;
pub use runtime::{Provider, RuntimeError};
