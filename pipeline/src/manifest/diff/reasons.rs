//! Why a row came or went.

use std::collections::{BTreeMap, HashMap};

use dataset::ManifestRow;
use dataset::manifest::{Change, Opened, Tombstones};

use super::{Groups, short};
use crate::catalog::posts::{Post, Rating, tag_text};
use crate::catalog::selection::refusal;
use crate::catalog::{Catalog, explain};
use crate::selection::{Blocked, Selection, SelectionArgs};

/// What one of the two versions took, to say why it has not a row of the other.
struct Side {
    name: String,
    filters: Selection,
    detectors: Vec<String>,
    crop: String,
    policy: String,
}

impl Side {
    fn of(opened: &Opened) -> Self {
        let body = &opened.body;
        Self {
            name: opened.name.clone(),
            filters: filters(&body.filters),
            detectors: body.detectors.clone(),
            crop: body.crop.clone(),
            policy: body.policy.clone(),
        }
    }
}

/// Explains differences.
pub(super) struct Explainer {
    before: Side,
    after: Side,
    purged: Tombstones,
    groups: Groups,
}

impl Explainer {
    pub(super) fn new(before: &Opened, after: &Opened, groups: Groups) -> anyhow::Result<Self> {
        Ok(Self {
            before: Side::of(before),
            after: Side::of(after),
            purged: Tombstones::load(before.folder())?,
            groups,
        })
    }

    /// Each change with its reason; the columns that differ are the reason of a changed row.
    pub(super) async fn explain(
        &self,
        catalog: &Catalog,
        changes: Vec<Change>,
    ) -> anyhow::Result<Vec<(Change, String)>> {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for change in &changes {
            match change {
                Change::Added(row) => added.push(&**row),
                Change::Removed(row) => removed.push(&**row),
                Change::Changed(_) => {}
            }
        }
        let then = Known::of(catalog, &self.before, &added).await?;
        let now = Known::of(catalog, &self.after, &removed).await?;
        let explained = changes.into_iter().map(|change| {
            let reason = match &change {
                Change::Added(row) => self.came(row, &then),
                Change::Removed(row) => self.went(row, &now),
                Change::Changed(rows) => rows.0.differences(&rows.1).join(", "),
            };
            (change, reason)
        });
        Ok(explained.collect())
    }

    fn came(&self, row: &ManifestRow, then: &Known) -> String {
        if self.groups.removed.contains(&short(row)) {
            return "in place of another head of its group".into();
        }
        left_out(row, &self.before, then).unwrap_or_else(|| format!("new since {}", self.before.name))
    }

    fn went(&self, row: &ManifestRow, now: &Known) -> String {
        if self.purged.contains(&row.head) {
            return "purged".into();
        }
        if self.groups.added.contains(&short(row)) {
            return "another head of its group took its place".into();
        }
        let post = (row.source.clone(), row.post.clone());
        match now.statuses.get(&post).map(String::as_str) {
            Some("active") => {}
            Some(status) => return format!("the post is {status}"),
            None if now.any => return "the post is no longer in the catalog".into(),
            None => {}
        }
        let unknown = || format!("not among the heads that {} chose from", self.after.name);
        left_out(row, &self.after, now).unwrap_or_else(unknown)
    }
}

/// Why a version has not the row, where that is known.
fn left_out(row: &ManifestRow, side: &Side, known: &Known) -> Option<String> {
    if let Some(word) = refusal(&side.filters, &as_post(row)) {
        return Some(format!("filter of {}: {word}", side.name));
    }
    let face = (row.image.clone(), row.detector.clone(), row.ordinal);
    if let Some(Some(reason)) = known.verdicts.get(&face) {
        return Some(format!("refused under {}: {reason}", side.name));
    }
    if !side.detectors.contains(&row.detector) {
        return Some(format!("{} has another detector", side.name));
    }
    None
}

/// What the catalog says of some rows.
struct Known {
    verdicts: HashMap<explain::FaceKey, Option<String>>,
    statuses: HashMap<(String, String), String>,
    /// Whether it knows any of their posts: an empty catalog, as beside a bundle, says nothing.
    any: bool,
}

impl Known {
    async fn of(catalog: &Catalog, side: &Side, rows: &[&ManifestRow]) -> anyhow::Result<Self> {
        let mut images: Vec<&str> = rows.iter().map(|row| row.image.as_str()).collect();
        images.sort_unstable();
        images.dedup();
        let mut sources: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in rows {
            sources.entry(&row.source).or_default().push(&row.post);
        }
        let mut statuses = HashMap::new();
        for (source, posts) in sources {
            let found = explain::statuses(catalog, source, &posts).await?;
            statuses.extend(
                found
                    .into_iter()
                    .map(|(post, status)| ((source.to_string(), post), status)),
            );
        }
        Ok(Self {
            verdicts: explain::verdicts(catalog, &side.policy, &side.crop, &images).await?,
            any: !statuses.is_empty(),
            statuses,
        })
    }
}

/// A version's filters as far as its rows show whether they hold.
fn filters(lines: &[String]) -> Selection {
    let known = |line: &&String| {
        [
            "since=",
            "before=",
            "min-likes=",
            "min-views=",
            "tag=",
            "without-tag=",
            "rating=",
            "character=",
            "copyright=",
            "artist=",
            "source=",
        ]
        .iter()
        .any(|word| line.starts_with(word))
    };
    let text: Vec<&str> = lines.iter().filter(known).map(String::as_str).collect();
    let args = SelectionArgs::from_key(&text.join(" "));
    let entries = lines.iter().filter_map(|line| line.strip_prefix("blacklist="));
    Selection {
        blacklist: entries.filter_map(|entry| Blocked::read(entry).ok()).collect(),
        ..args.and_then(|args| args.resolve().ok()).unwrap_or_default()
    }
}

/// A row as a post of that day. It does not give the kinds of its tags, as some sites do not.
fn as_post(row: &ManifestRow) -> Post {
    Post {
        source: row.source.clone(),
        post: row.post.clone(),
        created_at: row.created_at,
        likes: row.likes,
        views: row.views,
        rating: Rating::ALL
            .into_iter()
            .find(|rating| rating.as_str() == row.rating)
            .unwrap_or(Rating::Unknown),
        tags: tag_text(row.tags.split_whitespace()),
        artist: row.artist.clone(),
        ..Post::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_back_as_far_as_rows_tell() {
        let lines = [
            "before=2024-01-01",
            "blacklist=gore -cute",
            "min-likes=500",
            "min-width=800",
            "tag=smile",
            "top-of=board:2022:min-likes=3",
        ];
        let read = filters(&lines.map(String::from));
        assert_eq!(read.min_likes, Some(500));
        assert_eq!(read.tags, ["smile"]);
        assert_eq!(read.min_width, None);
        let expected = [
            "before=2024-01-01",
            "blacklist=gore -cute",
            "min-likes=500",
            "tag=smile",
        ];
        assert_eq!(read.describe(), expected);
    }
}
