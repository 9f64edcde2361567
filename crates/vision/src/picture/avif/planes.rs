//! Planes of luma and chroma, and the picture that they are.

use image::{DynamicImage, ImageBuffer};

use crate::picture::DecodeError;

/// Pixels that share a sample of chroma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sampling {
    pub(super) across: u32,
    pub(super) down: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) samples: Vec<u16>,
}

impl Plane {
    fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            samples: vec![0; width as usize * height as usize],
        }
    }

    fn row(&self, y: u32) -> &[u16] {
        let wide = self.width as usize;
        &self.samples[y as usize * wide..][..wide]
    }

    fn put(&mut self, part: &Self, (left, top): (u32, u32)) -> Option<()> {
        let wide = part.width.min(self.width.checked_sub(left)?) as usize;
        for y in 0..part.height.min(self.height.checked_sub(top)?) {
            let start = (top + y) as usize * self.width as usize + left as usize;
            self.samples
                .get_mut(start..start + wide)?
                .copy_from_slice(&part.row(y)[..wide]);
        }
        Some(())
    }
}

/// Luma and, unless it is grey, two planes of chroma; and what their numbers mean (ITU-T H.273).
#[derive(Clone, Debug)]
pub(super) struct Planes {
    bits: u32,
    sampling: Option<Sampling>,
    pub(super) planes: Vec<Plane>,
    pub(super) primaries: u8,
    pub(super) transfer: u8,
    pub(super) matrix: u8,
    /// Whether samples use all their values.
    pub(super) full: bool,
}

impl Planes {
    pub(super) fn new((width, height): (u32, u32), bits: u32, sampling: Option<Sampling>) -> Self {
        let mut planes = vec![Plane::new(width, height)];
        if let Some(Sampling { across, down }) = sampling {
            let chroma = Plane::new(width.div_ceil(across), height.div_ceil(down));
            planes.extend([chroma.clone(), chroma]);
        }
        Self {
            bits,
            sampling,
            planes,
            primaries: 2,
            transfer: 2,
            matrix: 2,
            full: true,
        }
    }

    /// As these, of another size, without samples.
    pub(super) fn empty_like(&self, size: (u32, u32)) -> Self {
        Self {
            planes: Self::new(size, self.bits, self.sampling).planes,
            ..*self
        }
    }

    /// Puts a tile in; `None` where it is of another kind.
    pub(super) fn put(&mut self, tile: &Self, (left, top): (u32, u32)) -> Option<()> {
        let Sampling { across, down } = self.sampling.unwrap_or(Sampling { across: 1, down: 1 });
        let same = (tile.bits, tile.sampling) == (self.bits, self.sampling);
        if !same || !left.is_multiple_of(across) || !top.is_multiple_of(down) {
            return None;
        }
        for (number, (plane, part)) in self.planes.iter_mut().zip(&tile.planes).enumerate() {
            let place = if number == 0 {
                (left, top)
            } else {
                (left / across, top / down)
            };
            plane.put(part, place)?;
        }
        Some(())
    }

    /// What the file's box says goes before what the AV1 data say.
    pub(super) fn describe(&mut self, numbers: &[u8]) {
        if let [_, primaries, _, transfer, _, matrix, range, ..] = numbers {
            (self.primaries, self.transfer, self.matrix) = (*primaries, *transfer, *matrix);
            self.full = range & 0x80 != 0;
        }
    }

    /// The picture: 8 bits a sample, 16 where there are more.
    ///
    /// # Errors
    /// [`DecodeError::OtherFormat`] for a matrix that is not read, [`DecodeError::Corrupt`].
    pub(super) fn into_picture(self, alpha: Option<Self>) -> Result<DynamicImage, DecodeError> {
        let luma = &self.planes[0];
        let (width, height) = (luma.width, luma.height);
        let matrix = Matrix::of(&self)?;
        let channels = if alpha.is_some() { 4 } else { 3 };
        let length = width as usize * height as usize * channels;
        let deep = self.bits > 8;
        let (mut bytes, mut words) = (Vec::new(), Vec::new());
        if deep {
            words.reserve_exact(length)
        } else {
            bytes.reserve_exact(length)
        }
        let mut store = |value: f32| {
            if deep {
                words.push((value.clamp(0.0, 1.0) * 65_535.0 + 0.5) as u16);
            } else {
                bytes.push((value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
            }
        };
        let mut chroma = [vec![0.0; width as usize], vec![0.0; width as usize]];
        for y in 0..height {
            for (row, plane) in chroma.iter_mut().zip(&self.planes[1..]) {
                self.spread(plane, y, row);
            }
            let alpha = alpha.as_ref().map(|alpha| (alpha.levels(), alpha.planes[0].row(y)));
            for (x, luma) in luma.row(y).iter().enumerate() {
                let colours = matrix.colours(f32::from(*luma), chroma[0][x], chroma[1][x]);
                colours.into_iter().for_each(&mut store);
                if let Some((levels, row)) = &alpha {
                    store((f32::from(row[x]) - levels.luma.0) / levels.luma.1);
                }
            }
        }
        let picture = match (deep, channels) {
            (false, 3) => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
            (false, _) => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8),
            (true, 3) => ImageBuffer::from_raw(width, height, words).map(DynamicImage::ImageRgb16),
            (true, _) => ImageBuffer::from_raw(width, height, words).map(DynamicImage::ImageRgba16),
        };
        picture.ok_or_else(|| DecodeError::Corrupt("an AVIF whose planes differ in size".into()))
    }

    /// A row of chroma at the width of luma: a weighted mean of the nearest samples, which stand in the
    /// middle of the pixels they are for.
    fn spread(&self, plane: &Plane, y: u32, row: &mut [f32]) {
        let Sampling { across, down } = self.sampling.unwrap_or(Sampling { across: 1, down: 1 });
        // A sample's neighbour on the side on which the pixel lies: a quarter of it counts.
        let pair = |at: u32, by: u32, most: u32| {
            let near = at / by;
            let other = match (by, at % by) {
                (1, _) => near,
                (_, 0) => near.saturating_sub(1),
                _ => (near + 1).min(most - 1),
            };
            (near, other)
        };
        let (near, other) = pair(y, down, plane.height);
        let (near, other) = (plane.row(near), plane.row(other));
        let last = row.len() as u32 - 1;
        for (x, to) in (0..).zip(row.iter_mut()) {
            let (here, beside) = match pair(x, across, plane.width) {
                // The last column of an odd width has its sample alone, as libavif's usual conversion has it.
                (here, _) if x == last && x % across == 0 => (here, here),
                pair => pair,
            };
            let (here, beside) = (here as usize, beside as usize);
            let mix = |row: &[u16]| f32::from(row[here]) * 0.75 + f32::from(row[beside]) * 0.25;
            *to = mix(near) * 0.75 + mix(other) * 0.25;
        }
    }

    fn levels(&self) -> Levels {
        let unit = (1 << (self.bits - 8)) as f32;
        let most = ((1 << self.bits) - 1) as f32;
        match self.full {
            true => Levels {
                luma: (0.0, most),
                chroma: (128.0 * unit, most),
            },
            false => Levels {
                luma: (16.0 * unit, 219.0 * unit),
                chroma: (128.0 * unit, 224.0 * unit),
            },
        }
    }
}

/// Zero and span of samples.
struct Levels {
    luma: (f32, f32),
    chroma: (f32, f32),
}

/// How samples become red, green and blue.
struct Matrix {
    levels: Levels,
    kind: Kind,
}

enum Kind {
    Grey,
    /// Green, blue and red, as they are.
    Identity,
    /// The shares of red and blue in luma.
    Shares(f32, f32),
    YCgCo,
}

impl Matrix {
    fn of(planes: &Planes) -> Result<Self, DecodeError> {
        let kind = match (planes.sampling, planes.matrix) {
            (None, _) => Kind::Grey,
            (Some(Sampling { across: 1, down: 1 }), 0) => Kind::Identity,
            (_, 1) => Kind::Shares(0.2126, 0.0722),
            // Those of BT.601 also where nothing is said.
            (_, 2 | 5 | 6) => Kind::Shares(0.299, 0.114),
            (_, 4) => Kind::Shares(0.3, 0.11),
            (_, 7) => Kind::Shares(0.212, 0.087),
            (_, 8) => Kind::YCgCo,
            (_, 9) => Kind::Shares(0.2627, 0.0593),
            // Of the primaries: those of BT.709, BT.2020 and P3 are the ones in use.
            (_, 12) => match planes.primaries {
                9 => Kind::Shares(0.2627, 0.0593),
                12 => Kind::Shares(0.228_974_6, 0.079_286_9),
                _ => Kind::Shares(0.2126, 0.0722),
            },
            _ => return Err(DecodeError::OtherFormat("AVIF with an unusual matrix of colours")),
        };
        Ok(Self {
            levels: planes.levels(),
            kind,
        })
    }

    fn colours(&self, luma: f32, blue: f32, red: f32) -> [f32; 3] {
        let Levels {
            luma: (black, span),
            chroma: (middle, range),
        } = self.levels;
        let y = (luma - black) / span;
        let (b, r) = ((blue - middle) / range, (red - middle) / range);
        match self.kind {
            Kind::Grey => [y; 3],
            Kind::Identity => [(red - black) / span, y, (blue - black) / span],
            Kind::Shares(of_red, of_blue) => {
                let red = y + 2.0 * (1.0 - of_red) * r;
                let blue = y + 2.0 * (1.0 - of_blue) * b;
                [
                    red,
                    (y - of_red * red - of_blue * blue) / (1.0 - of_red - of_blue),
                    blue,
                ]
            }
            Kind::YCgCo => [y - b + r, y + b, y - b - r],
        }
    }
}
