//! Detections of the network under training, matched against annotated faces.

use vision::yolo::{self, OutputScale, ScaleLayout};
use vision::{Detection, DetectorSettings, Letterbox, nms};

use super::anchors::Anchors;
use super::data::Sample;
use super::feed::images;
use super::metrics::{Matched, match_faces};
use super::yolov3::{self, Precision, STRIDES};
use crate::engine::network::Network;
use crate::engine::onnx::numbers;

/// Detections of a torch network, in the pixels of each sample's picture.
pub fn detect(
    network: &Network,
    anchors: &Anchors,
    side: u32,
    samples: &[Sample],
    settings: &DetectorSettings,
) -> Vec<Vec<Detection>> {
    samples
        .iter()
        .map(|sample| {
            let picture = sample.picture.full();
            let letterbox = Letterbox::new(picture.width(), picture.height(), side);
            let images = images(&letterbox.apply(picture), 1, side);
            let outputs = tch::no_grad(|| yolov3::forward(network, &images, false, Precision::F32));
            let logits = outputs.map(|output| numbers(&output));
            let scales: Vec<OutputScale<'_>> = (0..3)
                .map(|scale| {
                    let cells = side as usize / STRIDES[scale] as usize;
                    OutputScale {
                        stride: STRIDES[scale] as u32,
                        anchors: &anchors[6 - 3 * scale..9 - 3 * scale],
                        logits: &logits[scale],
                        rows: cells,
                        columns: cells,
                        layout: ScaleLayout::Nchw,
                        scale_x_y: 1.0,
                    }
                })
                .collect();
            let found = yolo::decode(&scales, None, settings.floor);
            nms(found, settings.nms)
                .into_iter()
                .map(|detection| Detection {
                    bbox: letterbox.undo(detection.bbox),
                    ..detection
                })
                .collect()
        })
        .collect()
}

/// Judges each sample's detections.
pub fn match_all(found: &[Vec<Detection>], samples: &[Sample]) -> Vec<Matched> {
    found
        .iter()
        .zip(samples)
        .map(|(found, sample)| {
            let (width, height) = sample.picture.full().dimensions();
            match_faces(found, &sample.faces, width.max(height))
        })
        .collect()
}
