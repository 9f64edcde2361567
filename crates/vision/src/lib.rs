//! What both programs need to know about pictures: boxes, letterboxing, the one YOLOv3 decode, the
//! place of a face in its head crop, decoding of picture files and the ONNX detector.
//!
//! Architecture invariant: plain functions on plain data. No async, no database, no store, no torch.

pub mod crop;
pub mod detector;
pub mod geometry;
pub mod letterbox;
pub mod near;
pub mod perceptual;
pub mod picture;
pub mod runtime;
pub mod yolo;

pub use detector::{Detector, DetectorError, DetectorSettings};
pub use geometry::{BBox, Detection, iou, nms};
pub use letterbox::Letterbox;
