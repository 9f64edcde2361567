//! A program that serves a page, and a client that asks it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use reqwest::StatusCode;
use serde_json::Value;

/// The program, serving.
pub struct Served {
    pub child: Child,
    /// Open as long as the program writes to it.
    _output: BufReader<ChildStdout>,
    pub url: String,
    /// The page's name, as in `x-NAME-key`.
    name: &'static str,
    pub key: String,
    pub client: reqwest::Client,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts the program, which prints its address; where that has no token, the page is asked for its key.
    pub async fn start(command: &mut Command, name: &'static str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
        let mut output = BufReader::new(child.stdout.take().expect("is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("is text");
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let Some(url) = url.map(str::to_owned) else {
            let told = child.stderr.take().map(std::io::read_to_string);
            panic!("{line}{told:?}");
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut served = Self {
            child,
            _output: output,
            url: url.trim_end_matches('/').into(),
            name,
            key: String::new(),
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
        };
        if !served.url.contains("token") {
            let page = served.get("/").await.text().await.expect("is text");
            let key = page
                .split(&format!("{name}-key\" content=\""))
                .nth(1)
                .expect("has a key");
            served.key = key.split('"').next().expect("ends").into();
        }
        served
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        let request = self.client.get(format!("{}{path}", self.url));
        request.send().await.expect("answers")
    }

    /// The bytes of an answer, which must succeed.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.get(path).await;
        let (status, bytes) = (answer.status(), answer.bytes().await.expect("reads"));
        assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&bytes));
        bytes.into()
    }

    pub async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.bytes(path).await).expect("is JSON")
    }

    /// A request for a change, with the page's key.
    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.url));
        request.header(format!("x-{}-key", self.name), &self.key)
    }

    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.request(path).json(body).send().await.expect("answers");
        (answer.status(), answer.json().await.expect("is JSON"))
    }
}
