//! Staged batch jobs from image boards to frozen datasets of heads.
//!
//! Architecture invariant: stages never import each other; the catalog is what lies between them.
//! No torch here.

pub mod lock;
pub mod outcome;
pub mod stop;
