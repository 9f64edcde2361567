//! What to say where nothing is selected: the cause, and the filter that would give something.

use anyhow::Error;
use dataset::failure::Usage;

use crate::catalog::Catalog;
use crate::catalog::likes::{self, Likes};
use crate::selection::Selection;

/// So many pictures are "something" to a user who chose a threshold.
const SOMETHING: u64 = 100;

/// The error for an empty selection.
///
/// # Errors
/// Where the database refuses.
pub(super) async fn nothing_selected(catalog: &Catalog, selection: &Selection) -> anyhow::Result<Error> {
    let all = likes::of_stored(catalog, &Selection::default(), SOMETHING).await?;
    let without_likes = Selection {
        min_likes: None,
        ..selection.clone()
    };
    let filtered = likes::of_stored(catalog, &without_likes, SOMETHING).await?;
    let text = match selection.min_likes {
        _ if all.pictures == 0 => {
            "no picture is stored yet: run `pipeline crawl SITE` or `pipeline import DIR --as pictures` first".into()
        }
        Some(asked) if filtered.pictures > 0 => below_threshold(asked, &filtered),
        _ => format!(
            "none of the {} stored pictures passes the filters ({}): loosen them",
            all.pictures,
            without_likes.describe().join(", ")
        ),
    };
    Ok(Usage(text).into())
}

fn below_threshold(asked: i64, likes: &Likes) -> String {
    let (Some(highest), Some(at_rank)) = (likes.highest, likes.at_rank) else {
        return format!(
            "none of the {} stored pictures has a count of likes (their source has none): leave --min-likes out",
            likes.pictures
        );
    };
    format!(
        "no stored picture has {asked} likes or more; the highest of {} is {highest}: --min-likes {at_rank} would give {}",
        likes.counted, likes.from_rank
    )
}
