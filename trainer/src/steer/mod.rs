//! Steering: heads whose hair and eyes have the colours asked for.

pub mod along;
pub mod attributes;
pub mod colour;
pub mod directions;
pub mod edit;
pub mod looks;
mod trial;
