//! `pipeline swap`: other heads over the faces of a picture, without catalog or store.

mod heads;

use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::{Interrupted, Usage};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use vision::crop::CropRule;
use vision::picture::{Format, Limits, decode};
use vision::swap::{Face, lay};
use vision::{BBox, Detection, Detector};

use crate::stop::Stop;
use heads::Heads;

/// Quality of JPEG files.
const QUALITY: u8 = 95;

/// Sets other heads over the faces of a picture, for fun
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  pipeline swap group.jpg --head heads/ --out swapped.png\n  pipeline swap group.jpg --head face.png --face 2 --out swapped.jpg"
)]
pub struct Args {
    /// A picture with faces
    pub picture: PathBuf,
    /// A head, or a folder of heads of which each face gets the one that fits it best, each once while there are
    /// enough: crops as `pipeline crop` makes them, generated heads, or other pictures with a face
    #[arg(long, value_name = "FILE|DIR")]
    pub head: PathBuf,
    /// Where the picture goes, a .png or .jpg file that is not there yet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// One face alone: 1 is the first that `pipeline detect` prints
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub face: Option<u32>,
    /// Another number takes others of the heads that fit; 0 takes those that fit best
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Lowest score of a face; [curate] min_score by default
    #[arg(long, value_name = "SCORE")]
    pub min_score: Option<f64>,
    /// Replaces the file of --out
    #[arg(long)]
    pub overwrite: bool,
}

/// What finds faces, and where they are in heads that were cut by the rule.
pub struct Finder {
    /// The detector.
    pub detector: Detector,
    /// The crop rule.
    pub rule: CropRule,
    /// What a picture may cost.
    pub limits: Limits,
    /// Lowest score of a face.
    pub min_score: f64,
}

impl Finder {
    /// A picture file.
    fn read(&self, path: &Path) -> anyhow::Result<RgbImage> {
        let shown = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
        decode(&bytes, &self.limits).with_context(|| format!("cannot read {shown} as a picture"))
    }

    /// Where the face of a head is: where the detector sees it best; else, in a square, where the rule puts it. Says
    /// whether it was seen.
    fn face_of_head(&self, head: &RgbImage) -> anyhow::Result<Option<(BBox, bool)>> {
        let (width, height) = head.dimensions();
        let found = match width == height {
            true => {
                let side = self.detector.side_for_heads();
                let heads = std::slice::from_ref(head);
                self.detector.detect_at_side(heads, side)?.pop().unwrap_or_default()
            }
            false => self.detector.detect(head)?,
        };
        let best = found.into_iter().find(|face| f64::from(face.score) >= self.min_score);
        Ok(match best {
            Some(face) => Some((face.bbox, true)),
            None if width == height => Some((self.by_rule(width), false)),
            None => None,
        })
    }

    /// Where the rule puts the face of a head of that side.
    fn by_rule(&self, side: u32) -> BBox {
        let side = side as f32;
        let size = side / self.rule.margin;
        BBox::from_centre(side / 2.0, side * self.rule.centre_y, size, size)
    }
}

/// Writes the picture with other heads; prints which went where.
///
/// # Errors
/// [`Usage`] where there is no such face or head, or the file is there already; `Interrupted`; else what cannot be
/// read or written.
pub fn run(args: &Args, finder: &Finder, stop: &Stop) -> anyhow::Result<()> {
    let kind = kind_of(&args.out, args.overwrite)?;
    let mut picture = finder.read(&args.picture)?;
    let found = finder.detector.detect(&picture)?;
    let faces = chosen(args, finder.min_score, &found)?;
    // Read before a head lies over another face.
    let faces: Vec<(usize, BBox, Face)> = faces
        .into_iter()
        .map(|(number, bbox)| (number, bbox, Face::of(&picture, &bbox)))
        .collect();
    let mut heads = Heads::open(&args.head, finder)?;
    for (number, on, face) in &faces {
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let head = heads.take(face, finder, args.seed.wrapping_mul(*number as u64))?;
        let fit = head.fit;
        lay(
            &mut picture,
            (on, face),
            &head.picture,
            (&head.face_box, &head.face),
            fit,
        );
        let turned = match fit.turned {
            0 => String::new(),
            turned => format!(", turned by {turned}°"),
        };
        let mirrored = if fit.mirrored { ", mirrored" } else { "" };
        println!("face {number}: {}{turned}{mirrored}", head.path.display());
    }
    write(&picture, &args.out, kind)?;
    println!("the picture is in {}", args.out.display());
    Ok(())
}

/// The faces that get a head, with their numbers as `pipeline detect` prints them: best first.
fn chosen(args: &Args, least: f64, found: &[Detection]) -> anyhow::Result<Vec<(usize, BBox)>> {
    let shown = args.picture.display();
    let enough = found.iter().filter(|face| f64::from(face.score) >= least);
    let faces: Vec<(usize, BBox)> = (1..).zip(enough.map(|face| face.bbox)).collect();
    if faces.is_empty() {
        let why = match found.first() {
            None => format!("no face is found in {shown}"),
            Some(best) => format!(
                "no face of score {least} or more is found in {shown}: the best has {:.3}; --min-score takes lower ones",
                best.score
            ),
        };
        return Err(Usage(why).into());
    }
    let Some(wanted) = args.face else {
        return Ok(faces);
    };
    let count = faces.len();
    let face = faces.into_iter().nth(wanted as usize - 1).ok_or_else(|| {
        Usage(format!(
            "{shown} has {count} face(s), and --face {wanted} asks for another: `pipeline detect` prints them"
        ))
    })?;
    Ok(vec![face])
}

/// The format of a file that may be written.
fn kind_of(out: &Path, overwrite: bool) -> Result<Format, Usage> {
    let shown = out.display();
    let ending = out.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let format = Format::of_extension(&ending).filter(|format| matches!(format.word(), "png" | "jpeg"));
    let format = format.ok_or_else(|| Usage(format!("--out {shown}: a name that ends in .png or .jpg is expected")))?;
    match out.try_exists() {
        Ok(true) if !overwrite => Err(Usage(format!(
            "{shown} is there already: name another file, or add --overwrite to replace it"
        ))),
        _ => Ok(format),
    }
}

/// Under another name first: a killed run leaves no half file.
fn write(picture: &RgbImage, out: &Path, format: Format) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", out.display());
    let bytes = match format.word() {
        "png" => vision::picture::png(picture).with_context(cannot)?,
        _ => {
            let mut bytes = std::io::Cursor::new(Vec::new());
            let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
            picture.write_with_encoder(encoder).with_context(cannot)?;
            bytes.into_inner()
        }
    };
    dataset::files::write_durably(out, &bytes).with_context(cannot)
}
