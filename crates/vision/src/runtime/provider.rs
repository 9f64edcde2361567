//! Where a model is computed: ONNX Runtime's execution providers.

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};
use ort::session::builder::SessionBuilder;
use serde::{Deserialize, Serialize};

use super::RuntimeError;

/// What computes a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The processor.
    #[default]
    Cpu,
    /// A card of NVIDIA.
    Cuda,
    /// Apple's processors.
    CoreMl,
    /// DirectX 12 on Windows.
    DirectMl,
}

impl Provider {
    /// All of them.
    const ALL: [Self; 4] = [Self::Cpu, Self::Cuda, Self::CoreMl, Self::DirectMl];

    /// As in stages.toml.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
        }
    }

    /// Whether the loaded runtime was built with it.
    fn is_there(self) -> bool {
        let known = match self {
            Self::Cpu => Ok(true),
            Self::Cuda => ep::CUDA::is_available(),
            Self::CoreMl => ep::CoreML::is_available(),
            Self::DirectMl => ep::DirectML::is_available(),
        };
        known.unwrap_or(false)
    }

    fn dispatch(self) -> Option<ExecutionProviderDispatch> {
        Some(match self {
            Self::Cpu => return None,
            Self::Cuda => ep::CUDA::default().build(),
            Self::CoreMl => ep::CoreML::default().build(),
            Self::DirectMl => ep::DirectML::default().build(),
        })
    }

    /// Has sessions of a builder computed here. What this provider lacks falls to the processor,
    /// operator by operator; a provider that is not there never does so silently.
    ///
    /// # Errors
    /// Where the runtime lacks it, or the machine what it needs; the text names what there is.
    pub(super) fn register(self, builder: SessionBuilder) -> Result<SessionBuilder, RuntimeError> {
        let Some(dispatch) = self.dispatch() else {
            return Ok(builder);
        };
        let name = self.name();
        if !self.is_there() {
            let there: Vec<&str> = Self::ALL
                .into_iter()
                .filter(|it| it.is_there())
                .map(Self::name)
                .collect();
            return Err(RuntimeError::Provider(format!(
                "[crop] provider = \"{name}\" is asked for, and this build of ONNX Runtime has only {}: set one of \
                 these, or name a library that has {name} in ORT_DYLIB_PATH",
                there.join(", ")
            )));
        }
        let registered = builder.with_execution_providers([dispatch.error_on_failure()]);
        registered.map_err(|error| {
            RuntimeError::Provider(format!(
                "[crop] provider = \"{name}\" cannot be used on this machine: {error}"
            ))
        })
    }
}
