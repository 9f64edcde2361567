//! Heads whose hair and eyes were given colours, by the base model.

use reqwest::StatusCode;

use super::{Studio, trained};
use crate::steer::{base, mean};

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_the_colours_that_its_address_says() {
    let data = base();
    let studio = Studio::open(data.path(), &["base"]).await;
    let plain = studio.heads("/api/draw?seed=1&count=8").await;
    let mut heads = Vec::new();
    for (number, head) in plain.iter().enumerate() {
        let coloured = format!("{head}~hf0d070");
        heads.push(studio.picture(&format!("/heads/{coloured}")).await);
        if number == 0 {
            let both = studio.bytes(&format!("/heads/{coloured}~ebe3c3c")).await;
            let again = studio.bytes(&format!("/heads/{coloured}~ebe3c3c")).await;
            assert_eq!(both, again);
            assert_ne!(both, studio.bytes(&format!("/heads/{coloured}")).await);
        }
    }
    // b* of the hair: yellow.
    let found = mean(&heads, 2);
    assert!(found > 20.0, "{found}");
    assert!(studio.json("/api/state").await["colourless"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_not_measured_says_what_measures_it() {
    let data = trained();
    let settings = format!("[eval]\ndetector = {:?}\n", crate::fixture::detector());
    std::fs::write(data.path().join("stages.toml"), settings).expect("writes");
    let studio = Studio::open(data.path(), &["a"]).await;
    let head = studio.heads("/api/draw?seed=1&count=1").await.remove(0);
    let (status, error) = studio.error(&format!("/heads/{head}~h000000")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(error.contains("`trainer attributes a` measures them"), "{error}");
    let told = studio.json("/api/state").await["colourless"].clone();
    assert!(
        told.as_str().is_some_and(|told| told.contains("trainer attributes a")),
        "{told}"
    );
}
