//! Pictures that a post no longer has: only a purge asks for them.

use sqlx::AssertSqlSafe;

use super::Write;
use super::files::{File, Outcome, places};

/// Notes the pictures that posts' files have until now, where they are about to have others or none.
pub(super) async fn record(write: &mut Write, files: &[&File]) -> Result<(), sqlx::Error> {
    // CROSS JOIN keeps SQLite from walking all files in search of these few.
    let sql = format!(
        "WITH next (source, post, page, image) AS (VALUES {}) INSERT INTO replaced (source, post, image) \
         SELECT f.source, f.post, f.image FROM next AS n CROSS JOIN files AS f \
         WHERE f.source = n.source AND f.post = n.post AND f.page = n.page AND f.image IS NOT NULL \
         AND f.image <> n.image ON CONFLICT (source, post, image) DO NOTHING",
        places(files.len(), 4)
    );
    let query = files.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, file| {
        let image = match &file.outcome {
            Outcome::Stored(image) => image.as_str(),
            Outcome::Failed { .. } | Outcome::Refused { .. } => "",
        };
        query.bind(&file.source).bind(&file.post).bind(file.page).bind(image)
    });
    query.execute(write.connection()).await?;
    Ok(())
}
