//! Queries whose placeholders are numbered as their values are added.

use futures::stream::BoxStream;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Executor, FromRow};

use super::Write;
use super::selection::{Value, conditions};
use crate::selection::Selection;

/// Rows of a statement that has its values in its text: SQLite looks each placeholder up by its name, so that
/// the work grows with their square.
pub(super) const LITERAL_ROWS: usize = 500;

/// A hash, or another word of our own, as it stands in a statement's text.
pub(super) fn literal(word: &str) -> String {
    format!("'{}'", word.replace('\'', "''"))
}

/// Inserts those rows that are not there, each as literals: `('a', 1)`. The table is named with its columns.
pub(super) async fn insert_new(
    write: &mut Write,
    table: &str,
    rows: impl Iterator<Item = String>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<String> = rows.collect();
    for some in rows.chunks(LITERAL_ROWS) {
        let sql = format!("INSERT INTO {table} VALUES {} ON CONFLICT DO NOTHING", some.join(", "));
        write.connection().execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}

/// Declares a struct that a row of a query is read into, by the names of its fields; the one after `;` takes its own
/// out of the same row. sqlx's derive would do the same, and compile SQLite a second time for itself.
macro_rules! row {
    (
        $(#[$about:meta])* $vis:vis struct $row:ident {
            $($(#[$field_about:meta])* $field_vis:vis $field:ident: $type:ty,)+
            $(; $(#[$inner_about:meta])* $inner_vis:vis $inner:ident: $inner_type:ty)?
        }
    ) => {
        $(#[$about])* $vis struct $row {
            $($(#[$field_about])* $field_vis $field: $type,)+
            $($(#[$inner_about])* $inner_vis $inner: $inner_type,)?
        }

        impl<'row> sqlx::FromRow<'row, sqlx::any::AnyRow> for $row {
            fn from_row(row: &'row sqlx::any::AnyRow) -> Result<Self, sqlx::Error> {
                Ok(Self {
                    $($field: sqlx::Row::try_get(row, stringify!($field))?,)+
                    $($inner: sqlx::FromRow::from_row(row)?,)?
                })
            }
        }
    };
}
pub(super) use row;

enum Bind {
    Value(Value),
    Real(f64),
}

/// The values of a query under construction.
#[derive(Default)]
pub(super) struct Binds {
    values: Vec<Bind>,
    one_by_one: bool,
}

impl Binds {
    /// Of a query of PostgreSQL's that reads a few of many rows: what its subqueries ask is asked of each row by itself.
    /// By itself the server would hash the whole table asked, each time, where it takes the rows for few.
    pub(super) fn one_by_one() -> Self {
        Self {
            values: Vec::new(),
            one_by_one: true,
        }
    }

    /// Ends a subquery of `EXISTS`.
    pub(super) fn end(&self) -> &'static str {
        match self.one_by_one {
            // PostgreSQL makes neither a join nor a hash of what has an offset.
            true => " OFFSET 0)",
            false => ")",
        }
    }

    /// Adds a number and gives its placeholder.
    pub(super) fn number(&mut self, value: i64) -> String {
        self.push(Bind::Value(Value::Number(value)))
    }

    /// Adds a fraction and gives its placeholder.
    pub(super) fn real(&mut self, value: f64) -> String {
        self.push(Bind::Real(value))
    }

    /// Adds a text and gives its placeholder.
    pub(super) fn text(&mut self, value: &str) -> String {
        self.push(Bind::Value(Value::Text(value.into())))
    }

    /// Adds texts and gives their placeholders, for `IN (…)`.
    pub(super) fn texts(&mut self, values: &[&str]) -> String {
        let placeholders: Vec<String> = values.iter().map(|value| self.text(value)).collect();
        placeholders.join(", ")
    }

    /// Adds a selection's values and gives its condition on `posts AS p`.
    pub(super) fn posts(&mut self, selection: &Selection) -> String {
        let conditions = conditions(selection, self.values.len() + 1);
        self.values.extend(conditions.values.into_iter().map(Bind::Value));
        conditions.sql
    }

    /// Adds a selection's values and gives the condition that one of its posts shows the stored picture that a
    /// column names. It is asked of each picture by itself: a list of all of them would be made anew for each page
    /// of a long reading. The post is found by its file, never the other way round, since SQLite would take an
    /// index of the posts where the selection has a bound of one.
    pub(super) fn shows(&mut self, image: &str, selection: &Selection) -> String {
        let (posts, end) = (self.posts(selection), self.end());
        format!(
            "EXISTS (SELECT 1 FROM files AS f WHERE f.image = {image} AND f.outcome = 'stored' AND EXISTS \
             (SELECT 1 FROM posts AS p WHERE p.source = f.source AND p.post = f.post AND {posts}{end}{end}"
        )
    }

    /// The rows of the finished query.
    pub(super) async fn fetch<'connection, T>(
        self,
        sql: String,
        executor: impl Executor<'connection, Database = Any>,
    ) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'row> FromRow<'row, AnyRow>,
    {
        let rows = self.fetch_rows(sql, executor).await?;
        rows.iter().map(T::from_row).collect()
    }

    /// The raw rows of the finished query.
    pub(super) async fn fetch_rows<'connection>(
        self,
        sql: String,
        executor: impl Executor<'connection, Database = Any>,
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        self.bind(sqlx::query(AssertSqlSafe(sql))).fetch_all(executor).await
    }

    /// The raw rows of the finished query as the database gives them.
    pub(super) fn stream<'connection>(
        self,
        sql: String,
        executor: impl Executor<'connection, Database = Any> + 'connection,
    ) -> BoxStream<'connection, Result<AnyRow, sqlx::Error>> {
        self.bind(sqlx::query(AssertSqlSafe(sql))).fetch(executor)
    }

    /// The one number of the finished query, a count.
    pub(super) async fn count<'connection>(
        self,
        sql: String,
        executor: impl Executor<'connection, Database = Any>,
    ) -> Result<u64, sqlx::Error> {
        let rows: Vec<(i64,)> = self.fetch(sql, executor).await?;
        Ok(rows.first().map_or(0, |(count,)| *count as u64))
    }

    /// Gives the values to a statement of SQLite's own interface.
    pub(super) fn bind_to(&self, statement: &mut rusqlite::Statement<'_>) -> rusqlite::Result<()> {
        for (at, bind) in self.values.iter().enumerate() {
            let Some(place) = statement.parameter_index(&format!("${}", at + 1))? else {
                continue;
            };
            match bind {
                Bind::Value(Value::Number(value)) => statement.raw_bind_parameter(place, value)?,
                Bind::Value(Value::Text(value)) => statement.raw_bind_parameter(place, value)?,
                Bind::Real(value) => statement.raw_bind_parameter(place, value)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, bind: Bind) -> String {
        self.values.push(bind);
        format!("${}", self.values.len())
    }

    fn bind(self, query: Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments> {
        self.values.into_iter().fold(query, |query, bind| match bind {
            Bind::Value(Value::Number(value)) => query.bind(value),
            Bind::Value(Value::Text(value)) => query.bind(value),
            Bind::Real(value) => query.bind(value),
        })
    }
}
