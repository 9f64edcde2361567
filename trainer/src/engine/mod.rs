//! What the GAN and the detector share: the network as a table of layers, the optimiser, the checkpoint, the
//! random numbers and the training loop.
//!
//! Architecture invariant: a network is one table. libtorch, ONNX, TorchScript and `--dry-run` read the same
//! rows; nothing else says what a layer is.

pub mod checkpoint;
mod convolution;
pub mod fold;
pub mod metrics;
pub mod network;
pub mod onnx;
pub mod optimiser;
pub mod plan;
pub mod progress;
pub mod ranks;
pub mod rng;
pub mod sampler;
pub mod spectral;
pub mod training;
