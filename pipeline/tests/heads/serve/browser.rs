//! A headless Chromium, driven through WebDriver (its JSON over HTTP).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use serde_json::{Value, json};

/// A browser with one window.
pub struct Browser {
    driver: Child,
    session: String,
    client: reqwest::Client,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Opens it with a window of that size.
    pub async fn open(width: u32, height: u32) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed (Debian: chromium-driver)");
        let output = BufReader::new(driver.stdout.take().expect("is piped"));
        let mut lines = output.lines().map(|line| line.expect("is text"));
        let started = lines
            .find(|line| line.contains("successfully on port "))
            .expect("tells its port");
        let port = started
            .rsplit("on port ")
            .next()
            .expect("a port")
            .trim_end_matches('.')
            .to_owned();
        // Its pipe must not fill.
        std::thread::spawn(move || lines.for_each(drop));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let arguments = [
            "--headless=new".into(),
            "--no-sandbox".into(),
            "--disable-dev-shm-usage".into(),
            "--hide-scrollbars".into(),
            format!("--window-size={width},{height}"),
        ];
        // A window has 500 pixels at least: a narrower one is a phone's.
        let phone = json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0, "touch": true } });
        let mut options = json!({ "args": arguments });
        if width < 500 {
            options["mobileEmulation"] = phone;
        }
        let asked = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": 60_000 },
        } } });
        let root = format!("http://127.0.0.1:{port}/session");
        let told = call(client.post(&root).json(&asked)).await;
        let id = told["sessionId"].as_str().unwrap_or_else(|| panic!("{told}"));
        Self {
            driver,
            session: format!("{root}/{id}"),
            client,
        }
    }

    /// Goes to an address.
    pub async fn go(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    /// What a script gives; it may await.
    pub async fn run(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {script} }})().then(done, (error) => done(String(error)));"
        );
        self.post("execute/async", json!({ "script": script, "args": [] }))
            .await
    }

    /// Waits until an expression of the page is true; the page's own timer decides how long, at most a minute.
    pub async fn until(&self, expression: &str) {
        let script = format!(
            "const end = Date.now() + 50000; \
             while (!({expression})) {{ if (Date.now() > end) return 'never: ' + document.body.innerText; \
             await new Promise(requestAnimationFrame); }} return true;"
        );
        assert_eq!(self.run(&script).await, true, "{expression}");
    }

    /// Presses keys one after the other, as WebDriver names them.
    pub async fn press(&self, keys: &[&str]) {
        let press = |key: &&str| {
            [
                json!({ "type": "keyDown", "value": key }),
                json!({ "type": "keyUp", "value": key }),
            ]
        };
        let actions: Vec<Value> = keys.iter().flat_map(press).collect();
        self.post(
            "actions",
            json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }),
        )
        .await;
    }

    /// Presses a pointer (`mouse` or `touch`) at one place of the window, moves it to another and lets it go.
    pub async fn drag(&self, kind: &str, from: [f64; 2], to: [f64; 2]) {
        let go = |[x, y]: [f64; 2]| json!({ "type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round() });
        let middle = [(from[0] + to[0]) / 2.0, (from[1] + to[1]) / 2.0];
        let actions = [
            go(from),
            json!({ "type": "pointerDown", "button": 0 }),
            go(middle),
            go(to),
            json!({ "type": "pointerUp", "button": 0 }),
        ];
        let pointer =
            json!({ "type": "pointer", "id": kind, "parameters": { "pointerType": kind }, "actions": actions });
        self.post("actions", json!({ "actions": [pointer] })).await;
    }

    /// What the page wrote to its console as an error.
    pub async fn errors(&self) -> Vec<Value> {
        let logged = self.post("se/log", json!({ "type": "browser" })).await;
        let all = logged.as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|entry| entry["level"] == "SEVERE").collect()
    }

    /// Writes what the window shows, where SCREENSHOTS names a folder.
    pub async fn screenshot(&self, name: &str) {
        if let Some(folder) = std::env::var_os("SCREENSHOTS") {
            let taken = call(self.client.get(format!("{}/screenshot", self.session))).await;
            let png = base64::engine::general_purpose::STANDARD.decode(taken.as_str().expect("is text"));
            std::fs::write(Path::new(&folder).join(name), png.expect("is base64")).expect("writes");
        }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        call(self.client.post(format!("{}/{path}", self.session)).json(&body)).await
    }
}

async fn call(request: reqwest::RequestBuilder) -> Value {
    let told: Value = request
        .send()
        .await
        .expect("the driver answers")
        .json()
        .await
        .expect("is JSON");
    assert!(told["value"].get("error").is_none(), "{told}");
    told["value"].clone()
}
