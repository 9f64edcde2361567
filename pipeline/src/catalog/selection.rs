//! A [`Selection`] as SQL, and as a check of one post. A post that is not selected has no outcome:
//! it stays pending, and a lower threshold later picks it up.

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use super::posts::{Post, Rating, Status};
use crate::selection::{AiMade, Aliases, Selection, Threshold};

/// The reason of posts that an entry of `[crawl] blacklist` leaves out.
pub const BLACKLIST: &str = "blacklist";

/// Entries of the blacklist in one link of a condition.
const LINKS: usize = 30;

/// A value for a placeholder.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// BIGINT.
    Number(i64),
    /// TEXT.
    Text(String),
}

/// SQL conditions with their values.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// `a AND b`, with placeholders; it names columns of `posts AS p` and holds no user's text.
    pub sql: String,
    /// The placeholders' values, in order.
    pub values: Vec<Value>,
}

impl Conditions {
    /// Binds the values to a query that has [`Self::sql`] in it.
    pub fn bind<'q>(self, query: Query<'q, Any, AnyArguments>) -> Query<'q, Any, AnyArguments> {
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Number(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
        })
    }
}

/// A tag of a kind: among those of its kind where the site gives kinds, else among all.
const CHARACTERS: &str = "(CASE WHEN p.kinds_known = 1 THEN p.characters ELSE p.tags END)";
const COPYRIGHTS: &str = "(CASE WHEN p.kinds_known = 1 THEN p.copyrights ELSE p.tags END)";
/// Artists are known of some sites that give no kinds of tags.
const ARTISTS: &str = "(CASE WHEN p.kinds_known = 1 THEN p.artists ELSE p.artists || p.tags END)";

/// Conditions under construction.
struct Builder {
    sql: String,
    first: usize,
    values: Vec<Value>,
}

impl Builder {
    /// A value's placeholder.
    fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.first + self.values.len() - 1)
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// `left` compared with a number, where there is one.
    fn bound(&mut self, left: &str, bound: Option<i64>) {
        if let Some(bound) = bound {
            let place = self.place(Value::Number(bound));
            self.and(&format!("{left} {place}"));
        }
    }

    /// `column` has one of the values, where there are any.
    fn among(&mut self, column: &str, values: impl IntoIterator<Item = String>) {
        let places: Vec<String> = values.into_iter().map(|value| self.place(Value::Text(value))).collect();
        if !places.is_empty() {
            self.and(&format!("{column} IN ({})", places.join(", ")));
        }
    }

    /// The tags are in `column`. LIKE ignores case on one of the databases and takes _
    /// for any letter on both.
    fn tags(&mut self, column: &str, tags: &[String], aliases: &Aliases) {
        for tag in tags {
            let has = self.has(column, tag, aliases);
            self.and(&has);
        }
    }

    /// `column` has the tag, or the name by which the post's site knows it.
    fn has(&mut self, column: &str, tag: &str, aliases: &Aliases) -> String {
        let place = self.place(Value::Text(format!(" {tag} ")));
        let mut has = format!("({column} <> replace({column}, {place}, '')");
        for alias in aliases.of(tag) {
            let source = self.place(Value::Text(alias.source));
            let place = self.place(Value::Text(format!(" {} ", alias.tag)));
            has.push_str(&format!(
                " OR (p.source = {source} AND {column} <> replace({column}, {place}, ''))"
            ));
        }
        has + ")"
    }

    fn artists(&mut self, artists: &[String], aliases: &Aliases) {
        for artist in artists {
            let name = self.place(Value::Text(artist.clone()));
            let has = self.has(ARTISTS, artist, aliases);
            self.and(&format!("(COALESCE(p.artist, '') = {name} OR {has})"));
        }
    }

    /// Whether a machine made it, by the site's flag or by a tag.
    fn ai_made(&mut self, wanted: AiMade, tags: &[String]) {
        let tags: Vec<String> = tags
            .iter()
            .map(|tag| self.place(Value::Text(format!(" {tag} "))))
            .map(|place| format!(" OR p.tags <> replace(p.tags, {place}, '')"))
            .collect();
        let not = if wanted == AiMade::Exclude { "NOT " } else { "" };
        self.and(&format!("{not}(COALESCE(p.ai_made, 0) = 1{})", tags.concat()));
    }

    fn thresholds(&mut self, thresholds: &[Threshold]) {
        let mut any = String::from("(1 = 0");
        for threshold in thresholds {
            let source = self.place(Value::Text(threshold.source.clone()));
            let [since, before, likes] =
                [threshold.since, threshold.before, threshold.likes].map(|number| self.place(Value::Number(number)));
            any.push_str(&format!(
                " OR (p.source = {source} AND p.created_at >= {since} AND p.created_at < {before} AND p.likes >= {likes})"
            ));
        }
        self.and(&(any + ")"));
    }

    /// All filters, but that the post stands.
    fn filters(&mut self, selection: &Selection) {
        self.among("p.source", selection.source.clone());
        self.among(
            "p.rating",
            selection.ratings.iter().map(|rating| rating.as_str().into()),
        );
        self.bound("p.created_at >=", selection.since);
        self.bound("p.created_at <", selection.before);
        self.bound("p.likes >=", selection.min_likes);
        self.bound("p.views >=", selection.min_views);
        self.bound("p.favourites >=", selection.min_favourites);
        self.bound("p.score >=", selection.min_score);
        let aliases = &selection.aliases;
        self.tags("p.tags", &selection.tags, aliases);
        for tag in &selection.without_tags {
            let has = self.has("p.tags", tag, aliases);
            self.and(&format!("NOT {has}"));
        }
        self.tags(CHARACTERS, &selection.characters, aliases);
        self.tags(COPYRIGHTS, &selection.copyrights, aliases);
        self.artists(&selection.artists, aliases);
        self.bound("p.width >=", selection.min_width);
        self.bound("p.height >=", selection.min_height);
        self.among("p.extension", selection.types.iter().cloned());
        if selection.top_percent.is_some() {
            self.thresholds(&selection.thresholds);
        }
        if selection.ai_made != AiMade::Any {
            self.ai_made(selection.ai_made, &selection.ai_tags);
        }
        // SQLite takes expressions of a thousand levels, and each link of a chain is one.
        for entries in selection.blacklist.chunks(LINKS) {
            self.and("NOT (1 = 0");
            for entry in entries {
                self.sql.push_str(" OR (1 = 1");
                self.filters(&entry.selection);
                self.sql.push(')');
            }
            self.sql.push(')');
        }
    }
}

/// The selection as a condition on `posts AS p` that stand; placeholders count from `$first`.
pub fn conditions(selection: &Selection, first: usize) -> Conditions {
    let mut built = Builder {
        sql: "p.status = 'active'".into(),
        first,
        values: Vec::new(),
    };
    built.filters(selection);
    Conditions {
        sql: built.sql,
        values: built.values,
    }
}

/// Why a post is not selected: a short fixed word; `None` where it is. Says the same as
/// [`conditions`].
pub fn refusal(selection: &Selection, post: &Post) -> Option<&'static str> {
    let other = |wanted: &Option<String>, is: &str| wanted.as_deref().is_some_and(|wanted| wanted != is);
    let few =
        |least: Option<i64>, count: Option<i64>| least.is_some_and(|least| count.is_none_or(|count| count < least));
    let early = selection.since.is_some_and(|since| post.created_at < since);
    let late = selection.before.is_some_and(|before| post.created_at >= before);
    let of_kind = |tags, kind| if post.kinds_known { kind } else { tags };
    let has = |tags: &str, tag: &String| has_tag(selection, post, tags, tag);
    let lacks = |tags: &str, wanted: &[String]| wanted.iter().any(|tag| !has(tags, tag));
    let by_other = |artist: &String| {
        post.artist.as_ref() != Some(artist)
            && !has(&post.artists, artist)
            && (post.kinds_known || !has(&post.tags, artist))
    };
    let unwanted = selection.without_tags.iter().any(|tag| has(&post.tags, tag));
    let small = few(selection.min_width, post.width) || few(selection.min_height, post.height);
    let is_type = |extension: &String| selection.types.contains(extension);
    let checks = [
        (other(&selection.source, &post.source), "other-source"),
        (post.status != Status::Active, post.status.as_str()),
        (blocking(selection, post).next().is_some(), BLACKLIST),
        (
            !selection.ratings.is_empty() && !selection.ratings.contains(&post.rating),
            "rating",
        ),
        (early || late, "date"),
        (few(selection.min_likes, post.likes), "likes"),
        (few(selection.min_views, post.views), "views"),
        (few(selection.min_favourites, post.favourites), "favourites"),
        (few(selection.min_score, post.score), "score"),
        (lacks(&post.tags, &selection.tags) || unwanted, "tags"),
        (
            lacks(of_kind(&post.tags, &post.characters), &selection.characters),
            "character",
        ),
        (
            lacks(of_kind(&post.tags, &post.copyrights), &selection.copyrights),
            "copyright",
        ),
        (selection.artists.iter().any(by_other), "artist"),
        (small, "size"),
        (is_unwanted(selection, post), "ai-made"),
        (
            !selection.types.is_empty() && !post.extension.as_ref().is_some_and(is_type),
            "type",
        ),
        (
            selection.top_percent.is_some() && !is_top(selection, post),
            "top-percent",
        ),
    ];
    checks.into_iter().find(|(refused, _)| *refused).map(|(_, why)| why)
}

/// Whether a listed row alone says that its post is refused, whatever another answer says of it: its
/// counters and files; and the reason.
pub fn refusal_of_row(selection: &Selection, row: &Post) -> Option<&'static str> {
    let known = |least: Option<i64>, size: Option<i64>| least.filter(|_| size.is_some());
    let tagged = !row.tags.trim().is_empty();
    let when_tagged = |tags: &Vec<String>| if tagged { tags.clone() } else { Vec::new() };
    let mut ratings = selection.ratings.clone();
    // How strict a reader may be is known later: a harmless work can turn out to be suggestive.
    if row.rating == Rating::Unknown || (row.rating == Rating::Safe && ratings.contains(&Rating::Sensitive)) {
        ratings.clear();
    }
    let of_row = Selection {
        ratings,
        min_width: known(selection.min_width, row.width),
        min_height: known(selection.min_height, row.height),
        tags: when_tagged(&selection.tags),
        characters: when_tagged(&selection.characters),
        copyrights: when_tagged(&selection.copyrights),
        artists: if row.artist.is_some() {
            selection.artists.clone()
        } else {
            Vec::new()
        },
        types: Vec::new(),
        // A row without a flag may still turn out to be made by a machine.
        ai_made: match selection.ai_made {
            AiMade::Only if row.ai_made.is_none() => AiMade::Any,
            wanted => wanted,
        },
        ..selection.without_popularity()
    };
    refusal(&of_row, row)
}

/// Whether a post lacks a tag of any kind, under every name that its site has for it.
pub fn lacks(selection: &Selection, post: &Post, tag: &str) -> bool {
    !has_tag(selection, post, &post.tags, tag)
        && !has_tag(selection, post, &post.artists, tag)
        && post.artist.as_deref() != Some(tag)
}

/// Whether a post's tags have one, or the name by which its site knows it.
fn has_tag(selection: &Selection, post: &Post, tags: &str, tag: &str) -> bool {
    let has = |tag: &str| tags.contains(&format!(" {tag} "));
    let aliases = || selection.aliases.of(tag);
    has(tag)
        || aliases()
            .iter()
            .any(|alias| alias.source == post.source && has(&alias.tag))
}

/// The entries of the blacklist that a post matches.
pub fn blocking<'entry>(selection: &'entry Selection, post: &Post) -> impl Iterator<Item = &'entry str> {
    let matches = selection
        .blacklist
        .iter()
        .filter(|entry| refusal(&entry.selection, post).is_none());
    matches.map(|entry| entry.text.as_str())
}

/// Whether it was made by a machine, and is not to be, or the other way round.
fn is_unwanted(selection: &Selection, post: &Post) -> bool {
    let made = post.ai_made == Some(true)
        || selection
            .ai_tags
            .iter()
            .any(|tag| post.tags.contains(&format!(" {tag} ")));
    match selection.ai_made {
        AiMade::Any => false,
        AiMade::Exclude => made,
        AiMade::Only => !made,
    }
}

fn is_top(selection: &Selection, post: &Post) -> bool {
    selection.thresholds.iter().any(|threshold| {
        threshold.source == post.source
            && (threshold.since..threshold.before).contains(&post.created_at)
            && post.likes.is_some_and(|likes| likes >= threshold.likes)
    })
}
