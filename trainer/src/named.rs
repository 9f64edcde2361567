//! The run that a command is about.

use std::path::{Path, PathBuf};

use anyhow::Result;
use dataset::failure::Usage;

/// A run by its name or folder, in first place or as a flag.
#[derive(Clone, Debug, clap::Args)]
pub struct Named {
    /// Run: its name, or its folder (RUN/best is the best checkpoint of a run that was measured while
    /// it trained)
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,
    /// The same as a flag
    #[arg(long = "run", id = "named", value_name = "RUN", conflicts_with = "run")]
    named: Option<PathBuf>,
}

impl Named {
    /// The name or folder, where one was given.
    pub fn given(&self) -> Option<&Path> {
        self.run.as_deref().or(self.named.as_deref())
    }

    /// The name or folder.
    ///
    /// # Errors
    /// [`Usage`] where none was given.
    pub fn path(&self) -> Result<&Path> {
        let missing = || Usage("name a run: `trainer COMMAND RUN`, by its name or its folder".into());
        Ok(self.given().ok_or_else(missing)?)
    }
}
