//! The loss: complete IoU for the boxes, cross-entropy for objectness and class.

use tch::{Kind, Reduction, Tensor};

use super::anchors::Anchors;
use super::assign::{Positive, Targets, assign};
use super::augment::Truth;
use super::yolov3::FIELDS;
use crate::engine::onnx::numbers;

/// Weight of the box term against the cross-entropies, all being means over the positives.
const BOX_GAIN: f64 = 3.0;
/// Size logits beyond this (a factor of 55) are held there, so that an early step cannot overflow.
const SIZE_LOGIT: f64 = 4.0;

/// The terms of a batch's loss, each a scalar tensor.
pub struct Loss {
    /// What is minimised.
    pub total: Tensor,
    /// 1 - CIoU, mean over the positives, without its gain.
    pub boxes: Tensor,
    /// Objectness cross-entropy summed over all predictions, a positive.
    pub objectness: Tensor,
    /// Class cross-entropy, mean over the positives.
    pub class: Tensor,
}

/// The loss of the three heads' raw logits against the faces of each image.
pub fn loss(heads: &[Tensor; 3], truths: &[Vec<Truth>], anchors: &Anchors, side: i64) -> Loss {
    let rows: Vec<Tensor> = heads
        .iter()
        .map(|head| {
            let size = head.size();
            head.view([size[0], 3, FIELDS, size[2], size[3]])
                .permute([0, 1, 3, 4, 2])
                .reshape([-1, FIELDS])
        })
        .collect();
    let predictions = Tensor::cat(&rows, 0);
    let Targets { positives, weights } = assign(&numbers(&predictions.detach()), truths, anchors, side);

    let count = positives.len().max(1) as f64;
    let indices: Vec<i64> = positives.iter().map(|positive| positive.index).collect();
    let indices = Tensor::from_slice(&indices);
    let wanted = Tensor::zeros([weights.len() as i64], (Kind::Float, tch::Device::Cpu)).index_fill(0, &indices, 1.0);
    let objectness = predictions.select(1, 4).binary_cross_entropy_with_logits(
        &wanted,
        Some(&Tensor::from_slice(&weights)),
        None::<&Tensor>,
        Reduction::Sum,
    ) / count;
    let asked = predictions.index_select(0, &indices);
    let scores = asked.select(1, 5);
    let class =
        scores.binary_cross_entropy_with_logits(&scores.ones_like(), None::<&Tensor>, None::<&Tensor>, Reduction::Sum)
            / count;
    let boxes = (complete_iou(&asked, &positives) - 1.0).sum(Kind::Float) / -count;
    Loss {
        total: &boxes * BOX_GAIN + &objectness + &class,
        boxes,
        objectness,
        class,
    }
}

/// Complete IoU (arXiv:1911.08287) of each asked prediction [P, 6] with its face, [P]: the IoU less
/// the squared distance of the centres in diagonals of the enclosing box, less a term for aspect.
fn complete_iou(asked: &Tensor, positives: &[Positive]) -> Tensor {
    let column = |number: fn(&Positive) -> f32| Tensor::from_slice(&positives.iter().map(number).collect::<Vec<f32>>());
    let stride = column(|p| p.stride);
    let x = asked.select(1, 0).sigmoid() * &stride + column(|p| p.corner.0);
    let y = asked.select(1, 1).sigmoid() * &stride + column(|p| p.corner.1);
    let size = |field| asked.select(1, field).clamp(-SIZE_LOGIT, SIZE_LOGIT).exp();
    let (width, height) = (size(2) * column(|p| p.anchor.0), size(3) * column(|p| p.anchor.1));
    let (x0, x1) = (&x - &width / 2, &x + &width / 2);
    let (y0, y1) = (&y - &height / 2, &y + &height / 2);
    let (tx0, tx1) = (column(|p| p.truth.x0), column(|p| p.truth.x1));
    let (ty0, ty1) = (column(|p| p.truth.y0), column(|p| p.truth.y1));
    let (true_width, true_height) = (&tx1 - &tx0, &ty1 - &ty0);

    let shared =
        (x1.minimum(&tx1) - x0.maximum(&tx0)).clamp_min(0.0) * (y1.minimum(&ty1) - y0.maximum(&ty0)).clamp_min(0.0);
    let union = &width * &height + &true_width * &true_height - &shared;
    let overlap = shared / (union + 1e-6);
    let diagonal = (x1.maximum(&tx1) - x0.minimum(&tx0)).square() + (y1.maximum(&ty1) - y0.minimum(&ty0)).square();
    let distance = (x - (tx0 + tx1) / 2).square() + (y - (ty0 + ty1) / 2).square();
    let angle = (true_width / true_height).atan() - (width / height).atan();
    let aspect = angle.square() * (4.0 / std::f64::consts::PI.powi(2));
    let weight = (&aspect / (&aspect - &overlap + (1.0 + 1e-6))).detach();
    overlap - distance / (diagonal + 1e-6) - weight * aspect
}
