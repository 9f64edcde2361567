//! Trains the DCGAN on a frozen manifest, and the YOLOv3 that finds the faces it is made of.

pub mod bar;
pub mod compare;
pub mod detector;
pub mod engine;
pub mod eval;
pub mod export;
pub mod gan;
pub mod guide;
pub mod named;
pub mod onnx;
pub mod serve;
pub mod settings;
pub mod shim;
pub mod show;
pub mod steer;
pub mod threads;
