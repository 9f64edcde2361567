//! Advisory locks of PostgreSQL, which keep apart the processes that write to one catalog.
//!
//! All that a process writes goes through the one connection that holds its locks. Where that is lost, so are
//! the locks, and nothing more can be written: no check could be late. A lock is named by the catalog's table
//! `workers`, so that several catalogs of a database are told apart, and by a text.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use dataset::failure::Locked;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, AssertSqlSafe, Executor, Transaction};

use super::binds::row;
use super::{Backend, Catalog};

/// The lock that every command which writes holds: a command that must be alone as its only holder.
pub const CATALOG: &str = "catalog";

/// The lock on faces, heads and what is decided of them.
pub const HEADS: &str = "heads";

/// Whoever ended just now may still hold its locks for this long.
const PATIENCE: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(50);

/// Set on the connection that holds locks. A machine that is cut off answers no probe, and its locks are free
/// after a minute.
const PROBES: &str = "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 4";

/// The database's clock, in epoch seconds.
pub(super) const CLOCK: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)";

/// What identifies a lock in `pg_locks`, and in the functions that take one.
const KEY: &str = "CAST(CAST(CAST('workers' AS regclass) AS oid) AS int), hashtext($1)";

/// Whether the connection of `workers AS w` is there, with a lock.
const CONNECTED: &str = "EXISTS (SELECT 1 FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.pid = w.backend \
                         AND l.classid = CAST('workers' AS regclass))";

/// Whether `workers AS w` is alive: connected, and with a sign of life within its lease.
pub(super) fn alive() -> String {
    format!("(w.seen_at > {CLOCK} - w.lease AND {CONNECTED})")
}

/// Who holds a lock, as others are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The command, as `crawl konachan`.
    pub command: String,
    /// Its machine.
    pub host: String,
    /// Its process there.
    pub process: u32,
    /// Seconds without a sign of life after which its work is others'.
    pub lease: u64,
}

impl Holder {
    /// This process.
    pub fn this(command: &str, lease: u64) -> Self {
        // The kernel's name; elsewhere the shell's.
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname");
        let host = kernel.ok().or_else(|| std::env::var("HOSTNAME").ok());
        Self {
            command: command.into(),
            host: host.map_or("unknown host".into(), |host| host.trim().to_string()),
            process: std::process::id(),
            lease,
        }
    }
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By several.
    Shared,
    /// By one.
    Exclusive,
}

/// A connection that holds locks, and through which all is written.
pub(super) struct Session {
    pub(super) pool: AnyPool,
    /// The server's process of the connection.
    backend: i64,
    /// The name in `workers`.
    pub(super) worker: String,
    pub(super) holder: Holder,
    held: Mutex<BTreeMap<String, Mode>>,
}

impl Session {
    async fn open(catalog: &Catalog, holder: Holder) -> anyhow::Result<Self> {
        // The rows of a process that is halted within a transaction are free after its lease, too.
        let settings = format!(
            "{PROBES}; SET idle_in_transaction_session_timeout = '{}s'",
            holder.lease
        );
        let pool = AnyPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let settings = AssertSqlSafe(settings.clone());
                Box::pin(async move {
                    connection.execute(settings).await?;
                    Ok(())
                })
            })
            .connect_with((*catalog.pool.connect_options()).clone())
            .await
            .context("the catalog takes no more connections")?;
        let (backend,) = sqlx::query_as(BACKEND).fetch_one(&pool).await?;
        Ok(Self {
            pool,
            backend,
            worker: format!("{:032x}", fastrand::u128(..)),
            holder,
            held: Mutex::default(),
        })
    }

    /// Begins a transaction, if the connection is the one that took the locks.
    pub(super) async fn begin(&self) -> anyhow::Result<Transaction<'static, Any>> {
        let mut transaction = self.pool.begin().await.context(LOST)?;
        let (backend,): (i64,) = sqlx::query_as(BACKEND)
            .fetch_one(&mut *transaction)
            .await
            .context(LOST)?;
        anyhow::ensure!(backend == self.backend, LOST);
        Ok(transaction)
    }

    /// Enters this process into `workers`, and takes out those that are gone.
    async fn register(&self) -> anyhow::Result<()> {
        let mut transaction = self.begin().await?;
        let gone = format!("DELETE FROM workers AS w WHERE w.backend = $1 OR NOT {CONNECTED}");
        let gone = sqlx::query(AssertSqlSafe(gone)).bind(self.backend);
        gone.execute(&mut *transaction).await?;
        let sql = format!(
            "INSERT INTO workers (worker, backend, command, host, process, began_at, seen_at, lease, crops, done) \
             VALUES ($1, $2, $3, $4, $5, {CLOCK}, {CLOCK}, $6, 0, 0)"
        );
        let entered = sqlx::query(AssertSqlSafe(sql))
            .bind(&self.worker)
            .bind(self.backend)
            .bind(&self.holder.command)
            .bind(&self.holder.host)
            .bind(i64::from(self.holder.process))
            .bind(self.holder.lease as i64);
        entered.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Gives a sign of life three times a lease, until the session is dropped.
    fn keep_alive(session: &Arc<Self>, writer: &Arc<tokio::sync::Mutex<()>>) {
        let every = Duration::from_secs(session.holder.lease) / 3;
        let (session, writer) = (Arc::downgrade(session), Arc::clone(writer));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let _turn = writer.lock().await;
                let Some(session) = session.upgrade() else { return };
                let sql = format!("UPDATE workers SET seen_at = {CLOCK} WHERE worker = $1");
                let sign = sqlx::query(AssertSqlSafe(sql)).bind(&session.worker);
                // A connection that is lost is met by what writes next.
                let _ = sign.execute(&session.pool).await;
            }
        });
    }

    /// Calls one of PostgreSQL's functions for a lock.
    async fn call(&self, function: &str, lock: &str) -> anyhow::Result<bool> {
        let mut transaction = self.begin().await?;
        let sql = format!("SELECT {function}({KEY})");
        let called = sqlx::query_as(AssertSqlSafe(sql)).bind(lock);
        let (done,) = called.fetch_one(&mut *transaction).await.context(LOST)?;
        transaction.commit().await.context(LOST)?;
        Ok(done)
    }

    /// Takes a lock, beside the mode in which it is held.
    async fn take(&self, lock: &str, mode: Mode) -> anyhow::Result<bool> {
        let function = match mode {
            Mode::Shared => "pg_try_advisory_lock_shared",
            Mode::Exclusive => "pg_try_advisory_lock",
        };
        let taken = self.call(function, lock).await?;
        if taken {
            self.held().insert(lock.into(), mode);
        }
        Ok(taken)
    }

    async fn release(&self, lock: &str, mode: Mode) -> anyhow::Result<()> {
        let function = match mode {
            Mode::Shared => "pg_advisory_unlock_shared",
            Mode::Exclusive => "pg_advisory_unlock",
        };
        self.call(function, lock).await.map(drop)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Mode>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mode(&self, lock: &str) -> Option<Mode> {
        self.held().get(lock).copied()
    }

    /// Takes a lock in the first of the modes in which it is free, as soon as whoever ends just now has let go.
    async fn take_any(&self, lock: &str, modes: &[Mode]) -> anyhow::Result<()> {
        let mut waited = Duration::ZERO;
        loop {
            for mode in modes {
                if self.take(lock, *mode).await? {
                    return Ok(());
                }
            }
            if waited >= PATIENCE {
                return Err(self.refusal(lock).await?);
            }
            tokio::time::sleep(PAUSE).await;
            waited += PAUSE;
        }
    }

    /// Who holds a lock that was refused.
    async fn refusal(&self, lock: &str) -> anyhow::Result<anyhow::Error> {
        let sql = "SELECT w.command, w.host, w.process, w.began_at FROM pg_locks AS l JOIN workers AS w \
                   ON w.backend = l.pid WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid() \
                   AND l.classid = CAST('workers' AS regclass) AND l.objid = CAST(hashtext($1) AS oid) \
                   ORDER BY w.began_at, w.worker";
        let holders: Vec<(String, String, i64, i64)> = sqlx::query_as(sql).bind(lock).fetch_all(&self.pool).await?;
        let mut holder = match holders.first() {
            Some((command, host, process, began_at)) => {
                let since = jiff::Timestamp::from_second(*began_at)?;
                format!("pipeline {command}, process {process} on {host}, since {since}")
            }
            None => "it ended just now, or begins".into(),
        };
        if holders.len() > 1 {
            holder.push_str(&format!(", and {} more", holders.len() - 1));
        }
        let what = match lock {
            CATALOG => "the catalog".to_string(),
            other => format!("the {other} of the catalog"),
        };
        Ok(Locked { what, holder }.into())
    }
}

/// What is said where the connection that holds the locks is gone.
const LOST: &str = "the connection to the catalog that held this run's locks is lost, so that nothing more is recorded; \
                    what was recorded stays, and the same command goes on from here";

const BACKEND: &str = "SELECT CAST(pg_backend_pid() AS BIGINT)";

impl Catalog {
    /// The same catalog, to be written by a process that others know: on PostgreSQL through a connection that
    /// holds the locks named and [`CATALOG`]. That is held alone as long as nobody else writes, until
    /// [`Self::share`]; with `alone` nobody else may write. A SQLite catalog is as it was: whoever opened it
    /// has locked its folder.
    ///
    /// # Errors
    /// [`Locked`] where another process holds one of them; otherwise what the database refuses.
    pub async fn hold(mut self, holder: Holder, alone: bool, locks: &[(String, Mode)]) -> anyhow::Result<Self> {
        if self.backend == Backend::Sqlite {
            return Ok(self);
        }
        let session = Arc::new(Session::open(&self, holder).await?);
        let modes = [Mode::Exclusive, Mode::Shared];
        session.take_any(CATALOG, &modes[..if alone { 1 } else { 2 }]).await?;
        for (lock, mode) in locks {
            session.take_any(lock, &[*mode]).await?;
        }
        session.register().await.context("the catalog refuses to be written")?;
        // Not the one of other clones, which have connections of their own.
        self.writer = Arc::default();
        Session::keep_alive(&session, &self.writer);
        self.session = Some(session);
        Ok(self)
    }

    /// Whether nobody else writes, nor begins to.
    pub fn is_alone(&self) -> bool {
        let session = self.session.as_ref();
        session.is_none_or(|session| session.mode(CATALOG) == Some(Mode::Exclusive))
    }

    /// Lets others write, too.
    ///
    /// # Errors
    /// Where the connection that holds the locks is lost.
    pub async fn share(&self) -> anyhow::Result<()> {
        if let Some(session) = self.session.as_ref().filter(|_| self.is_alone()) {
            session.take(CATALOG, Mode::Shared).await?;
            session.release(CATALOG, Mode::Exclusive).await?;
        }
        Ok(())
    }

    /// Takes [`CATALOG`] alone again where nobody else writes; says whether.
    ///
    /// # Errors
    /// As [`Self::share`].
    pub async fn try_alone(&self) -> anyhow::Result<bool> {
        Ok(match &self.session {
            Some(session) if !self.is_alone() => session.take(CATALOG, Mode::Exclusive).await?,
            _ => true,
        })
    }

    /// In place of the share in a lock takes all of it, where nobody else has a share; says whether. Of those
    /// that give up their shares, the last one has it; the others do not come back to it.
    ///
    /// # Errors
    /// As [`Self::share`].
    pub async fn last_of(&self, lock: &str) -> anyhow::Result<bool> {
        let Some(session) = &self.session else {
            return Ok(true);
        };
        match session.mode(lock) {
            Some(Mode::Exclusive) => return Ok(true),
            Some(Mode::Shared) => session.release(lock, Mode::Shared).await?,
            None => {}
        }
        let given_up = session.held().remove(lock).is_none();
        Ok(!given_up && session.take(lock, Mode::Exclusive).await?)
    }

    /// The catalog as it is now, to be read while others write. Held for a long reading of whole tables.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn snapshot(&self) -> anyhow::Result<Self> {
        if self.session.is_none() {
            return Ok(self.clone());
        }
        let pool = AnyPoolOptions::new()
            .max_connections(1)
            // Tables are read one after the other.
            .acquire_timeout(Duration::from_secs(24 * 3600))
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection
                        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                        .await?;
                    Ok(())
                })
            })
            .connect_with((*self.pool.connect_options()).clone())
            .await
            .context("the catalog takes no more connections")?;
        Ok(Self { pool, ..self.clone() })
    }
}

row! {
    /// A process that writes, or one that was cut off and is not cleared away yet.
    #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
    pub struct Worker {
        /// Its command.
        pub command: String,
        /// Its machine.
        pub host: String,
        /// Its process there.
        pub process: i64,
        /// When it began, epoch seconds of the database's clock.
        pub began_at: i64,
        /// Seconds between that and its last sign of life.
        pub seconds: i64,
        /// Seconds since then.
        pub silent: i64,
        /// Pictures that it has recorded.
        pub done: i64,
    }
}

/// The processes that write to a PostgreSQL catalog, by age.
///
/// # Errors
/// Where the database refuses.
pub async fn workers(catalog: &Catalog) -> anyhow::Result<Vec<Worker>> {
    if catalog.backend == Backend::Sqlite {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT command, host, process, began_at, seen_at - began_at AS seconds, {CLOCK} - seen_at AS silent, done \
         FROM workers ORDER BY began_at, worker"
    );
    let rows = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(catalog.pool()).await;
    rows.context("cannot read who writes to the catalog")
}
