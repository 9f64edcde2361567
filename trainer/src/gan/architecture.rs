//! The networks of each preset, as tables of layers.

use dataset::train_settings::{Norm, Preset, Regulariser, TrainConfig, Upsampling};

use super::config::NOISE;
use crate::engine::plan::{Layer, Plan, Shape};

/// The leaky ReLU with its slope below zero (the DCGAN paper).
const LEAKY_RELU: Layer = Layer::LeakyRelu(0.2);

/// The generator's table.
pub fn generator(config: &TrainConfig) -> Plan {
    let noise = Shape {
        channels: NOISE,
        side: 1,
    };
    Plan::new(
        noise,
        match config.preset {
            Preset::Report => report_generator(config.width),
            Preset::Gan => gan_generator(config.width, config.side),
            Preset::Default => default_generator(config),
        },
    )
}

/// The discriminator's table; its last row gives one logit.
pub fn discriminator(config: &TrainConfig) -> Plan {
    let picture = Shape {
        channels: 3,
        side: i64::from(config.side),
    };
    let plan = Plan::new(
        picture,
        match config.preset {
            Preset::Report => report_discriminator(config.width),
            Preset::Gan => gan_discriminator(config.width),
            Preset::Default => default_discriminator(config),
        },
    );
    match config.regulariser {
        Regulariser::Spectral => plan.spectral(),
        _ => plan,
    }
}

/// Side of the smallest maps of `default`: what is left of the picture's side after halving it to
/// 4 to 7 pixels; none where it cannot be halved so far.
pub fn smallest(side: u32) -> Option<u32> {
    (4..8).find(|base| side.is_multiple_of(*base) && (side / base).is_power_of_two() && side / base >= 4)
}

/// The sides of `default`'s maps, from the smallest to half the picture's.
pub fn sides(side: u32) -> Vec<u32> {
    let smallest = smallest(side).unwrap_or(side);
    let sides = std::iter::successors(Some(smallest), |at| Some(at * 2));
    sides.take_while(|at| *at < side).collect()
}

fn transposed(out: i64, kernel: i64, stride: i64, padding: i64) -> Layer {
    Layer::ConvTransposed {
        out,
        kernel,
        stride,
        padding,
    }
}

fn convolution(out: i64, kernel: i64, stride: i64, padding: i64) -> Layer {
    Layer::Conv {
        out,
        kernel,
        stride,
        padding,
    }
}

fn report_generator(width: i64) -> Vec<Layer> {
    use Layer::{BatchNorm, Relu, Tanh};
    vec![
        transposed(8 * width, 4, 1, 0), // 4
        BatchNorm,
        Relu,
        transposed(4 * width, 4, 2, 1), // 8
        BatchNorm,
        Relu,
        transposed(2 * width, 4, 2, 1), // 16
        BatchNorm,
        Relu,
        transposed(width, 4, 2, 1), // 32
        BatchNorm,
        Relu,
        transposed(3, 5, 3, 1), // 96
        Tanh,
    ]
}

fn report_discriminator(width: i64) -> Vec<Layer> {
    use Layer::BatchNorm;
    vec![
        convolution(width, 5, 3, 1), // 32
        LEAKY_RELU,
        convolution(2 * width, 4, 2, 1), // 16
        BatchNorm,
        LEAKY_RELU,
        convolution(4 * width, 4, 2, 1), // 8
        BatchNorm,
        LEAKY_RELU,
        convolution(8 * width, 4, 2, 1), // 4
        BatchNorm,
        LEAKY_RELU,
        convolution(1, 4, 1, 0), // one logit
    ]
}

/// Hidden layers of 4, 8 and 16 widths (256, 512 and 1024), every value connected to every other.
fn gan_generator(width: i64, side: u32) -> Vec<Layer> {
    use Layer::{BatchNorm, Tanh};
    let picture = Shape {
        channels: 3,
        side: i64::from(side),
    };
    vec![
        hidden(4 * width),
        LEAKY_RELU,
        hidden(8 * width),
        BatchNorm,
        LEAKY_RELU,
        hidden(16 * width),
        BatchNorm,
        LEAKY_RELU,
        Layer::Linear { out: picture },
        Tanh,
    ]
}

fn gan_discriminator(width: i64) -> Vec<Layer> {
    vec![hidden(8 * width), LEAKY_RELU, hidden(4 * width), LEAKY_RELU, hidden(1)]
}

fn hidden(channels: i64) -> Layer {
    Layer::Linear {
        out: Shape { channels, side: 1 },
    }
}

/// Channels at a resolution: `width` at half the picture's side, doubled at each halving, at most
/// eight times, and half of it at the picture's own.
fn channels(config: &TrainConfig, at: u32) -> i64 {
    (config.width * i64::from(config.side / at).min(16) / 2).max(1)
}

fn default_generator(config: &TrainConfig) -> Vec<Layer> {
    use Layer::{BatchNorm, Modulation, Relu};
    let mut sides = sides(config.side);
    let normalised: &[Layer] = match config.modulation {
        true => &[BatchNorm, Modulation],
        false => &[BatchNorm],
    };
    let mut layers = vec![transposed(channels(config, sides[0]), i64::from(sides[0]), 1, 0)];
    layers.extend(normalised);
    layers.push(Relu);
    if config.residual {
        sides.push(config.side);
    }
    for at in &sides[1..] {
        let out = channels(config, *at);
        layers.extend(upsampled(config.upsampling, out));
        layers.extend(normalised);
        layers.push(Relu);
        if config.residual && *at < config.side {
            let first = layers.len() - 1;
            layers.push(convolution(out, 3, 1, 1));
            layers.extend(normalised);
            layers.extend([Layer::Shortcut(first), Relu]);
        }
        if *at == config.attention {
            layers.push(Layer::Attention);
        }
    }
    match config.residual {
        true => layers.push(convolution(3, 3, 1, 1)),
        false => layers.extend(upsampled(config.upsampling, 3)),
    }
    layers.extend([Layer::Bias, Layer::Tanh]);
    layers
}

/// Layers that upsample a map x2.
fn upsampled(upsampling: Upsampling, out: i64) -> Vec<Layer> {
    match upsampling {
        Upsampling::Transposed => vec![transposed(out, 4, 2, 1)],
        Upsampling::Resize => vec![Layer::Upsample, convolution(out, 3, 1, 1)],
        Upsampling::Pixelshuffle => vec![convolution(4 * out, 3, 1, 1), Layer::PixelShuffle],
    }
}

fn default_discriminator(config: &TrainConfig) -> Vec<Layer> {
    let sides = sides(config.side);
    let mut layers = Vec::new();
    for at in sides.iter().rev() {
        layers.push(convolution(channels(config, *at), 4, 2, 1));
        layers.push(match config.d_norm {
            // As in the DCGAN paper, none on the first: it would hide the colours.
            Norm::Batch if *at < config.side / 2 => Layer::BatchNorm,
            Norm::Instance if *at < config.side / 2 => Layer::InstanceNorm,
            _ => Layer::Bias,
        });
        layers.push(LEAKY_RELU);
        if *at == config.attention {
            layers.push(Layer::Attention);
        }
        // Before the last halving, so that what it says meets the other features.
        if config.minibatch_deviation && *at == sides[1] {
            layers.push(Layer::MinibatchDeviation);
        }
    }
    layers.extend([convolution(1, i64::from(sides[0]), 1, 0), Layer::Bias]);
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::config;
    use dataset::train_settings::TrainSettings;

    fn config(preset: Preset, side: u32) -> TrainConfig {
        let settings = TrainSettings {
            preset: Some(preset),
            side: Some(side),
            ..TrainSettings::default()
        };
        config::resolve(&settings).expect("resolves")
    }

    #[test]
    fn the_report_has_its_layers_and_arithmetic() {
        let config = config(Preset::Report, 96);
        let (generator, discriminator) = (generator(&config), discriminator(&config));
        let sides = |plan: &Plan| -> Vec<i64> {
            let rows = plan.layers.iter().zip(&plan.shapes);
            let convolutions =
                rows.filter(|(layer, _)| matches!(layer, Layer::Conv { .. } | Layer::ConvTransposed { .. }));
            convolutions.map(|(_, shape)| shape.side).collect()
        };
        assert_eq!(sides(&generator), [4, 8, 16, 32, 96]);
        assert_eq!(sides(&discriminator), [32, 16, 8, 4, 1]);
        // By hand: 100*512*16 + 512*256*16 + 256*128*16 + 128*64*16 + 64*3*25, and BN 2*(512+256+128+64).
        assert_eq!(generator.parameter_count(), 3_576_512 + 1_920);
        // 3*64*25 + 64*128*16 + 128*256*16 + 256*512*16 + 512*16, and BN 2*(128+256+512).
        assert_eq!(discriminator.parameter_count(), 2_765_504 + 1_792);
        assert_eq!((generator.macs as f64 / 1e5).round() / 10.0, 106.4);
        assert_eq!((discriminator.macs as f64 / 1e5).round() / 10.0, 105.6);
    }

    #[test]
    fn networks_follow_from_the_side() {
        for preset in [Preset::Default, Preset::Gan] {
            for side in [64, 96, 128, 256] {
                let config = config(preset, side);
                assert_eq!(generator(&config).output().side, i64::from(side));
                let logit = discriminator(&config).output();
                assert_eq!((logit.channels, logit.side), (1, 1), "{preset:?} {side}");
            }
        }
    }

    #[test]
    fn every_upsampling_and_norm_gives_a_picture_and_a_logit() {
        for upsampling in [Upsampling::Transposed, Upsampling::Resize, Upsampling::Pixelshuffle] {
            for d_norm in [Norm::None, Norm::Batch, Norm::Instance] {
                let config = TrainConfig {
                    upsampling,
                    d_norm,
                    ..config(Preset::Default, 96)
                };
                assert_eq!(generator(&config).output(), Shape { channels: 3, side: 96 });
                assert_eq!(discriminator(&config).output(), Shape { channels: 1, side: 1 });
            }
        }
    }

    #[test]
    fn ninety_six_is_six_doubled_four_times() {
        assert_eq!(sides(96), [6, 12, 24, 48]);
        assert_eq!(sides(64), [4, 8, 16, 32]);
        assert_eq!(smallest(8), None);
        assert_eq!(smallest(100), None);
    }
}
