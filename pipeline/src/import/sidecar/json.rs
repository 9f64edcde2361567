//! A picture's JSON: the fields of `pipeline export` and those of gallery-dl, whose names follow each
//! site's own. Anything may be missing or of another type: what cannot be meant is passed over.

use serde_json::{Map, Value};

use super::tags::{rating, tag};
use super::{About, Unread};
use crate::catalog::posts::Rating;
use crate::fields::{count, flag, moment, text};

type Fields = Map<String, Value>;

/// Sites on which the rating `s` means sensitive; on all others it means safe.
const S_IS_SENSITIVE: [&str; 3] = ["danbooru", "aibooru", "booruvar"];

/// Where sites show a post.
const PAGES: [(&str, &str); 7] = [
    ("danbooru", "https://danbooru.donmai.us/posts/"),
    ("gelbooru", "https://gelbooru.com/index.php?page=post&s=view&id="),
    ("konachan", "https://konachan.com/post/show/"),
    ("pixiv", "https://www.pixiv.net/artworks/"),
    ("safebooru", "https://safebooru.org/index.php?page=post&s=view&id="),
    ("yandere", "https://yande.re/post/show/"),
    ("e621", "https://e621.net/posts/"),
];

/// Reads a sidecar of one picture.
///
/// # Errors
/// Where it is no JSON object, or says nothing that is understood.
pub(super) fn read(text: &str) -> Result<About, Unread> {
    let value: Value = serde_json::from_str(text).map_err(|error| ("not-json", error.to_string()))?;
    let Value::Object(fields) = value else {
        return Err(("no-object", "JSON of another form than one object".into()));
    };
    let about = about(&fields);
    match about == About::default() {
        true => Err(("no-fields", "no field that is known".into())),
        false => Ok(about),
    }
}

fn about(fields: &Fields) -> About {
    let mut about = About::default();
    read_tags(fields, &mut about);
    let site = text_of(fields, &["category"]);
    if site.as_deref() == Some("pixiv") {
        add_pixiv_artist(fields, &mut about);
    }
    about.rating = rating_of(fields, site.as_deref());
    about.artist = artist_of(fields);
    about.source_url = urls_of(fields, &["source_url", "source", "sources"]);
    about.page_url =
        urls_of(fields, &["page_url", "post_url", "webpage_url"]).or_else(|| page_of(fields, site.as_deref()));
    about.uploaded = ["uploaded", "created_at", "create_date", "date"]
        .iter()
        .find_map(|name| moment(fields.get(*name)?));
    about.likes = count_of(fields, &["likes"]);
    about.views = count_of(fields, &["views", "total_view", "view_count"]);
    about.favourites = count_of(
        fields,
        &["favourites", "fav_count", "total_bookmarks", "bookmark_count"],
    );
    about.score = count_of(fields, &["score"]).or_else(|| count(fields.get("score")?.get("total")?));
    about.ai_made = ai_of(fields);
    about.origin = origin_of(fields, site);
    about
}

fn read_tags(fields: &Fields, about: &mut About) {
    match fields.get("tags") {
        // One list a kind.
        Some(Value::Object(kinds)) => kinds.values().for_each(|list| about.tags.extend(list_of(list))),
        Some(list) => about.tags = list_of(list),
        None => {}
    }
    let tagged = fields.get("tags").and_then(Value::as_object);
    let mut kind = |word: &str| -> Vec<String> {
        let names = [format!("tags_{word}"), format!("tag_string_{word}")];
        let lists = names.iter().filter_map(|name| fields.get(name));
        let lists: Vec<&Value> = lists.chain(tagged.and_then(|kinds| kinds.get(word))).collect();
        about.kinds_known |= !lists.is_empty();
        lists.into_iter().flat_map(list_of).collect()
    };
    let (artists, characters, copyrights) = (kind("artist"), kind("character"), kind("copyright"));
    if let Some(known) = fields.get("kinds_known").and_then(flag) {
        about.kinds_known = known;
    }
    if about.tags.is_empty() {
        for name in [
            "tag_string",
            "tags_general",
            "tag_string_general",
            "tags_meta",
            "tags_metadata",
        ] {
            about.tags.extend(fields.get(name).into_iter().flat_map(list_of));
        }
        about
            .tags
            .extend([&artists, &characters, &copyrights].into_iter().flatten().cloned());
    }
    (about.artists, about.characters, about.copyrights) = (artists, characters, copyrights);
}

/// pixiv's numbers last where names change: an artist is purged by them.
fn add_pixiv_artist(fields: &Fields, about: &mut About) {
    if let Some(user) = fields.get("user").and_then(Value::as_object) {
        about
            .artists
            .extend(text_of(user, &["name"]).and_then(|name| tag(&name)));
        about
            .artists
            .extend(text_of(user, &["id"]).map(|id| format!("pixiv:{id}")));
    }
}

/// The tags of a list, or of a text with commas or spaces between them.
fn list_of(list: &Value) -> Vec<String> {
    match list {
        Value::String(text) if text.contains(',') => text.split(',').filter_map(tag).collect(),
        Value::String(text) => text.split_whitespace().filter_map(tag).collect(),
        Value::Array(items) => items
            .iter()
            // pixiv's app has an object for each, with translations.
            .filter_map(|item| tag(item.as_str().or_else(|| item.get("name")?.as_str())?))
            .collect(),
        _ => Vec::new(),
    }
}

fn rating_of(fields: &Fields, site: Option<&str>) -> Option<Rating> {
    let word = text_of(fields, &["rating"]);
    let by_word = word.as_deref().and_then(|word| match word {
        "s" if site.is_some_and(|site| S_IS_SENSITIVE.contains(&site)) || fields.contains_key("tag_string_general") => {
            Some(Rating::Sensitive)
        }
        "s" => Some(Rating::Safe),
        word => rating(word),
    });
    let restricted = || match count(fields.get("x_restrict")?)? {
        0 => Some(Rating::Safe),
        _ => Some(Rating::Explicit),
    };
    by_word.or_else(restricted)
}

/// Who drew it. An `author` that is a plain text is who uploaded it, on Moebooru.
fn artist_of(fields: &Fields) -> Option<String> {
    let person = |name: &str| {
        let about = fields.get(name)?.as_object()?;
        text_of(about, &["nick", "name", "username"])
    };
    let named = fields.get("artist").and_then(|artist| match artist {
        Value::Array(list) => list.iter().find_map(text),
        other => text(other),
    });
    named.or_else(|| person("user")).or_else(|| person("author"))
}

fn page_of(fields: &Fields, site: Option<&str>) -> Option<String> {
    let id = text(fields.get("id")?)?;
    let (_, page) = PAGES.iter().find(|(name, _)| Some(*name) == site)?;
    id.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| format!("{page}{id}"))
}

fn origin_of(fields: &Fields, site: Option<String>) -> Option<(String, String)> {
    match (site, fields.get("id").and_then(text)) {
        (Some(site), Some(id)) => Some((site, id)),
        _ => Some((text_of(fields, &["source"])?, text_of(fields, &["post"])?)),
    }
}

fn ai_of(fields: &Fields) -> Option<bool> {
    let typed = || match count(fields.get("illust_ai_type").or(fields.get("ai_type"))?)? {
        1 => Some(false),
        2 => Some(true),
        _ => None,
    };
    fields.get("ai_made").and_then(flag).or_else(typed)
}

fn text_of(fields: &Fields, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(fields.get(*name)?))
}

fn count_of(fields: &Fields, names: &[&str]) -> Option<i64> {
    names.iter().find_map(|name| count(fields.get(*name)?))
}

/// The first web address.
fn urls_of(fields: &Fields, names: &[&str]) -> Option<String> {
    let is_url = |text: &String| text.starts_with("https://") || text.starts_with("http://");
    names.iter().find_map(|name| match fields.get(*name)? {
        Value::Array(list) => list.iter().filter_map(text).find(is_url),
        other => text(other).filter(is_url),
    })
}
