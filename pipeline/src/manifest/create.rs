//! Freezing the accepted heads of a selection under a name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use dataset::ManifestRow;
use dataset::failure::Usage;
use dataset::manifest::{
    FunnelStep, ManifestBody, ManifestError, Opened, Parent, SplitRule, Writer, Written, check_name, list,
};
use rayon::prelude::*;
use vision::crop::CropRule;

use super::ManifestSettings;
use super::choose::{Draw, leave_straddling, resolve};
use super::rows::{Gathered, Posts};
use super::statistics::Figures;
use crate::catalog::manifest_query::{self, Head};
use crate::catalog::{Catalog, splits};
use crate::digests::Digests;
use crate::progress;
use crate::selection::Selection;

/// Rows read back at once, beside those that the writer holds.
const ROWS_AT_ONCE: usize = 1024;

/// Splits named at once.
const SPLITS_AT_ONCE: usize = 10_000;

/// What a manifest is made from.
#[derive(Clone, Debug)]
pub struct Origin<'run> {
    /// Which posts' heads.
    pub selection: &'run Selection,
    /// Which detector, crop rule and policy.
    pub digests: &'run Digests,
    /// The crop rule behind the digest.
    pub rule: CropRule,
    /// What the digests stand for, as text.
    pub settings: &'run BTreeMap<String, String>,
    /// For each site, what its likes are; sources without an entry have none.
    pub popularity: &'run BTreeMap<String, String>,
}

/// What [`create`] or [`refresh`] did.
#[derive(Clone, Debug)]
pub struct Creation {
    /// The manifest, whether new or there before.
    pub manifest: Opened,
    /// Whether it is new.
    pub created: bool,
}

/// Freezes a selection as `folder/<name>`, `folder` being `manifests/`.
///
/// # Errors
/// `Usage` where the name is no name, is taken by other rows, or nothing would be in it; otherwise
/// what the catalog or the disk refused.
pub async fn create(
    catalog: &Catalog,
    folder: &Path,
    settings: &ManifestSettings,
    origin: &Origin<'_>,
    name: &str,
) -> anyhow::Result<Creation> {
    check_name(name).map_err(usage)?;
    let parent = parent(folder, name)?;
    let (gathered, funnel) = gather(catalog, folder, settings, origin).await?;
    let rows = write_rows(catalog, gathered, folder, origin.rule, name).await?;
    let written = finish(rows, body(origin, settings, funnel), |_| Ok(Some(parent))).await?;
    let created = written.is_some_and(|written| written == Written::Created);
    let manifest = Opened::open(&folder.join(name))?;
    Ok(Creation { manifest, created })
}

/// Freezes a selection under the next free `vN`, unless the newest `vN` has the same rows.
///
/// # Errors
/// As [`create`].
pub async fn refresh(
    catalog: &Catalog,
    folder: &Path,
    settings: &ManifestSettings,
    origin: &Origin<'_>,
) -> anyhow::Result<Creation> {
    let newest = versions(folder)?.last().copied();
    let name = format!("v{}", newest.map_or(1, |version| version + 1));
    let (gathered, funnel) = gather(catalog, folder, settings, origin).await?;
    let before = newest.map(|newest| Opened::open(&folder.join(format!("v{newest}"))));
    let before = before.transpose()?;
    let (digest, parent) = match &before {
        Some(before) => (Some(before.rows_digest.clone()), Some(parent_of(before))),
        None => (None, None),
    };
    let decide = move |rows: &str| Ok((digest.as_deref() != Some(rows)).then_some(parent));
    let rows = write_rows(catalog, gathered, folder, origin.rule, &name).await?;
    let created = finish(rows, body(origin, settings, funnel), decide).await?.is_some();
    let manifest = match before.filter(|_| !created) {
        Some(before) => before,
        None => Opened::open(&folder.join(&name))?,
    };
    Ok(Creation { manifest, created })
}

/// What the rows will be made of; and how many posts, pictures and heads were left on the way to them.
async fn gather(
    catalog: &Catalog,
    folder: &Path,
    settings: &ManifestSettings,
    origin: &Origin<'_>,
) -> anyhow::Result<(Gathered, Vec<FunnelStep>)> {
    let snapshot = catalog.snapshot().await?;
    let answer = manifest_query::read(
        &snapshot,
        origin.selection,
        origin.digests,
        Posts::create(folder)?,
        Posts::push,
    );
    let answer = answer.await?;
    let (mut heads, (mut funnel, _)) = (answer.heads, answer.funnels.of(None));
    let (posts, named) = answer.posts.finish()?;
    recall_splits(catalog, &mut heads).await?;
    let straddling = leave_straddling(&mut heads);
    resolve(&mut heads, &posts);
    if straddling > 0 {
        funnel.push(FunnelStep::new("refused: straddles", straddling));
    }
    if heads.is_empty() {
        return Err(nothing(&funnel, origin.selection).into());
    }
    funnel.push(FunnelStep::new("different heads", heads.len() as u64));
    let gathered = Gathered {
        heads,
        posts,
        named,
        pictures: answer.pictures,
        digests: origin.digests.clone(),
        draw: Draw {
            seed: settings.split_seed,
            validation: settings.validation_share,
        },
    };
    Ok((gathered, funnel))
}

/// Gives every head the split that an earlier version has it in.
async fn recall_splits(catalog: &Catalog, heads: &mut [Head]) -> anyhow::Result<()> {
    let mut known = splits::all(catalog).await?;
    known.par_sort_unstable_by_key(|(pixels, _)| *pixels);
    heads.par_iter_mut().for_each(|head| {
        let found = known.binary_search_by_key(&head.pixels, |(pixels, _)| *pixels);
        head.split = found.ok().map(|at| known[at].1);
    });
    Ok(())
}

/// Records the splits of heads that have none, in the order of the table.
async fn record_splits(catalog: &Catalog, gathered: &Gathered) -> anyhow::Result<()> {
    let new = gathered.heads.iter().filter(|head| head.split.is_none());
    let mut new: Vec<&Head> = new.collect();
    new.par_sort_unstable_by_key(|head| head.pixels);
    let mut write = catalog.write().await?;
    for some in new.chunks(SPLITS_AT_ONCE) {
        let named = some.iter().map(|head| (head.pixels, gathered.draw.split(head)));
        splits::record(&mut write, &named.collect::<Vec<_>>()).await?;
    }
    write.commit().await
}

/// What is known of a version before its rows.
fn body(origin: &Origin<'_>, settings: &ManifestSettings, funnel: Vec<FunnelStep>) -> ManifestBody {
    ManifestBody {
        filters: origin.selection.describe(),
        funnel,
        crop: origin.digests.crop.clone(),
        policy: origin.digests.policy.clone(),
        settings: origin.settings.clone(),
        popularity: origin.popularity.clone(),
        split: SplitRule {
            seed: settings.split_seed,
            validation: settings.validation_share,
        },
        ..ManifestBody::default()
    }
}

/// The rows of a version that has no header yet, and so no place.
struct Rows {
    writer: Writer,
    figures: Figures,
}

/// Writes the rows, and records the new heads' splits meanwhile: both are done before a version appears.
async fn write_rows(
    catalog: &Catalog,
    gathered: Gathered,
    folder: &Path,
    rule: CropRule,
    name: &str,
) -> anyhow::Result<Rows> {
    let gathered = Arc::new(gathered);
    let heads = Arc::clone(&gathered);
    let mut rows = Rows {
        writer: Writer::begin(folder, name)?,
        figures: Figures::new(rule, gathered.pictures()),
    };
    let written = tokio::task::spawn_blocking(move || {
        let bar = progress::bar(gathered.heads.len() as u64, "manifest");
        let mut read = Vec::new();
        for some in gathered.heads.chunks(ROWS_AT_ONCE) {
            // The next are read while the last are written.
            let (pushed, next) = rayon::join(|| rows.push(std::mem::take(&mut read)), || gathered.rows(some));
            pushed?;
            read = next?;
            bar.inc(some.len() as u64);
        }
        rows.push(read)?;
        bar.finish_and_clear();
        Ok(rows)
    });
    let written = async { written.await.context("writing the manifest failed")? };
    let (rows, ()) = tokio::try_join!(written, record_splits(catalog, &heads))?;
    Ok(rows)
}

impl Rows {
    fn push(&mut self, rows: Vec<ManifestRow>) -> Result<(), ManifestError> {
        for row in rows {
            self.figures.push(&row);
            self.writer.push(row)?;
        }
        Ok(())
    }
}

/// Puts a version in its place, unless `decide`, which is given the rows' digest, gives nothing; else it gives
/// the parent.
async fn finish(
    rows: Rows,
    body: ManifestBody,
    decide: impl FnOnce(&str) -> anyhow::Result<Option<Option<Parent>>> + Send + 'static,
) -> anyhow::Result<Option<Written>> {
    let finished = tokio::task::spawn_blocking(move || {
        let Rows { mut writer, figures } = rows;
        let Some(parent) = decide(&writer.rows_digest()?)? else {
            writer.discard()?;
            return Ok(None);
        };
        let mut body = ManifestBody { parent, ..body };
        body.detectors = figures.detectors.iter().cloned().collect();
        body.sources = figures.sources.keys().cloned().collect();
        body.popularity.retain(|source, _| figures.sources.contains_key(source));
        body.statistics = figures.finish();
        match writer.finish(body) {
            Err(error @ ManifestError::Exists(_)) => Err(usage(error)),
            other => Ok(Some(other?)),
        }
    });
    finished.await.context("writing the manifest failed")?
}

/// Why there is nothing to freeze, and the way out: the first step of the funnel that is empty.
fn nothing(funnel: &[FunnelStep], selection: &Selection) -> Usage {
    let count = |step: &str| {
        funnel
            .iter()
            .find(|found| found.step == step)
            .map_or(0, |found| found.count)
    };
    let filters = selection.describe().join(", ");
    Usage(if count("posts selected") == 0 {
        match count("posts") {
            0 => "nothing to freeze: no post is in the catalog; run `pipeline crawl` or `pipeline import` first".into(),
            posts => format!("nothing to freeze: none of {posts} posts passes the filters ({filters}); loosen them"),
        }
    } else if count("pictures stored") == 0 {
        format!(
            "nothing to freeze: no picture of the selected posts is stored ({filters}); run `pipeline crawl` with them"
        )
    } else if count("pictures looked at") == 0 {
        "nothing to freeze: the detector has run on no selected picture; run `pipeline crop` with the same filters"
            .into()
    } else if count("heads") == 0 {
        format!(
            "nothing to freeze: no head was found in {} selected pictures",
            count("pictures looked at")
        )
    } else {
        let steps: Vec<String> = funnel
            .iter()
            .filter(|step| step.step.starts_with("refused: "))
            .map(|step| format!("{} {}", step.count, &step.step["refused: ".len()..]))
            .collect();
        match steps.is_empty() {
            true => {
                "nothing to freeze: the heads have no verdict under the current [curate]; run `pipeline curate`".into()
            }
            false => format!(
                "nothing to freeze: every head was refused ({}); loosen [curate] in stages.toml and run `pipeline curate`",
                steps.join(", ")
            ),
        }
    })
}

/// For `vN`, the highest version below it.
fn parent(folder: &Path, name: &str) -> anyhow::Result<Option<Parent>> {
    let Some(version) = version_of(name) else {
        return Ok(None);
    };
    let Some(before) = versions(folder)?.into_iter().filter(|older| *older < version).max() else {
        return Ok(None);
    };
    Ok(Some(parent_of(&Opened::open(&folder.join(format!("v{before}")))?)))
}

fn parent_of(before: &Opened) -> Parent {
    Parent {
        id: before.id.clone(),
        name: before.name.clone(),
    }
}

/// The N of the manifests named vN, ascending.
fn versions(folder: &Path) -> Result<Vec<u64>, ManifestError> {
    let mut versions: Vec<u64> = list(folder)?.iter().filter_map(|name| version_of(name)).collect();
    versions.sort_unstable();
    Ok(versions)
}

fn version_of(name: &str) -> Option<u64> {
    let version = name.strip_prefix('v')?.parse().ok()?;
    (format!("v{version}") == name).then_some(version)
}

fn usage(error: ManifestError) -> anyhow::Error {
    Usage(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_versions_are_counted() {
        assert_eq!(version_of("v12"), Some(12));
        for other in ["v", "v01", "v+1", "3", "vv1", "v1-test"] {
            assert_eq!(version_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_empty_step_names_the_way_out() {
        let funnel = |counts: &[(&str, u64)]| -> Vec<FunnelStep> {
            let step = |(step, count): &(&str, u64)| FunnelStep::new(step, *count);
            counts.iter().map(step).collect()
        };
        let said = |counts: &[(&str, u64)]| nothing(&funnel(counts), &Selection::default()).to_string();
        let mut counts = vec![("posts", 9), ("posts selected", 5), ("pictures stored", 4)];
        assert!(said(&counts).contains("run `pipeline crop`"));
        counts.extend([("pictures looked at", 4)]);
        assert!(said(&counts).contains("no head was found in 4"));
        counts.extend([("heads", 3), ("refused: score", 2), ("refused: side", 1)]);
        assert!(said(&counts).contains("2 score, 1 side"));
        assert!(said(&[]).contains("no post"));
    }
}
