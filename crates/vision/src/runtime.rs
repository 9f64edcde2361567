//! Finding and loading the ONNX Runtime library.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;

use crate::detector::DetectorError;

/// The environment every session of this process is built in; the library is loaded once.
///
/// # Errors
/// [`DetectorError::Runtime`] where the library is found nowhere or cannot be loaded.
pub fn environment() -> Result<&'static Environment, DetectorError> {
    static LOADED: OnceLock<Result<Environment, String>> = OnceLock::new();
    LOADED
        .get_or_init(load)
        .as_ref()
        .map_err(|reason| DetectorError::Runtime(reason.clone()))
}

/// What a model of one input and one output answers to an f32 input: shape and values. For checks
/// of exported files; the session lives for one call.
///
/// # Errors
/// [`DetectorError::Runtime`] without the library; [`DetectorError::Inference`] where the model cannot
/// be loaded or run.
pub fn answer(model: &[u8], shape: &[usize], values: &[f32]) -> Result<(Vec<i64>, Vec<f32>), DetectorError> {
    let failed = |error: ort::Error| DetectorError::Inference(error.to_string());
    let builder = Session::builder(environment()?).map_err(failed)?;
    let mut session = builder.clone().commit_from_memory(model).map_err(failed)?;
    let input = session.inputs()[0].name().to_owned();
    let tensor = TensorRef::from_array_view((shape.to_vec(), values)).map_err(failed)?;
    let outputs = session.run(ort::inputs![input => tensor]).map_err(failed)?;
    let (shape, values) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
    Ok((shape.to_vec(), values.to_vec()))
}

fn load() -> Result<Environment, String> {
    let candidates = candidates();
    let library = candidates.iter().find(|path| path.exists()).ok_or_else(|| {
        let looked: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        format!(
            "ONNX Runtime was not found (looked at {}): run `python3 native/fetch.py`, or name the library in ORT_DYLIB_PATH",
            looked.join(", ")
        )
    })?;
    let builder = ort::init_from(library).map_err(|error| error.to_string())?;
    builder.build().map_err(|error| error.to_string())
}

/// ORT_DYLIB_PATH, then `.native` in the folders above the program (a moved checkout), then `.native`
/// in the checkout this was built from (a build folder elsewhere).
fn candidates() -> Vec<PathBuf> {
    const LIBRARY: &str = ".native/onnxruntime/lib/libonnxruntime.so";
    let named = std::env::var_os("ORT_DYLIB_PATH")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let program = std::env::current_exe().unwrap_or_default();
    let above = program
        .ancestors()
        .skip(1)
        .map(|folder| folder.join(LIBRARY))
        .filter(|path| path.exists());
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(LIBRARY);
    named.into_iter().chain(above).chain([built]).collect()
}
