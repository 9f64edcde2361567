//! Why a head is in one version of the dataset and not in another, as far as the catalog knows.

use std::collections::HashMap;

use anyhow::Context;

use super::Catalog;
use super::binds::Binds;

/// Placeholders in one statement; both databases allow far more.
const BINDS_AT_ONCE: usize = 500;

/// Picture, detector and face.
pub type FaceKey = (String, String, i64);

/// The verdicts on the heads of some pictures under a policy and crop rule: the reason of refusal, or
/// `None` for the accepted. Heads without a verdict are left out.
///
/// # Errors
/// Where the database refuses.
pub async fn verdicts(
    catalog: &Catalog,
    policy: &str,
    crop: &str,
    images: &[&str],
) -> anyhow::Result<HashMap<FaceKey, Option<String>>> {
    let mut found = HashMap::new();
    for some in images.chunks(BINDS_AT_ONCE) {
        let mut binds = Binds::default();
        let (policy, crop, given) = (
            binds.text(policy),
            binds.text(crop),
            binds.text(super::detections::GIVEN),
        );
        let sql = format!(
            "SELECT image, detector, ordinal, reason FROM verdicts WHERE policy = {policy} AND image IN ({}) \
             AND (crop = {crop} OR detector = {given})",
            binds.texts(some)
        );
        let rows: Vec<(String, String, i64, Option<String>)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read what became of a version's heads")?;
        found.extend(
            rows.into_iter()
                .map(|(image, detector, ordinal, reason)| ((image, detector, ordinal), reason)),
        );
    }
    Ok(found)
}

/// The status of some posts of a source; those that the catalog does not know are left out.
///
/// # Errors
/// Where the database refuses.
pub async fn statuses(catalog: &Catalog, source: &str, posts: &[&str]) -> anyhow::Result<HashMap<String, String>> {
    let mut found = HashMap::new();
    for some in posts.chunks(BINDS_AT_ONCE) {
        let mut binds = Binds::default();
        let source = binds.text(source);
        let sql = format!(
            "SELECT post, status FROM posts WHERE source = {source} AND post IN ({})",
            binds.texts(some)
        );
        let rows: Vec<(String, String)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read what became of a version's posts")?;
        found.extend(rows);
    }
    Ok(found)
}
