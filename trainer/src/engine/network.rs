//! A network on two flat vectors: parameters and buffers. Weights are views of the first, so that an
//! optimiser, an EMA, a checkpoint or a check for NaN is one operation on one tensor.

use tch::{Device, Kind, Tensor};

use super::convolution::{COMPOSED, channels_last, convolved, transposed, upsampled};
use super::plan::{Init, Layer, Plan, Slot};
use super::spectral;
use crate::shim::leaky_relu;

/// How a forward pass normalises and computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Training: batch norm takes the batch's statistics and moves the running ones by a tenth, spectral norm
    /// moves its directions.
    Train,
    /// Batch norm takes the batch's statistics and moves the running ones by this share.
    BatchStatistics(f64),
    /// Inference: batch norm takes the running statistics.
    Eval,
    /// As [`Self::Eval`], each layer by the one plain operation that other programs know it by, for tracing.
    Trace,
}

/// Share by which training moves running statistics (torch's default).
const MOMENTUM: f64 = 0.1;
/// Pictures that [`Layer::MinibatchDeviation`] compares (StyleGAN2's).
pub const GROUP: i64 = 4;
/// Added to variances before its root (StyleGAN2's).
const DEVIATION_EPSILON: f64 = 1e-8;
/// Added to variances before the root (torch's default).
pub const EPSILON: f64 = 1e-5;

/// A network: its table, parameters and buffers.
#[derive(Debug)]
pub struct Network {
    /// The table.
    pub plan: Plan,
    /// All parameters, f32.
    pub parameters: Tensor,
    /// All buffers, f32.
    pub buffers: Tensor,
    leaves: Vec<Tensor>,
    buffer_views: Vec<Tensor>,
    /// The estimates of each weight's first singular direction, where it is normalised by it.
    directions: Vec<Tensor>,
}

impl Network {
    /// A network initialised by its plan; libtorch's generator, as it stands, gives the draws.
    pub fn new(plan: Plan) -> Self {
        let parameters = filled(&plan.parameters, plan.parameter_count());
        let buffers = filled(&plan.buffers, plan.buffer_count());
        Self::from_vectors(plan, &parameters, &buffers)
    }

    /// A network with copies of the given vectors.
    pub fn from_vectors(plan: Plan, parameters: &Tensor, buffers: &Tensor) -> Self {
        let (parameters, buffers) = (parameters.copy(), buffers.copy());
        // Detached, a view is a leaf of its own that still shares the vector's memory.
        let leaf = |slot: &Slot| view(slot, &parameters).detach().set_requires_grad(true);
        let leaves = plan.parameters.iter().map(leaf).collect();
        // As data, each has a count of its changes: one that moves between two passes is not taken for all, which a
        // backward pass over both would refuse.
        let mut buffer_views: Vec<Tensor> = plan.buffers.iter().map(|slot| view(slot, &buffers).data()).collect();
        let directions = buffer_views.split_off(buffer_views.len() - plan.directions);
        Self {
            plan,
            parameters,
            buffers,
            leaves,
            buffer_views,
            directions,
        }
    }

    /// The same network on another device.
    pub fn to(self, device: Device) -> Self {
        match self.parameters.device() == device {
            true => self,
            false => Self::from_vectors(
                self.plan,
                &self.parameters.to_device(device),
                &self.buffers.to_device(device),
            ),
        }
    }

    /// The same network for inference alone, which no gradient can be asked of.
    #[must_use]
    pub fn frozen(mut self) -> Self {
        self.leaves = self.leaves.iter().map(Tensor::detach).collect();
        self
    }

    /// The tensors to ask gradients for, in the order of the parameter vector.
    pub fn leaves(&self) -> &[Tensor] {
        &self.leaves
    }

    /// What the network keeps of the batches it saw: a view of the buffers without the directions, which follow from
    /// the weights.
    pub fn statistics(&self) -> Tensor {
        let directions: usize = self.directions.iter().map(Tensor::numel).sum();
        self.buffers.narrow(0, 0, self.plan.buffer_count() - directions as i64)
    }

    /// A parameter or buffer of a row by its name, as "weight": a view.
    pub fn tensor(&self, row: usize, name: &str) -> Tensor {
        let name = format!("{row}.{name}");
        let find = |slots: &[Slot], of: &Tensor| slots.iter().find(|slot| slot.name == name).map(|slot| view(slot, of));
        find(&self.plan.parameters, &self.parameters)
            .or_else(|| find(&self.plan.buffers, &self.buffers))
            .expect("the plan lists every tensor of a row")
    }

    /// A weight of a row as its layer uses it: over its largest singular value where the plan says so.
    pub fn weight(&self, row: usize, name: &str) -> Tensor {
        let weight = self.tensor(row, name);
        match self.plan.directions {
            0 => weight,
            _ => {
                let direction = self.tensor(row, &name.replace("weight", "direction"));
                tch::no_grad(|| spectral::normalised(&weight, &direction, false))
            }
        }
    }

    /// One pass over a batch [n, channels, side, side] to the network's output, the first of several.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        self.forward_all(input, mode).swap_remove(0)
    }

    /// [`Self::forward`] whose modulations read inputs of their own, in their order; where there is none, the
    /// network's.
    pub fn forward_modulated(&self, input: &Tensor, modulations: &[Tensor], mode: Mode) -> Tensor {
        self.pass(input, modulations, mode).swap_remove(0)
    }

    /// One pass over a batch to all of the network's outputs.
    pub fn forward_all(&self, input: &Tensor, mode: Mode) -> Vec<Tensor> {
        self.pass(input, &[], mode)
    }

    fn pass(&self, input: &Tensor, modulations: &[Tensor], mode: Mode) -> Vec<Tensor> {
        let mut pass = Pass {
            layers: &self.plan.layers,
            parameters: self.leaves.iter(),
            buffers: self.buffer_views.iter(),
            directions: self.directions.iter(),
            spectral: self.plan.directions > 0,
            kept: self.plan.layers.iter().map(|_| None).collect(),
            row: 0,
            input,
            modulations: modulations.iter(),
            mode,
        };
        let mut x = input.shallow_clone();
        while pass.row < self.plan.layers.len() {
            if mode != Mode::Trace {
                x = channels_last(x);
            }
            x = pass.layer(&x);
            if self.plan.is_kept(pass.row - 1) {
                pass.kept[pass.row - 1] = Some(x.shallow_clone());
            }
        }
        let output = |row: &usize| pass.kept[*row].take().expect("outputs are kept");
        self.plan.outputs.iter().map(output).collect()
    }
}

/// A slot of a flat vector.
fn view(slot: &Slot, of: &Tensor) -> Tensor {
    of.narrow(0, slot.offset, slot.len()).view(slot.shape.as_slice())
}

/// A forward pass: what it has not used yet of a network's tensors, and the outputs that later rows read.
struct Pass<'a> {
    layers: &'a [Layer],
    parameters: std::slice::Iter<'a, Tensor>,
    buffers: std::slice::Iter<'a, Tensor>,
    directions: std::slice::Iter<'a, Tensor>,
    spectral: bool,
    kept: Vec<Option<Tensor>>,
    /// The row to compute next.
    row: usize,
    input: &'a Tensor,
    /// What the modulations to come read in place of the input.
    modulations: std::slice::Iter<'a, Tensor>,
    mode: Mode,
}

impl<'a> Pass<'a> {
    fn parameter(&mut self) -> &'a Tensor {
        self.parameters.next().expect("the plan counted every parameter")
    }

    fn buffer(&mut self) -> &'a Tensor {
        self.buffers.next().expect("the plan counted every buffer")
    }

    /// A weight as the layer uses it.
    fn weight(&mut self) -> Tensor {
        let weight = self.parameter();
        if !self.spectral {
            return weight.shallow_clone();
        }
        let direction = self.directions.next().expect("the plan counted every direction");
        spectral::normalised(weight, direction, self.mode == Mode::Train)
    }

    /// The output of the next row; some are computed together with the rows after them.
    fn layer(&mut self, x: &Tensor) -> Tensor {
        let layer = self.layers[self.row];
        self.row += 1;
        let (side, plain) = (x.size()[3], self.mode == Mode::Trace);
        match layer {
            Layer::Conv { stride, padding, .. } => {
                let (weight, bias) = (self.weight(), self.bias());
                convolved(x, &weight, bias, (stride, padding), plain)
            }
            Layer::Upsample if side >= COMPOSED && !plain && self.is_convolved_by_three() => {
                self.row += 1;
                let (weight, bias) = (self.weight(), self.bias());
                upsampled(x, &weight, bias)
            }
            Layer::Upsample => x.upsample_nearest2d([2 * x.size()[2], 2 * side], None, None),
            Layer::ConvTransposed { stride, padding, .. } => transposed(x, &self.weight(), (stride, padding), plain),
            Layer::Linear { out } => {
                let (weight, bias) = (self.weight(), self.parameter());
                let flat = x.flatten(1, -1).linear(&weight, Some(bias));
                flat.view([-1, out.channels, out.side, out.side])
            }
            Layer::Bias => x + self.parameter().to_kind(x.kind()).view([1, -1, 1, 1]),
            Layer::BatchNorm => self.batch_norm(x),
            Layer::InstanceNorm => {
                let (scale, shift) = (self.parameter(), self.parameter());
                x.group_norm(x.size()[1], Some(scale), Some(shift), EPSILON, false)
            }
            Layer::Modulation => self.modulated(x),
            Layer::PixelShuffle => x.pixel_shuffle(2),
            Layer::Attention => self.attention(x),
            Layer::MinibatchDeviation => self.minibatch_deviation(x),
            Layer::Relu => x.relu(),
            Layer::LeakyRelu(slope) => leaky_relu(x, slope),
            Layer::Tanh => x.tanh(),
            Layer::Shortcut(row) => x + self.read(row),
            Layer::Route(row) => self.read(row).shallow_clone(),
            Layer::Concat(row) => Tensor::cat(&[x, self.read(row)], 1),
        }
    }

    /// The output of an earlier row.
    fn read(&self, row: usize) -> &Tensor {
        self.kept[row].as_ref().expect("a row reads earlier ones")
    }

    /// What a convolution adds by itself: the next row, where that is a bias.
    fn bias(&mut self) -> Option<&'a Tensor> {
        if self.layers.get(self.row) != Some(&Layer::Bias) {
            return None;
        }
        self.row += 1;
        Some(self.parameter())
    }

    /// Whether a convolution comes next whose kernel of three pixels keeps the side.
    fn is_convolved_by_three(&self) -> bool {
        matches!(
            self.layers.get(self.row),
            Some(Layer::Conv {
                kernel: 3,
                stride: 1,
                padding: 1,
                ..
            })
        )
    }

    fn batch_norm(&mut self, x: &Tensor) -> Tensor {
        let (scale, shift) = (self.parameter(), self.parameter());
        let (mean, variance) = (self.buffer(), self.buffer());
        let (train, momentum) = match self.mode {
            Mode::Train => (true, MOMENTUM),
            Mode::BatchStatistics(share) => (true, share),
            Mode::Eval | Mode::Trace => (false, 0.0),
        };
        let (scale, shift, mean, variance) = (Some(scale), Some(shift), Some(mean), Some(variance));
        x.batch_norm(scale, shift, mean, variance, train, momentum, EPSILON, false)
    }

    fn modulated(&mut self, x: &Tensor) -> Tensor {
        let input = self.modulations.next().unwrap_or(self.input).flatten(1, -1);
        let [scale, shift] = [self.parameter(), self.parameter()].map(|weight| {
            let by_channel = input.linear(weight, None::<&Tensor>).to_kind(x.kind());
            by_channel.view([-1, x.size()[1], 1, 1])
        });
        x * (scale + 1.0) + shift
    }

    /// Groups are of neighbours in the batch; a batch that has no whole groups is one.
    fn minibatch_deviation(&mut self, x: &Tensor) -> Tensor {
        let (weight, running) = (self.parameter(), self.buffer());
        let deviation = match self.mode {
            Mode::Eval | Mode::Trace => running.shallow_clone(),
            Mode::Train | Mode::BatchStatistics(_) => {
                let count = x.size()[0];
                let group = if count % GROUP == 0 { GROUP } else { count };
                // As the map lies in memory: pixels, then channels.
                let groups = x.permute([0, 2, 3, 1]).to_kind(Kind::Float);
                let groups = groups.reshape([count / group, group, -1]);
                let beside = &groups - groups.mean_dim([1i64].as_slice(), true, Kind::Float);
                let variance = beside.square().mean_dim([1i64].as_slice(), false, Kind::Float);
                let each = (variance + DEVIATION_EPSILON).sqrt();
                let each = each.mean_dim([1i64].as_slice(), false, Kind::Float);
                let _ = tch::no_grad(|| {
                    running
                        .shallow_clone()
                        .lerp_(&each.mean(Kind::Float).view([1]), MOMENTUM)
                });
                each.repeat_interleave_self_int(group, 0, count)
            }
        };
        let added = deviation.view([-1, 1]) * weight.view([1, -1]);
        x + added.to_kind(x.kind()).unsqueeze(-1).unsqueeze(-1)
    }

    fn attention(&mut self, x: &Tensor) -> Tensor {
        let plain = self.mode == Mode::Trace;
        let halved = |map: Tensor| map.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        let mut by_weight = |x: &Tensor| convolved(x, &self.weight(), None, (1, 0), plain);
        let query = by_weight(x).flatten(2, -1);
        let key = halved(by_weight(x)).flatten(2, -1);
        let value = halved(by_weight(x)).flatten(2, -1);
        // [n, pixels, a quarter of the pixels]: how much each pixel takes from each other.
        let share = query.transpose(1, 2).bmm(&key).softmax(-1, None::<Kind>);
        let share = share.to_kind(value.kind());
        let found = value.bmm(&share.transpose(1, 2));
        let found = found.reshape([-1, value.size()[1], x.size()[2], x.size()[3]]);
        let found = by_weight(&found);
        x + found * self.parameter().to_kind(x.kind())
    }
}

fn filled(slots: &[Slot], count: i64) -> Tensor {
    let flat = Tensor::zeros([count], (Kind::Float, Device::Cpu));
    for slot in slots {
        let mut place = flat.narrow(0, slot.offset, slot.len());
        let _ = match slot.init {
            Init::Normal(mean, deviation) => place.normal_(mean, deviation),
            Init::Constant(value) => place.fill_(value),
        };
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::Shape;

    fn pictures(count: i64) -> Tensor {
        Tensor::randn([count, 3, 16, 16], (Kind::Float, Device::Cpu))
    }

    fn convolution() -> Layer {
        Layer::Conv {
            out: 8,
            kernel: 4,
            stride: 2,
            padding: 1,
        }
    }

    fn network(layers: Vec<Layer>) -> Network {
        tch::manual_seed(5);
        let input = Shape { channels: 3, side: 16 };
        Network::new(Plan::new(input, layers))
    }

    #[test]
    fn parameters_begin_as_the_dcgan_paper_says() {
        let network = network(vec![convolution(), Layer::BatchNorm]);
        let weight = &network.leaves()[0];
        assert!((weight.std(false).double_value(&[]) - 0.02).abs() < 0.003);
        let scale = &network.leaves()[1];
        assert!((scale.mean(Kind::Float).double_value(&[]) - 1.0).abs() < 0.03);
        assert_eq!(network.leaves()[2].abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn a_change_of_the_flat_vector_is_a_change_of_the_weights() {
        let mut network = network(vec![convolution()]);
        let input = pictures(2);
        let before = tch::no_grad(|| network.forward(&input, Mode::Eval));
        let _ = network.parameters.g_mul_scalar_(2.0);
        let after = tch::no_grad(|| network.forward(&input, Mode::Eval));
        assert!(after.allclose(&(before * 2), 1e-5, 1e-6, false));
    }

    #[test]
    fn the_input_scales_and_shifts_each_channel_of_its_own_picture() {
        let (mut plain, modulated) = (
            network(vec![convolution()]),
            network(vec![convolution(), Layer::Modulation]),
        );
        let [_, scale, shift] = modulated.leaves() else {
            panic!("a weight of the convolution and two of the modulation");
        };
        let input = pictures(2);
        let by_channel = |weight: &Tensor| input.flatten(1, -1).linear(weight, None::<&Tensor>).view([2, 8, 1, 1]);
        let weight = modulated.parameters.narrow(0, 0, plain.parameters.numel() as i64);
        tch::no_grad(|| plain.parameters.copy_(&weight));
        let expected = plain.forward(&input, Mode::Eval) * (by_channel(scale) + 1.0) + by_channel(shift);
        let found = modulated.forward(&input, Mode::Eval);
        assert!(found.allclose(&expected, 1e-5, 1e-5, false));
    }

    #[test]
    fn a_map_is_told_how_much_its_group_differs() {
        let network = network(vec![Layer::MinibatchDeviation]);
        let weight = network.parameters.copy();
        let with = |deviations: &[f32], x: &Tensor| {
            let added = Tensor::from_slice(deviations).view([-1, 1]) * weight.view([1, -1]);
            x + added.view([-1, 3, 1, 1])
        };
        let is = |found: &Tensor, expected: &Tensor| found.allclose(expected, 1e-4, 1e-5, false);
        let (equal, apart) = (pictures(1).repeat([4, 1, 1, 1]), pictures(4));
        let of = |group: &Tensor| -> f32 {
            let deviation = group.std_dim([0i64].as_slice(), false, false).mean(Kind::Double);
            deviation.double_value(&[]) as f32
        };
        let batch = Tensor::cat(&[&equal, &apart], 0);
        let (none, some) = (1e-4, of(&apart));
        let expected = with(&[none, none, none, none, some, some, some, some], &batch);
        assert!(is(&network.forward(&batch, Mode::Train), &expected));
        // A tenth of the mean of both groups, from nothing.
        let running = (none + some) / 2.0 * MOMENTUM as f32;
        assert!(is(&network.forward(&apart, Mode::Eval), &with(&[running], &apart)));
        let three = apart.narrow(0, 0, 3);
        let one_group = network.forward(&three, Mode::BatchStatistics(0.1));
        assert!(is(&one_group, &with(&[of(&three)], &three)));
    }

    #[test]
    fn a_table_may_end_or_go_on_after_what_is_computed_as_one() {
        let three = Layer::Conv {
            out: 4,
            kernel: 3,
            stride: 1,
            padding: 1,
        };
        let layers = [Layer::Upsample, three, Layer::Bias, Layer::Relu, Layer::Upsample, three];
        for end in [2, 3, 4, 5, 6] {
            let network = network(layers[..end].to_vec());
            let _ = network.parameters.shallow_clone().normal_(0.0, 1.0);
            let input = pictures(2);
            // Rows of a map below the bound go one by one: the same picture in four parts of 8 px.
            let answer = tch::no_grad(|| network.forward(&input, Mode::Eval));
            assert_eq!(answer.size()[1..], shape_of(&network.plan)[..]);
            let part = input.narrow(2, 0, 8).narrow(3, 0, 8);
            let of_part = tch::no_grad(|| network.forward(&part, Mode::Eval));
            // What the cut does not reach: two pixels of the input and less.
            let inner = of_part.size()[2] / 2;
            let inside = |map: &Tensor| map.narrow(2, 0, inner).narrow(3, 0, inner);
            assert!(inside(&answer).allclose(&inside(&of_part), 1e-4, 1e-4, false), "{end}");
        }
    }

    fn shape_of(plan: &Plan) -> [i64; 3] {
        let shape = plan.output();
        [shape.channels, shape.side, shape.side]
    }

    #[test]
    fn running_statistics_move_in_training_only() {
        let network = network(vec![convolution(), Layer::BatchNorm]);
        let start = network.buffers.copy();
        let _ = network.forward(&pictures(4), Mode::Eval);
        assert!(network.buffers.equal(&start));
        let _ = network.forward(&pictures(4), Mode::Train);
        assert!(!network.buffers.equal(&start));
    }
}
