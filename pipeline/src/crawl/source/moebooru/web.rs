//! The site's pages for people, read where its API is refused: a list page registers each of its posts
//! as an object in a script, a post's own page names its tags by kind.

use std::collections::HashMap;

use scraper::{ElementRef, Html, Selector};
use serde_json::{Deserializer, Value};

use super::rows::{Kinds, page};
use crate::catalog::posts::Post;
use crate::crawl::source::{Page, Search};
use crate::selection::one_word;

/// How scripts give the browser a post, the kinds of tags, and both at once.
const CALL: &str = "Post.register";

/// Class names of tags in the side bar of a post's page begin so.
const KIND_CLASS: &str = "tag-type-";

/// Reads a list page.
///
/// # Errors
/// What is wrong with it, where it is no list of posts.
pub fn parse_list(search: &Search<'_>, bytes: &[u8], fetched_at: i64) -> Result<Page, String> {
    let document = Html::parse_document(&String::from_utf8_lossy(bytes));
    let (mut rows, mut kinds, mut found) = (Vec::new(), HashMap::new(), false);
    for script in document.select(&selector("script")?) {
        let text: String = script.text().collect();
        for (method, argument) in calls(&text) {
            found = true;
            match method {
                "" => rows.push(argument),
                "_tags" => kinds.extend(Kinds::of(Some(&argument)).0),
                "_resp" => {
                    rows.extend(
                        argument
                            .get("posts")
                            .and_then(Value::as_array)
                            .cloned()
                            .unwrap_or_default(),
                    );
                    kinds.extend(Kinds::of(argument.get("tags")).0);
                }
                _ => {}
            }
        }
    }
    // Without any post there is still the place for them. A challenge or a login form has none.
    let place = selector("#post-list, #post-list-posts")?;
    if !found && document.select(&place).next().is_none() {
        return Err("the page has no list of posts: a browser challenge, or no site of this dialect".into());
    }
    Ok(page(search, rows, &Kinds(kinds), fetched_at))
}

/// The calls of a script, as what stands between [`CALL`] and the parenthesis, and the JSON after it.
fn calls(script: &str) -> impl Iterator<Item = (&str, Value)> {
    let mut rest = script;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once(CALL)?;
            let Some((method, argument)) = after.split_once('(') else {
                rest = "";
                continue;
            };
            // A longer word, or the words alone: the next call may stand before this parenthesis.
            if !method
                .trim()
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
            {
                rest = after;
                continue;
            }
            // The first value only: what follows is script. A call may be named within a value.
            let mut values = Deserializer::from_str(argument).into_iter::<Value>();
            let value = values.next();
            rest = match &value {
                Some(Ok(_)) => argument.get(values.byte_offset()..).unwrap_or_default(),
                _ => after,
            };
            if let Some(Ok(value)) = value {
                return Some((method.trim(), value));
            }
        }
    })
}

/// Reads a post's own page for the kinds of its tags.
///
/// # Errors
/// What is wrong with it, where it names no tags of kinds.
pub fn parse_post(bytes: &[u8], listed: &Post) -> Result<Post, String> {
    let document = Html::parse_document(&String::from_utf8_lossy(bytes));
    let items = selector(&format!("li[class*='{KIND_CLASS}']"))?;
    let links = selector("a[href*='tags=']")?;
    let kinds: HashMap<String, String> = document.select(&items).filter_map(|item| kind(item, &links)).collect();
    if kinds.is_empty() {
        return Err("the page names no tags by kind".into());
    }
    let mut post = listed.clone();
    Kinds(kinds).apply(&mut post);
    Ok(post)
}

fn kind(item: ElementRef<'_>, links: &Selector) -> Option<(String, String)> {
    let kind = item
        .value()
        .classes()
        .find_map(|class| class.strip_prefix(KIND_CLASS))?;
    let named = item.value().attr("data-name").map(str::to_string);
    // Older pages name the tag by its link only, with spaces for underscores.
    let name = named.or_else(|| {
        let words: String = item.select(links).last()?.text().collect();
        Some(one_word(&words))
    })?;
    Some((name.to_lowercase(), kind.to_string()))
}

fn selector(text: &str) -> Result<Selector, String> {
    Selector::parse(text).map_err(|error| format!("`{text}` selects nothing: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::posts::tag_text;
    use crate::crawl::source::Moebooru;
    use crate::crawl::source::tests::with;

    fn read(page: &str) -> Result<Page, String> {
        with(&Moebooru, |search| parse_list(search, page.as_bytes(), 5))
    }

    #[test]
    fn each_registered_object_is_a_post() {
        let page = read(
            r#"<html><body><ul id="post-list-posts"></ul><script>
               Post.register_tags({"a": "artist", "b": "general"}); var x = "Post.registered";
               Post.register({"id": 5, "created_at": 9, "tags": "a b", "status": "active", "source": "<\/script> Post.register({ ; })"})
               Post.register({"id": 4, "created_at": 8, "tags": "c"}) Post.register({broken</script>
               <script>Post.register_resp({"posts": [{"id": 3, "created_at": 7, "tags": "d"}], "tags": {"d": "character"}});
               </script></body></html>"#,
        )
        .expect("is a list");
        let numbers: Vec<i64> = page.posts.iter().map(|post| post.number).collect();
        assert_eq!((numbers, page.next), (vec![5, 4, 3], Some(3)));
        assert_eq!(
            (page.posts[0].artists.as_str(), page.posts[0].kinds_known),
            (" a ", true)
        );
        assert_eq!(
            page.posts[0].source_url.as_deref(),
            Some("</script> Post.register({ ; })")
        );
        assert!(!page.posts[1].kinds_known && page.posts[2].characters == " d ");
    }

    #[test]
    fn a_page_without_posts_is_a_list_and_any_other_page_is_not() {
        let empty = read("<div id='post-list'>Nobody here but us chickens!</div>").expect("is a list");
        assert_eq!(empty, Page::default());
        for other in ["<title>Just a moment...</title>", "", "{\"posts\": []}"] {
            assert!(read(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_posts_own_page_names_the_kinds_of_its_tags() {
        let listed = Post {
            tags: tag_text(["ann", "hatsune_miku", "vocaloid", "sky"]),
            ..Post::default()
        };
        let page = r#"<ul id="tag-sidebar">
            <li class="tag-link tag-type-artist" data-name="Ann"><a href="/post?tags=ann">ann</a></li>
            <li class="tag-type-character"><a href="/wiki/show?title=x">?</a> <a href="/post?tags=hatsune_miku">hatsune miku</a></li>
            <li class="tag-type-copyright" data-name="vocaloid"></li><li class="tag-type-general" data-name="sky"></li></ul>"#;
        let post = parse_post(page.as_bytes(), &listed).expect("is a page");
        assert_eq!((post.artists.as_str(), post.artist.as_deref()), (" ann ", Some("ann")));
        assert_eq!(
            (post.characters.as_str(), post.copyrights.as_str()),
            (" hatsune_miku ", " vocaloid ")
        );
        assert!(post.kinds_known);
        assert!(parse_post(b"<title>Just a moment...</title>", &listed).is_err());
    }
}
