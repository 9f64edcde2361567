//! How convolutions are computed: by oneDNN, or as what gives the same sums sooner.

use tch::{Device, Tensor};

/// Side of the maps from which on upsampling and convolving are computed as one: below it oneDNN is slower
/// on the one (55 ms in place of 35 at 6 px, and 9 in place of 54 at 48 px, forward and back).
pub const COMPOSED: i64 = 12;
/// Side of the maps up to which a convolution that halves is a product of matrices: oneDNN is slow on small
/// maps of many channels (89 ms in place of 42 from 8 to 4 px, 512 x 256 channels, 64 heads, bf16, forward
/// and back), and quicker on larger ones (21 ms in place of 61 from 32 px).
const HALVED: i64 = 8;
/// The same of one that upsamples x2 (96 ms in place of 32 from 4 to 8 px; 43 in place of 47 from 8).
const UPSAMPLED: i64 = 4;
/// The places of two by two, y and x.
const CORNERS: [(i64, i64); 4] = [(0, 0), (0, 1), (1, 0), (1, 1)];

/// The same map with the channels of a pixel side by side in memory, which convolutions and
/// normalisations are quicker on; nothing is moved where it is so already.
pub fn channels_last(x: Tensor) -> Tensor {
    match x.size().as_slice() {
        [_, channels, side, _] if *channels > 1 && *side > 1 => {
            x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
        }
        _ => x,
    }
}

/// A convolution of a map [n, in, side, side] with a weight [out, in, kernel, kernel].
/// `plain` keeps to the operation that other programs know it by.
pub fn convolved(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    (stride, padding): (i64, i64),
    plain: bool,
) -> Tensor {
    let side = x.size()[2];
    if !plain && is_by_four(x, weight, stride, padding) && side <= HALVED && side % 2 == 0 {
        return halved(x, weight, bias);
    }
    x.conv2d(weight, bias, [stride; 2], [padding; 2], [1, 1], 1)
}

/// A transposed convolution of a map [n, in, side, side] with a weight [in, out, kernel, kernel].
/// `plain` as in [`convolved`].
pub fn transposed(x: &Tensor, weight: &Tensor, (stride, padding): (i64, i64), plain: bool) -> Tensor {
    match x.size()[2] {
        1 if !plain && (stride, padding) == (1, 0) => spread_out(x, weight),
        side if !plain && side <= UPSAMPLED && is_by_four(x, weight, stride, padding) => overlapped(x, weight),
        _ => x.conv_transpose2d(weight, None::<Tensor>, [stride; 2], [padding; 2], [0, 0], 1, [1, 1]),
    }
}

/// Upsampling x2 by nearest neighbours, then a convolution with a weight [out, in, 3, 3] that keeps the side:
/// one transposed convolution. Of the nine taps those that meet the same pixel are summed, which leaves four
/// ninths of the arithmetic.
pub fn upsampled(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let sums = weight.flip([2, 3]).avg_pool2d([2, 2], [1, 1], [1, 1], false, true, 1);
    x.conv_transpose2d(&sums.transpose(0, 1), bias, [2, 2], [1, 1], [0, 0], 1, [1, 1])
}

/// Whether kernel 4, stride 2 and padding 1 halve or double a map on the processor.
fn is_by_four(x: &Tensor, weight: &Tensor, stride: i64, padding: i64) -> bool {
    (weight.size()[2], stride, padding) == (4, 2, 1) && x.device() == Device::Cpu
}

/// The transposed convolution of maps of one pixel: a product of matrices.
fn spread_out(x: &Tensor, weight: &Tensor) -> Tensor {
    let [_, channels, height, width] = sizes(weight);
    x.flatten(1, -1)
        .matmul(&weight.flatten(1, -1))
        .view([-1, channels, height, width])
}

/// The convolution of kernel 4, stride 2, padding 1 as a product of matrices: two by two pixels are one
/// cell, and an output pixel is made of the two by two cells round it.
fn halved(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let [count, channels, side, _] = sizes(x);
    let (out, half) = (weight.size()[0], side / 2);
    let padded = x.permute([0, 2, 3, 1]).constant_pad_nd([0, 0, 1, 1, 1, 1]);
    let cells = padded
        .reshape([count, half + 1, 2, half + 1, 2, channels].as_slice())
        .permute([0, 1, 3, 2, 4, 5])
        .reshape([count, half + 1, half + 1, 4 * channels]);
    let corners = CORNERS.map(|(y, x)| cells.narrow(1, y, half).narrow(2, x, half));
    let rows = Tensor::cat(&corners, -1).view([count * half * half, 16 * channels]);
    // [corner y, corner x, pixel y, pixel x, in] as the rows have them.
    let columns = weight
        .to_kind(x.kind())
        .view([out, channels, 2, 2, 2, 2].as_slice())
        .permute([0, 2, 4, 3, 5, 1])
        .reshape([out, 16 * channels]);
    let found = rows.linear(&columns, bias.map(|bias| bias.to_kind(x.kind())).as_ref());
    found.view([count, half, half, out]).permute([0, 3, 1, 2])
}

/// The transposed convolution of kernel 4, stride 2, padding 1 as a product of matrices, whose four by four
/// pixels a pixel, two by two cells of two by two, are added where they overlap.
fn overlapped(x: &Tensor, weight: &Tensor) -> Tensor {
    let [count, channels, side, _] = sizes(x);
    let out = weight.size()[1];
    let pixels = x.permute([0, 2, 3, 1]).reshape([count * side * side, channels]);
    let taps = weight
        .to_kind(x.kind())
        .permute([0, 2, 3, 1])
        .reshape([channels, 16 * out]);
    // [n, side, side, cell y, pixel y, cell x, pixel x, out]
    let parts = pixels
        .matmul(&taps)
        .view([count, side, side, 2, 2, 2, 2, out].as_slice());
    let cells = CORNERS.map(|(y, x)| {
        let part = parts.select(5, x).select(3, y);
        part.constant_pad_nd([0, 0, 0, 0, 0, 0, x, 1 - x, y, 1 - y])
    });
    let sum = cells.into_iter().reduce(|sum, cell| sum + cell).expect("four corners");
    let map = sum
        .permute([0, 1, 3, 2, 4, 5])
        .reshape([count, 2 * side + 2, 2 * side + 2, out]);
    // The pixel round the map is what the padding cuts off.
    map.narrow(1, 1, 2 * side).narrow(2, 1, 2 * side).permute([0, 3, 1, 2])
}

fn sizes(map: &Tensor) -> [i64; 4] {
    map.size()[..]
        .try_into()
        .expect("maps and weights of convolutions have four dimensions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn double(shape: &[i64]) -> Tensor {
        Tensor::randn(shape, (Kind::Double, Device::Cpu))
    }

    fn is_same(found: &Tensor, plain: &Tensor) -> bool {
        found.allclose(plain, 1e-9, 1e-9, false)
    }

    #[test]
    fn what_is_computed_otherwise_is_what_the_layers_are() {
        tch::manual_seed(9);
        let (x, weight, bias) = (double(&[2, 3, 12, 12]), double(&[5, 3, 3, 3]), double(&[5]));
        let plain = x
            .upsample_nearest2d([24, 24], None, None)
            .conv2d(&weight, Some(&bias), [1, 1], [1, 1], [1, 1], 1);
        assert!(is_same(&upsampled(&x, &weight, Some(&bias)), &plain));
        let (noise, weight) = (double(&[2, 7, 1, 1]), double(&[7, 5, 6, 6]));
        let plain = noise.conv_transpose2d(&weight, None::<Tensor>, [1, 1], [0, 0], [0, 0], 1, [1, 1]);
        assert!(is_same(&transposed(&noise, &weight, (1, 0), false), &plain));
        for side in [2, 4, 6, 8] {
            let (x, weight) = (double(&[2, 3, side, side]), double(&[5, 3, 4, 4]));
            let plain = x.conv2d(&weight, Some(&bias), [2, 2], [1, 1], [1, 1], 1);
            assert!(is_same(&halved(&x, &weight, Some(&bias)), &plain), "{side}");
            let weight = double(&[3, 5, 4, 4]);
            let plain = x.conv_transpose2d(&weight, None::<Tensor>, [2, 2], [1, 1], [0, 0], 1, [1, 1]);
            assert!(is_same(&overlapped(&x, &weight), &plain), "{side}");
        }
    }

    #[test]
    fn an_odd_side_is_halved_too() {
        let (x, weight) = (double(&[2, 3, 7, 7]), double(&[5, 3, 4, 4]));
        let plain = x.conv2d(&weight, None::<Tensor>, [2, 2], [1, 1], [1, 1], 1);
        assert!(is_same(&convolved(&x, &weight, None, (2, 1), false), &plain));
    }
}
