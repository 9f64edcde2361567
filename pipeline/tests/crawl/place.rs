//! The program in a folder of its own, and boards and a proxy for it.

use std::io::{Cursor, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;
use testbooru::{Board, NewPost, Server, Setup};

/// A settings file with one site, and a data folder.
pub struct Place {
    folder: TempDir,
    pub variables: Vec<(&'static str, String)>,
}

impl Place {
    pub fn new(root: &str, crawl: &str, site: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "[crawl]\nattempts = 1\nloopback_backoff = 0.001\nbackoff = 0.001\n{crawl}\n\
             [sites.board]\nroot = {root:?}\ninterval = 0.0\n{site}\n"
        );
        std::fs::write(folder.path().join("stages.toml"), text).expect("writes");
        Self {
            folder,
            variables: Vec::new(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn append(&self, text: &str) {
        let path = self.path("stages.toml");
        let before = std::fs::read_to_string(&path).expect("reads");
        std::fs::write(path, before + text).expect("writes");
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command
            .env_clear()
            .envs(self.variables.iter().cloned())
            .current_dir("/");
        command.arg("--config").arg(self.path("stages.toml")).args(arguments);
        command.output().expect("the program starts")
    }

    /// Runs a command that must end with `code`; gives both outputs.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        text.into_owned()
    }

    /// All text that runs left in the data folder.
    pub fn logs(&self) -> String {
        let Ok(logs) = std::fs::read_dir(self.path("data/logs")) else {
            return String::new();
        };
        logs.map(|log| std::fs::read_to_string(log.expect("is there").path()).expect("is text"))
            .collect()
    }
}

pub fn post(number: u32, side: u32) -> NewPost {
    let mut bytes = Cursor::new(Vec::new());
    // Noise, which no packing makes smaller.
    let noise = |x: u32, y: u32| {
        let mixed = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_add(number);
        let [red, green, blue, _] = (mixed ^ (mixed >> 13)).wrapping_mul(3_266_489_917).to_le_bytes();
        Rgb([red, green, blue])
    };
    RgbImage::from_fn(side, side, noise)
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("encodes");
    NewPost {
        bytes: bytes.into_inner(),
        ..NewPost::default()
    }
}

pub fn board(count: u32, side: u32) -> Server {
    let board = Board::empty();
    for number in 0..count {
        board.add(post(number, side));
    }
    Server::start(board, Setup::default()).expect("listens")
}

pub fn asked(server: &Server, path: &str) -> usize {
    server
        .requests()
        .iter()
        .filter(|request| request.path.starts_with(path))
        .count()
}

/// A proxy that answers for a board without posts, and remembers what it was asked for.
pub fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let address = format!("http://{}", listener.local_addr().expect("has one"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let lines = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]);
            let line = head.lines().next().unwrap_or_default().to_string();
            let body = if line.contains("robots.txt") { "" } else { "[]" };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            lines.lock().expect("nobody panics").push(line);
            stream.write_all(answer.as_bytes()).expect("the client listens");
        }
    });
    (address, asked)
}
