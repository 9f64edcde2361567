//! A work as pixiv describes it: on its own page, and as a row of a search.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::files::{self, Form};
use super::x_restrict;
use crate::clock::{self, JAPAN_OFFSET};
use crate::post::{Figures, Kind, Post, Rating, TagType, artist_number};

/// From this day on, 2022-10-31, artists have said whether a machine made it.
const AI_ASKED_SINCE: i64 = 1_667_174_400;
/// A tag and what pixiv's readers call it in English.
const TRANSLATIONS: [(&str, &str); 2] = [("オリジナル", "original"), ("R-18", "R-18")];

/// The tags that pixiv has: it knows artists as users, and no types. Original works carry the
/// Japanese word, works for adults their mark.
pub(super) fn tags<'a>(figures: &Figures<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let wanted = [TagType::Character, TagType::Copyright, TagType::General];
    let named = figures.tags.iter().filter(move |(_, kind)| wanted.contains(kind));
    let mark = (x_restrict(figures) > 0).then_some("R-18");
    let names = named.map(|(name, _)| match name.as_str() {
        "original" => "オリジナル",
        name => name,
    });
    mark.into_iter().chain(names)
}

/// 0 a few pictures, 1 a story, 2 an animation.
pub(super) fn illust_type(kind: Kind) -> u8 {
    match kind {
        Kind::Illustration => 0,
        Kind::Manga => 1,
        Kind::Animation => 2,
    }
}

/// The artist's name and number.
pub(super) fn user(post: &Post) -> (&str, u64) {
    let artist = post.tags.iter().find(|(_, kind)| *kind == TagType::Artist);
    let name = artist.map_or(post.author.as_str(), |(name, _)| name.as_str());
    (name, artist_number(name))
}

pub(super) fn title(post: &Post) -> String {
    let subject = post.tags.iter().find(|(_, kind)| *kind == TagType::Character);
    format!("{} {}", subject.map_or("untitled", |(name, _)| name.as_str()), post.id)
}

/// How strict a reader may be and still see it.
pub(super) fn sanity_level(rating: Rating) -> u8 {
    match rating {
        Rating::Safe => 2,
        Rating::Sensitive | Rating::Questionable => 4,
        Rating::Explicit => 6,
    }
}

pub(super) fn ai_type(post: &Post) -> u8 {
    match post.by_ai {
        true => 2,
        false => u8::from(post.created_at >= AI_ASKED_SINCE),
    }
}

/// English of the tags that have one. PHP writes an empty map as a list.
pub(super) fn translations(tags: &[&str]) -> Value {
    let known = TRANSLATIONS.iter().filter(|(tag, _)| tags.contains(tag));
    let known: serde_json::Map<_, _> = known
        .map(|(tag, en)| ((*tag).to_owned(), json!({ "en": en })))
        .collect();
    if known.is_empty() {
        json!([])
    } else {
        Value::Object(known)
    }
}

/// A row of a search: no counters.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    id: String,
    title: String,
    illust_type: u8,
    x_restrict: u8,
    restrict: u8,
    sl: u8,
    url: String,
    description: String,
    tags: Vec<String>,
    user_id: String,
    user_name: String,
    width: u32,
    height: u32,
    page_count: usize,
    is_bookmarkable: bool,
    bookmark_data: Option<u8>,
    alt: String,
    title_caption_translation: Value,
    create_date: String,
    update_date: String,
    is_unlisted: bool,
    is_masked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_image_url: Option<String>,
}

/// A row as the search has it.
pub(super) fn row(post: &Post, uploaded: i64, root: &str) -> Row {
    let figures = post.figures();
    let (user_name, user_id) = user(post);
    let title = title(post);
    Row {
        id: post.id.to_string(),
        illust_type: illust_type(post.kind),
        x_restrict: x_restrict(&figures),
        restrict: 0,
        sl: sanity_level(post.rating),
        url: files::address(root, post, uploaded, 0, Form::Thumb),
        description: String::new(),
        tags: tags(&figures).map(str::to_owned).collect(),
        user_id: user_id.to_string(),
        user_name: user_name.to_owned(),
        width: post.file.width,
        height: post.file.height,
        page_count: 1 + post.pages.len(),
        is_bookmarkable: true,
        bookmark_data: None,
        alt: format!(
            "{title} / {}",
            clock::written(post.created_at, JAPAN_OFFSET, "%B %d, %Y")
        ),
        title_caption_translation: no_translation(),
        create_date: clock::iso(post.created_at, JAPAN_OFFSET),
        update_date: clock::iso(uploaded, JAPAN_OFFSET),
        is_unlisted: false,
        is_masked: false,
        ai_type: None,
        profile_image_url: Some(format!("{root}/user-profile/img/{user_id}_50.jpg")),
        title,
    }
}

fn no_translation() -> Value {
    json!({ "workTitle": null, "workCaption": null })
}

/// A work on its own page, with the fields of the recorded answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Work {
    illust_id: String,
    illust_title: String,
    illust_comment: String,
    id: String,
    title: String,
    description: String,
    illust_type: u8,
    create_date: String,
    upload_date: String,
    restrict: u8,
    x_restrict: u8,
    sl: u8,
    urls: Value,
    tags: Value,
    alt: String,
    user_id: String,
    user_name: String,
    user_account: String,
    user_illusts: BTreeMap<String, Row>,
    width: u32,
    height: u32,
    page_count: usize,
    bookmark_count: u64,
    like_count: u64,
    comment_count: u64,
    view_count: u64,
    is_original: bool,
    is_bookmarkable: bool,
    zone_config: Value,
    extra_data: Value,
    title_caption_translation: Value,
    ai_type: u8,
    reupload_date: Option<String>,
    #[serde(flatten)]
    unused: Unused,
}

/// What the works of this board never have.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Unused {
    like_data: bool,
    book_style: u8,
    response_count: u64,
    is_howto: bool,
    image_response_out_data: [u8; 0],
    image_response_data: [u8; 0],
    image_response_count: u64,
    poll_data: Option<u8>,
    series_nav_data: Option<u8>,
    description_booth_id: Option<String>,
    description_youtube_id: Option<String>,
    comic_promotion: Option<u8>,
    fanbox_promotion: Option<u8>,
    contest_banners: [u8; 0],
    bookmark_data: Option<u8>,
    contest_data: Option<u8>,
    is_unlisted: bool,
    request: Option<u8>,
    comment_off: u8,
    location_mask: bool,
    commission_link_hidden: bool,
    is_login_only: bool,
}

pub(super) fn work(post: &Post, uploaded: i64, root: &str) -> Work {
    let figures = post.figures();
    let (user_name, user_id) = user(post);
    let (id, title) = (post.id.to_string(), title(post));
    let names: Vec<&str> = tags(&figures).collect();
    let own = Row {
        ai_type: Some(ai_type(post)),
        profile_image_url: None,
        ..row(post, uploaded, root)
    };
    // Seconds are cut here and nowhere else.
    let minute = |seconds: i64| clock::iso(seconds.div_euclid(60) * 60, 0);
    let description = post.source.clone();
    Work {
        illust_id: id.clone(),
        illust_title: title.clone(),
        illust_comment: description.clone(),
        description,
        illust_type: illust_type(post.kind),
        create_date: minute(post.created_at),
        upload_date: minute(uploaded),
        restrict: 0,
        x_restrict: x_restrict(&figures),
        sl: sanity_level(post.rating),
        urls: urls(post, uploaded, root),
        tags: tag_objects(&names, user_name, user_id),
        alt: format!("{} / {title}", names.join(", ")),
        user_id: user_id.to_string(),
        user_name: user_name.to_owned(),
        user_account: user_name.to_owned(),
        user_illusts: BTreeMap::from([(id.clone(), own)]),
        width: post.file.width,
        height: post.file.height,
        page_count: 1 + post.pages.len(),
        bookmark_count: post.counters.favourites,
        like_count: post.counters.likes,
        comment_count: post.counters.likes / 100,
        view_count: post.counters.views,
        is_original: names.contains(&"オリジナル"),
        is_bookmarkable: true,
        zone_config: json!({}),
        extra_data: json!({ "meta": { "title": title } }),
        title_caption_translation: no_translation(),
        ai_type: ai_type(post),
        reupload_date: (uploaded != post.created_at).then(|| minute(uploaded)),
        unused: Unused::default(),
        id,
        title,
    }
}

fn urls(post: &Post, uploaded: i64, root: &str) -> Value {
    let address = |form| files::address(root, post, uploaded, 0, form);
    json!({
        "mini": address(Form::Mini),
        "thumb": address(Form::Thumb),
        "small": address(Form::Small),
        "regular": address(Form::Regular),
        "original": address(Form::Original),
    })
}

/// The first tags are the artist's, the others their readers'.
fn tag_objects(names: &[&str], user_name: &str, user_id: u64) -> Value {
    let object = |(index, name): (usize, &&str)| {
        let own = index < 3;
        let mut tag = json!({ "tag": name, "locked": own, "deletable": !own });
        if own {
            tag["userId"] = user_id.to_string().into();
            tag["userName"] = user_name.into();
        }
        if let Value::Object(known) = translations(&[name]) {
            tag["romaji"] = (*name).into();
            tag["translation"] = known
                .into_iter()
                .map(|(_, english)| english)
                .collect::<Vec<_>>()
                .remove(0);
        }
        tag
    };
    let tags: Vec<Value> = names.iter().enumerate().map(object).collect();
    json!({ "authorId": user_id.to_string(), "isLocked": false, "tags": tags, "writable": true })
}
