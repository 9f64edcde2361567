//! Names by which sites know the tags of a selection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A site's other name for a tag; the same name where it was asked and has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The source.
    pub source: String,
    /// As it is asked for.
    pub name: String,
    /// As the site's posts have it.
    pub tag: String,
}

/// What is known of a selection's tags. Clones share it: what a listing learns counts at once for the
/// pictures that are fetched beside it.
#[derive(Clone, Debug, Default)]
pub struct Aliases(Arc<Mutex<Vec<Alias>>>);

impl PartialEq for Aliases {
    fn eq(&self, other: &Self) -> bool {
        self.known() == other.known()
    }
}

impl Eq for Aliases {}

impl Aliases {
    /// Adds a site's answer.
    pub fn learn(&self, alias: Alias) {
        self.lock().push(alias);
    }

    /// Whether a site was asked for a tag.
    pub fn has(&self, source: &str, name: &str) -> bool {
        self.lock()
            .iter()
            .any(|alias| alias.source == source && alias.name == name)
    }

    /// Other names of a tag, with the sources that have them.
    pub fn of(&self, name: &str) -> Vec<Alias> {
        let other = |alias: &&Alias| alias.name == name && alias.tag != name;
        self.lock().iter().filter(other).cloned().collect()
    }

    /// All tags that have other names.
    pub fn known(&self) -> Vec<Alias> {
        self.lock()
            .iter()
            .filter(|alias| alias.tag != alias.name)
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Alias>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
