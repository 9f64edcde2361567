//! Where the tensors are. CUDA comes with the full `torch` wheel that pip installs: its library is
//! loaded into the process, and nothing is built anew. No GPU has run this yet.

use std::path::PathBuf;

use anyhow::{Result, bail};
use dataset::failure::Usage;
use dataset::train_settings::{Device, Precision};

use crate::shim;

/// Names the folder of libtorch_cuda.so where Python does not find it.
const VARIABLE: &str = "TORCH_LIB";
/// What Python is asked: where the wheel lies, without importing it.
const QUESTION: &str = "import importlib.util as u, os; s = u.find_spec('torch'); \
                        print(os.path.join(os.path.dirname(s.origin), 'lib') if s else '')";
/// The version that the program is linked to; another one's CUDA part does not fit.
const LIBTORCH: &str = "2.13.0";

/// The device that is asked for, with CUDA loaded where it is to be used.
///
/// # Errors
/// [`Usage`] where CUDA is demanded and not to be had, with the reason.
pub fn resolve(asked: Device) -> Result<tch::Device> {
    match asked {
        Device::Cpu => Ok(tch::Device::Cpu),
        Device::Auto if !has_driver() => Ok(tch::Device::Cpu),
        Device::Auto => Ok(cuda().unwrap_or_else(|error| {
            eprintln!("warning: there is a GPU, and the processor is used: {error}");
            tch::Device::Cpu
        })),
        Device::Cuda => cuda().map_err(|error| Usage(format!("--device cuda: {error}")).into()),
    }
}

/// The precision on a device: on a GPU, bf16 where the settings leave it open.
pub fn precision(asked: Precision, device: tch::Device, on_cpu: Precision) -> Precision {
    match asked {
        Precision::Auto if device.is_cuda() => Precision::Bf16,
        _ => on_cpu,
    }
}

/// NVIDIA's driver shows its version here.
fn has_driver() -> bool {
    std::path::Path::new("/proc/driver/nvidia/version").exists()
}

fn cuda() -> Result<tch::Device> {
    if !tch::Cuda::is_available() {
        let library = library()?;
        if let Err(why) = shim::load(&library) {
            bail!("cannot load {}: {why}", library.display());
        }
    }
    if !tch::Cuda::is_available() {
        bail!("libtorch's CUDA part is loaded and sees no GPU; does `nvidia-smi` show one?");
    }
    Ok(tch::Device::Cuda(0))
}

/// libtorch_cuda.so of the wheel.
fn library() -> Result<PathBuf> {
    let way = format!(
        "install the full wheel (pip install torch=={LIBTORCH}) for the `python3` in PATH, or name its folder torch/lib in \
         the variable {VARIABLE}"
    );
    let folder = match std::env::var_os(VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => match std::process::Command::new("python3").args(["-c", QUESTION]).output() {
            Ok(answer) => PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim()),
            Err(error) => bail!("python3 does not start ({error}); {way}"),
        },
    };
    if folder.as_os_str().is_empty() {
        bail!("`python3` has no torch, whose CUDA part is wanted; {way}");
    }
    let library = folder.join("libtorch_cuda.so");
    if !library.is_file() {
        bail!("there is no libtorch_cuda.so in `{}`; {way}", folder.display());
    }
    let version = std::fs::read_to_string(folder.join("../version.py")).unwrap_or_default();
    if !version.is_empty() && !version.contains(LIBTORCH) {
        bail!(
            "{} is not of torch {LIBTORCH}, which the program is linked to; {way}",
            library.display()
        );
    }
    Ok(library)
}
