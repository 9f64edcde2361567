//! The page, by keyboard and mouse, at desktop and phone size.

use serde_json::Value;

use super::browser::Browser;
use super::{Studio, addresses, trained};

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const RIGHT: &str = "\u{e014}";

/// Whether every picture that an element shows is there.
fn pictures(of: &str) -> String {
    format!(
        "(() => {{ const all = [...document.querySelectorAll('{of} img')]; \
         return all.length > 0 && all.every((image) => image.complete && image.naturalWidth); }})()"
    )
}

async fn heads_are_drawn_and_kept(browser: &Browser, studio: &Studio, name: &str) {
    browser
        .until("document.querySelectorAll('#heads .tile').length >= 24")
        .await;
    browser
        .until("document.querySelector('#heads .tile img').naturalWidth === 16")
        .await;
    browser.screenshot(&format!("draw-{name}.png")).await;
    browser.run("document.querySelector('#heads .tile').focus()").await;
    browser.press(&["f", RIGHT, "f"]).await;
    browser
        .until("document.querySelectorAll('#heads .star[aria-pressed=true]').length === 2")
        .await;
    // Both were kept at once: either may have come first.
    let mut kept = addresses(&studio.json("/api/favourites").await["favourites"]);
    kept.sort();
    let first = "[...document.querySelectorAll('#heads .tile')].slice(0, 2).map((tile) => tile.dataset.head)";
    let shown = browser.run(&format!("return {first}")).await;
    assert_eq!(shown, serde_json::json!(kept));
    // As long as one looks for more, more are drawn.
    browser.run("document.getElementById('more').scrollIntoView()").await;
    browser
        .until("document.querySelectorAll('#heads .tile').length >= 48")
        .await;
    browser.run("scrollTo(0, 0)").await;
    // Other settings are other heads; the best of many say why they are.
    let set = "const asked = document.getElementById('asked').elements; asked.of.value = '4'; asked.rank.value = 'd'; \
               asked.truncation.value = '0.7'; document.getElementById('asked').requestSubmit();";
    browser.run(set).await;
    browser
        .until("document.querySelector('#heads .tile .what')?.textContent.startsWith('D 0.')")
        .await;
    browser
        .until("document.querySelector('#heads .tile').dataset.head.endsWith('~t0.7')")
        .await;
    browser.press(&["o"]).await;
}

async fn one_head_is_opened_varied_chosen_walked_and_mixed(browser: &Browser, name: &str) {
    browser.run("document.querySelector('#heads .tile').focus()").await;
    browser.press(&[ENTER]).await;
    browser
        .until("document.querySelectorAll('#view[open] #near .tile').length === 12")
        .await;
    browser.until(&pictures("#view")).await;
    browser.screenshot(&format!("head-{name}.png")).await;
    browser.run("document.querySelector('#near .tile img').click()").await;
    browser
        .until("document.getElementById('view-address').value.includes('~b(')")
        .await;
    browser.run("document.getElementById('view-choose').click()").await;
    browser.run("document.getElementById('view-back').click()").await;
    browser
        .until("!document.getElementById('view-address').value.includes('~b(')")
        .await;
    browser.run("document.getElementById('view-choose').click()").await;
    browser.run("document.getElementById('view-close').click()").await;
    browser
        .until("document.querySelectorAll('#chosen img').length === 2")
        .await;
    browser.press(&["x"]).await;
    browser
        .until("document.querySelectorAll('#mix[open] .tile').length === 4")
        .await;
    browser.until(&pictures("#mixed")).await;
    browser.screenshot(&format!("mix-{name}.png")).await;
    browser.run("document.getElementById('mix-close').click()").await;
    browser.press(&["w"]).await;
    browser
        .until("document.querySelector('#walk[open] #walking')?.naturalWidth === 192")
        .await;
    browser.screenshot(&format!("walk-{name}.png")).await;
    browser.run("document.getElementById('walk-close').click()").await;
    browser.press(&[ESCAPE]).await;
    browser.until("document.getElementById('tray').hidden").await;
}

async fn a_part_is_erased_and_completed(browser: &Browser, name: &str) {
    browser.press(&["3"]).await;
    browser.until("!document.getElementById('complete').hidden").await;
    browser.press(&["1"]).await;
    // What is hidden takes no focus.
    browser.until("!document.getElementById('draw').hidden").await;
    browser.run("document.querySelector('#heads .tile').focus()").await;
    browser.press(&[ENTER]).await;
    browser.until("document.querySelector('#view[open]')").await;
    browser.run("document.getElementById('view-complete').click()").await;
    browser
        .until("!document.getElementById('go').disabled && document.getElementById('canvas').width === 16")
        .await;
    let stroke = "const canvas = document.getElementById('canvas'); const box = canvas.getBoundingClientRect(); \
        canvas.setPointerCapture = () => {}; \
        const at = (name, x, y) => canvas.dispatchEvent(new PointerEvent(name, { clientX: box.left + x * box.width, clientY: box.top + y * box.height, pointerId: 1 })); \
        at('pointerdown', 0.2, 0.3); at('pointermove', 0.6, 0.5); at('pointerup', 0.6, 0.5);";
    browser.run(stroke).await;
    browser
        .run(&format!(
            "document.getElementById('paint').click(); {}",
            stroke.replace("0.2, 0.3", "0.8, 0.8")
        ))
        .await;
    browser
        .run("document.getElementById('steps').value = '100'; document.getElementById('go').click();")
        .await;
    browser
        .until("document.getElementById('how-far').textContent.startsWith('done')")
        .await;
    browser.until(&pictures("#results")).await;
    browser.run("document.getElementById('results').scrollIntoView()").await;
    browser.screenshot(&format!("complete-{name}.png")).await;
    browser.run("document.getElementById('found-open').click()").await;
    browser
        .until("document.querySelector('#view[open] #view-address').value.split('/').pop().startsWith('z')")
        .await;
    browser.until(&pictures("#view .one")).await;
    browser.run("document.getElementById('view-close').click()").await;
}

async fn every_part_works(width: u32, height: u32, name: &str) {
    let data = trained();
    // A line of metrics is written each 50 steps.
    super::train(data.path(), "a", 36);
    super::train(data.path(), "b", 36);
    let studio = Studio::open(data.path(), &["a"]).await;
    let browser = Browser::open(width, height).await;
    browser.go(&format!("{}/?seed=11", studio.url)).await;
    heads_are_drawn_and_kept(&browser, &studio, name).await;
    browser
        .until("document.querySelectorAll('#heads .tile').length > 0")
        .await;
    one_head_is_opened_varied_chosen_walked_and_mixed(&browser, name).await;
    a_part_is_erased_and_completed(&browser, name).await;

    browser.press(&["2"]).await;
    browser
        .until("document.querySelectorAll('#kept .tile').length === 2")
        .await;
    browser.until(&pictures("#kept")).await;
    browser.screenshot(&format!("favourites-{name}.png")).await;
    browser.press(&["4"]).await;
    browser
        .until("document.querySelectorAll('#charts polyline').length >= 4")
        .await;
    browser.until(&pictures("#grids")).await;
    let beside = "const beside = document.getElementById('beside'); beside.value = 'b'; beside.dispatchEvent(new Event('change'));";
    browser.run(beside).await;
    browser
        .until("document.querySelectorAll('#grids img').length === 2")
        .await;
    browser.until(&pictures("#grids")).await;
    browser.screenshot(&format!("watch-{name}.png")).await;

    // An address opens its head; one of another checkpoint says what it is.
    let head = addresses(&studio.json("/api/favourites").await["favourites"]).remove(0);
    browser.go(&format!("{}/?head={head}", studio.url)).await;
    browser
        .until(&format!(
            "document.querySelector('#view[open] #view-address')?.value === '{head}'"
        ))
        .await;
    let (step, rest) = head.split_once('-').expect("has a digest");
    browser.go(&format!("{}/?head={step}1-{rest}", studio.url)).await;
    browser
        .until("document.querySelector('.said:not([hidden])')?.textContent.includes('checkpoint is gone')")
        .await;
    let wider = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.run(wider).await, 0, "nothing reaches over the edge");
    let errors = browser.errors().await;
    // The refused address is an answer of 404, which browsers log.
    let unexpected: Vec<&Value> = errors
        .iter()
        .filter(|error| {
            !error["message"]
                .as_str()
                .is_some_and(|text| text.contains("404") && text.contains("/api/head/"))
        })
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn on_a_desktop() {
    every_part_works(1280, 800, "desktop").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn on_a_phone() {
    every_part_works(390, 844, "phone").await;
}
