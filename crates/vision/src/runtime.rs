//! Finding and loading the ONNX Runtime library, and the sessions that are made in it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::TensorRef;

pub use provider::Provider;

mod provider;

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The library is found nowhere, or cannot be loaded.
    #[error("{0}")]
    Library(String),
    /// The execution provider is not to be had.
    #[error("{0}")]
    Provider(String),
    /// A model cannot be loaded or run.
    #[error("the model failed: {0}")]
    Model(String),
}

/// The environment every session of this process is built in; the library is loaded once.
///
/// # Errors
/// [`RuntimeError::Library`].
pub fn environment() -> Result<&'static Environment, RuntimeError> {
    static LOADED: OnceLock<Result<Environment, String>> = OnceLock::new();
    LOADED
        .get_or_init(load)
        .as_ref()
        .map_err(|reason| RuntimeError::Library(reason.clone()))
}

/// What sessions are made with; `threads` 0 leaves their number to the runtime.
///
/// # Errors
/// [`RuntimeError::Library`] and [`RuntimeError::Provider`].
pub(crate) fn session_builder(threads: usize, provider: Provider) -> Result<SessionBuilder, RuntimeError> {
    let failed = |error: &dyn std::fmt::Display| RuntimeError::Library(error.to_string());
    let mut builder = Session::builder(environment()?).map_err(|error| failed(&error))?;
    if threads > 0 {
        builder = builder.with_intra_threads(threads).map_err(|error| failed(&error))?;
    }
    // Threads that spin for work would take it from the other programs of the machine.
    builder = builder.with_intra_op_spinning(false).map_err(|error| failed(&error))?;
    // Pictures come in many sizes, and a plan of the memory kept for each of them costs 20 MB a session.
    builder = builder.with_memory_pattern(false).map_err(|error| failed(&error))?;
    provider.register(builder)
}

/// What a model of one input and one output answers to an f32 input: shape and values. For checks
/// of exported files; the session lives for one call.
///
/// # Errors
/// [`RuntimeError::Library`] and [`RuntimeError::Model`].
pub fn answer(model: &[u8], shape: &[usize], values: &[f32]) -> Result<(Vec<i64>, Vec<f32>), RuntimeError> {
    let failed = |error: ort::Error| RuntimeError::Model(error.to_string());
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
