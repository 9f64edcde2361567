//! Pictures that a post no longer has: only a purge asks for them.

use super::Write;

/// Notes the picture that a post's file has until now, where it is about to have another or none.
pub(super) async fn record(
    write: &mut Write,
    source: &str,
    post: &str,
    page: i64,
    image: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO replaced (source, post, image) SELECT source, post, image FROM files \
         WHERE source = $1 AND post = $2 AND page = $3 AND image IS NOT NULL AND image <> $4 \
         ON CONFLICT (source, post, image) DO NOTHING",
    )
    .bind(source)
    .bind(post)
    .bind(page)
    .bind(image.unwrap_or_default())
    .execute(write.connection())
    .await?;
    Ok(())
}
