//! A [`Selection`] as SQL, and as a check of one post. A post that is not selected has no outcome:
//! it stays pending, and a lower threshold later picks it up.

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use super::posts::{Post, Status};
use crate::selection::Selection;

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

/// The selection as a condition on `posts AS p` that stand; placeholders count from `$first`.
pub fn conditions(selection: &Selection, first: usize) -> Conditions {
    let mut built = Conditions {
        sql: "p.status = 'active'".into(),
        values: Vec::new(),
    };
    let mut add = |before: &str, after: &str, value: Value| {
        let place = first + built.values.len();
        built.sql.push_str(&format!(" AND {before} ${place}{after}"));
        built.values.push(value);
    };
    let texts = [("p.source =", &selection.source), ("p.rating =", &selection.rating)];
    for (condition, text) in texts {
        if let Some(text) = text {
            add(condition, "", Value::Text(text.clone()));
        }
    }
    let bounds = [
        ("p.likes >=", selection.min_likes),
        ("p.created_at >=", selection.since),
        ("p.created_at <", selection.before),
    ];
    for (condition, bound) in bounds {
        if let Some(bound) = bound {
            add(condition, "", Value::Number(bound));
        }
    }
    // LIKE ignores case on one of the databases and takes _ for any letter on both.
    for tag in &selection.tags {
        add("p.tags <> replace(p.tags,", ", '')", Value::Text(format!(" {tag} ")));
    }
    for tag in &selection.without_tags {
        add("p.tags = replace(p.tags,", ", '')", Value::Text(format!(" {tag} ")));
    }
    built
}

/// Why a post is not selected: a short fixed word; `None` where it is. Says the same as
/// [`conditions`].
pub fn refusal(selection: &Selection, post: &Post) -> Option<&'static str> {
    let has = |tag: &String| post.tags.contains(&format!(" {tag} "));
    let other = |wanted: &Option<String>, is: &str| wanted.as_deref().is_some_and(|wanted| wanted != is);
    let early = selection.since.is_some_and(|since| post.created_at < since);
    let late = selection.before.is_some_and(|before| post.created_at >= before);
    let few = selection
        .min_likes
        .is_some_and(|least| post.likes.is_none_or(|likes| likes < least));
    let tags = selection.tags.iter().all(has) && !selection.without_tags.iter().any(has);
    let checks = [
        (other(&selection.source, &post.source), "other-source"),
        (post.status != Status::Active, post.status.as_str()),
        (other(&selection.rating, post.rating.as_str()), "rating"),
        (early || late, "date"),
        (few, "likes"),
        (!tags, "tags"),
    ];
    checks.into_iter().find(|(refused, _)| *refused).map(|(_, why)| why)
}
