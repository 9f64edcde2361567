//! Several `pipeline crop` on one PostgreSQL catalog and one store end as one does, whatever becomes of them.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dataset::Store;
use pipeline::catalog::Catalog;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;
use tests3::Fault;

use crate::cluster::Cluster;
use crate::common::schema_on;
use crate::fixture::{picture, png, rows_of, tables_of};
use crate::model;

const WORKERS: usize = 4;
const KILLS: u32 = 20;
const SETTINGS: &str =
    "[crop]\ndetector = \"red.onnx\"\nworkers = 2\n[curate]\nmin_second_score = 0.0\n[run]\nmax_failed_share = 1.0\n";

/// A catalog and a store, and data folders of machines that share them.
struct Farm {
    folder: TempDir,
    url: String,
    /// The service that has the store, where that is no folder.
    bucket: Option<tests3::Server>,
}

impl Farm {
    /// With so many pictures; every third has a head of the one before.
    async fn new(server: &str, pictures: u32) -> Self {
        Self::leasing(server, pictures, 60, None).await
    }

    /// The same, whose workers have leases of so many seconds.
    async fn leasing(server: &str, pictures: u32, lease: u32, bucket: Option<tests3::Server>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let farm = Self {
            url: schema_on(server).await,
            folder,
            bucket,
        };
        let settings = SETTINGS.replacen("[crop]", &format!("[crop]\nlease_seconds = {lease}"), 1);
        std::fs::write(farm.path("stages.toml"), settings).expect("writes");
        std::fs::write(farm.path("red.onnx"), model::bytes()).expect("writes");
        Store::create(&farm.path("store")).expect("creates");
        for worker in 0..WORKERS {
            let data = farm.data(worker);
            std::fs::create_dir(&data).expect("makes");
            symlink(farm.path("store"), data.join("store")).expect("links");
        }
        std::fs::create_dir(farm.path("pictures")).expect("makes");
        for number in 0..pictures {
            let seed = if number % 3 == 2 { number - 1 } else { number };
            let mut drawn = picture(seed, &[(1, 1, 255), (4, 3, 200), (1, 4, 120)]);
            let [_, _, high, low] = number.to_be_bytes();
            drawn.put_pixel(191, 191, image::Rgb([low, high, 90]));
            let path = farm.path("pictures").join(format!("{number:04}.png"));
            std::fs::write(&path, png(&drawn)).expect("writes");
            // The file's time is the post's, of which a version knows.
            let file = std::fs::File::options().write(true).open(&path).expect("opens");
            file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000))
                .expect("sets");
        }
        let pictures = farm.path("pictures").display().to_string();
        farm.finish(0, &["import", &pictures, "--as", "pictures", "--source", "set"]);
        farm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self, worker: usize) -> PathBuf {
        self.path(&format!("machine{worker}"))
    }

    fn command(&self, worker: usize, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.env("HEADS_CATALOG_URL", &self.url);
        if let Some(bucket) = &self.bucket {
            command.envs(bucket.environment());
            // A stalled request is given up soon.
            command.envs([("HEADS_STORE_URL", "s3://heads/farm"), ("AWS_TIMEOUT", "2s")]);
        }
        command.arg("--config").arg(self.path("stages.toml"));
        command.arg("--data").arg(self.data(worker)).args(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn finish(&self, worker: usize, words: &[&str]) -> String {
        end(self.command(worker, words).spawn().expect("starts"), &[0])
    }

    fn crop(&self, worker: usize) -> Child {
        self.command(worker, &["crop"]).spawn().expect("starts")
    }

    /// Starts all workers, which begin to take pictures together, once all of them are there.
    async fn crop_all(&self) -> Vec<Child> {
        let catalog = self.catalog().await;
        let mut gate = self.hold("passes").await;
        let workers: Vec<Child> = (0..WORKERS).map(|worker| self.crop(worker)).collect();
        until(
            &catalog,
            "SELECT COUNT(*) FROM workers WHERE command = 'crop'",
            WORKERS as i64,
        )
        .await;
        gate.execute("COMMIT").await.expect("lets go");
        workers
    }

    /// A connection that keeps others from writing to a table until it commits.
    async fn hold(&self, table: &str) -> sqlx::AnyConnection {
        let mut gate = sqlx::AnyConnection::connect(&self.url).await.expect("connects");
        let sql = format!("BEGIN; LOCK TABLE {table} IN SHARE MODE");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut gate)
            .await
            .expect("locks");
        gate
    }

    async fn catalog(&self) -> Catalog {
        Catalog::open(&self.url).await.expect("opens")
    }

    /// Every row of crop and curate, how often each picture was tried, and the names of all objects.
    async fn state(&self) -> Vec<String> {
        let catalog = self.catalog().await;
        let mut state = tables_of(&catalog).await;
        let tried = "SELECT image, detector, attempts FROM detections ORDER BY image, detector";
        state.extend(rows_of(&catalog, tried).await);
        let store = Store::open(&self.path("store")).expect("is there");
        for kind in ["images", "heads"] {
            state.extend(match &self.bucket {
                None => store.list(kind).expect("lists"),
                Some(bucket) => {
                    let names = bucket.objects().into_iter();
                    let names = names.filter_map(|name| Some(name.strip_prefix("farm/")?.to_owned()));
                    names.filter(|name| name.starts_with(kind)).collect()
                }
            });
        }
        state
    }

    /// Kills workers one after the other at drawn moments of the time that one worker takes for all, and starts
    /// each again.
    fn kill(&self, workers: &mut [Child], kills: std::ops::Range<u32>, whole: Duration) {
        for kill in kills {
            let drawn = kill.wrapping_add(7).wrapping_mul(0x9E37_79B1) >> 8;
            let (which, share) = (drawn as usize % WORKERS, f64::from(drawn) / f64::from(1 << 24));
            wait(whole.mul_f64(share / 8.0));
            // An error means that it had ended by itself.
            let _ = workers[which].kill();
            workers[which].wait().expect("ends");
            workers[which] = self.crop(which);
        }
    }

    /// The id of a version that is made of it.
    fn manifest(&self, name: &str) -> String {
        self.finish(0, &["manifest", "create", name]);
        let folder = self.data(0).join("manifests").join(name);
        dataset::Manifest::load(&folder).expect("reads").id()
    }

    /// Removes one object of a kind, the same in all farms of equal pictures.
    fn lose(&self, kind: &str, at: usize) {
        let store = Store::open(&self.path("store")).expect("is there");
        let name = store.list(kind).expect("lists").remove(at);
        std::fs::remove_file(self.path("store").join(name)).expect("is there");
    }
}

/// Two farms hold the same.
async fn assert_same(farm: &Farm, other: &Farm) -> Vec<String> {
    let (state, expected) = (farm.state().await, other.state().await);
    let differs: Vec<_> = state
        .iter()
        .zip(&expected)
        .filter(|(row, other)| row != other)
        .collect();
    assert!(differs.is_empty(), "{:#?}", &differs[..differs.len().min(5)]);
    assert_eq!(state.len(), expected.len());
    expected
}

/// Waits for a process that must end with one of the codes; gives what it said.
fn end(child: Child, codes: &[i32]) -> String {
    let output = child.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().expect("was not killed");
    assert!(codes.contains(&code), "{code}: {said}");
    said.into_owned()
}

/// Asks until a count is so many.
async fn until(catalog: &Catalog, sql: &str, wanted: i64) {
    loop {
        let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(sql.to_string()))
            .fetch_one(catalog.pool())
            .await
            .expect("counts");
        if count >= wanted {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn server() -> String {
    std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names a server")
}

fn looked_at(said: &str) -> u64 {
    let line = said.lines().find(|line| line.contains("pictures looked at"));
    let count = line.and_then(|line| line.split_whitespace().last()?.parse().ok());
    count.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn four_workers_end_as_one_does_on_postgres() {
    let (one, four) = (Farm::new(&server(), 300).await, Farm::new(&server(), 300).await);
    let expected = |farm: &Farm| {
        farm.lose("images", 7);
        farm.finish(0, &["crop"])
    };
    assert_eq!(looked_at(&expected(&one)), 299);
    four.lose("images", 7);
    let said: Vec<String> = four
        .crop_all()
        .await
        .into_iter()
        .map(|child| end(child, &[0]))
        .collect();
    let shares: Vec<u64> = said.iter().map(|said| looked_at(said)).collect();
    assert_eq!(shares.iter().sum::<u64>(), 299, "{said:#?}");
    assert!(shares.iter().filter(|share| **share > 0).count() > 1, "{shares:?}");
    let judged = said.iter().filter(|said| said.contains("heads judged")).count();
    assert_eq!(judged, 1, "{said:#?}");
    let state = assert_same(&four, &one).await;
    assert!(state.iter().any(|row| row.contains("missing-bytes")));
    assert_eq!(four.manifest("v1"), one.manifest("v1"));

    // A head that is gone from the store is cut again; the picture that failed is tried once more.
    for farm in [&one, &four] {
        farm.lose("heads", 3);
    }
    one.finish(0, &["crop"]);
    for child in four.crop_all().await {
        end(child, &[0]);
    }
    let state = assert_same(&four, &one).await;
    assert!(state.iter().any(|row| row.ends_with(" 2")));
    assert_eq!(four.manifest("v2"), one.manifest("v2"));
    let catalog = four.catalog().await;
    let left = rows_of(&catalog, "SELECT worker FROM leases WHERE worker <> ''").await;
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn workers_that_are_killed_at_any_moment_lose_nothing_on_postgres() {
    let (one, four) = (Farm::new(&server(), 300).await, Farm::new(&server(), 300).await);
    let began = Instant::now();
    one.finish(0, &["crop"]);
    let whole = began.elapsed();
    let mut workers = four.crop_all().await;
    four.kill(&mut workers, 0..KILLS, whole);
    for worker in workers {
        // The last one to end judges, and others that begin then are refused.
        end(worker, &[0, 75]);
    }
    four.finish(0, &["crop"]);
    assert_same(&four, &one).await;
    assert_eq!(four.manifest("v1"), one.manifest("v1"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts a PostgreSQL server of its own"]
async fn kills_a_restarted_server_and_a_failing_bucket_at_once_lose_nothing_on_postgres() {
    let (cluster, service) = (Cluster::new(), tests3::Server::start());
    let one = Farm::new(&cluster.url(), 200).await;
    let began = Instant::now();
    one.finish(0, &["crop"]);
    let whole = began.elapsed();
    let four = Farm::leasing(&cluster.url(), 200, 60, Some(service)).await;
    four.bucket.as_ref().expect("is there").misbehave(|asked| {
        let faults = [Fault::Internal, Fault::SlowDown, Fault::Drop, Fault::Cut, Fault::Stall];
        (asked.number % 11 == 7).then(|| faults[asked.number / 11 % faults.len()])
    });
    let mut workers = four.crop_all().await;
    four.kill(&mut workers, 0..KILLS / 2, whole);
    cluster.stop();
    for worker in workers {
        // One may have ended before.
        end(worker, &[0, 1, 75]);
    }
    cluster.start();
    let mut workers: Vec<Child> = (0..WORKERS).map(|worker| four.crop(worker)).collect();
    four.kill(&mut workers, KILLS / 2..KILLS, whole);
    for worker in workers {
        end(worker, &[0, 75]);
    }
    four.finish(0, &["crop"]);
    assert_same(&four, &one).await;
    assert_eq!(four.manifest("v1"), one.manifest("v1"));
}

fn wait(time: Duration) {
    let moment = Instant::now() + time;
    while Instant::now() < moment {
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts a PostgreSQL server of its own"]
async fn workers_whose_server_restarts_end_and_others_go_on_on_postgres() {
    let cluster = Cluster::new();
    let (one, four) = (
        Farm::new(&cluster.url(), 100).await,
        Farm::new(&cluster.url(), 100).await,
    );
    one.finish(0, &["crop"]);
    let gate = four.hold("faces").await;
    let workers = four.crop_all().await;
    let recording = "SELECT COUNT(*) FROM pg_locks WHERE relation = CAST('faces' AS regclass) AND NOT granted";
    let catalog = four.catalog().await;
    until(&catalog, recording, 2).await;
    drop(catalog);
    cluster.stop();
    drop(gate);
    for worker in workers {
        let said = end(worker, &[1]);
        assert!(said.contains("error: "), "{said}");
    }
    cluster.start();
    for worker in four.crop_all().await {
        end(worker, &[0]);
    }
    assert_same(&four, &one).await;
    assert_eq!(four.manifest("v1"), one.manifest("v1"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn a_worker_that_was_halted_records_nothing_twice_on_postgres() {
    let (one, two) = (
        Farm::new(&server(), 60).await,
        Farm::leasing(&server(), 60, 3, None).await,
    );
    one.finish(0, &["crop"]);
    let catalog = two.catalog().await;
    // It takes pictures, and cannot record the first before it is halted.
    let mut gate = two.hold("faces").await;
    let halted = two.crop(0);
    until(&catalog, "SELECT COUNT(*) FROM leases", 60).await;
    signal(&halted, "STOP");
    gate.execute("COMMIT").await.expect("lets go");
    let said = two.finish(1, &["crop"]);
    assert!(said.contains("other crop workers are at work"), "{said}");
    assert_eq!(looked_at(&said), 60, "{said}");
    let status = two.finish(1, &["status"]);
    assert!(status.contains("worker       crop on "), "{status}");
    signal(&halted, "CONT");
    // It may have lost its connection within a transaction.
    end(halted, &[0, 1]);
    two.finish(1, &["crop"]);
    assert_same(&two, &one).await;
    assert_eq!(two.manifest("v1"), one.manifest("v1"));
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(child.id().to_string())
        .status();
    assert!(sent.expect("runs").success());
}
