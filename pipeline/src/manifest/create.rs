//! Freezing the accepted heads of a selection under a name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dataset::failure::Usage;
use dataset::manifest::{FunnelStep, ManifestBody, ManifestError, Parent, SplitRule, Written, check_name, list};
use dataset::{Manifest, Split};
use vision::crop::CropRule;

use super::choose::{draw_split, leave_straddling, settle};
use super::{ManifestSettings, statistics};
use crate::catalog::{Catalog, chosen, splits};
use crate::digests::Digests;
use crate::selection::Selection;

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
    pub manifest: Manifest,
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
    let mut manifest = gather(catalog, settings, origin, name).await?;
    manifest.body.parent = parent(folder, name)?;
    let place = folder.join(name);
    match manifest.write(folder) {
        Ok(Written::Created) => Ok(Creation {
            manifest,
            created: true,
        }),
        Ok(Written::Unchanged) => Ok(Creation {
            manifest: Manifest::load(&place)?,
            created: false,
        }),
        Err(error @ ManifestError::Exists(_)) => Err(usage(error)),
        Err(error) => Err(error.into()),
    }
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
    let mut manifest = gather(catalog, settings, origin, &name).await?;
    if let Some(newest) = newest {
        let before = Manifest::load(&folder.join(format!("v{newest}")))?;
        if before.rows_digest() == manifest.rows_digest() {
            return Ok(Creation {
                manifest: before,
                created: false,
            });
        }
        manifest.body.parent = Some(Parent {
            id: before.id(),
            name: before.name,
        });
    }
    manifest.write(folder)?;
    Ok(Creation {
        manifest,
        created: true,
    })
}

/// Rows and header, the new groups' splits recorded.
async fn gather(
    catalog: &Catalog,
    settings: &ManifestSettings,
    origin: &Origin<'_>,
    name: &str,
) -> anyhow::Result<Manifest> {
    let draw = |group: &str| draw_split(settings.split_seed, settings.validation_share, group);
    let mut funnel = chosen::funnel(catalog, origin.selection, origin.digests).await?;
    let candidates = chosen::load(catalog, origin.selection, origin.digests, draw).await?;
    let (candidates, straddling) = leave_straddling(candidates);
    if straddling > 0 {
        funnel.push(FunnelStep {
            step: "refused: straddles".into(),
            count: straddling,
        });
    }
    let rows = settle(candidates);
    if rows.is_empty() {
        return Err(nothing(&funnel, origin.selection).into());
    }
    funnel.push(FunnelStep {
        step: "different heads".into(),
        count: rows.len() as u64,
    });
    let distinct = |values: Vec<&str>| -> Vec<String> {
        let sorted: BTreeSet<&str> = values.into_iter().collect();
        sorted.into_iter().map(String::from).collect()
    };
    let sources = distinct(rows.iter().map(|row| row.source.as_str()).collect());
    let detectors = distinct(rows.iter().map(|row| row.detector.as_str()).collect());
    let known = |source: &String| Some((source.clone(), origin.popularity.get(source)?.clone()));
    let body = ManifestBody {
        parent: None,
        popularity: sources.iter().filter_map(known).collect(),
        sources,
        filters: origin.selection.describe(),
        funnel,
        detectors,
        crop: origin.digests.crop.clone(),
        policy: origin.digests.policy.clone(),
        settings: origin.settings.clone(),
        split: SplitRule {
            seed: settings.split_seed,
            validation: settings.validation_share,
        },
        statistics: statistics::of(&rows, &origin.rule),
    };
    let mut write = catalog.write().await?;
    let fixed: Vec<(&str, Split)> = rows.iter().map(|row| (row.pixels.as_str(), row.split)).collect();
    splits::record(&mut write, &fixed).await?;
    write.commit().await?;
    Ok(Manifest::new(name, body, rows)?)
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
        "nothing to freeze: no selected picture has been looked at; run `pipeline crop` with the same filters".into()
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
    let before = Manifest::load(&folder.join(format!("v{before}")))?;
    Ok(Some(Parent {
        id: before.id(),
        name: before.name,
    }))
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
            let step = |(step, count): &(&str, u64)| FunnelStep {
                step: (*step).into(),
                count: *count,
            };
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
