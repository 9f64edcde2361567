//! The studio: its heads and their addresses, favourites, completions, what is watched, who may ask, and the page in
//! a real browser.

#[allow(dead_code, reason = "this page is not dragged on")]
#[path = "../../../../pipeline/tests/heads/serve/browser.rs"]
pub mod browser;
mod colours;
mod page;
mod refused;
#[path = "../../../../pipeline/tests/heads/serve/served.rs"]
mod served;

use std::path::Path;
use std::process::{Child, Stdio};

use image::{GenericImageView, RgbImage};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::common::trainer;
use super::fixture::{detector, done};
use super::runs;
pub use served::Served as Studio;

/// Side of the run's heads, pixels.
const SIDE: u32 = 16;

/// A training that ends with the test, however that ends.
struct Training(Child);

impl Drop for Training {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A data folder with a tiny run `a` of two epochs.
fn trained() -> TempDir {
    let data = runs::data(24);
    train(data.path(), "a", 2);
    data
}

/// Trains a tiny run, or trains it on.
fn train(data: &Path, name: &str, epochs: u64) {
    let epochs = epochs.to_string();
    let more = [
        "--manifest",
        "v1",
        "--epochs",
        &epochs,
        "--grid-epochs",
        "1",
        "--resume",
    ];
    let output = runs::run(runs::tiny(data, name, &more));
    assert!(output.status.success(), "{}", runs::stderr(&output));
}

impl Studio {
    pub async fn open(data: &Path, args: &[&str]) -> Self {
        let mut command = trainer(data);
        command.arg("serve").args(args);
        if !args.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        Self::start(&mut command, "studio").await
    }

    /// An answer that is an error: its status and what it says.
    async fn error(&self, path: &str) -> (StatusCode, String) {
        let answer = self.get(path).await;
        let status = answer.status();
        let told: Value = answer.json().await.expect("is JSON");
        (
            status,
            told["error"]
                .as_str()
                .unwrap_or_else(|| panic!("{path}: {told}"))
                .to_owned(),
        )
    }

    async fn post_bytes(&self, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let answer = self.request(path).body(body).send().await.expect("answers");
        (answer.status(), answer.json().await.expect("is JSON"))
    }

    /// The addresses that an answer names.
    async fn heads(&self, path: &str) -> Vec<String> {
        addresses(&self.json(path).await["heads"])
    }

    pub async fn picture(&self, path: &str) -> RgbImage {
        image::load_from_memory(&self.bytes(path).await)
            .expect("decodes")
            .into_rgb8()
    }

    async fn keep(&self, head: &str, keep: bool) -> Value {
        let (status, told) = self
            .post("/api/favourites", &json!({ "head": head, "keep": keep }))
            .await;
        assert_eq!(status, StatusCode::OK, "{told}");
        told
    }
}

fn addresses(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|head| head["head"].as_str().expect("an address").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_opens_the_same_head_to_the_byte_after_a_restart() {
    let data = trained();
    let mut drawn = Vec::new();
    {
        let studio = Studio::open(data.path(), &["a"]).await;
        let heads = studio.heads("/api/draw?seed=7&from=0&count=4").await;
        assert!(heads[3].starts_with("a@") && heads[3].ends_with("/7.3"), "{heads:?}");
        let near = studio
            .heads(&format!("/api/near?head={}&far=0.3&seed=9&count=2", heads[1]))
            .await;
        let mixed = studio
            .json(&format!("/api/mix?head={}&other={}", heads[0], near[1]))
            .await;
        assert_eq!(
            (&mixed["by"], mixed["heads"].as_array().expect("a list").len()),
            (&json!("side"), 2)
        );
        assert_eq!(
            (&mixed["heads"][0]["side"], &mixed["heads"][1]["side"]),
            (&json!(4), &json!(8))
        );
        let cut = studio.heads("/api/draw?seed=7&from=0&count=1&truncation=0.5").await;
        for address in heads.iter().chain(&near).chain(&addresses(&mixed["heads"])).chain(&cut) {
            drawn.push((address.clone(), studio.bytes(&format!("/heads/{address}")).await));
        }
        let pictures: std::collections::BTreeSet<&Vec<u8>> = drawn.iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(pictures.len(), drawn.len(), "every head is another picture");
        let large = studio.picture(&format!("/heads/{}?times=3", heads[0])).await;
        assert_eq!(large.dimensions(), (3 * SIDE, 3 * SIDE));
    }
    // In another order, by another run of the program, on one thread, with batch norms recalibrated anew.
    std::fs::remove_file(data.path().join("runs/a/ema_buffers.safetensors")).expect("is there");
    let studio = Studio::open(data.path(), &["a", "--threads", "1"]).await;
    for (address, bytes) in drawn.iter().rev() {
        assert_eq!(&studio.bytes(&format!("/heads/{address}")).await, bytes, "{address}");
    }
    // The same heads as `trainer sample` draws.
    let out = data.path().join("sampled");
    let flags = [
        "--count", "4", "--keep", "4", "--seed", "7", "--each", "--rank", "d", "--out",
    ];
    done(
        data.path(),
        &[&["sample", "a"], &flags[..], &[&out.to_string_lossy()]].concat(),
    );
    let sampled = (1..=4).map(|rank| {
        image::open(out.join(format!("head-{rank:04}.png")))
            .expect("opens")
            .into_rgb8()
    });
    let ours: Vec<RgbImage> = drawn[..4]
        .iter()
        .map(|(_, png)| image::load_from_memory(png).expect("decodes").into_rgb8())
        .collect();
    for head in sampled {
        assert!(ours.contains(&head));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_of_many_is_the_best_of_the_best_of_some() {
    let data = trained();
    let settings = format!("[eval]\ndetector = {:?}\n", detector());
    std::fs::write(data.path().join("stages.toml"), settings).expect("writes");
    let studio = Studio::open(data.path(), &["a"]).await;
    let pairs = studio.json("/api/draw?seed=1&count=4&of=2&rank=d").await;
    assert_eq!(pairs["next"], 8);
    let fours = studio.json("/api/draw?seed=1&count=2&of=4&rank=d").await;
    for (place, four) in fours["heads"].as_array().expect("a list").iter().enumerate() {
        let pair = &pairs["heads"].as_array().expect("a list")[2 * place..2 * place + 2];
        let d = |head: &Value| head["d"].as_f64().expect("a number");
        let best = if d(&pair[0]) >= d(&pair[1]) { &pair[0] } else { &pair[1] };
        assert_eq!(four["head"], best["head"]);
    }
    // No head of this run has a face: the discriminator decides.
    let by_face = studio.json("/api/draw?seed=1&count=2&of=4&rank=both").await;
    assert_eq!(addresses(&by_face["heads"]), addresses(&fours["heads"]));
    assert!(by_face["heads"][0]["face"].is_number() && fours["heads"][0]["face"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn walks_and_grids_show_the_heads_they_are_of() {
    use image::AnimationDecoder;
    let data = trained();
    let studio = Studio::open(data.path(), &["a"]).await;
    let heads = studio.heads("/api/draw?seed=3&count=3").await;
    let query: String = heads.iter().map(|head| format!("heads={head}&")).collect();
    let walk = studio.bytes(&format!("/walk/webp?{query}steps=4&side=16")).await;
    let decoder = image::codecs::webp::WebPDecoder::new(std::io::Cursor::new(walk)).expect("is one");
    let frames = decoder.into_frames().collect_frames().expect("decodes");
    assert_eq!(frames.len(), 12);
    for (place, head) in heads.iter().enumerate() {
        let frame = image::DynamicImage::ImageRgba8(frames[4 * place].buffer().clone()).into_rgb8();
        assert_eq!(frame, studio.picture(&format!("/heads/{head}")).await);
    }
    let gif = studio.bytes(&format!("/walk/gif?{query}steps=2")).await;
    assert!(gif.starts_with(b"GIF89a"));
    let grid = studio.bytes(&format!("/grid?{query}columns=3")).await;
    let text = String::from_utf8_lossy(&grid).into_owned();
    assert!(
        heads.iter().all(|head| text.contains(head)),
        "the file says which heads it shows"
    );
    let grid = image::load_from_memory(&grid).expect("decodes");
    assert_eq!(grid.dimensions(), (3 * (SIDE + 2) + 2, SIDE + 4));
    let second = grid.crop_imm(SIDE + 4, 2, SIDE, SIDE).into_rgb8();
    assert_eq!(second, studio.picture(&format!("/heads/{}", heads[1])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn favourites_outlive_a_kill_and_can_be_taken_along() {
    let data = trained();
    let heads = {
        let mut studio = Studio::open(data.path(), &["a"]).await;
        let heads = studio.heads("/api/draw?seed=5&count=6").await;
        assert_eq!(studio.keep(&heads[0], true).await["favourites"], 1);
        assert_eq!(studio.keep(&heads[1], true).await["favourites"], 2);
        assert_eq!(
            studio.keep(&heads[1], true).await["favourites"],
            2,
            "a head is kept once"
        );
        assert_eq!(studio.keep(&heads[2], true).await["favourites"], 3);
        assert_eq!(studio.keep(&heads[0], false).await["favourites"], 2);
        // Killed while more are on their way: what was answered is there, and nothing is there by half.
        let more: Vec<_> = heads[3..]
            .iter()
            .map(|head| {
                studio
                    .request("/api/favourites")
                    .json(&json!({ "head": head, "keep": true }))
            })
            .collect();
        let sent: Vec<_> = more.into_iter().map(|request| tokio::spawn(request.send())).collect();
        studio.child.kill().expect("is killed");
        studio.child.wait().expect("ends");
        drop(sent);
        heads
    };
    let studio = Studio::open(data.path(), &["a"]).await;
    let told = studio.json("/api/favourites").await;
    let kept = addresses(&told["favourites"]);
    assert_eq!(kept[..2], heads[1..3]);
    for favourite in told["favourites"].as_array().expect("a list") {
        assert_eq!(favourite["here"], true);
        let (file, head) = (
            favourite["file"].as_str().expect("a name"),
            favourite["head"].as_str().expect("a head"),
        );
        assert_eq!(
            studio.bytes(&format!("/favourites/{file}")).await,
            studio.bytes(&format!("/heads/{head}")).await
        );
    }
    let grid = studio.picture("/favourites/grid.png").await;
    assert_eq!(grid.width(), 2 * (SIDE + 2) + 2);
    let tar = studio.bytes("/favourites/heads.tar").await;
    let mut archive = tar::Archive::new(&tar[..]);
    let names: Vec<String> = archive
        .entries()
        .expect("reads")
        .map(|entry| entry.expect("reads").path().expect("a path").display().to_string())
        .collect();
    assert_eq!(names.len(), kept.len());
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("favourites/") && name.ends_with(".png"))
    );
    assert!(
        data.path().join("runs/a").join(&names[0]).is_file(),
        "they lie beside the run"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_checkpoint_is_told_and_heads_of_the_old_one_are_refused() {
    let data = trained();
    let studio = Studio::open(data.path(), &[]).await;
    let head = studio.heads("/api/draw?seed=5&count=1").await.remove(0);
    studio.keep(&head, true).await;
    let before = studio.bytes(&format!("/heads/{head}")).await;
    assert_eq!(studio.json("/api/state").await["newer"], Value::Null);
    train(data.path(), "a", 3);
    let state = studio.json("/api/state").await;
    let step = state["newer"].as_u64().expect("there is a newer one");
    assert!(step > state["step"].as_u64().expect("a number"));
    // What is loaded goes on.
    assert_eq!(studio.bytes(&format!("/heads/{head}")).await, before);
    let other = studio.heads("/api/draw?seed=6&count=1").await.remove(0);
    studio.bytes(&format!("/heads/{other}")).await;

    let (status, state) = studio.post("/api/checkpoint", &json!({})).await;
    assert_eq!(
        (status, &state["step"], &state["newer"]),
        (StatusCode::OK, &step.into(), &Value::Null),
        "{state}"
    );
    for path in [
        format!("/heads/{head}"),
        format!("/api/head/{head}"),
        format!("/api/near?head={head}&far=0.1&seed=1&count=1"),
    ] {
        let (status, error) = studio.error(&path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(
            error.contains(&format!("draws from step {step}")) && error.contains("gone"),
            "{error}"
        );
    }
    let (_, error) = studio.error(&format!("/api/head/{}", head.replace("a@", "b@"))).await;
    assert!(error.contains("trainer serve b"), "{error}");
    // Its picture stays.
    let kept = studio.json("/api/favourites").await["favourites"][0].clone();
    assert_eq!(
        (kept["head"].as_str(), kept["here"].as_bool()),
        (Some(head.as_str()), Some(false))
    );
    let file = kept["file"].as_str().expect("a name");
    assert_eq!(studio.bytes(&format!("/favourites/{file}")).await, before);
    let new = studio.heads("/api/draw?seed=5&count=1").await.remove(0);
    assert_ne!(
        studio.picture(&format!("/heads/{new}")).await,
        image::load_from_memory(&before).expect("decodes").into_rgb8()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_trains_is_watched_beside_another() {
    let data = trained();
    let more = [
        "--manifest",
        "v1",
        "--epochs",
        "100000",
        "--grid-epochs",
        "50",
        "--resume",
    ];
    let mut command = runs::tiny(data.path(), "b", &more);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut training = Training(child.expect("starts"));
    let studio = Studio::open(data.path(), &["a"]).await;
    let ended = studio.json("/api/runs/a").await;
    // Two epochs are too few steps for a line of metrics.
    assert_eq!((&ended["images"], &ended["grids"]), (&Value::Null, &json!([1, 2])));
    let same = studio
        .json(&format!(
            "/api/runs/a?stamp={}",
            ended["stamp"].as_str().expect("a stamp")
        ))
        .await;
    assert_eq!((&same["same"], &same["curves"]), (&json!(true), &Value::Null));
    let images = async || {
        studio
            .client
            .get(format!("{}/api/runs/b", studio.url))
            .send()
            .await
            .expect("answers")
    };
    // Until the run has a line, and then another.
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 {
        let answer = images().await;
        if answer.status() == StatusCode::OK {
            let told: Value = answer.json().await.expect("is JSON");
            seen.extend(told["images"].as_u64());
            assert!(told["curves"]["loss_d"].is_array(), "{told}");
        }
        assert!(
            training.0.try_wait().expect("is there").is_none(),
            "the training goes on"
        );
    }
    assert_eq!(studio.json("/api/state").await["runs"], json!(["a", "b"]));
    let grid = studio.picture("/runs/a/grids/2").await;
    assert_eq!(
        grid,
        image::open(data.path().join("runs/a/grids/epoch-0002.png"))
            .expect("opens")
            .into_rgb8()
    );
    let (status, error) = studio.error("/api/runs/c").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(error.contains("there are: a, b"), "{error}");
}

/// A head's pixels as the page's canvas has them, with its left half erased.
fn half_erased(head: &RgbImage) -> Vec<u8> {
    let pixels = head.enumerate_pixels().map(|(x, _, pixel)| match x < SIDE / 2 {
        true => [0; 4],
        false => [pixel.0[0], pixel.0[1], pixel.0[2], 255],
    });
    pixels.flatten().collect()
}

impl Studio {
    /// Follows a completion to its end.
    async fn ended(&self, number: &Value) -> Value {
        loop {
            let told = self.json(&format!("/api/completions/{number}")).await;
            if !["waiting", "running"].contains(&told["stage"].as_str().expect("a stage")) {
                return told;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_is_filled_and_what_was_there_stays() {
    let data = trained();
    let studio = Studio::open(data.path(), &["a"]).await;
    let head = studio.heads("/api/draw?seed=5&count=1").await.remove(0);
    let before = studio.picture(&format!("/heads/{head}")).await;
    let asked = format!("/api/completions?head={head}&steps=60&tries=2&lambda=0.1&seed=3&plain=true");
    let (status, told) = studio.post_bytes(&asked, half_erased(&before)).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let told = studio.ended(&told["completion"]).await;
    assert_eq!((&told["stage"], &told["done"]), (&json!("done"), &json!(60)), "{told}");
    let difference = |at: usize| told["difference"][at].as_f64().expect("a number");
    assert!(difference(1) < difference(0), "{told}");
    let completed = studio
        .picture(&format!("/completions/{}/completed.png", told["completion"]))
        .await;
    let drawn = studio
        .picture(&format!("/completions/{}/drawn.png", told["completion"]))
        .await;
    for (x, y, pixel) in completed.enumerate_pixels() {
        let expected = if x < SIDE / 2 { &drawn } else { &before };
        assert_eq!(pixel, expected.get_pixel(x, y), "{x} {y}");
    }
    // The head that was found has an address of its own, and can be gone on from.
    let found = told["head"].as_str().expect("an address");
    let near = studio
        .heads(&format!("/api/near?head={found}&far=0.2&seed=1&count=1"))
        .await;
    studio.bytes(&format!("/heads/{}", near[0])).await;
    let again = studio.picture(&format!("/heads/{found}")).await;
    let apart = again
        .as_raw()
        .iter()
        .zip(drawn.as_raw())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(
        apart < Some(24),
        "the address tells the noise to a hundredth: {apart:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_wait_for_one_another_and_can_be_cancelled() {
    let data = trained();
    let mut studio = Studio::open(data.path(), &["a"]).await;
    let picture = std::io::Cursor::new(std::fs::read(data.path().join("runs/a/grids/epoch-0001.png")).expect("reads"));
    let (status, upload) = studio.post_bytes("/api/pictures", picture.into_inner()).await;
    assert_eq!((status, &upload["by"]), (StatusCode::OK, &json!("middle")), "{upload}");
    let before = studio.picture(&format!("/pictures/{}", upload["picture"])).await;
    assert_eq!(before.dimensions(), (SIDE, SIDE));
    let asked = format!("/api/completions?picture={}&steps=5000&tries=8", upload["picture"]);
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let (status, told) = studio.post_bytes(&asked, half_erased(&before)).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        numbers.push(told["completion"].clone());
    }
    let last = studio.json(&format!("/api/completions/{}", numbers[2])).await;
    assert_eq!(
        (&last["stage"], &last["before"]),
        (&json!("waiting"), &json!(2)),
        "{last}"
    );
    // Heads are drawn beside the search, and the checkpoint stays meanwhile.
    let heads = studio.heads("/api/draw?seed=8&count=2").await;
    studio.bytes(&format!("/heads/{}", heads[0])).await;
    let (status, told) = studio.post("/api/checkpoint", &json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{told}");
    for number in &numbers {
        let (status, told) = studio
            .post(&format!("/api/completions/{number}/cancel"), &json!({}))
            .await;
        assert_eq!(
            (status, &told["stage"]),
            (StatusCode::OK, &json!("cancelled")),
            "{told}"
        );
    }
    let all = studio.json("/api/completions").await;
    assert_eq!(all.as_array().expect("a list").len(), 3);
    let (status, told) = studio.post("/api/checkpoint", &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    // The program ends in order, also in the middle of a search.
    let (status, told) = studio.post_bytes(&asked, half_erased(&before)).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let process = studio.child.id().to_string();
    let asked = std::process::Command::new("kill").args(["-TERM", &process]).status();
    assert!(asked.expect("starts").success());
    assert_eq!(studio.child.wait().expect("ends").code(), Some(0));
}
