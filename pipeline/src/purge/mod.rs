//! `pipeline purge`: posts and artists taken out for good, with their pictures, heads and traces in
//! frozen versions, and the deny list that keeps them out.
//!
//! The order makes a kill at any moment harmless: tombstones beside the manifests, then one transaction
//! that denies, takes the rows and lists the objects to remove, then the objects and all that was made
//! from them. What a killed purge left on its list, the next command that writes removes first.

mod groups;
mod list;
mod plan;
mod remove;

use std::path::Path;

use anyhow::Context;
use dataset::Store;
use dataset::failure::Usage;
use dataset::manifest::Tombstones;

use crate::catalog::denied::Entry;
use crate::catalog::{Catalog, removals};
use crate::quarantine;
use crate::summary::Summary;

pub use list::{allow, print_list};
pub use plan::Plan;
pub use remove::finish;

/// Takes posts out for good: pictures, heads, their traces in frozen versions; none comes back
#[derive(Clone, Debug, Default, clap::Args)]
#[command(
    after_help = "Example: pipeline purge --artist some_one --dry-run",
    group = clap::ArgGroup::new("what").required(true).multiple(true)
)]
pub struct Args {
    /// A post, as site and id (konachan/123) or source and file (import:faces/a.png); may be repeated
    #[arg(long, value_name = "SITE/ID", group = "what")]
    pub post: Vec<String>,
    /// Every post by an artist, in whatever case, `_` or spaces between words; may be repeated
    #[arg(long, value_name = "NAME", group = "what")]
    pub artist: Vec<String>,
    /// Only this site's posts by the artist
    #[arg(long, value_name = "SITE", requires = "artist")]
    pub site: Option<String>,
    /// Say what would go, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Show what is denied since earlier purges
    #[arg(long, group = "what", conflicts_with_all = ["post", "artist", "allow", "dry_run"])]
    pub list: bool,
    /// Let an entry of that list come back with the next crawl or import; may be repeated
    #[arg(long, value_name = "ENTRY", group = "what", conflicts_with_all = ["post", "artist", "dry_run"])]
    pub allow: Vec<String>,
}

impl Args {
    /// The posts and artists named.
    ///
    /// # Errors
    /// `Usage` where one is none, or its site is neither configured nor in the catalog.
    pub fn resolve(&self, known_sites: &[String]) -> Result<Vec<Entry>, Usage> {
        let mut entries = Vec::new();
        for text in &self.post {
            let (site, post) = text
                .split_once('/')
                .filter(|(site, post)| !site.is_empty() && !post.is_empty())
                .ok_or_else(|| Usage(format!("`{text}` names no post: write SITE/ID, as in konachan/123")))?;
            check_site(site, known_sites)?;
            entries.push(Entry::post(site, post));
        }
        if let Some(site) = &self.site {
            check_site(site, known_sites)?;
        }
        for name in &self.artist {
            let entry = Entry::artist(self.site.as_deref(), name);
            if entry.name.is_empty() {
                return Err(Usage("--artist names nobody".into()));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// A site by mistake would deny what was not meant, and take nothing.
fn check_site(site: &str, known: &[String]) -> Result<(), Usage> {
    if site.starts_with("import:") || known.iter().any(|known| known == site) {
        return Ok(());
    }
    let known = known.join(", ");
    Err(Usage(format!(
        "no site `{site}`; known are {known}, and import:NAME for imported folders"
    )))
}

/// Takes out what the plan says.
///
/// # Errors
/// Where the disk or the catalog refuses. What was begun is finished by the next command that writes.
pub async fn run(catalog: &Catalog, store: &Store, data: &Path, plan: &Plan) -> anyhow::Result<Summary> {
    let summary = plan.summary(store)?;
    let manifests = data.join("manifests");
    for (name, heads) in &plan.tombstones {
        Tombstones::add(&manifests.join(name), heads.iter().cloned())?;
    }
    // First: after a kill only the removals table is worked off.
    let gone = &plan.gone;
    quarantine::forget(store, |post, hash| {
        gone.posts.contains_key(post) || gone.images.contains_key(hash)
    })?;
    let mut write = catalog.write().await?;
    let groups = removals::record(&mut write, &plan.gone).await?;
    groups::resolve(&mut write, &groups).await?;
    write.commit().await.context("cannot purge; nothing was removed yet")?;
    finish(catalog, store, data).await?;
    plan.name_trained(&data.join("runs"));
    Ok(summary)
}
