//! The heads of a file or folder, and which of them fits a face.

use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Usage;
use dataset::files::files_below;
use image::RgbImage;
use rayon::prelude::*;
use vision::BBox;
use vision::picture::Format;
use vision::swap::{Face, Fit};

use super::Finder;

/// Heads of like hair whose faces are compared with the one that is covered.
const NEAR: usize = 24;
/// Heads among which a seed other than 0 chooses.
const DRAWN: u64 = 6;
/// How much unlike hair is worth, beside the likeness of the faces from -1 to 1: a distance of 25, brown beside
/// black, is as bad as half of that.
const HAIR: f32 = 0.02;
/// How much it is worth that the detector sees a face in the head: more than any likeness.
const UNSEEN: f32 = 2.0;

/// A head that was chosen.
pub(super) struct Head {
    pub(super) path: PathBuf,
    pub(super) picture: RgbImage,
    pub(super) face_box: BBox,
    pub(super) face: Face,
    pub(super) fit: Fit,
}

/// A head of which the hair is known.
struct Known {
    path: PathBuf,
    face: Face,
    used: bool,
    /// Whether it was looked at, and no face found.
    faceless: bool,
}

/// All heads. Their pictures are read again where they are compared closely: a folder may hold thousands.
pub(super) struct Heads(Vec<Known>);

impl Heads {
    /// Reads a file or the picture files of a folder; what cannot be read in a folder is reported.
    ///
    /// # Errors
    /// [`Usage`] where there is no head; where the one file cannot be read.
    pub(super) fn open(path: &Path, finder: &Finder) -> anyhow::Result<Self> {
        let shown = path.display();
        if !path.is_dir() {
            let picture = finder.read(path)?;
            return Ok(Self(vec![known(path.into(), &picture, finder)]));
        }
        let mut files = files_below(path).with_context(|| format!("cannot list {shown}"))?;
        files.retain(|file| {
            let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            Format::of_extension(&ending).is_some()
        });
        files.sort();
        let read: Vec<Option<Known>> = files
            .into_par_iter()
            .map(|file| match finder.read(&file) {
                Ok(picture) => Some(known(file, &picture, finder)),
                Err(error) => {
                    eprintln!("left out: {error:#}");
                    None
                }
            })
            .collect();
        let all: Vec<Known> = read.into_iter().flatten().collect();
        match all.is_empty() {
            true => Err(Usage(format!("{shown} holds no head: a folder of picture files is expected")).into()),
            false => Ok(Self(all)),
        }
    }

    /// The head that fits a face best, or with a `draw` other than 0 one of the best. None is taken twice before all
    /// were.
    ///
    /// # Errors
    /// [`Usage`] where none has a face; where a file is no longer there.
    pub(super) fn take(&mut self, face: &Face, finder: &Finder, draw: u64) -> anyhow::Result<Head> {
        let mut fitting: Vec<(f32, usize, Head)> = Vec::new();
        while fitting.is_empty() {
            let with_face = |at: &usize| !self.0[*at].faceless;
            let mut order: Vec<usize> = (0..self.0.len()).filter(with_face).collect();
            if order.is_empty() {
                let why = "no head has a face: a square crop, or a picture in which `pipeline detect` finds one, is \
                           expected";
                return Err(Usage(why.into()).into());
            }
            if order.iter().all(|at| self.0[*at].used) {
                self.0.iter_mut().for_each(|known| known.used = false);
            }
            order.retain(|at| !self.0[*at].used);
            let distance = |at: &usize| face.hair_distance(&self.0[*at].face);
            order.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(a.cmp(b)));
            fitting = self.compare(face, finder, &order)?;
        }
        fitting.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let among = DRAWN.min(fitting.len() as u64);
        // The multiplier spreads neighbouring seeds (Fibonacci hashing).
        let place = match draw {
            0 => 0,
            draw => (draw.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % among,
        };
        let (_, at, head) = fitting.swap_remove(place as usize);
        self.0[at].used = true;
        Ok(head)
    }

    /// The first heads of an order that have a face, each with how unlike the wanted one it is.
    fn compare(&mut self, face: &Face, finder: &Finder, order: &[usize]) -> anyhow::Result<Vec<(f32, usize, Head)>> {
        let mut compared = Vec::new();
        for at in order {
            let known = &mut self.0[*at];
            let picture = finder.read(&known.path)?;
            let Some((face_box, seen)) = finder.face_of_head(&picture)? else {
                known.faceless = true;
                continue;
            };
            let of = Face::of(&picture, &face_box);
            let fit = face.fit(&of);
            let doubt = if seen { 0.0 } else { UNSEEN };
            let unlike = HAIR * face.hair_distance(&of) - fit.alike + doubt;
            let head = Head {
                path: known.path.clone(),
                picture,
                face_box,
                face: of,
                fit,
            };
            compared.push((unlike, *at, head));
            if compared.len() == NEAR {
                break;
            }
        }
        Ok(compared)
    }
}

/// What is known of a head before the detector is asked: its hair, by where the rule puts faces.
fn known(path: PathBuf, picture: &RgbImage, finder: &Finder) -> Known {
    let face = finder.by_rule(picture.width().min(picture.height()));
    Known {
        face: Face::of(picture, &face),
        path,
        used: false,
        faceless: false,
    }
}
