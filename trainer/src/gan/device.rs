//! Where the tensors are. CUDA comes with the full `torch` wheel that pip installs: its library is
//! loaded into the process, and nothing is built anew. No GPU has run this yet.

use std::path::PathBuf;
use std::process::Command;

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

/// The precision on a device: on a GPU, bf16 where the settings leave it open and every GPU multiplies it.
pub fn precision(asked: Precision, device: tch::Device, on_cpu: Precision) -> Precision {
    match asked {
        Precision::Auto if device.is_cuda() && multiply_bf16(&capabilities()) => Precision::Bf16,
        Precision::Auto if device.is_cuda() => Precision::F32,
        _ => on_cpu,
    }
}

/// What NVIDIA's driver says of its GPUs, "8.6" a line; nothing where it cannot be asked.
fn capabilities() -> String {
    let asked = Command::new("nvidia-smi")
        .args(["--query-gpu=compute_cap", "--format=csv,noheader"])
        .output();
    asked.map_or(String::new(), |answer| {
        String::from_utf8_lossy(&answer.stdout).into_owned()
    })
}

/// Whether GPUs of these capabilities have instructions for bf16: from 8.0 on (CUDA C++ Programming Guide,
/// compute capabilities).
fn multiply_bf16(capabilities: &str) -> bool {
    let has = |line: &str| line.trim().parse().is_ok_and(|capability: f64| capability >= 8.0);
    !capabilities.is_empty() && capabilities.lines().all(has)
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
        None => match Command::new("python3").args(["-c", QUESTION]).output() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_for_gpus_that_all_multiply_it() {
        for (capabilities, expected) in [
            ("8.0\n", true),
            ("8.6\n12.0\n", true),
            ("8.6\n7.5\n", false),
            ("", false),
            ("NVIDIA-SMI has failed\n", false),
        ] {
            assert_eq!(multiply_bf16(capabilities), expected, "{capabilities}");
        }
    }
}
