//! Checkpoint files: a safetensors file of vectors whose metadata holds the run's state as JSON and the
//! SHA-256 of the vectors. A file is written under a temporary name, synced and renamed.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

/// Version of the files.
const FORMAT: &str = "trainer-checkpoint-2";
const DAMAGED: &str = "it is damaged";

/// A file that was read: what the run knows of itself, and its vectors.
pub struct Checkpoint<S> {
    /// The run's state.
    pub state: S,
    tensors: HashMap<String, Tensor>,
}

/// Writes a checkpoint; vectors of length 0 are left out.
///
/// # Errors
/// What the disk says; the temporary file is removed then.
pub fn write(path: &Path, tensors: &[(&str, &Tensor)], state: &impl Serialize) -> Result<()> {
    let filled = tensors.iter().filter(|(_, tensor)| tensor.numel() > 0);
    let mut blocks: Vec<(&str, &Tensor, Vec<u8>)> =
        filled.map(|(name, tensor)| (*name, *tensor, bytes(tensor))).collect();
    blocks.sort_by_key(|(name, ..)| *name);
    let views = blocks.iter().map(|(name, tensor, bytes)| {
        let view = TensorView::new(dtype(tensor.kind()), vec![tensor.numel()], bytes);
        (*name, view.expect("as many bytes as the numbers take"))
    });
    let metadata = HashMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        (
            "sha256".to_owned(),
            digest(blocks.iter().map(|(name, _, bytes)| (*name, bytes.as_slice()))),
        ),
        ("state".to_owned(), serde_json::to_string(state)?),
    ]);
    let content = serialize(views, &Some(metadata))?;
    dataset::files::write_durably(path, &content).map_err(|error| {
        // Half a file would take the room that the user must make.
        let _ = std::fs::remove_file(path.with_added_extension("part"));
        error.into()
    })
}

/// Reads a checkpoint.
///
/// # Errors
/// Where it cannot be read, is damaged, or is of another version.
pub fn read<S: DeserializeOwned>(path: &Path) -> Result<Checkpoint<S>> {
    let content = std::fs::read(path).with_context(|| format!("cannot read the checkpoint {}", path.display()))?;
    parse(&content).with_context(|| format!("cannot use the checkpoint {}", path.display()))
}

fn parse<S: DeserializeOwned>(content: &[u8]) -> Result<Checkpoint<S>> {
    let (_, header) = SafeTensors::read_metadata(content).map_err(|_| anyhow!(DAMAGED))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let entry = |key: &str| metadata.get(key).map(String::as_str);
    if entry("format") != Some(FORMAT) {
        bail!("it was written by another version of this program: begin the run again under another name");
    }
    let file = SafeTensors::deserialize(content).map_err(|_| anyhow!(DAMAGED))?;
    let mut views = file.tensors();
    views.sort_by(|(a, _), (b, _)| a.cmp(b));
    let found = digest(views.iter().map(|(name, view)| (name.as_str(), view.data())));
    ensure!(entry("sha256") == Some(&found), DAMAGED);
    let tensor = |view: &TensorView| {
        let kind = match view.dtype() {
            Dtype::F64 => Kind::Double,
            Dtype::F16 => Kind::Half,
            _ => Kind::Float,
        };
        Tensor::from_data_size(view.data(), &[view.shape().iter().product::<usize>() as i64], kind)
    };
    Ok(Checkpoint {
        state: serde_json::from_str(entry("state").context(DAMAGED)?)?,
        tensors: views.iter().map(|(name, view)| (name.clone(), tensor(view))).collect(),
    })
}

impl<S> Checkpoint<S> {
    /// Copies the vectors into tensors of the same names; those of length 0 have none, and those in half precision
    /// fit any.
    ///
    /// # Errors
    /// Where one is missing, or has another length or type.
    pub fn copy_into(&self, tensors: &[(&str, &Tensor)]) -> Result<()> {
        for (name, tensor) in tensors.iter().filter(|(_, tensor)| tensor.numel() > 0) {
            let found = self.tensors.get(*name);
            let fits = |kind: Kind| kind == Kind::Half || kind == tensor.kind();
            let found = found.filter(|found| found.numel() == tensor.numel() && fits(found.kind()));
            let found = found.with_context(|| format!("it is of another network: `{name}` differs"))?;
            tch::no_grad(|| tensor.shallow_clone().copy_(&found.view(tensor.size().as_slice())));
        }
        Ok(())
    }
}

/// The bytes of a tensor, row by row.
pub fn bytes(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    let tensor = tensor.to_device(tch::Device::Cpu).contiguous();
    tensor.copy_data_u8(&mut bytes, tensor.numel());
    bytes
}

/// SHA-256 of a tensor's bytes: what is measured of a network or trained for it names it by this.
pub fn digest_of(tensor: &Tensor) -> String {
    hex::encode(Sha256::digest(bytes(tensor)))
}

/// SHA-256 of names and bytes, by name.
fn digest<'a>(blocks: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in blocks {
        hash.update(name);
        hash.update(bytes);
    }
    hex::encode(hash.finalize())
}

fn dtype(kind: Kind) -> Dtype {
    match kind {
        Kind::Double => Dtype::F64,
        Kind::Half => Dtype::F16,
        _ => Dtype::F32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn vectors_and_state_come_back_and_damage_and_other_versions_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("one.safetensors");
        let (first, second) = (Tensor::from_slice(&[1.5f32, -2.0]), Tensor::from_slice(&[0.1f64]));
        let empty = Tensor::zeros([0], (Kind::Float, Device::Cpu));
        let tensors = [("second", &second), ("first", &first), ("empty", &empty)];
        write(&path, &tensors, &7).expect("writes");
        let places = [first.zeros_like(), second.zeros_like()];
        let read_back = read::<u32>(&path).expect("reads");
        assert_eq!(read_back.state, 7);
        read_back
            .copy_into(&[("first", &places[0]), ("second", &places[1]), ("empty", &empty)])
            .expect("fits");
        assert!(places[0].equal(&first) && places[1].equal(&second));
        let error = read_back
            .copy_into(&[("first", &second)])
            .expect_err("differs")
            .to_string();
        assert!(error.contains("`first` differs"), "{error}");

        let whole = std::fs::read(&path).expect("reads");
        let problem = |content: &[u8]| {
            std::fs::write(&path, content).expect("writes");
            read::<u32>(&path).map(|_| ()).expect_err("is refused")
        };
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("is not empty") ^= 1;
        for content in [&flipped[..], &whole[..whole.len() - 1], &whole[..20], &[]] {
            let error = format!("{:#}", problem(content));
            assert!(error.contains("is damaged"), "{error}");
        }
        let older = String::from_utf8_lossy(&whole[8..]).replace("checkpoint-2", "checkpoint-1");
        assert!(older.contains("checkpoint-1"));
        let mut content = whole.clone();
        let place = content
            .windows(12)
            .position(|word| word == b"checkpoint-2")
            .expect("has a format");
        content[place + 11] = b'1';
        let error = format!("{:#}", problem(&content));
        assert!(error.contains("another version"), "{error}");
    }
}
