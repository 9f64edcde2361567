//! Works as pixiv's answers describe them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::days::JAPAN;
use crate::catalog::posts::{Post, Rating, Status, tag_text};
use crate::crawl::settings::Likes;
use crate::crawl::source::{FileUrls, NO_DATE, NO_ID, Search};
use crate::fields::{self, to_count, to_id, to_moment, to_text, under};
use crate::selection::one_word;

/// How the names of pictures begin that are shown in the place of works which the visitor may not see:
/// limit_r18, limit_mypixiv, limit_unknown and others. A work's own file begins with its number.
const STAND_IN: &str = "limit_";

/// An animation: an archive of frames.
const UGOIRA: i64 = 2;

/// From this sanity level on a work without an age limit is suggestive; 2 is harmless, 6 for adults.
const SUGGESTIVE: i64 = 4;

/// A work, as a search lists it and as its own answer has it. A search's rows have no counters and no
/// files.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Work {
    #[serde(deserialize_with = "to_id")]
    id: Option<i64>,
    #[serde(deserialize_with = "to_id")]
    illust_id: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    illust_type: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    create_date: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    upload_date: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    update_date: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    reupload_date: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    x_restrict: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    sl: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    ai_type: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    page_count: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    width: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    height: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    like_count: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    bookmark_count: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    view_count: Option<i64>,
    #[serde(deserialize_with = "to_text")]
    user_id: Option<String>,
    #[serde(deserialize_with = "to_text")]
    user_name: Option<String>,
    urls: Option<Value>,
    tags: Value,
}

impl Work {
    /// Its number.
    pub fn number(&self) -> Option<i64> {
        self.illust_id.or(self.id)
    }

    /// The work as a post.
    ///
    /// # Errors
    /// What it lacks.
    pub fn post(self, search: &Search<'_>, fetched_at: i64) -> Result<Post, &'static str> {
        let id = self.number().ok_or(NO_ID)?;
        let files = self.urls.as_ref().map(files).unwrap_or_default();
        // Its own answer names no file, or a stand-in, where the visitor may not see the work.
        let withheld = self.urls.is_some() && files.original.is_none();
        let likes = match search.site.likes() {
            Likes::Bookmarks => self.bookmark_count,
            _ => self.like_count,
        };
        let page_url = page_url(search, id);
        Ok(Post {
            source: search.name.into(),
            post: id.to_string(),
            number: id,
            status: if withheld { Status::Held } else { Status::Active },
            created_at: self.create_date.ok_or(NO_DATE)?,
            fetched_at,
            likes,
            views: self.view_count,
            favourites: self.bookmark_count,
            score: None,
            rating: rating(self.x_restrict, self.sl),
            tags: tags(&self.tags),
            artists: artists(self.user_name.as_deref(), self.user_id.as_deref()),
            artist: self.user_name,
            source_url: Some(page_url.clone()),
            page_url: Some(page_url),
            extension: extension(self.illust_type, files.original.as_deref()),
            file_url: files.original,
            sample_url: files.sample,
            width: self.width,
            height: self.height,
            pages: self.page_count.unwrap_or(1).max(1),
            // Other pictures under the same work come with a new upload date.
            updated_at: self.reupload_date.or(self.upload_date).or(self.update_date),
            ai_made: self.ai_type.and_then(ai_made),
            ..Post::default()
        })
    }
}

/// A work as a ranking lists it: with views, without its original.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ranked {
    #[serde(deserialize_with = "to_id")]
    illust_id: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    illust_type: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    illust_page_count: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    illust_upload_timestamp: Option<i64>,
    #[serde(deserialize_with = "to_text")]
    date: Option<String>,
    #[serde(deserialize_with = "to_count")]
    rating_count: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    view_count: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    width: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    height: Option<i64>,
    #[serde(deserialize_with = "to_text")]
    user_id: Option<String>,
    #[serde(deserialize_with = "to_text")]
    user_name: Option<String>,
    #[serde(deserialize_with = "to_text")]
    url: Option<String>,
    tags: Value,
    illust_content_type: Value,
}

impl Ranked {
    /// The work as a post.
    ///
    /// # Errors
    /// What it lacks.
    pub fn post(self, search: &Search<'_>, for_adults: bool, counted_at: i64) -> Result<Post, &'static str> {
        let id = self.illust_id.ok_or(NO_ID)?;
        let page_url = page_url(search, id);
        let sexual = self.illust_content_type.get("sexual").and_then(fields::count);
        Ok(Post {
            source: search.name.into(),
            post: id.to_string(),
            number: id,
            status: if self.url.as_deref().is_some_and(is_stand_in) {
                Status::Held
            } else {
                Status::Active
            },
            created_at: self
                .illust_upload_timestamp
                .or_else(|| written_date(self.date.as_deref()?))
                .ok_or(NO_DATE)?,
            fetched_at: counted_at,
            likes: self.rating_count,
            views: self.view_count,
            rating: match sexual.unwrap_or(0) {
                _ if for_adults => Rating::Explicit,
                0 => Rating::Safe,
                1 => Rating::Sensitive,
                _ => Rating::Explicit,
            },
            tags: tags(&self.tags),
            artists: artists(self.user_name.as_deref(), self.user_id.as_deref()),
            artist: self.user_name,
            source_url: Some(page_url.clone()),
            page_url: Some(page_url),
            extension: extension(self.illust_type, None),
            width: self.width,
            height: self.height,
            pages: self.illust_page_count.unwrap_or(1).max(1),
            ..Post::default()
        })
    }
}

/// `2020年05月31日 14:26`, in Japan: what stands where the timestamp is missing.
fn written_date(text: &str) -> Option<i64> {
    let numbers: Vec<i8> = text
        .split(|letter: char| !letter.is_ascii_digit())
        .skip(1)
        .filter(|digits| !digits.is_empty())
        .map_while(|digits| digits.parse().ok())
        .collect();
    let year = text.get(..4)?.parse().ok()?;
    let &[month, day, hour, minute] = &numbers[..] else {
        return None;
    };
    let moment = Date::new(year, month, day)
        .ok()?
        .at(0, 0, 0, 0)
        .to_zoned(TimeZone::UTC)
        .ok()?;
    let second = moment.timestamp().as_second() + i64::from(hour) * 3600 + i64::from(minute) * 60 - JAPAN;
    ((0..24).contains(&hour) && (0..60).contains(&minute) && second >= 0).then_some(second)
}

/// The files that an answer's `urls` name; stand-ins are none.
pub fn files(urls: &Value) -> FileUrls {
    let named = |key: &str| urls.get(key).and_then(fields::text).filter(|url| !is_stand_in(url));
    FileUrls {
        original: named("original"),
        sample: named("regular"),
    }
}

/// Whether an address is that of a picture shown in the place of a withheld one.
pub fn is_stand_in(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|part| part.starts_with(STAND_IN))
}

fn page_url(search: &Search<'_>, id: i64) -> String {
    under(search.root, &format!("artworks/{id}")).to_string()
}

/// The rating of a work by its age limit and how strict a reader may be.
pub fn rating(x_restrict: Option<i64>, sanity: Option<i64>) -> Rating {
    match (x_restrict, sanity) {
        (Some(0), Some(SUGGESTIVE..)) => Rating::Sensitive,
        (Some(0), _) => Rating::Safe,
        (Some(_), _) => Rating::Explicit,
        (None, _) => Rating::Unknown,
    }
}

fn extension(illust_type: Option<i64>, original: Option<&str>) -> Option<String> {
    match illust_type {
        Some(UGOIRA) => Some("zip".into()),
        _ => fields::extension_of_url(original?),
    }
}

/// 0 stands for works from before the question was asked.
pub fn ai_made(ai_type: i64) -> Option<bool> {
    match ai_type {
        1 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

/// `["a", …]` in searches and rankings, `{"tags": [{"tag": "a"}, …]}` in a work's own answer,
/// `[{"name": "a"}, …]` in the app's.
pub fn tags(value: &Value) -> String {
    let list = value.as_array().or_else(|| value.get("tags")?.as_array());
    let names = list
        .into_iter()
        .flatten()
        .filter_map(|tag| fields::text(tag.get("tag").or_else(|| tag.get("name")).unwrap_or(tag)));
    let tags: Vec<String> = names
        .map(|name| one_word(&name))
        .filter(|tag| !tag.is_empty())
        .collect();
    tag_text(tags.iter().map(String::as_str))
}

/// The artist by name, and by the number that stays when the name changes.
pub fn artists(name: Option<&str>, id: Option<&str>) -> String {
    let number = id.map(|id| one_word(&format!("pixiv:{id}")));
    let words: Vec<String> = name
        .map(one_word)
        .into_iter()
        .chain(number)
        .filter(|word| !word.is_empty())
        .collect();
    tag_text(words.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_date_is_that_of_japan() {
        assert_eq!(written_date("2020年05月31日 14:26"), Some(1_590_902_760));
        for none in [
            "",
            "2020",
            "2020年13月31日 14:26",
            "2020年05月31日 24:00",
            "年年年年 1 2 3 4",
            "2020年05月31日",
        ] {
            assert_eq!(written_date(none), None, "{none}");
        }
    }

    #[test]
    fn tags_and_names_are_words_without_spaces() {
        let value = serde_json::json!({"tags": [{"tag": "a　b c"}, {"tag": ""}, {}, {"tag": 5}, {"tag": "A"}]});
        assert_eq!(tags(&value), " 5 a a_b_c ");
        assert_eq!(tags(&serde_json::json!(["x", null, "y\0"])), " x y ");
        assert_eq!(artists(Some("Some One"), Some("7")), " pixiv:7 some_one ");
        assert_eq!(artists(None, None), " ");
    }
}
