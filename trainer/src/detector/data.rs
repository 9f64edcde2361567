//! Annotated pictures and head crops, read once, reduced and kept in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::RgbImage;
use rayon::prelude::*;
use sha1::{Digest, Sha1};
use vision::BBox;
use vision::picture::Limits;

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

/// What a picture is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Trained on.
    Training,
    /// Chooses the score threshold.
    Validation,
    /// Measured at the end, and for nothing else.
    HeldOut,
    /// Another cut of a picture that is set aside: used for nothing.
    Excluded,
}

/// A name in a folder's boxes.csv with what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotated {
    /// The picture.
    pub path: PathBuf,
    /// Its faces, in its pixels.
    pub faces: Vec<BBox>,
    /// What it is used for.
    pub part: Part,
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

/// The annotated pictures of every folder with what each is used for.
pub fn split(sources: &Sources) -> Result<Vec<Vec<Annotated>>> {
    let mut folders: Vec<Vec<Annotated>> = sources
        .pictures
        .iter()
        .map(|folder| annotations(folder))
        .collect::<Result<_>>()?;
    let mut aside = BTreeSet::new();
    for (index, folder) in folders.iter_mut().enumerate() {
        let hold_out = if index == 0 { sources.hold_out } else { 0 };
        let mut order: Vec<usize> = (0..folder.len()).collect();
        order.sort_by_key(|position| digest(&folder[*position].path));
        for (rank, position) in order.into_iter().take(hold_out + sources.validation).enumerate() {
            let annotated = &mut folder[position];
            annotated.part = if rank < hold_out {
                Part::HeldOut
            } else {
                Part::Validation
            };
            aside.extend(family(&annotated.path));
        }
    }
    for annotated in folders.iter_mut().flatten() {
        let related = family(&annotated.path).is_some_and(|family| aside.contains(&family));
        if related && annotated.part == Part::Training {
            annotated.part = Part::Excluded;
        }
    }
    Ok(folders)
}

/// SHA-1 of the file name alone, so that the choice moves with the folder.
fn digest(path: &Path) -> [u8; 20] {
    let name = path.file_name().unwrap_or_default();
    Sha1::digest(name.as_encoded_bytes()).into()
}

/// The name through its first number (`Anime_103` of `Anime_103_2.jpg`): cuts of one picture share
/// it. None without a number, or without a word before it.
fn family(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let start = stem
        .find(|letter: char| letter.is_ascii_digit())
        .filter(|start| *start > 0)?;
    let end = stem[start..]
        .find(|letter: char| !letter.is_ascii_digit())
        .map_or(stem.len(), |length| start + length);
    Some(stem[..end].to_owned())
}

/// Reads a folder's boxes.csv, in the order of file names.
pub fn annotations(folder: &Path) -> Result<Vec<Annotated>> {
    let path = folder.join("boxes.csv");
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}: --pictures wants a folder with boxes.csv",
            path.display()
        )
    })?;
    let mut faces: BTreeMap<&str, Vec<BBox>> = BTreeMap::new();
    let mut lines = text.lines();
    let columns = lines.next().unwrap_or_default().split(',').count().max(5);
    for (index, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        // A file name may hold commas: the numbers are counted from the right.
        let fields: Vec<&str> = line.rsplitn(columns, ',').collect();
        if fields.len() < columns || fields[..columns - 1].iter().all(|field| field.trim().is_empty()) {
            faces.entry(line.trim_end_matches(',')).or_default();
            continue;
        }
        let number = |column: usize| -> Result<f32> {
            let field = fields[columns - 1 - column];
            field
                .trim()
                .parse()
                .with_context(|| format!("{}: line {}: `{field}` is no number", path.display(), index + 2))
        };
        let bbox = BBox {
            x0: number(1)?,
            y0: number(2)?,
            x1: number(3)?,
            y1: number(4)?,
        };
        faces.entry(fields[columns - 1]).or_default().push(bbox);
    }
    Ok(faces
        .into_iter()
        .map(|(name, faces)| Annotated {
            path: folder.join(name),
            faces,
            part: Part::Training,
        })
        .collect())
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

/// The picture files of a folder by name; other files are passed over.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list {}: --heads wants a folder of crops", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("png" | "jpg" | "jpeg" | "webp"))
    });
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn sources(pictures: Vec<PathBuf>) -> Sources {
        Sources {
            pictures,
            heads: Vec::new(),
            head_box: [0.0, 0.0, 1.0, 1.0],
            hold_out: 3,
            validation: 2,
        }
    }

    #[test]
    fn names_with_commas_and_pictures_without_faces_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let table = "file,x0,y0,x1,y1,score\na, b.png,1,2,3.5,4,0.9\nnobody.png\nnone.png,,,,,\na, b.png,5,6,7,8,0.8\n";
        std::fs::write(folder.path().join("boxes.csv"), table).unwrap();
        let read = annotations(folder.path()).unwrap();
        let faces: Vec<usize> = read.iter().map(|annotated| annotated.faces.len()).collect();
        assert_eq!(faces, [2, 0, 0]);
        assert_eq!(read[0].path, folder.path().join("a, b.png"));
        assert_eq!(read[0].faces[0].x1, 3.5);
        std::fs::write(folder.path().join("boxes.csv"), "file,x0,y0,x1,y1\na.png,1,2,x,4\n").unwrap();
        let error = annotations(folder.path()).unwrap_err();
        assert!(format!("{error:#}").contains("line 2: `x` is no number"), "{error:#}");
    }

    #[test]
    fn cuts_of_a_picture_that_is_set_aside_are_not_trained_on() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut tables = [String::from("file,x0,y0,x1,y1\n"), String::from("file,x0,y0,x1,y1\n")];
        for number in 0..20 {
            tables[0] += &format!("Anime_{number}.jpg,1,2,3,4\n");
            tables[1] += &format!("Anime_{number}_2.jpg,1,2,3,4\n");
        }
        std::fs::write(first.path().join("boxes.csv"), &tables[0]).unwrap();
        std::fs::write(second.path().join("boxes.csv"), &tables[1]).unwrap();
        let folders = split(&sources(vec![first.path().into(), second.path().into()])).unwrap();
        let count = |folder: &[Annotated], part| folder.iter().filter(|a| a.part == part).count();
        assert_eq!(count(&folders[0], Part::HeldOut), 3);
        assert_eq!(count(&folders[0], Part::Validation), 2);
        assert_eq!(count(&folders[1], Part::HeldOut), 0);
        assert_eq!(count(&folders[1], Part::Validation), 2);
        let trained: BTreeSet<String> = folders
            .iter()
            .flatten()
            .filter(|annotated| annotated.part == Part::Training)
            .filter_map(|annotated| family(&annotated.path))
            .collect();
        for annotated in folders
            .iter()
            .flatten()
            .filter(|a| matches!(a.part, Part::HeldOut | Part::Validation))
        {
            assert!(!trained.contains(&family(&annotated.path).unwrap()), "{annotated:?}");
        }
    }
}
