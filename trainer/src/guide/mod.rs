//! Guided drawing: from a coarse colour layout to heads that follow it.

pub mod draw;
pub mod encoder;
pub mod layout;
pub mod teach;
