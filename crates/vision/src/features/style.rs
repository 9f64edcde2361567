//! Pictures as points in the feature space of a network, near one another where they are drawn alike.
//!
//! Of each channel of a few layers the mean and the deviation over all places are taken: what is where
//! in the picture is lost, how it is drawn stays (the statistics by which style is carried over from one
//! picture to another: Huang and Belongie 2017, "Arbitrary style transfer"; Gatys and others 2016).

use std::path::Path;

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::{FeatureError, FeatureInput, FeatureNet, Layout, graph, read};
use crate::letterbox::resize;

/// Numbers of a style.
pub const STYLE_LENGTH: usize = 128;

/// A style: [`STYLE_SCALE`] times the numbers, rounded.
pub type Style = [i16; STYLE_LENGTH];

/// Steps of a style's numbers in one: each is below 2, since the whole has about length 1.
pub const STYLE_SCALE: f64 = 16384.0;

/// Side at which a network that takes any size is shown heads, in pixels: heads of 96 pixels and more
/// are then alike, whatever their resolution, and a detector's layers fit (a multiple of 32).
const SIDE: u32 = 96;

/// Side to which every head is reduced before that, in pixels: what a head shows beyond it is resolution, not
/// style, and a set of large heads beside small ones would be told apart by it.
const EVEN_SIDE: u32 = 64;

/// The way from a head to its style: a change of it makes all styles stale.
const RULE: &str = "means and deviations, signs, reduced, 2";

/// A network that tells styles; `styles` may be called from several threads, which take turns.
pub struct StyleNet {
    net: FeatureNet,
    layers: Vec<String>,
}

impl StyleNet {
    /// Reads an ONNX file with one picture input. `layers` are names of tensors in its graph; none: the
    /// output that holds its features. `threads` as in [`FeatureNet::load`].
    ///
    /// # Errors
    /// Any of [`FeatureError`] but `Inference`; a layer that is not there is told with those that are.
    pub fn load(path: &Path, layers: &[String], threads: usize) -> Result<Self, FeatureError> {
        let mut bytes = read(path)?;
        let unusable = |reason: String| FeatureError::Unusable {
            path: path.into(),
            reason,
        };
        let plain = FeatureNet::open(&bytes, threads).map_err(unusable)?;
        let given: Vec<&str> = plain.outputs().iter().map(|output| output.name()).collect();
        let hidden: Vec<&str> = layers.iter().map(String::as_str).collect();
        let hidden: Vec<&str> = hidden.into_iter().filter(|layer| !given.contains(layer)).collect();
        if !hidden.is_empty() {
            let names = graph::tensors(&bytes);
            if let Some(missing) = hidden.iter().find(|layer| !names.iter().any(|name| name == *layer)) {
                let like = graph::like(missing, &names);
                return Err(unusable(format!("it has no tensor `{missing}`; there are {like}")));
            }
            bytes.extend(graph::declaring(&hidden));
        }
        let open_side = plain.inputs().first().is_some_and(|input| {
            let shape = input.dtype().tensor_shape();
            shape.is_some_and(|shape| shape.iter().skip(1).filter(|length| **length <= 0).count() >= 2)
        });
        let known = FeatureInput {
            side: open_side.then_some(SIDE),
            output: layers.first().cloned(),
            ..FeatureInput::default()
        };
        let session = match hidden.is_empty() {
            true => plain,
            false => FeatureNet::open(&bytes, threads).map_err(unusable)?,
        };
        let net = FeatureNet::of(session, &bytes, &known).map_err(unusable)?;
        let layers = match layers.is_empty() {
            true => vec![net.form.output.clone()],
            false => layers.to_vec(),
        };
        Ok(Self { net, layers })
    }

    /// SHA-256 (hex) over all that decides the styles of this file and these layers, found without loading
    /// the network.
    ///
    /// # Errors
    /// [`FeatureError::Missing`].
    pub fn digest(path: &Path, layers: &[String]) -> Result<String, FeatureError> {
        let mut hash = Sha256::new();
        hash.update(read(path)?);
        hash.update(format!("|{RULE}|{EVEN_SIDE}|{SIDE}|{STYLE_LENGTH}|{layers:?}"));
        Ok(hex::encode(hash.finalize()))
    }

    /// The style of each picture, of whatever size.
    ///
    /// # Errors
    /// [`FeatureError::Inference`].
    pub fn styles(&self, pictures: &[RgbImage]) -> Result<Vec<Style>, FeatureError> {
        let names: Vec<&str> = self.layers.iter().map(String::as_str).collect();
        let mut all = vec![Vec::new(); pictures.len()];
        let even = pictures.iter().map(|picture| resize(picture, EVEN_SIDE, EVEN_SIDE));
        let even: Vec<RgbImage> = even.collect();
        self.net.each(&even, &names, |first, count, shape, values| {
            let each = values.chunks_exact(values.len() / count);
            for (into, values) in all[first..].iter_mut().zip(each) {
                into.extend(unit(statistics(shape, values, self.net.form.layout)));
            }
        })?;
        Ok(all.iter().map(|numbers| fold(numbers, self.layers.len())).collect())
    }
}

/// Of one picture's part of a layer: the mean of each channel and its deviation, or, where the layer has
/// no places any more, the numbers as they are. `shape` has the pictures first.
fn statistics(shape: &[i64], values: &[f32], layout: Layout) -> Vec<f64> {
    // A map of a network that takes planes has its channels first; rows of tokens have them last.
    let channels_first = shape.len() == 4 && layout == Layout::Nchw;
    let channels = match (shape.len(), channels_first) {
        (0..3, _) => return values.iter().map(|value| f64::from(*value)).collect(),
        (_, true) => shape[1],
        (length, false) => shape[length - 1],
    };
    let channels = usize::try_from(channels).unwrap_or(1).max(1);
    let places = (values.len() / channels).max(1);
    let mut sums = vec![[0.0; 2]; channels];
    for (at, value) in values.iter().enumerate() {
        let channel = if channels_first { at / places } else { at % channels };
        let value = f64::from(*value);
        sums[channel.min(channels - 1)][0] += value;
        sums[channel.min(channels - 1)][1] += value * value;
    }
    let of = |[sum, squares]: [f64; 2]| {
        let mean = sum / places as f64;
        [mean, (squares / places as f64 - mean * mean).max(0.0).sqrt()]
    };
    let pairs: Vec<[f64; 2]> = sums.into_iter().map(of).collect();
    let means = pairs.iter().map(|pair| pair[0]);
    means.chain(pairs.iter().map(|pair| pair[1])).collect()
}

/// The same of length 1, so that no layer outweighs another; what is no number is none.
fn unit(mut numbers: Vec<f64>) -> Vec<f64> {
    let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    for number in &mut numbers {
        *number = if length > 0.0 && length.is_finite() {
            *number / length
        } else {
            0.0
        };
    }
    numbers
}

/// Down to [`STYLE_LENGTH`] numbers, each the sum of all under signs of its own: distances stay, but for a
/// few per cent (Achlioptas 2003, "Database-friendly random projections").
fn fold(numbers: &[f64], layers: usize) -> Style {
    let mut folded = [0.0; STYLE_LENGTH];
    let few = numbers.len() <= STYLE_LENGTH;
    for (at, number) in numbers.iter().enumerate() {
        if few {
            folded[at] = *number;
            continue;
        }
        for (word, some) in folded.chunks_mut(64).enumerate() {
            let signs = mixed((at * STYLE_LENGTH.div_ceil(64) + word) as u64);
            for (bit, sum) in some.iter_mut().enumerate() {
                *sum += if signs >> bit & 1 == 1 { *number } else { -*number };
            }
        }
    }
    let shrink = if few { 1.0 } else { (STYLE_LENGTH as f64).sqrt() };
    let scale = STYLE_SCALE / shrink / (layers.max(1) as f64).sqrt();
    // A cast of a float ends at the bounds of the whole number.
    folded.map(|sum| (sum * scale).round() as i16)
}

/// The signs of a place: SplitMix64 (Steele, Lea and Flood 2014) of its number.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_gives_its_mean_and_its_deviation_in_either_layout() {
        let planes = [1.0, 3.0, 1.0, 3.0, 5.0, 5.0, 5.0, 5.0];
        let expected = [2.0, 5.0, 1.0, 0.0];
        assert_eq!(statistics(&[1, 2, 2, 2], &planes, Layout::Nchw), expected);
        let pixels = [1.0, 5.0, 3.0, 5.0, 1.0, 5.0, 3.0, 5.0];
        assert_eq!(statistics(&[1, 2, 2, 2], &pixels, Layout::Nhwc), expected);
        assert_eq!(
            statistics(&[1, 4, 2], &pixels, Layout::Nchw),
            expected,
            "a row of tokens"
        );
        assert_eq!(statistics(&[1, 3], &[1.0, 2.0, 3.0], Layout::Nchw), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn folding_keeps_distances() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut drawn = || unit((0..900).map(|_| random.f64() - 0.5).collect());
        let (one, other) = (drawn(), drawn());
        let near: Vec<f64> = one.iter().zip(&other).map(|(a, b)| a * 0.9 + b * 0.1).collect();
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let folded = |numbers: &[f64]| fold(numbers, 1).map(|number| f64::from(number) / STYLE_SCALE);
        for (a, b) in [(&one, &other), (&one, &near)] {
            let share = apart(&folded(a), &folded(b)) / apart(a, b);
            assert!((0.8..1.25).contains(&share), "{share}");
        }
        let few = [0.5, -0.25];
        assert_eq!(fold(&few, 1)[..3], [8192, -4096, 0]);
    }

    #[test]
    fn a_layer_of_nothing_is_at_the_origin() {
        assert_eq!(unit(vec![0.0, 0.0]), [0.0, 0.0]);
        assert_eq!(unit(vec![f64::NAN, 1.0]), [0.0, 0.0]);
        assert_eq!(unit(vec![3.0, 4.0]), [0.6, 0.8]);
    }
}
