//! How many posts a search has, asked with one request: what a listing would cost.

use serde_json::Value;
use url::Url;

use super::fields::{count, under};
use super::{Dialect, Search, Span, danbooru, gelbooru, moebooru, pixiv, words};
use crate::period::DAY;

impl Search<'_> {
    /// Where the site says how many posts the search has, all of it or a part.
    pub fn count_url(&self, span: Span) -> Url {
        let tags = |path: &str, pairs: &[(&str, &str)], words: String| {
            let mut url = under(self.root, path);
            url.query_pairs_mut().extend_pairs(pairs).append_pair("tags", &words);
            url
        };
        match self.site.dialect {
            Dialect::Moebooru if span == Span::default() => tags("post.xml", &[("limit", "1")], self.query().words),
            Dialect::Moebooru => tags("post.xml", &[("limit", "1")], moebooru::terms(self, span)),
            Dialect::Danbooru => tags("counts/posts.json", &[], danbooru::terms(self, span)),
            Dialect::Gelbooru => gelbooru::count_url(self, span),
            Dialect::Pixiv => self.page_url(span),
        }
    }

    /// Reads what [`Self::count_url`] answers.
    ///
    /// # Errors
    /// What is wrong with the answer, for people.
    pub fn parse_count(&self, bytes: &[u8], now: i64) -> Result<Count, String> {
        let (posts, rankings) = match (self.site.dialect, self.ranking) {
            (Dialect::Moebooru | Dialect::Gelbooru, _) => (count_of_xml(bytes), None),
            (Dialect::Danbooru, _) => (number_at(bytes, "/counts/posts"), None),
            (Dialect::Pixiv, None) => (number_at(bytes, "/body/illustManga/total"), None),
            (Dialect::Pixiv, Some(mode)) => (number_at(bytes, "/rank_total"), Some(self.rankings(mode, now))),
        };
        let posts = posts.ok_or_else(|| match words::of(bytes) {
            Some(words) => format!("the answer names no count of posts: {words}"),
            None => "the answer names no count of posts".into(),
        })?;
        let pages = posts.div_ceil(u64::from(self.page_size().max(1)));
        Ok(match rankings {
            None => Count { posts, pages, rankings },
            Some(count) => Count {
                posts: posts.saturating_mul(count),
                pages: pages.max(1).saturating_mul(count),
                rankings,
            },
        })
    }

    /// Rankings that can have works of the selection's period, which reaches back to the first of all
    /// where it names no begin: a work is ranked up to so many days later as a ranking covers.
    fn rankings(&self, mode: &str, now: i64) -> u64 {
        let since = self.selection.since.unwrap_or(pixiv::ranking::FIRST_RANKING);
        let covered = pixiv::ranking::days_covered(mode);
        let before = self
            .selection
            .before
            .map_or(now, |before| (before + covered * DAY).min(now));
        let days = (before - since).max(0) / DAY + 1;
        days.unsigned_abs().div_ceil(covered.unsigned_abs())
    }
}

/// How much a listing has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Posts; works of rankings once a ranking.
    pub posts: u64,
    /// Pages of them.
    pub pages: u64,
    /// The rankings they are in, where it is rankings that are listed.
    pub rankings: Option<u64>,
}

fn number_at(bytes: &[u8], place: &str) -> Option<u64> {
    let answer: Value = serde_json::from_slice(bytes).ok()?;
    answer.pointer(place).and_then(count)?.try_into().ok()
}

/// `<posts count="N" offset="0">`.
fn count_of_xml(bytes: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(bytes);
    let (_, tag) = text.split_once("<posts")?;
    let (tag, _) = tag.split_once('>')?;
    let (_, value) = tag.split_once("count=")?;
    let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
    value[1..].split(quote).next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_in_each_form() {
        let xml = br#"<?xml version="1.0" encoding="UTF-8"?><posts count="351200" offset="0"><post id="1"/></posts>"#;
        assert_eq!(count_of_xml(xml), Some(351_200));
        for none in ["", "<html>", "<posts offset=\"0\">", "<posts count=\"many\">"] {
            assert_eq!(count_of_xml(none.as_bytes()), None, "{none}");
        }
        assert_eq!(number_at(br#"{"counts": {"posts": 17}}"#, "/counts/posts"), Some(17));
        assert_eq!(number_at(br#"{"counts": {"posts": null}}"#, "/counts/posts"), None);
        let search = br#"{"error": false, "body": {"illustManga": {"total": "12", "data": []}}}"#;
        assert_eq!(number_at(search, "/body/illustManga/total"), Some(12));
    }
}
