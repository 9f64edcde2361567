//! What OpenCV makes of a picture before a cascade looks at it, to the bit: grey, equalised, and reduced.

use image::RgbImage;

/// A grey picture.
pub(super) struct Grey {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

/// `cvtColor(RGB2GRAY)`: BT.601's weights as fractions of 2^15, rounded.
pub(super) fn grey(picture: &RgbImage) -> Grey {
    let pixels = picture.as_raw().chunks_exact(3).map(|pixel| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        ((9798 * red + 19235 * green + 3735 * blue + (1 << 14)) >> 15) as u8
    });
    Grey {
        width: picture.width() as usize,
        height: picture.height() as usize,
        pixels: pixels.collect(),
    }
}

/// `equalizeHist`.
pub(super) fn equalise(grey: &mut Grey) {
    let mut counts = [0_u32; 256];
    for pixel in &grey.pixels {
        counts[usize::from(*pixel)] += 1;
    }
    let total = grey.pixels.len() as u32;
    let Some(first) = counts.iter().position(|count| *count > 0) else {
        return;
    };
    if counts[first] == total {
        return;
    }
    // In single precision and rounded to even, as there.
    let scale = 255.0 / (total - counts[first]) as f32;
    let mut values = [0_u8; 256];
    let mut sum = 0_u32;
    for value in first + 1..256 {
        sum += counts[value];
        values[value] = (sum as f32 * scale).round_ties_even() as u8;
    }
    for pixel in &mut grey.pixels {
        *pixel = values[usize::from(*pixel)];
    }
}

/// `resize(INTER_LINEAR_EXACT)`: linear between the two nearest pixels, in fixed point.
pub(super) fn resize(from: &Grey, width: usize, height: usize) -> Grey {
    if (width, height) == (from.width, from.height) {
        return Grey {
            width,
            height,
            pixels: from.pixels.clone(),
        };
    }
    let (across, down) = (taps(from.width, width), taps(from.height, height));
    let row = |at: usize| {
        let line = &from.pixels[at * from.width..(at + 1) * from.width];
        // 8 bits after the point; the weights of a pair add up to 256.
        let mixed = across.iter().map(|tap| {
            let next = line[(tap.at + 1).min(from.width - 1)];
            u16::from(line[tap.at]) * (256 - tap.share) + u16::from(next) * tap.share
        });
        mixed.collect::<Vec<u16>>()
    };
    let mut pixels = Vec::with_capacity(width * height);
    let mut upper: (usize, Vec<u16>) = (usize::MAX, Vec::new());
    let mut lower: (usize, Vec<u16>) = (usize::MAX, Vec::new());
    for tap in down {
        let next = (tap.at + 1).min(from.height - 1);
        if upper.0 != tap.at {
            upper = match lower.0 == tap.at {
                true => std::mem::replace(&mut lower, (usize::MAX, Vec::new())),
                false => (tap.at, row(tap.at)),
            };
        }
        if lower.0 != next {
            lower = (next, row(next));
        }
        let share = u32::from(tap.share);
        pixels.extend(upper.1.iter().zip(&lower.1).map(|(upper, lower)| {
            let mixed = u32::from(*upper) * (256 - share) + u32::from(*lower) * share;
            ((mixed + (1 << 15)) >> 16) as u8
        }));
    }
    Grey { width, height, pixels }
}

/// Where a new pixel comes from: `at`, and `share` 256ths of its right or lower neighbour.
#[derive(Clone, Copy)]
struct Tap {
    at: usize,
    share: u16,
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = 1.0 / (to as f64 / from as f64);
    let tap = |place: usize| {
        let exact = scale * (place as f64 + 0.5) - 0.5;
        let floor = exact.floor();
        if floor < 0.0 || from == 1 {
            return Tap { at: 0, share: 0 };
        }
        match floor as usize {
            at if at < from - 1 => Tap {
                at,
                share: ((exact - floor) * 256.0).round_ties_even() as u16,
            },
            _ => Tap { at: from - 1, share: 0 },
        }
    };
    (0..to).map(tap).collect()
}

/// Sums of all pixels above and to the left: (width + 1) x (height + 1), modulo 2^32, which differences
/// do not see.
pub(super) fn integral(grey: &Grey) -> Vec<u32> {
    let stride = grey.width + 1;
    let mut sums = vec![0_u32; stride * (grey.height + 1)];
    for (row, line) in grey.pixels.chunks_exact(grey.width).enumerate() {
        let (above, current) = sums[row * stride..].split_at_mut(stride);
        let mut sum = 0_u32;
        for ((pixel, above), to) in line.iter().zip(&above[1..]).zip(&mut current[1..stride]) {
            sum += u32::from(*pixel);
            *to = above.wrapping_add(sum);
        }
    }
    sums
}
