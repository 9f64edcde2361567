//! Folders of annotated pictures, and which of them are set aside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha1::{Digest, Sha1};
use vision::BBox;
use vision::picture::Format;

use super::data::Sources;

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
/// it. None without a number, without a word before it, or of a hash.
fn family(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    if stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
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

/// The picture files of a folder by name; other files are passed over.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list {}: --heads wants a folder of crops", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| Format::of_extension(extension).is_some())
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
