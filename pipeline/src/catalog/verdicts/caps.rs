//! At most so many heads of a picture, and of an artist.

use anyhow::Context;
use sqlx::AssertSqlSafe;

use super::{HeadKey, JOIN_FACES, JOIN_VERDICTS, PER_ARTIST, PER_PICTURE, QUALITY, judged_now};
use crate::catalog::Write;
use crate::catalog::binds::Binds;
use crate::digests::Digests;

/// How many heads of one origin are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Of one picture; 0: all.
    pub per_picture: i64,
    /// Of one artist; 0: all.
    pub per_artist: i64,
}

/// The artist of `heads AS h`: of the posts that have the picture, the first by name.
const ARTIST: &str = "(SELECT MIN(p.artist) FROM files AS f JOIN posts AS p ON p.source = f.source AND p.post = f.post \
                      WHERE f.image = h.image AND f.outcome = 'stored' AND p.artist IS NOT NULL)";

/// Ranks the accepted heads of each picture and artist anew, the best first, and refuses what is above
/// the caps. What is kept by hand comes first and stays; heads without an artist have no cap of one.
///
/// # Errors
/// Where the database refuses.
pub async fn apply_caps(write: &mut Write, digests: &Digests, caps: Caps) -> anyhow::Result<()> {
    let rules = [
        (
            PER_PICTURE,
            caps.per_picture,
            "h.image || h.detector",
            vec![PER_PICTURE, PER_ARTIST],
        ),
        (PER_ARTIST, caps.per_artist, ARTIST, vec![PER_ARTIST]),
    ];
    for (reason, most, origin, later) in rules {
        if most > 0 {
            let changed = changed(write, digests, (reason, most, origin), &later).await;
            for head in changed.context("cannot rank the heads of pictures and artists")? {
                let settled = settle(write, &head, digests, reason, most).await;
                settled.context("cannot cap the heads of pictures and artists")?;
            }
        }
    }
    Ok(())
}

/// Heads that are above the cap and not refused for it, or the reverse; `later` are the reasons of heads
/// that everything before the cap accepted.
async fn changed(
    write: &mut Write,
    digests: &Digests,
    (reason, most, origin): (&str, i64, &str),
    later: &[&str],
) -> Result<Vec<HeadKey>, sqlx::Error> {
    let mut binds = Binds::default();
    let (policy, current) = (binds.text(&digests.policy), judged_now(digests, &mut binds));
    let (later, reason, most) = (binds.texts(later), binds.text(reason), binds.number(most));
    let sql = format!(
        "SELECT image, detector, ordinal, crop FROM (SELECT h.image, h.detector, h.ordinal, h.crop, v.kept, \
         v.reason, {origin} AS origin, ROW_NUMBER() OVER (PARTITION BY {origin} ORDER BY v.kept DESC, {QUALITY} DESC, \
         h.image, h.detector, h.ordinal) AS place FROM heads AS h {JOIN_FACES} {JOIN_VERDICTS} \
         WHERE v.policy = {policy} AND {current} AND (v.accepted = 1 OR v.reason IN ({later}))) AS ranked \
         WHERE (CASE WHEN place > {most} AND kept = 0 AND origin IS NOT NULL THEN 1 ELSE 0 END) <> \
         (CASE WHEN COALESCE(reason, '') = {reason} THEN 1 ELSE 0 END) ORDER BY image, detector, ordinal"
    );
    binds.fetch(sql, write.connection()).await
}

async fn settle(
    write: &mut Write,
    head: &HeadKey,
    digests: &Digests,
    reason: &str,
    most: i64,
) -> Result<(), sqlx::Error> {
    // Whoever was refused and no longer is passed everything before.
    let sql = "UPDATE verdicts SET accepted = CASE WHEN COALESCE(reason, '') = $5 THEN 1 ELSE 0 END, \
               detail = CASE WHEN COALESCE(reason, '') = $5 THEN NULL ELSE $6 END, \
               reason = CASE WHEN COALESCE(reason, '') = $5 THEN NULL ELSE $5 END \
               WHERE image = $1 AND detector = $2 AND ordinal = $3 AND crop = $4 AND policy = $7";
    let query = head.bind(sqlx::query(AssertSqlSafe(sql)));
    let detail = format!("at most {most}, and this is not among the best");
    query
        .bind(reason)
        .bind(detail)
        .bind(&digests.policy)
        .execute(write.connection())
        .await?;
    Ok(())
}
