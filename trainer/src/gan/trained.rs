//! A run's newest checkpoint, ready to draw: what every command that shows a run begins with.

use std::path::Path;

use anyhow::Result;
use dataset::failure::Usage;
use image::RgbImage;
use tch::Tensor;

use super::checkpoint::{self, State};
use super::folder::{self, RunFile, RunFolder};
use super::gan_state::{Draw, GanState, noise, seed};
use super::sample::{self, final_generator};
use crate::engine::network::Network;

/// A run with its trained values.
#[derive(Debug)]
pub struct Trained {
    /// Where it lies.
    pub folder: RunFolder,
    /// What it is made of.
    pub file: RunFile,
    /// Where its checkpoint stands.
    pub state: State,
    /// Both networks.
    pub gan: GanState,
    /// The generator that heads are shown from.
    pub generator: Network,
}

impl Trained {
    /// Reads the run of that name, or at that path.
    ///
    /// # Errors
    /// [`Usage`] where the run is unknown or has no checkpoint; else what reading met.
    pub fn load(data: &Path, name: &Path) -> Result<Self> {
        let (folder, file) = folder::find(data, name)?;
        let mut gan = GanState::new(&file.config);
        let Some(state) = checkpoint::load_newest(&folder.checkpoints(), &mut gan, &file.digest())? else {
            let shown = name.display();
            return Err(Usage(format!(
                "the run `{shown}` has no checkpoint yet; train it on with --resume"
            ))
            .into());
        };
        let generator = final_generator(&folder, &gan, &file.config);
        Ok(Self {
            folder,
            file,
            state,
            gan,
            generator,
        })
    }

    /// The name of the run: that of its folder, and the run's before it for a best checkpoint.
    pub fn name(&self) -> String {
        let path = self.folder.path().canonicalize();
        let path = path.unwrap_or_else(|_| self.folder.path().into());
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match path.parent().map(|parent| RunFolder::new(parent.into())) {
            Some(run) if run.best() == path && run.path().join("run.json").is_file() => {
                format!("{}/{}", name(run.path()), name(&path))
            }
            _ => name(&path),
        }
    }

    /// Noise [count, 100, 1, 1] of a sample's seed: the first rows of more are those of fewer, so
    /// that a head keeps its number.
    pub fn noise(&self, sample_seed: u64, count: usize) -> Tensor {
        sample_noise(sample_seed, count)
    }

    /// Heads as pictures from noise [n, 100, 1, 1].
    pub fn pictures(&self, noise: &Tensor) -> Vec<RgbImage> {
        sample::pictures(&self.generator, noise)
    }
}

/// Noise [count, 100, 1, 1] of a sample's seed: the first rows of more are those of fewer.
pub fn sample_noise(sample_seed: u64, count: usize) -> Tensor {
    seed(sample_seed, Draw::Sample, 0);
    let count = count as i64;
    // libtorch draws 16 numbers at a time, and an incomplete end anew: whole blocks keep the others.
    noise(count + 4 - count % 4).narrow(0, 0, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_its_number_whatever_the_count() {
        let many = sample_noise(5, 513);
        for count in [1, 3, 64, 510] {
            let few = sample_noise(5, count);
            assert!(few.equal(&many.narrow(0, 0, count as i64)), "{count}");
        }
        assert!(!sample_noise(6, 3).equal(&many.narrow(0, 0, 3)));
    }
}
