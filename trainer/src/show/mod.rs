//! What is shown of a trained run: samples, progress over epochs, walks, completed pictures.

pub mod animation;
pub mod blend;
pub mod card;
pub mod complete;
pub mod gallery;
pub mod mask;
pub mod progress;
pub mod sample;
pub mod search;
pub mod walk;
