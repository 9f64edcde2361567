//! Boxes by hand in the curation desk: its answers, a kill at any moment, and the page.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::browser::Browser;
use super::{Desk, furnished};
use crate::fixture::House;

/// The box of the face in each picture of the house.
const FACE: [f64; 4] = [60.0, 60.0, 100.0, 100.0];

async fn pictures(desk: &Desk, query: &str) -> Vec<String> {
    let told = desk.json(&format!("/api/pictures{query}")).await;
    let list = told["pictures"].as_array().expect("a list").iter();
    list.map(|picture| picture["image"].as_str().expect("a hash").to_owned())
        .collect()
}

fn none() -> Value {
    json!({ "made": [], "deleted": [], "checked": null })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_boxes_is_recorded_judged_and_taken_back() {
    let house = furnished().await;
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    let image = &pictures(&desk, "?min-likes=30").await[0];
    let path = format!("/api/pictures/{image}");
    let seen = desk.json(&path).await;
    assert_eq!(
        (&seen["boxes"], &seen["faces"][0]["box"]),
        (&none(), &json!(FACE)),
        "{seen}"
    );
    assert_eq!(
        (&seen["faces"][0]["by_hand"], &seen["faces"][0]["verdict"]),
        (&json!(false), &json!("accepted"))
    );

    // The face moved a little, and found right.
    let moved = json!([63.0, 62.0, 103.5, 102.0]);
    let boxes = json!({ "made": [moved], "deleted": [FACE], "checked": [moved] });
    let change = json!({ "before": none(), "boxes": boxes });
    let (status, told) = desk.post(&format!("{path}/boxes"), &change).await;
    assert_eq!((status, &told["boxes"]), (StatusCode::OK, &boxes), "{told}");
    let faces = told["faces"].as_array().expect("a list");
    assert_eq!(
        (faces.len(), &faces[0]["box"], &faces[0]["by_hand"]),
        (1, &moved, &json!(true))
    );
    let (status, told) = desk.post(&format!("{path}/boxes"), &change).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "another tab was first");
    assert!(
        told["error"].as_str().expect("is told").contains("open it again"),
        "{told}"
    );
    desk.post("/api/verdicts", &json!({})).await;
    let told = desk.json("/api/heads?min-likes=30").await;
    let head = &told["heads"][0];
    assert_eq!(
        (&told["total"], &head["by_hand"], &head["score"]),
        (&json!(1), &json!(true), &Value::Null)
    );
    assert_eq!(head["verdict"], "accepted");
    let told = desk
        .json(&format!("/api/heads/{}", head["head"].as_str().expect("a hash")))
        .await;
    assert_eq!(told["by_hand"], true);
    let asked = |reason: &str| {
        let filters = told["filters"].as_array().expect("a list").iter();
        let mut of_reason = filters.filter(|filter| filter["reason"] == reason);
        of_reason.next().expect(reason)["asked"].clone()
    };
    assert_eq!(
        [asked("score"), asked("side"), asked("no-face")],
        [false, true, false].map(Value::from)
    );

    assert_eq!(pictures(&desk, "?checked=yes").await, std::slice::from_ref(image));
    assert_eq!(pictures(&desk, "?checked=no").await.len(), 2);
    assert_eq!(pictures(&desk, "?heads=none").await.len(), 1);
    let small = desk
        .get(&format!("/pictures/{image}?side=48"))
        .await
        .bytes()
        .await
        .expect("reads");
    assert_eq!(image::load_from_memory(&small).expect("decodes").width(), 48);

    let back = json!({ "before": boxes, "boxes": none() });
    let (status, told) = desk.post(&format!("{path}/boxes"), &back).await;
    assert_eq!(
        (status, &told["faces"][0]["box"]),
        (StatusCode::OK, &json!(FACE)),
        "{told}"
    );
    desk.post("/api/verdicts", &json!({})).await;
    let again = desk.json(&path).await;
    assert_eq!(again["faces"], seen["faces"]);

    let lock = dataset::lock::Lock::take(house.folder.path(), "pipeline crop").expect("is free");
    let (status, told) = desk.post(&format!("{path}/boxes"), &change).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        told["error"].as_str().expect("is told").contains("pipeline crop"),
        "{told}"
    );
    drop(lock);
    let (status, _) = desk.post("/api/pictures/..%2fx/boxes", &change).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_a_change_whole_or_none_of_it() {
    let house = furnished().await;
    let image = {
        let desk = Desk::open(&house, "127.0.0.1:0").await;
        pictures(&desk, "?min-likes=30").await[0].clone()
    };
    let boxes =
        json!({ "made": [[20.0, 20.0, 70.0, 70.0], [100.0, 90.0, 150.0, 150.0]], "deleted": [FACE], "checked": [] });
    let change = json!({ "before": none(), "boxes": boxes });
    let back = json!({ "before": boxes, "boxes": none() });
    let path = format!("/api/pictures/{image}/boxes");
    let mut whole = Duration::ZERO;
    for seed in 0..12_u32 {
        let mut desk = Desk::open(&house, "127.0.0.1:0").await;
        if seed == 0 {
            let begun = Instant::now();
            assert_eq!(desk.post(&path, &change).await.0, StatusCode::OK);
            whole = begun.elapsed();
            assert_eq!(desk.post(&path, &back).await.0, StatusCode::OK);
        }
        let share = f64::from(seed.wrapping_mul(0x9E37_79B1) >> 8) / f64::from(1 << 24);
        let request = desk
            .client
            .post(format!("{}{path}", desk.url))
            .header("x-desk-key", &desk.key)
            .json(&change);
        let answer = tokio::spawn(request.send());
        let moment = Instant::now() + whole.mul_f64(share);
        while Instant::now() < moment {
            tokio::task::yield_now().await;
        }
        desk.child.kill().expect("is killed");
        desk.child.wait().expect("ends");
        let answered = answer
            .await
            .expect("ends")
            .is_ok_and(|answer| answer.status() == StatusCode::OK);
        let count = async |sql: &str| house.rows(sql).await.concat();
        let made = count("SELECT COUNT(*) FROM faces WHERE detector = 'hand'").await;
        let deleted = count("SELECT COUNT(*) FROM faces WHERE detector = 'deleted'").await;
        assert!(
            made == "2" && deleted == "1" || (made == "0" && deleted == "0" && !answered),
            "moment {seed}: {made} {deleted}"
        );
        let heads = house
            .rows("SELECT h.head FROM heads AS h JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal WHERE h.detector = 'hand'")
            .await;
        assert_eq!(heads.len().to_string(), made, "moment {seed}: a box without a head");
        for head in heads {
            let key = dataset::Key::head(&head).expect("a hash");
            assert!(
                house.store.holds(&key, None).expect("looks"),
                "moment {seed}: a row before its bytes"
            );
        }
        // The next one ends it, and takes it back.
        let desk = Desk::open(&house, "127.0.0.1:0").await;
        if made == "0" {
            assert_eq!(desk.post(&path, &change).await.0, StatusCode::OK, "moment {seed}");
        }
        assert_eq!(desk.post(&path, &back).await.0, StatusCode::OK, "moment {seed}");
    }
}

/// Where a place of the picture is in the window.
async fn place(browser: &Browser, x: f64, y: f64) -> [f64; 2] {
    let script = format!(
        "const place = new DOMPoint({x}, {y}).matrixTransform(document.querySelector('#picture svg').getScreenCTM()); \
         return [place.x, place.y];"
    );
    serde_json::from_value(browser.run(&script).await).expect("a place")
}

async fn drag(browser: &Browser, kind: &str, from: [f64; 2], to: [f64; 2]) {
    let (from, to) = (
        place(browser, from[0], from[1]).await,
        place(browser, to[0], to[1]).await,
    );
    browser.drag(kind, from, to).await;
}

/// Left, upper, right and lower edges, rounded: the pointer moves by whole pixels of the screen.
async fn recorded(house: &House, detector: &str) -> Vec<[i64; 4]> {
    let sql = format!("SELECT x0, y0, x1, y1 FROM faces WHERE detector = '{detector}' ORDER BY ordinal");
    let rows = house.rows(&sql).await;
    let edges = |row: &String| {
        let edges: Vec<i64> = row
            .split(' ')
            .map(|edge| edge.parse::<f64>().expect("a number").round() as i64)
            .collect();
        edges.try_into().expect("four edges")
    };
    rows.iter().map(edges).collect()
}

/// To a pixel.
fn assert_near(recorded: &[[i64; 4]], expected: [i64; 4]) {
    let near = |edges: &[i64; 4]| {
        edges
            .iter()
            .zip(expected)
            .all(|(edge, expected)| (edge - expected).abs() <= 1)
    };
    assert!(recorded.len() == 1 && near(&recorded[0]), "{recorded:?} {expected:?}");
}

async fn boxes_are_edited(width: u32, height: u32, kind: &str, name: &str) {
    let house = furnished().await;
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    let browser = Browser::open(width, height).await;
    browser.go(&format!("{}/?show=pictures&min-likes=30", desk.url)).await;
    browser
        .until("document.querySelectorAll('.tile.picture img').length === 1")
        .await;
    browser
        .until("document.querySelector('.tile img').naturalWidth > 0")
        .await;
    browser.screenshot(&format!("pictures-{name}.png")).await;
    browser.run("document.querySelector('.tile').click()").await;
    browser
        .until("document.querySelector('#picture[open] svg rect.accepted')")
        .await;
    browser
        .until("document.querySelector('#picture .picture img').naturalWidth > 0")
        .await;

    // Moved by the pointer, and by keys; the deleted place is where the detector saw it.
    drag(&browser, kind, [80.0, 80.0], [95.0, 85.0]).await;
    browser
        .until("document.querySelectorAll('#picture rect.hand').length === 1")
        .await;
    browser
        .until("document.querySelector('#picture .said').textContent === 'recorded'")
        .await;
    assert_near(&recorded(&house, "hand").await, [75, 65, 115, 105]);
    assert_eq!(recorded(&house, "deleted").await, [[60, 60, 100, 100]]);
    browser.press(&["\u{e014}", "\u{e014}", "\u{e015}"]).await; // right, right, down
    browser.press(&["c"]).await;
    browser
        .until("document.getElementById('picture-title').textContent.includes('checked')")
        .await;
    assert_near(&recorded(&house, "hand").await, [77, 66, 117, 106]);
    assert_near(&recorded(&house, "checked").await, [77, 66, 117, 106]);

    // A new one over a free place; it is resized, deleted, and there again.
    drag(&browser, kind, [125.0, 120.0], [175.0, 170.0]).await;
    browser.until("document.querySelectorAll('#picture rect.hand').length === 2 && document.querySelector('#picture rect.chosen')").await;
    browser
        .until("document.getElementById('picture-title').textContent.endsWith('2 faces, 2 by hand, checked')")
        .await;
    browser
        .until("document.querySelector('#picture[aria-busy=false]')")
        .await;
    drag(&browser, kind, [175.0, 170.0], [185.0, 180.0]).await;
    browser
        .until("Math.abs(document.querySelector('#picture rect.chosen').getAttribute('width') - 60) < 1.5")
        .await;
    browser.screenshot(&format!("boxes-{name}.png")).await;
    browser
        .until("document.querySelector('#picture rect.hand.accepted, #picture rect.hand.refused')")
        .await;
    browser.press(&["b", "b"]).await;
    browser.press(&["d"]).await;
    browser
        .until("document.querySelectorAll('#picture rect.hand').length === 1")
        .await;
    browser.press(&["z"]).await;
    browser
        .until("document.querySelectorAll('#picture rect.hand').length === 2")
        .await;
    assert_eq!(recorded(&house, "checked").await.len(), 2);
    browser.press(&["y"]).await;
    browser
        .until("document.querySelectorAll('#picture rect.hand').length === 1")
        .await;
    browser.press(&["a"]).await;
    browser
        .until("document.querySelectorAll('#picture rect.hand').length === 2")
        .await;

    browser
        .until("[...document.querySelectorAll('#picture rect')].every((rect) => rect.matches('.accepted, .refused'))")
        .await;

    // A command holds the lock: what was done is not shown as if it were recorded.
    let lock = dataset::lock::Lock::take(house.folder.path(), "pipeline crawl").expect("no verdicts are under way");
    browser.press(&["d"]).await;
    browser.until("document.querySelector('#picture .said.bad') && document.querySelectorAll('#picture rect.hand').length === 2").await;
    drop(lock);
    browser.press(&["\u{e00c}", "\u{e00c}"]).await; // Escape
    browser.until("!document.querySelector('#picture[open]')").await;
    browser
        .until("document.querySelector('.tile .what').textContent.includes('checked')")
        .await;

    // From a head to its picture.
    browser.go(&format!("{}/?min-likes=30", desk.url)).await;
    browser.until("document.querySelector('.tile img')").await;
    browser.run("document.querySelector('.tile').click()").await;
    browser
        .until("document.querySelector('#view[open] svg rect.hand')")
        .await;
    browser.press(&["b"]).await;
    browser
        .until("document.querySelector('#picture[open] rect.chosen')")
        .await;
    assert_eq!(browser.errors().await.len(), 1, "the refused change alone");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn by_mouse_on_a_desktop() {
    boxes_are_edited(1280, 800, "mouse", "desktop").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn by_touch_on_a_phone() {
    boxes_are_edited(390, 844, "touch", "phone").await;
}
