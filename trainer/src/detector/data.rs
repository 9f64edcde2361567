//! Annotated pictures and head crops, read once, reduced and kept in memory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::RgbImage;
use rayon::prelude::*;
use vision::BBox;
use vision::picture::Limits;

use super::annotated::{Annotated, Part, annotations, files, split};
use super::raster::Pyramid;

/// Longest side kept in memory: half as much again as the network's input, so that a face can be
/// cut out somewhat enlarged.
const KEPT_SIDE: u32 = 960;

/// Where training pictures come from.
#[derive(Clone, Debug, clap::Args, serde::Serialize, serde::Deserialize)]
pub struct Sources {
    /// Folder of pictures with boxes.csv (file,x0,y0,x1,y1: one face a row, in pixels; a row with a
    /// file name only says that there is none; files without a row are not used). Repeatable; the
    /// first one is the folder that pictures are held out of
    #[arg(long = "pictures", value_name = "DIR", required = true)]
    pub pictures: Vec<PathBuf>,
    /// Folder of square head crops for collages; with a boxes.csv, the crops it names with their
    /// faces, else all of them with the face at --head-box. Repeatable
    #[arg(long = "heads", value_name = "DIR")]
    pub heads: Vec<PathBuf>,
    /// Where the face lies in a head crop: left, top, right, bottom in shares of its side
    #[arg(long, value_name = "X0,Y0,X1,Y1", default_value = "0.04,0,0.96,0.84", value_parser = parse_head_box)]
    pub head_box: [f32; 4],
    /// Pictures of the first folder never trained on: those with the smallest SHA-1 of the name
    #[arg(long, default_value_t = 24)]
    pub hold_out: usize,
    /// Pictures of each folder set aside to choose the score threshold: the next smallest digests
    #[arg(long, default_value_t = 8)]
    pub validation: usize,
}

fn parse_head_box(text: &str) -> Result<[f32; 4], String> {
    let numbers: Vec<f32> = text
        .split(',')
        .map(|part| part.trim().parse().map_err(|_| format!("`{part}` is no number")))
        .collect::<Result<_, _>>()?;
    match numbers[..] {
        [x0, y0, x1, y1] if 0.0 <= x0 && x0 < x1 && x1 <= 1.0 && 0.0 <= y0 && y0 < y1 && y1 <= 1.0 => {
            Ok([x0, y0, x1, y1])
        }
        _ => Err("wants four rising shares between 0 and 1, as 0.2,0.3,0.8,0.9".to_owned()),
    }
}

/// A decoded picture.
pub struct Sample {
    /// File name.
    pub name: String,
    /// At most [`KEPT_SIDE`] pixels a side.
    pub picture: Pyramid,
    /// Faces, in the pixels of the kept picture.
    pub faces: Vec<BBox>,
}

/// A square head crop.
pub struct Head {
    /// The pixels.
    pub picture: Pyramid,
    /// The face in it.
    pub face: BBox,
}

/// Everything a training run reads.
pub struct Material {
    /// Training pictures, one list a folder.
    pub folders: Vec<Vec<Sample>>,
    /// Square head crops.
    pub heads: Vec<Head>,
    /// Pictures that choose the threshold.
    pub validation: Vec<Sample>,
    /// Pictures held out.
    pub held_out: Vec<Sample>,
}

impl Material {
    /// Reads all folders; undecodable pictures are an error that names the file.
    pub fn load(sources: &Sources) -> Result<Self> {
        let mut material = Self {
            folders: Vec::new(),
            heads: Vec::new(),
            validation: Vec::new(),
            held_out: Vec::new(),
        };
        for listed in split(sources)? {
            let loaded: Vec<(Part, Sample)> = listed
                .par_iter()
                .filter(|annotated| annotated.part != Part::Excluded)
                .map(|annotated| Ok((annotated.part, load_sample(annotated)?)))
                .collect::<Result<_>>()?;
            let mut training = Vec::new();
            for (part, sample) in loaded {
                match part {
                    Part::Training => training.push(sample),
                    Part::Validation => material.validation.push(sample),
                    Part::HeldOut => material.held_out.push(sample),
                    Part::Excluded => {}
                }
            }
            material.folders.push(training);
        }
        if material.folders.iter().all(Vec::is_empty) {
            return Err(Usage("no picture is left to train on: lower --hold-out or --validation".into()).into());
        }
        for folder in &sources.heads {
            material.heads.extend(heads(folder, sources.head_box)?);
        }
        Ok(material)
    }
}

fn load_sample(annotated: &Annotated) -> Result<Sample> {
    let (picture, scale) = reduced(&annotated.path)?;
    let faces = annotated
        .faces
        .iter()
        .map(|face| BBox {
            x0: face.x0 * scale,
            y0: face.y0 * scale,
            x1: face.x1 * scale,
            y1: face.y1 * scale,
        })
        .collect();
    Ok(Sample {
        name: annotated
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        picture: Pyramid::new(picture),
        faces,
    })
}

/// Decodes a picture file.
pub fn decoded(path: &Path) -> Result<RgbImage> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    vision::picture::decode(&bytes, &Limits::default())
        .with_context(|| format!("cannot decode {}: remove it or its row", path.display()))
}

/// A picture at no more than the kept side, and the scale it was reduced by.
fn reduced(path: &Path) -> Result<(RgbImage, f32)> {
    let picture = decoded(path)?;
    let (width, height) = picture.dimensions();
    let scale = (KEPT_SIDE as f32 / width.max(height) as f32).min(1.0);
    let side = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    Ok((vision::letterbox::resize(&picture, side(width), side(height)), scale))
}

/// The head crops of a folder; where it has no boxes.csv, with the face at that share of the side.
pub fn heads(folder: &Path, [x0, y0, x1, y1]: [f32; 4]) -> Result<Vec<Head>> {
    if folder.join("boxes.csv").exists() {
        let mut named = annotations(folder)?;
        named.retain(|annotated| annotated.faces.len() == 1);
        let load = |annotated: &Annotated| {
            let Sample { picture, faces, .. } = load_sample(annotated)?;
            let face = faces[0];
            Ok(Head { picture, face })
        };
        return named.par_iter().map(load).collect();
    }
    let load = |path: &PathBuf| {
        let picture = Pyramid::new(reduced(path)?.0);
        let (width, height) = picture.size();
        let face = BBox {
            x0: x0 * width,
            y0: y0 * height,
            x1: x1 * width,
            y1: y1 * height,
        };
        Ok(Head { picture, face })
    };
    files(folder)?.par_iter().map(load).collect()
}
