//! OpenCV's LBP cascades: the first detector of the report, and the baseline of every comparison. The
//! same boxes as OpenCV 4's `detectMultiScale` on the equalised grey of a picture.

mod cascade;
mod grey;
mod group;
mod scan;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::geometry::{BBox, Detection};
use cascade::Cascade;
use scan::Window;

/// `[crop.lbp]` of stages.toml: the cascade, and what `detectMultiScale` is given with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LbpSettings {
    /// The cascade's XML file; empty where there is none.
    #[serde(skip_serializing)]
    pub cascade: PathBuf,
    /// Each scale over the one before.
    pub scale_factor: f64,
    /// More windows than these must agree on a face.
    pub min_neighbors: u32,
    /// Side of the smallest window in pixels of the picture.
    pub min_size: u32,
}

impl Default for LbpSettings {
    fn default() -> Self {
        Self {
            cascade: PathBuf::new(),
            scale_factor: 1.1,
            min_neighbors: 5,
            min_size: 24,
        }
    }
}

/// A loaded cascade.
pub(crate) struct Lbp {
    cascade: Cascade,
    settings: LbpSettings,
    threads: usize,
}

impl Lbp {
    /// Reads a cascade's XML; `threads` 0 takes one a core.
    ///
    /// # Errors
    /// What was expected and what was found, in words.
    pub(crate) fn parse(bytes: &[u8], settings: LbpSettings, threads: usize) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            cascade: Cascade::parse(text)?,
            settings,
            threads: if threads == 0 { cores() } else { threads },
        })
    }

    /// Threads that one picture takes.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// The faces of a picture, best first. OpenCV knows no score for them: here it is
    /// (n + 1) / (n + 2), n being the windows that agree (Laplace's rule of succession): .875 for the
    /// six that the default of five neighbours asks for at least, .98 for fifty.
    pub(crate) fn detect(&self, picture: &RgbImage) -> Vec<Detection> {
        let mut grey = grey::grey(picture);
        grey::equalise(&mut grey);
        let size = (grey.width, grey.height);
        let scales = scan::scales(&self.cascade, size, self.settings.scale_factor, self.settings.min_size);
        let mut found: Vec<(Window, u32)> = group::group(&self.windows(&grey, &scales), self.settings.min_neighbors);
        found.sort_by_key(|(window, votes)| (std::cmp::Reverse(*votes), window.x, window.y, window.width));
        let detection = |(window, votes): (Window, u32)| Detection {
            bbox: BBox {
                x0: window.x as f32,
                y0: window.y as f32,
                x1: (window.x + window.width) as f32,
                y1: (window.y + window.height) as f32,
            }
            .clipped(size.0 as f32, size.1 as f32),
            score: (votes + 1) as f32 / (votes + 2) as f32,
        };
        found.into_iter().map(detection).collect()
    }

    /// The windows of all scales, in their order; threads take one scale after the other.
    fn windows(&self, grey: &grey::Grey, scales: &[f32]) -> Vec<Window> {
        let next = AtomicUsize::new(0);
        let stripes = scan::stripes(&self.cascade, grey, scales);
        let work = || {
            let mut found: Vec<(usize, Vec<Window>)> = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(scale) = scales.get(number) else { return found };
                found.push((number, scan::scan(&self.cascade, grey, *scale, stripes)));
            }
        };
        let mut found = std::thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads.min(scales.len())).map(|_| scope.spawn(work)).collect();
            let mut found = work();
            for other in others {
                // A panic there is a panic here.
                found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            found
        });
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().flat_map(|(_, windows)| windows).collect()
    }
}
