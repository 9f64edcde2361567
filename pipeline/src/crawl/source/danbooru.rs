//! Danbooru: danbooru.donmai.us and safebooru.donmai.us. `GET /posts.json?limit&page=b<id>&only&tags`.
//!
//! safebooru.donmai.us is a view of the same posts under the same ids: a picture that both list is
//! stored once, by its MD5, and belongs to a post of either table.

use dataset::failure::Usage;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::fields::{self, to_count, to_flag, to_id, to_moment, to_text, to_words, under};
use super::terms::{WIDER_DATES, all_tags, date_term, refuse_meta_tags, refuse_unknown, words_of};
use super::{Page, Query, Search, Span};
use crate::catalog::posts::{Post, Rating, Status, tag_text};
use crate::crawl::settings::Likes;

/// More are not given at once.
pub const LARGEST_PAGE: u32 = 200;

/// Tags a search of somebody without an account may have. The metatags used here do not count
/// (`status`, `rating`, `id`, `date`, `score`, `favcount`, `width`, `height`, `filetype`), but
/// `upvotes` does.
const MOST_TAGS: u32 = 2;

/// Above every post number, which the site keeps in 32 bits. A first page asked for below it comes by
/// number; page 1 of a search with `date:` would come by upload time.
const TOP: i64 = i32::MAX as i64;

/// The fields that are read, so that the site need not send the others.
const FIELDS: &str = "id,created_at,updated_at,score,up_score,fav_count,rating,source,md5,file_ext,file_size,\
image_width,image_height,file_url,large_file_url,tag_string,tag_string_artist,tag_string_character,\
tag_string_copyright,is_pending,is_flagged,is_deleted,is_banned";

/// Words before a colon that the search takes for itself.
const META_TAGS: [&str; 44] = [
    "id",
    "score",
    "upvote",
    "upvotes",
    "downvote",
    "downvotes",
    "favcount",
    "fav",
    "ordfav",
    "date",
    "age",
    "rating",
    "order",
    "width",
    "height",
    "mpixels",
    "ratio",
    "user",
    "approver",
    "commenter",
    "flagger",
    "md5",
    "source",
    "filetype",
    "filesize",
    "pool",
    "ordpool",
    "favgroup",
    "parent",
    "child",
    "limit",
    "status",
    "is",
    "has",
    "embedded",
    "tagcount",
    "pixiv",
    "pixiv_id",
    "duration",
    "random",
    "search",
    "note",
    "comment",
    "page",
];

/// See [`Search::check`].
///
/// # Errors
/// [`Usage`].
pub fn check(search: &Search<'_>) -> Result<(), Usage> {
    let selection = search.selection;
    let unknown = [
        ("--min-views", selection.min_views.is_some()),
        ("--ranking", search.ranking.is_some()),
    ];
    refuse_unknown(
        search,
        &unknown,
        "it counts no views of a post; --min-likes, --min-favourites and --min-score do",
    )?;
    refuse_meta_tags(search, &META_TAGS)
}

/// See [`Search::query`].
pub fn query(search: &Search<'_>) -> Query {
    let selection = search.selection;
    let limit = search.site.tag_limit.unwrap_or(MOST_TAGS) as usize;
    let mut counted = all_tags(selection);
    let (mut free, mut unsearched) = (Vec::new(), Vec::new());
    match (search.likes(), selection.min_likes) {
        (Likes::UpScore, Some(likes)) if search.site.search_upvotes => counted.push(format!("upvotes:>={likes}")),
        (Likes::UpScore, Some(likes)) => unsearched.push(format!("likes of {likes} or more")),
        (Likes::FavCount, Some(likes)) => free.push(format!("favcount:>={likes}")),
        (_, Some(likes)) => free.push(format!("score:>={likes}")),
        (_, None) => {}
    }
    let bounds = [
        ("score", selection.min_score),
        ("favcount", selection.min_favourites),
        ("width", selection.min_width),
        ("height", selection.min_height),
    ];
    free.extend(
        bounds
            .iter()
            .filter_map(|(word, least)| Some(format!("{word}:>={}", (*least)?))),
    );
    let letters: Option<Vec<&str>> = selection.ratings.iter().map(|rating| letter(*rating)).collect();
    if letters.is_none() {
        unsearched.push(format!("ratings {}", words_of(&selection.ratings)));
    }
    if let Some(letters) = letters.filter(|letters| !letters.is_empty()) {
        free.push(format!("rating:{}", letters.join(",")));
    }
    if !selection.types.is_empty() {
        free.push(format!("filetype:{}", selection.types.join(",")));
    }
    let mut residue: Vec<String> = counted.iter().skip(limit).map(|tag| residue_of(tag)).collect();
    residue.append(&mut unsearched);
    let mut words: Vec<String> = counted.into_iter().take(limit).collect();
    words.extend(free);
    if let Some(dates) = date_term(selection) {
        words.push(dates);
        residue.push(WIDER_DATES.into());
    }
    // Else deleted posts vanish from the listing in silence: so it is seen that they are.
    words.push("status:any".into());
    Query {
        words: words.join(" "),
        residue,
    }
}

fn residue_of(term: &str) -> String {
    match term.split_once(":>=") {
        Some(("upvotes", likes)) => format!("likes of {likes} or more (upvotes count as a tag there)"),
        _ => format!("tag {term}"),
    }
}

/// `s` is sensitive; `None` for what no post there is rated.
fn letter(rating: Rating) -> Option<&'static str> {
    match rating {
        Rating::Safe => Some("g"),
        Rating::Sensitive => Some("s"),
        Rating::Questionable => Some("q"),
        Rating::Explicit => Some("e"),
        Rating::Unknown => None,
    }
}

/// See [`Search::page_url`].
pub fn page_url(search: &Search<'_>, span: Span) -> Url {
    let mut tags = query(search).words;
    if let Some(from) = span.from {
        tags.push_str(&format!(" id:>={from}"));
    }
    let mut url = under(search.root, "posts.json");
    url.query_pairs_mut()
        .append_pair("limit", &search.site.page.to_string())
        .append_pair("page", &format!("b{}", span.below.unwrap_or(TOP)))
        .append_pair("only", FIELDS)
        .append_pair("tags", &tags);
    url
}

/// A post as the API gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row {
    #[serde(deserialize_with = "to_id")]
    id: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    created_at: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    updated_at: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    score: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    up_score: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    fav_count: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    file_size: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    image_width: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    image_height: Option<i64>,
    #[serde(deserialize_with = "to_text")]
    rating: Option<String>,
    #[serde(deserialize_with = "to_text")]
    source: Option<String>,
    #[serde(deserialize_with = "to_text")]
    md5: Option<String>,
    #[serde(deserialize_with = "to_text")]
    file_ext: Option<String>,
    #[serde(deserialize_with = "to_text")]
    file_url: Option<String>,
    #[serde(deserialize_with = "to_text")]
    large_file_url: Option<String>,
    #[serde(deserialize_with = "to_text")]
    tag_string: Option<String>,
    #[serde(deserialize_with = "to_words")]
    tag_string_artist: Option<String>,
    #[serde(deserialize_with = "to_words")]
    tag_string_character: Option<String>,
    #[serde(deserialize_with = "to_words")]
    tag_string_copyright: Option<String>,
    #[serde(deserialize_with = "to_flag")]
    is_pending: bool,
    #[serde(deserialize_with = "to_flag")]
    is_flagged: bool,
    #[serde(deserialize_with = "to_flag")]
    is_deleted: bool,
    #[serde(deserialize_with = "to_flag")]
    is_banned: bool,
}

/// See [`Search::parse`].
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(search: &Search<'_>, bytes: &[u8], fetched_at: i64) -> Result<Page, String> {
    let answer: Value = serde_json::from_slice(bytes).map_err(|error| format!("the answer is no JSON: {error}"))?;
    let Value::Array(rows) = answer else {
        return Err(fields::refusal(&answer));
    };
    Ok(Page::of_board(
        rows,
        |row: &Row| row.id,
        |row| post(search, row, fetched_at),
    ))
}

fn post(search: &Search<'_>, row: Row, fetched_at: i64) -> Option<Post> {
    let id = row.id?;
    let likes = match search.likes() {
        Likes::FavCount => row.fav_count,
        Likes::Score => row.score,
        _ => row.up_score,
    };
    let status = match () {
        () if row.is_deleted => Status::Deleted,
        () if row.is_banned => Status::Held,
        () if row.is_pending || row.is_flagged => Status::Pending,
        () => Status::Active,
    };
    // `s` is SENSITIVE here; on Moebooru it is "safe".
    let rating = match row.rating.as_deref() {
        Some("g") => Rating::Safe,
        Some("s") => Rating::Sensitive,
        Some("q") => Rating::Questionable,
        Some("e") => Rating::Explicit,
        _ => Rating::Unknown,
    };
    let tags = |text: &Option<String>| tag_text(text.as_deref().unwrap_or_default().split_whitespace());
    let kinds = [
        &row.tag_string_artist,
        &row.tag_string_character,
        &row.tag_string_copyright,
    ];
    let kinds_known = kinds.iter().all(|kind| kind.is_some());
    Some(Post {
        source: search.name.into(),
        post: id.to_string(),
        number: id,
        status,
        created_at: row.created_at?,
        fetched_at,
        likes,
        views: None,
        favourites: row.fav_count,
        score: row.score,
        rating,
        tags: tags(&row.tag_string),
        artist: names(row.tag_string_artist.as_deref()),
        page_url: Some(under(search.root, &format!("posts/{id}")).to_string()),
        source_url: row.source,
        extension: row
            .file_ext
            .as_deref()
            .and_then(fields::extension)
            .or_else(|| fields::extension_of_url(row.file_url.as_deref()?)),
        file_url: row.file_url,
        md5: row.md5.as_deref().and_then(fields::md5),
        file_size: row.file_size,
        width: row.image_width,
        height: row.image_height,
        artists: tags(&row.tag_string_artist),
        characters: tags(&row.tag_string_character),
        copyrights: tags(&row.tag_string_copyright),
        kinds_known,
        jpeg_url: None,
        sample_url: row.large_file_url,
        pages: 1,
        updated_at: row.updated_at,
        ai_made: None,
    })
}

/// Several artists may share a picture.
fn names(artists: Option<&str>) -> Option<String> {
    let names: Vec<&str> = artists?.split_whitespace().collect();
    Some(names.join(", ")).filter(|names| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crawl::settings::SiteSettings;
    use crate::crawl::source::Dialect;
    use crate::period;
    use crate::selection::Selection;

    fn site() -> SiteSettings {
        SiteSettings {
            dialect: Dialect::Danbooru,
            page: 200,
            ..SiteSettings::default()
        }
    }

    fn with<T>(selection: &Selection, site: &SiteSettings, then: impl FnOnce(&Search<'_>) -> T) -> T {
        let root = Url::parse("https://board.example").expect("a URL");
        then(&Search {
            name: "board",
            site,
            root: &root,
            selection,
            ranking: None,
        })
    }

    fn read(text: &str) -> Result<Page, String> {
        with(&Selection::default(), &site(), |search| {
            parse(search, text.as_bytes(), 5)
        })
    }

    fn words(selection: &Selection, site: &SiteSettings) -> Query {
        with(selection, site, query)
    }

    #[test]
    fn two_tags_are_searched_for_and_the_others_left_to_the_check_of_each_row() {
        let selection = Selection {
            min_likes: Some(500),
            min_favourites: Some(9),
            min_width: Some(800),
            characters: vec!["paimon_(genshin_impact)".into()],
            copyrights: vec!["genshin_impact".into()],
            tags: vec!["smile".into()],
            without_tags: vec!["comic".into()],
            types: vec!["jpg".into(), "png".into()],
            ratings: vec![Rating::Safe, Rating::Sensitive],
            ..Selection::default()
        };
        let found = words(&selection, &site());
        let expected =
            "paimon_(genshin_impact) genshin_impact favcount:>=9 width:>=800 rating:g,s filetype:jpg,png status:any";
        assert_eq!(found.words, expected);
        let expected = [
            "tag smile",
            "tag -comic",
            "likes of 500 or more (upvotes count as a tag there)",
        ];
        assert_eq!(found.residue, expected);
        let account = SiteSettings {
            tag_limit: Some(6),
            ..site()
        };
        let found = words(&selection, &account);
        assert!(found.words.contains("smile -comic upvotes:>=500"), "{}", found.words);
        assert!(found.residue.is_empty());
    }

    #[test]
    fn likes_are_searched_for_by_the_counter_they_are_mapped_to() {
        let selection = Selection {
            min_likes: Some(7),
            ..Selection::default()
        };
        for (likes, expected) in [
            (None, "upvotes:>=7 status:any"),
            (Some(Likes::UpScore), "upvotes:>=7 status:any"),
            (Some(Likes::Score), "score:>=7 status:any"),
            (Some(Likes::FavCount), "favcount:>=7 status:any"),
        ] {
            assert_eq!(words(&selection, &SiteSettings { likes, ..site() }).words, expected);
        }
        let older = SiteSettings {
            search_upvotes: false,
            ..site()
        };
        let found = words(&selection, &older);
        assert_eq!(
            (found.words.as_str(), found.residue),
            ("status:any", vec!["likes of 7 or more".to_string()])
        );
    }

    #[test]
    fn a_search_by_date_comes_by_number_all_the_same() {
        let selection = Selection {
            since: Some(period::begin("2022", period::today()).expect("a year")),
            before: Some(period::end("2023", period::today()).expect("a year")),
            ..Selection::default()
        };
        with(&selection, &site(), |search| {
            let url = page_url(search, Span::default()).to_string();
            assert!(url.contains("limit=200&page=b2147483647&only=id%2C"), "{url}");
            assert!(
                url.ends_with("tags=date%3A2021-12-31..2024-01-02+status%3Aany"),
                "{url}"
            );
            let span = Span {
                below: Some(70),
                from: Some(50),
            };
            let url = page_url(search, span).to_string();
            assert!(url.contains("page=b70&") && url.ends_with("id%3A%3E%3D50"), "{url}");
        });
    }

    #[test]
    fn fields_that_the_viewer_may_not_see_are_absent_and_dates_are_utc() {
        let page = read(
            r#"[{"id": 3, "created_at": "2022-12-31T22:30:00.389-03:00", "rating": "s", "up_score": 5, "score": 4,
                 "fav_count": 9, "tag_string": "b a", "tag_string_artist": "x y", "tag_string_character": "",
                 "tag_string_copyright": "z", "is_banned": false},
                {"id": "2", "created_at": "2022-12-31T00:00:00Z", "is_deleted": true, "rating": "g"},
                {"id": 1, "created_at": null}, {"created_at": "2022-12-31T00:00:00Z"}, 7]"#,
        )
        .expect("parses");
        assert_eq!((page.unreadable, page.next), (3, Some(1)));
        let [first, second] = &page.posts[..] else {
            panic!("two posts are readable")
        };
        assert_eq!(
            first.created_at,
            period::begin("2023", period::today()).expect("a year") + 5400
        );
        assert_eq!(page.reached, Some(first.created_at));
        assert_eq!(
            (first.likes, first.score, first.favourites),
            (Some(5), Some(4), Some(9))
        );
        assert_eq!((first.rating, first.status), (Rating::Sensitive, Status::Active));
        assert_eq!((first.md5.as_deref(), first.file_url.as_deref()), (None, None));
        assert_eq!(
            (first.artists.as_str(), first.characters.as_str(), first.kinds_known),
            (" x y ", " ", true)
        );
        assert_eq!(first.artist.as_deref(), Some("x, y"));
        assert_eq!(
            (second.status, second.rating, second.kinds_known),
            (Status::Deleted, Rating::Safe, false)
        );
    }

    #[test]
    fn only_a_post_that_stands_is_active() {
        for (field, expected) in [
            (r#""is_deleted": false"#, Status::Active),
            (r#""is_pending": true"#, Status::Pending),
            (r#""is_flagged": true"#, Status::Pending),
            (r#""is_banned": true"#, Status::Held),
            (r#""is_deleted": true, "is_banned": true"#, Status::Deleted),
        ] {
            let page = read(&format!(
                r#"[{{"id": 1, "created_at": "2020-01-01T00:00:00Z", {field}}}]"#
            ));
            assert_eq!(page.expect("parses").posts[0].status, expected, "{field}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_sites_words() {
        let error = read(r#"{"success": false, "error": "PostQuery::TagLimitError", "message": "only 2 tags"}"#);
        assert_eq!(error.expect_err("is refused"), "the site refused: only 2 tags");
        assert!(read("[[[").is_err());
    }

    #[test]
    fn what_the_site_does_not_count_is_refused() {
        let views = Selection {
            min_views: Some(1),
            ..Selection::default()
        };
        let error = with(&views, &site(), check).expect_err("is refused");
        assert!(
            error.0.contains("--min-views") && error.0.contains("--min-likes"),
            "{error}"
        );
        let meta = Selection {
            tags: vec!["order:score".into()],
            ..Selection::default()
        };
        assert!(with(&meta, &site(), check).is_err());
    }

    #[test]
    fn every_recorded_answer_parses() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/api/danbooru/posts.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: {} is not there", path.display());
            return;
        };
        let page = read(&text).expect("parses");
        let rows: Vec<Value> = serde_json::from_str(&text).expect("is JSON");
        assert_eq!((page.posts.len(), page.unreadable), (rows.len(), 0));
        for post in &page.posts {
            assert!(
                post.rating == Rating::Safe && post.likes.is_some() && post.kinds_known,
                "{post:?}"
            );
            assert!(post.md5.as_ref().is_some_and(|md5| md5.len() == 32), "{post:?}");
            assert!(
                post.file_url.is_some() && post.sample_url.is_some() && post.updated_at.is_some(),
                "{post:?}"
            );
        }
        assert!(page.posts.iter().any(|post| post.extension.as_deref() == Some("mp4")));
        assert!(page.posts.iter().any(|post| post.characters != " "));
    }
}
