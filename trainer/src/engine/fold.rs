//! A network for inference alone: spectral norms divided in, batch norms folded into the layers before them.
//! It has the same rows, so that whatever runs or writes a network does the same with it.

use std::collections::BTreeMap;

use tch::Tensor;

use super::network::{EPSILON, Network};
use super::plan::{Layer, Plan, Slot};

/// The folded network, on the CPU: a batch norm after a layer with weights becomes a bias, and its scale goes
/// into the weights.
pub fn folded(network: &Network) -> Network {
    let plan = &network.plan;
    let mut layers = plan.layers.clone();
    let mut tensors = tensors(network);
    for row in 1..layers.len() {
        let axis = match layers[row - 1] {
            Layer::Conv { .. } | Layer::Linear { .. } => 0,
            Layer::ConvTransposed { .. } => 1,
            _ => continue,
        };
        if layers[row] != Layer::BatchNorm {
            continue;
        }
        layers[row] = Layer::Bias;
        let get = |name: &str| &tensors[&format!("{row}.{name}")];
        let scale = get("weight") / (get("running_var") + EPSILON).sqrt();
        let shift = get("bias") - get("running_mean") * &scale;
        tensors.insert(format!("{row}.bias"), shift);
        let scale = match layers[row - 1] {
            Layer::Linear { out } => scale.repeat_interleave_self_int(out.side * out.side, 0, None),
            _ => scale,
        };
        if let Some(bias) = tensors.get_mut(&format!("{}.bias", row - 1)) {
            *bias = &*bias * &scale;
        }
        if let Some(weight) = tensors.get_mut(&format!("{}.weight", row - 1)) {
            let mut shape = vec![1; weight.dim()];
            shape[axis] = -1;
            *weight = &*weight * scale.view(shape.as_slice());
        }
    }
    let folded = Plan::new(plan.input, layers).with_outputs(plan.outputs.clone());
    let vector = |slots: &[Slot]| {
        let parts: Vec<Tensor> = slots.iter().map(|slot| tensors[&slot.name].reshape([-1])).collect();
        match parts.is_empty() {
            true => Tensor::zeros([0], (tch::Kind::Float, tch::Device::Cpu)),
            false => Tensor::cat(&parts, 0),
        }
    };
    let (parameters, buffers) = (vector(&folded.parameters), vector(&folded.buffers));
    Network::from_vectors(folded, &parameters, &buffers).frozen()
}

/// Parameters and buffers by the names of their slots, weights as their layers use them, on the CPU.
fn tensors(network: &Network) -> BTreeMap<String, Tensor> {
    let tensor = |(slot, row, name): (&Slot, usize, &str)| {
        let tensor = match slot.shape.len() > 1 {
            true => network.weight(row, name),
            false => network.tensor(row, name),
        };
        (slot.name.clone(), tensor.detach().to_device(tch::Device::Cpu))
    };
    network.plan.slots().map(tensor).collect()
}
