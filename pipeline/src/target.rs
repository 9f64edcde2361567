//! Where a bundle or an export may lie: not among the files that it is made of.

use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::Store;
use dataset::failure::Usage;

/// Refuses a place in the store or among the manifests, and one that holds them.
///
/// # Errors
/// [`Usage`] for such a place; else what the system says of the path.
pub(crate) fn check(target: &Path, manifests: &Path, store: &Store) -> anyhow::Result<()> {
    let place = resolved(target)?;
    for own in store.folder().into_iter().chain([manifests]) {
        let own = resolved(own)?;
        if place.starts_with(&own) || own.starts_with(&place) {
            let (target, own) = (target.display(), own.display());
            let why = format!("{target} and {own} lie in one another; name a place outside of what it is made of");
            return Err(Usage(why).into());
        }
    }
    Ok(())
}

/// The path without links, as far as it is there.
fn resolved(path: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| format!("cannot read {}", path.display()))?;
    let there = path
        .ancestors()
        .find_map(|above| Some((above, above.canonicalize().ok()?)));
    Ok(match there {
        Some((above, real)) => match path.strip_prefix(above) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::failure::{USAGE, exit_code};

    #[test]
    fn a_place_in_or_round_the_store_is_refused_through_links_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let store = Store::create(&path("data/store")).expect("creates");
        let manifests = path("data/manifests");
        std::os::unix::fs::symlink(path("data/store"), path("link")).expect("links");
        let refused = |name: &str| check(&path(name), &manifests, &store);
        for name in [
            "data",
            "data/store",
            "data/store/out",
            "data/manifests/v2",
            "link/out.tar",
        ] {
            assert_eq!(exit_code(&refused(name).expect_err(name)), USAGE);
        }
        for name in ["out", "data/bundles/v1", "data/store-copy"] {
            refused(name).expect("may be");
        }
    }
}
