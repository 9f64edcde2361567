//! The catalog: every record of what was listed, stored, found and decided. All SQL lives here, one
//! file a table, in the part that SQLite and PostgreSQL share: `$1` placeholders, TEXT, BIGINT and
//! DOUBLE PRECISION columns, aggregates cast (PostgreSQL's `sum` of BIGINT is NUMERIC).
//!
//! One pool serves both databases: sqlx's `Any` driver speaks exactly that shared part, nullable
//! floats included, so there is no second copy of a query. What reads whole tables steps through a SQLite
//! file by itself (`scan`), by the same queries. What keeps several processes apart (`session`, `leases`) is
//! PostgreSQL's alone: a SQLite catalog has one that writes.

pub mod aliases;
mod binds;
pub mod boxes;
pub mod cursors;
pub mod decisions;
pub mod denied;
pub mod detections;
pub mod duplicate_groups;
pub mod explain;
pub mod facts;
pub mod failures;
pub mod files;
pub mod gallery;
pub mod heads;
pub mod holes;
pub mod images;
pub mod imports;
pub mod known;
pub mod leases;
pub mod likes;
pub mod manifest_query;
pub mod originals;
pub mod overview;
pub mod pictures;
pub mod posts;
pub mod purge;
pub mod removals;
mod replaced;
pub mod robots;
pub mod samples;
mod scan;
pub mod second_passes;
pub mod selection;
pub mod session;
pub mod splits;
pub mod styles;
pub mod summary;
pub mod top;
pub mod traffic;
pub mod verdicts;
pub mod whole;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection, Executor, SqlStr, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::secrets;
use session::Session;

/// The schema, embedded in the program: of each file the number that its name begins with, and its text. A file
/// that was released is never changed; what comes later is a file of its own.
const SCHEMA: [(i64, &str); 3] = [
    (20261130, include_str!("../../../migrations/20261130_catalog.sql")),
    (20261201, include_str!("../../../migrations/20261201_hand.sql")),
    (20261202, include_str!("../../../migrations/20261202_workers.sql")),
];

/// Enough for one writer beside a few readers that stream.
const CONNECTIONS: u32 = 4;

/// Set on every SQLite connection. WAL lets readers go on beside the writer; FULL makes a committed
/// row survive a power cut, as the stored bytes do; the timeout (ms) outlasts another process's
/// commit.
const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";

#[derive(Clone, Copy, PartialEq)]
enum Backend {
    Sqlite,
    Postgres,
}

/// An open catalog. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    pool: AnyPool,
    backend: Backend,
    /// Where it is a SQLite file: what reads whole tables opens it by itself.
    file: Option<PathBuf>,
    /// SQLite takes one writer: the others wait here instead of polling its lock.
    writer: Arc<Mutex<()>>,
    /// Where others may write as well: the connection through which this process does.
    session: Option<Arc<Session>>,
}

impl Catalog {
    /// The URL of a SQLite file; what is special in a URL is escaped.
    pub fn sqlite_url(path: &Path) -> String {
        let mut escaped = String::new();
        for character in path.to_string_lossy().chars() {
            match character {
                '%' => escaped.push_str("%25"),
                '?' => escaped.push_str("%3F"),
                '#' => escaped.push_str("%23"),
                other => escaped.push(other),
            }
        }
        format!("sqlite://{escaped}")
    }

    /// Whether a URL names a PostgreSQL catalog, to which several processes may write.
    pub fn is_shared(url: &str) -> bool {
        url.starts_with("postgres:") || url.starts_with("postgresql:")
    }

    /// Opens a catalog by URL, `sqlite://FOLDER/FILE` (made where it is missing; its folder must
    /// exist) or `postgres://USER:PASSWORD@HOST/DATABASE`, and brings its schema up to date.
    ///
    /// # Errors
    /// Where the URL, the database or its schema will not do. Passwords are left out of the text.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        secrets::keep_url(url);
        let shown = without_password(url);
        let backend = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Backend::Sqlite,
            _ if Self::is_shared(url) => Backend::Postgres,
            _ => {
                return Err(dataset::failure::Usage(format!(
                    "the catalog's URL {shown} names no known database: it starts with sqlite:// or postgres://"
                ))
                .into());
            }
        };
        let pool = connect(url, backend).await.with_context(|| match backend {
            Backend::Sqlite => format!("cannot open the catalog {shown}: is its folder there and writable?"),
            Backend::Postgres => format!("cannot open the catalog {shown}: is the server up, and the name right?"),
        })?;
        migrate(&pool).await.with_context(|| format!("the catalog {shown}"))?;
        Ok(Self {
            pool,
            backend,
            file: sqlite_file(url).filter(|file| file.exists()),
            writer: Arc::default(),
            session: None,
        })
    }

    /// Opens a catalog that is there; where its SQLite file is missing, an empty one in memory, so
    /// that nothing is left behind.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn read_only(url: &str) -> anyhow::Result<Self> {
        if url.starts_with("sqlite:") && !sqlite_file(url).is_some_and(|file| file.exists()) {
            return Self::open("sqlite:file:empty?mode=memory").await;
        }
        Self::open(url).await
    }

    /// Where reads run; writes go through [`Self::write`].
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a transaction that writes. It waits for the one before it, and is undone where it is
    /// dropped without [`Write::commit`].
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn write(&self) -> anyhow::Result<Write> {
        let turn = Arc::clone(&self.writer).lock_owned().await;
        // IMMEDIATE takes SQLite's write lock at once: a transaction that first reads and then
        // finds the lock taken could not wait for it.
        let statement = match self.backend {
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN",
        };
        let transaction = match &self.session {
            Some(session) => session.begin().await?,
            None => {
                let transaction = self.pool.begin_with(statement).await;
                transaction.context("the catalog refuses to be written")?
            }
        };
        Ok(Write {
            transaction,
            _turn: turn,
        })
    }

    /// Closes every connection; SQLite's log is then folded into its file.
    pub async fn close(self) {
        if let Some(session) = &self.session {
            session.pool.close().await;
        }
        self.pool.close().await;
    }
}

impl fmt::Debug for Catalog {
    /// Says nothing of the URL, which may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Catalog").finish_non_exhaustive()
    }
}

/// A transaction that writes; the record_* functions of the tables take it.
pub struct Write {
    transaction: Transaction<'static, Any>,
    _turn: OwnedMutexGuard<()>,
}

impl Write {
    /// The connection inside the transaction, as an sqlx executor.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// Makes the changes last.
    ///
    /// # Errors
    /// Where the database refuses; then nothing was changed.
    pub async fn commit(self) -> anyhow::Result<()> {
        self.transaction.commit().await.context("the catalog refuses to commit")
    }
}

/// Now, in epoch seconds, as every `*_at` column has it.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The URL with its password replaced: what may be printed. It is taken apart by hand: to a parser a
/// password with an unescaped slash or hash is none, and would stand in the path.
pub fn without_password(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_string();
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return "(unreadable)".to_string();
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    match place.rsplit_once('@') {
        Some((user_info, place)) => {
            let user = user_info.split_once(':').map(|(user, _)| format!("{user}:***"));
            format!("{scheme}://{}@{place}", user.as_deref().unwrap_or(user_info))
        }
        // A password with a question mark.
        None if query.contains('@') => format!("{scheme}://***"),
        None => format!("{scheme}://{place}"),
    }
}

/// The file that a URL of [`Catalog::sqlite_url`]'s kind names.
fn sqlite_file(url: &str) -> Option<PathBuf> {
    let file = url.strip_prefix("sqlite://")?.split('?').next()?;
    Some(file.replace("%23", "#").replace("%3F", "?").replace("%25", "%").into())
}

async fn connect(url: &str, backend: Backend) -> anyhow::Result<AnyPool> {
    let mut url = url.to_string();
    if backend == Backend::Sqlite && !url.contains("mode=") {
        url.push_str(if url.contains('?') { "&mode=rwc" } else { "?mode=rwc" });
    }
    let options: AnyConnectOptions = url.parse()?;
    // The pool would try what cannot be opened for half a minute, and then only say that it timed out.
    let mut first = AnyConnection::connect_with(&options).await?;
    if backend == Backend::Sqlite {
        first.execute(SQLITE_PRAGMAS).await?;
    }
    first.close().await?;
    let mut pool = AnyPoolOptions::new().max_connections(CONNECTIONS);
    if backend == Backend::Postgres {
        // A server has some hundred connections for all processes, which read at their beginning and end.
        pool = pool.idle_timeout(Duration::from_secs(10));
    }
    let pool = pool
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if backend == Backend::Sqlite {
                    connection.execute(SQLITE_PRAGMAS).await?;
                }
                Ok(())
            })
        })
        .connect_with(options.disable_statement_logging())
        .await?;
    Ok(pool)
}

async fn migrate(pool: &AnyPool) -> anyhow::Result<()> {
    let newest = SCHEMA[SCHEMA.len() - 1].0;
    let migration = |(number, sql)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(number, "catalog".into(), MigrationType::Simple, sql, false)
    };
    match Migrator::with_migrations(SCHEMA.map(migration).into()).run(pool).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(version)) if version > newest => anyhow::bail!(
            "its schema has version {version}, which this program does not know: use the newer program that made it"
        ),
        Err(MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_)) => anyhow::bail!(
            "it was made by an earlier build, which was never released: name a new data folder with --data and crawl, \
             or import your folders, into that; nothing in this one was changed"
        ),
        Err(error) => Err(error).context("its schema cannot be brought up to date"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_catalog_of_another_build_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        for (version, way_out) in [(7, "name a new data folder"), (99_999_999, "use the newer program")] {
            let url = Catalog::sqlite_url(&folder.path().join(format!("{version}.sqlite")));
            let catalog = Catalog::open(&url).await.expect("opens");
            let sql = "INSERT INTO _sqlx_migrations SELECT $1, description, installed_on, success, checksum, \
                       execution_time FROM _sqlx_migrations LIMIT 1";
            let applied = sqlx::query(sql).bind(version).execute(catalog.pool()).await;
            applied.expect("writes");
            catalog.close().await;
            let refused = format!("{:#}", Catalog::open(&url).await.expect_err("refuses"));
            assert!(refused.contains(way_out), "{refused}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let shown = without_password("postgres://reader:secret@db.example/heads?password=secret");
        assert_eq!(shown, "postgres://reader:***@db.example/heads");
        assert_eq!(
            without_password("sqlite:///srv/a b/c.sqlite"),
            "sqlite:///srv/a b/c.sqlite"
        );
        for url in [
            "postgres://reader:sec ret@:bad:/x",
            "postgres://reader:12#secret@db.example/heads",
            "postgres://reader:12/secret@db.example/heads",
            "postgres://reader:a?secret@db.example/heads",
            "postgres://reader:a@secret@db.example/heads",
            "reader:secret@db.example/heads",
        ] {
            let shown = without_password(url);
            assert!(!shown.contains("ret"), "{shown}");
        }
    }
}
