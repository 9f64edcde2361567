//! The page, by keyboard and mouse, at desktop and phone size.

use super::browser::Browser;
use super::{Desk, furnished};
use crate::fixture::House;

async fn decisions(house: &House) -> Vec<String> {
    house.rows("SELECT decision FROM decisions ORDER BY decision").await
}

/// All of the page, at one size; each part goes on with what the one before left.
async fn the_page_works(width: u32, height: u32, name: &str) {
    let house = furnished().await;
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    let browser = Browser::open(width, height).await;
    browser.go(&format!("{}/?order=-likes", desk.url)).await;
    heads_are_decided_by_keys(&browser, &house, name).await;
    one_head_is_shown(&browser, name).await;
    a_bound_is_moved(&browser, &house, name).await;
    a_version_is_frozen(&browser, name).await;
    assert_eq!(browser.errors().await, [(); 0].map(|()| serde_json::Value::Null));
}

async fn heads_are_decided_by_keys(browser: &Browser, house: &House, name: &str) {
    browser
        .until("document.querySelectorAll('.tile img').length === 3")
        .await;
    browser
        .until("[...document.querySelectorAll('.tile img')].every((image) => image.complete && image.naturalWidth)")
        .await;
    browser.screenshot(&format!("gallery-{name}.png")).await;

    // Reject the first; the second, refused for its score, is kept; both undone and one done again.
    browser.run("document.querySelector('.tile').focus()").await;
    browser.press(&["r"]).await;
    browser
        .until("document.querySelector('.tile').classList.contains('reject')")
        .await;
    browser.press(&["k"]).await;
    browser
        .until("document.querySelectorAll('.tile')[1].classList.contains('keep')")
        .await;
    assert_eq!(decisions(house).await, ["keep", "reject"]);
    browser.press(&["z"]).await;
    browser
        .until("!document.querySelectorAll('.tile')[1].classList.contains('keep')")
        .await;
    browser.press(&["z"]).await;
    browser
        .until("!document.querySelector('.tile').classList.contains('reject')")
        .await;
    assert_eq!(decisions(house).await, [""; 0]);
    browser.press(&["y"]).await;
    browser
        .until("document.querySelector('.tile').classList.contains('reject')")
        .await;
    // The verdicts follow by themselves.
    browser
        .until("document.getElementById('counts').textContent.includes('1 accepted')")
        .await;

    // Everything shown at once.
    browser.press(&["a", "k"]).await;
    browser
        .until("document.querySelectorAll('.tile.keep').length === 3")
        .await;
    browser
        .until("document.getElementById('counts').textContent.includes('3 accepted')")
        .await;
}

async fn one_head_is_shown(browser: &Browser, name: &str) {
    // The picture with its box, filters.
    browser.run("document.querySelectorAll('.tile')[1].click()").await;
    browser
        .until("document.querySelector('#view[open] svg rect.this')")
        .await;
    browser
        .until("document.querySelector('#view .picture img').naturalWidth > 0")
        .await;
    browser.screenshot(&format!("head-{name}.png")).await;
    browser
        .run("[...document.querySelectorAll('#view button')].find((button) => button.textContent === 'Forget').click()")
        .await;
    browser
        .until("document.querySelectorAll('.tile.keep').length === 2")
        .await;
    browser
        .until("!document.querySelector('#view h2').textContent.includes('by hand')")
        .await;
    browser.press(&["\u{e014}"]).await; // the right arrow
    browser
        .until(
            "document.querySelector('#view h2').textContent.startsWith(document.querySelectorAll('.tile .id')[2].textContent)",
        )
        .await;
    browser.run("document.getElementById('view').close()").await;
}

async fn a_bound_is_moved(browser: &Browser, house: &House, name: &str) {
    // A filter stands in the address, and the way back is the browser's.
    browser.run("const form = document.getElementById('filters'); form.elements.decision.value = 'keep'; form.requestSubmit();").await;
    browser.until("location.search.includes('decision=keep')").await;
    browser.run("history.back()").await;
    browser.until("!location.search.includes('decision')").await;

    // A bound, moved by its number: its effect is shown before it is saved.
    browser.run("document.getElementById('bounds').open = true").await;
    browser
        .until("document.querySelectorAll('#sliders label').length === 8")
        .await;
    browser.run("const field = document.querySelector('#sliders input[type=number]'); field.value = '0.25'; field.dispatchEvent(new Event('input'));").await;
    browser
        .until("document.getElementById('effect').textContent === '1 in, 0 out'")
        .await;
    browser.screenshot(&format!("thresholds-{name}.png")).await;
    browser.run("document.getElementById('save-bounds').click()").await;
    browser
        .until("document.querySelector('.said').textContent.includes('min_score saved')")
        .await;
    assert!(
        std::fs::read_to_string(house.path("stages.toml"))
            .expect("reads")
            .contains("min_score = 0.25")
    );
}

async fn a_version_is_frozen(browser: &Browser, name: &str) {
    browser.run("document.getElementById('freeze').click(); document.getElementById('version-name').value = 'v1'; document.querySelector('#name button[value=freeze]').click();").await;
    browser
        .until("document.querySelector('.said').textContent.includes('v1 has 3 heads')")
        .await;
    browser.press(&["?"]).await;
    browser.until("document.querySelector('#keys[open]')").await;
    browser.screenshot(&format!("keys-{name}.png")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn on_a_desktop() {
    the_page_works(1280, 800, "desktop").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn on_a_phone() {
    the_page_works(390, 844, "phone").await;
}
