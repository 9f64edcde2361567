//! A PostgreSQL server of a test's own, which can be stopped in the middle of something.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A server with its files. It ends with this.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts one.
    pub fn new() -> Self {
        let versions = dataset::files::sorted_entries(Path::new("/usr/lib/postgresql")).expect("lists");
        let programs = versions.last().expect("PostgreSQL is installed").join("bin");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let cluster = Self {
            folder: tempfile::tempdir().expect("a folder"),
            programs,
            port: free.local_addr().expect("an address").port(),
        };
        drop(free);
        if is_root() {
            let owned = Command::new("chown")
                .arg("postgres")
                .arg(cluster.folder.path())
                .status();
            assert!(owned.expect("runs").success());
        }
        let data = cluster.data();
        cluster.run("initdb", &["-D", &data, "-U", "heads", "-A", "trust"]);
        cluster.start();
        cluster
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("postgres://heads@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it.
    pub fn start(&self) {
        let (data, folder) = (self.data(), self.folder.path().display());
        let (log, port) = (format!("{folder}/log"), self.port);
        let options = format!("-c listen_addresses=127.0.0.1 -p {port} -k {folder}");
        self.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &options, "start"]);
    }

    /// Stops it as a crash does: connections break, and what is not committed is lost.
    pub fn stop(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", "immediate", "stop"]);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// The server refuses to be the system administrator's.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = match is_root() {
            true => Command::new("runuser"),
            false => Command::new(&program),
        };
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        // Not a pipe: the server keeps it open.
        let ended = command
            .args(arguments)
            .current_dir("/")
            .stdout(std::process::Stdio::null())
            .status();
        assert!(ended.expect("runs").success(), "{} {arguments:?}", program.display());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A test that has failed may have stopped it.
        let stop = || self.stop();
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(stop));
    }
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}
