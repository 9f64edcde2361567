//! The page in a browser, served by a server of plain files, at desktop and phone size.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine;
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use super::super::serve::Studio;
use super::super::serve::browser::Browser;
use super::super::steer::base;
use super::{export, told};

const ENTER: &str = "\u{e007}";
const RIGHT: &str = "\u{e014}";
/// Side of the base model's heads, pixels.
const SIDE: u32 = 96;
/// Largest difference of the browser's bytes from libtorch's.
const LEVELS: u8 = 2;

/// A server of the files of a folder below a path, as a project's page has one on a static host.
struct Files {
    url: String,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Files {
    fn serve(folder: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("has one");
        let asked = Arc::new(Mutex::default());
        let known = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, asked) = (folder.clone(), Arc::clone(&known));
                std::thread::spawn(move || answer(&stream, &folder, &asked));
            }
        });
        Self {
            url: format!("http://{address}/below/"),
            asked,
        }
    }
}

fn answer(mut stream: &TcpStream, folder: &Path, asked: &Mutex<BTreeSet<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let line = lines.next()?.ok()?;
    while lines.next()?.is_ok_and(|line| !line.is_empty()) {}
    let path = line.split(' ').nth(1)?;
    asked.lock().expect("is whole").insert(path.to_owned());
    let name = match path.strip_prefix("/below/") {
        Some("") => "index.html",
        Some(name) if !name.contains("..") => name,
        _ => "missing",
    };
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("js" | "mjs") => "text/javascript",
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    };
    let (status, body) = match std::fs::read(folder.join(name)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    // The policy binds the worker too, whose requests the page does not see: one that went elsewhere is an error.
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\
         content-security-policy: default-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body).ok()
}

/// A data folder with the base model, and its page.
fn exported() -> (tempfile::TempDir, PathBuf) {
    let data = base();
    let site = data.path().join("site");
    let output = export(data.path(), "base", &site).output().expect("starts");
    assert!(output.status.success(), "{}", told(&output));
    (data, site)
}

/// The pixels of an element that shows a picture.
async fn pixels(browser: &Browser, element: &str) -> RgbImage {
    // Decoding ends with an error where the page shows another picture meanwhile.
    let script = format!(
        "let image; do {{ await new Promise(requestAnimationFrame); image = document.querySelector('{element}'); }} \
         while (!await image.decode().then(() => true, () => false)); \
         const context = new OffscreenCanvas({SIDE}, {SIDE}).getContext('2d'); context.drawImage(image, 0, 0); \
         return btoa([...context.getImageData(0, 0, {SIDE}, {SIDE}).data].map((byte) => String.fromCharCode(byte)).join(''));"
    );
    let told = browser.run(&script).await;
    let bytes = base64::engine::general_purpose::STANDARD.decode(told.as_str().expect("is text"));
    let bytes = bytes.unwrap_or_else(|_| panic!("{told}"));
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let at = 4 * (y * SIDE + x) as usize;
        Rgb([bytes[at], bytes[at + 1], bytes[at + 2]])
    })
}

fn farthest(one: &RgbImage, other: &RgbImage) -> u8 {
    let apart = one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| a.abs_diff(*b));
    apart.max().expect("has pixels")
}

/// Opens the page at what its address says behind the #.
async fn open(browser: &Browser, files: &Files, hash: &str) {
    browser.go("about:blank").await;
    browser.go(&format!("{}#{hash}", files.url)).await;
}

/// Waits until the dialog shows the head whose address ends so.
async fn shows(browser: &Browser, address: &str) {
    let shown = format!(
        "document.querySelector('#view[open] #view-image')?.dataset.shows?.endsWith({address:?}) && \
         document.getElementById('view-image').complete"
    );
    browser.until(&shown).await;
}

async fn heads_are_those_of_the_studio(browser: &Browser, files: &Files, studio: &Studio) {
    let source = studio.json("/api/state").await["source"].clone();
    let source = source.as_str().expect("is text");
    let found = format!("z{}", "05ff7f80".repeat(25));
    for head in [
        "1.0",
        "7.33",
        "18446744073709551615.99999",
        "7.33~t0.7",
        "7.33~b(9.4)0.25",
        "7.33~m(9.4)12~t2",
        &found,
    ] {
        let address = format!("{source}/{head}");
        open(browser, files, &format!("head={address}")).await;
        shows(browser, &address).await;
        let (ours, theirs) = (
            pixels(browser, "#view-image").await,
            studio.picture(&format!("/heads/{address}")).await,
        );
        let apart = farthest(&ours, &theirs);
        assert!(apart <= LEVELS, "{head}: {apart} levels apart");
    }
    for (head, expected) in [
        ("1.0~q", "is no head"),
        ("1.100000", "is no head"),
        ("1.0~m(2.2)7", "mixes no heads from maps of 7 px on"),
    ] {
        open(browser, files, &format!("head={source}/{head}")).await;
        let told = format!("document.querySelector('.said:not([hidden])')?.textContent.includes('{expected}')");
        browser.until(&told).await;
    }
    let (run, _) = source.split_once('@').expect("has a step");
    open(browser, files, &format!("head={run}@1-00000000/1.0")).await;
    browser
        .until("document.querySelector('.said:not([hidden])')?.textContent.includes('this page draws from')")
        .await;
}

async fn heads_are_drawn_opened_and_kept(browser: &Browser, files: &Files, name: &str) {
    open(browser, files, "seed=11").await;
    let drawn = |count: u32| {
        format!(
            "[...document.querySelectorAll('#heads .tile img')].filter((image) => image.naturalWidth === {SIDE}).length >= {count}"
        )
    };
    browser.until(&drawn(24)).await;
    browser.screenshot(&format!("page-draw-{name}.png")).await;
    browser.run("document.getElementById('more').scrollIntoView()").await;
    browser.until(&drawn(48)).await;
    browser
        .run("scrollTo(0, 0); document.querySelector('#heads .tile').focus()")
        .await;
    browser.press(&["f", RIGHT, " ", ENTER]).await;
    browser
        .until("document.querySelectorAll('#view[open] #near .tile img').length === 12")
        .await;
    browser
        .until("[...document.querySelectorAll('#view img')].every((image) => image.naturalWidth)")
        .await;
    browser.screenshot(&format!("page-head-{name}.png")).await;
    // The address is the head's, and draws it again.
    let address = browser.run("return location.href").await;
    assert!(
        address.as_str().is_some_and(|text| text.ends_with("/11.1")),
        "{address}"
    );
    let before = pixels(browser, "#view-image").await;
    browser.go("about:blank").await;
    browser.go(address.as_str().expect("is text")).await;
    shows(browser, "/11.1").await;
    assert_eq!(pixels(browser, "#view-image").await, before);
    // Closed, the page says what is drawn behind the dialog; what was kept is still kept.
    browser.run("document.getElementById('view-close').click()").await;
    browser.until("location.hash.startsWith('#seed=')").await;
    browser.run("location.hash = 'favourites'").await;
    browser
        .until(
            "document.querySelectorAll('#kept .tile').length === 1 && document.querySelector('#kept img').naturalWidth",
        )
        .await;
    let kept = browser
        .run("return document.querySelector('#kept .tile').dataset.head")
        .await;
    assert!(kept.as_str().is_some_and(|text| text.ends_with("/11.0")), "{kept}");
    browser.screenshot(&format!("page-favourites-{name}.png")).await;
}

async fn heads_are_ranked_coloured_mixed_and_walked(browser: &Browser, files: &Files, name: &str) {
    open(browser, files, "seed=5&truncation=1.5&of=4").await;
    browser
        .until("document.querySelector('#heads .tile .what')?.textContent.startsWith('D 0.')")
        .await;
    browser
        .until("document.querySelector('#heads .tile').dataset.head.endsWith('~t1.5')")
        .await;
    let best = "document.querySelector('#heads .tile').dataset.head.split('.').at(-2).split('~')[0] < 4";
    browser.until(best).await;
    browser.run("document.querySelector('#heads .tile img').click()").await;
    browser.run("document.getElementById('view-choose').click()").await;
    let recolour = "const hair = document.getElementById('hair'); hair.value = '#3c64d2'; hair.dispatchEvent(new Event('change'));";
    browser.run(recolour).await;
    shows(browser, "~h3c64d2").await;
    let before = pixels(browser, "#heads .tile img").await;
    let hair = |picture: &RgbImage| {
        let above = (20..76).flat_map(|x| (6..16).map(move |y| (x, y)));
        above
            .map(|(x, y)| i64::from(picture.get_pixel(x, y).0[2]) - i64::from(picture.get_pixel(x, y).0[0]))
            .sum::<i64>()
            / 560
    };
    browser
        .until("[...document.querySelectorAll('#view img')].every((image) => image.naturalWidth)")
        .await;
    let after = pixels(browser, "#view-image").await;
    assert!(
        hair(&after) > hair(&before).max(20),
        "{} {}",
        hair(&before),
        hair(&after)
    );
    browser.screenshot(&format!("page-colour-{name}.png")).await;
    browser
        .run("document.getElementById('view-choose').click(); document.getElementById('view-close').click()")
        .await;
    browser.press(&["x"]).await;
    browser
        .until("document.querySelectorAll('#mix[open] .tile img').length === 6 && [...document.querySelectorAll('#mix img')].every((image) => image.naturalWidth)")
        .await;
    browser.screenshot(&format!("page-mix-{name}.png")).await;
    browser.run("document.getElementById('mix-close').click()").await;
    browser.press(&["w"]).await;
    browser.until("!document.getElementById('walk-save').disabled").await;
    let painted = "const canvas = document.getElementById('walking'); \
        return new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size";
    assert!(
        browser.run(painted).await.as_u64() > Some(30),
        "the walk is on the canvas"
    );
    browser.screenshot(&format!("page-walk-{name}.png")).await;
    browser.run("document.getElementById('walk-close').click()").await;
    // A closed dialog's control has the focus until the next frame.
    browser.until("document.activeElement === document.body").await;
    browser.press(&["?"]).await;
    browser.until("document.getElementById('keys').open").await;
}

/// What was saved says which heads it shows, as the studio's files do.
async fn files_say_which_heads_they_show(browser: &Browser) {
    let saved = browser
        .run(
            "const source = await import('./source.js'); const made = new Map(); const url = URL.createObjectURL; \
             URL.createObjectURL = (blob) => { const name = url(blob); made.set(name, blob); return name; }; \
             const heads = [...document.querySelectorAll('#heads .tile')].slice(0, 2).map((tile) => tile.dataset.head); \
             const frames = []; for (const station of source.stations(heads, 2)) frames.push(await source.frame(station)); \
             const saved = [await source.file(heads[0], 4), await source.grid(heads), await source.animation(heads, frames, 60)]; \
             const text = async (name) => btoa([...new Uint8Array(await made.get(name).arrayBuffer())].map((byte) => String.fromCharCode(byte)).join('')); \
             return { heads, files: await Promise.all(saved.map(text)) };",
        )
        .await;
    let heads: Vec<String> = serde_json::from_value(saved["heads"].clone()).unwrap_or_else(|_| panic!("{saved}"));
    let files: Vec<String> = serde_json::from_value(saved["files"].clone()).expect("are texts");
    let decoded = files.iter().map(|file| {
        base64::engine::general_purpose::STANDARD
            .decode(file)
            .expect("is base64")
    });
    let expected = [
        (4 * SIDE, 4 * SIDE, heads[0].clone(), 1),
        (2 * SIDE + 6, SIDE + 4, heads.join("\n"), 1),
        (2 * SIDE, 2 * SIDE, heads.join("\n"), 4),
    ];
    assert_eq!(files.len(), expected.len());
    for (file, (width, height, addresses, frames)) in decoded.zip(expected) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .expect("is a PNG");
        let info = reader.info();
        assert_eq!((info.width, info.height), (width, height));
        assert_eq!(info.utf8_text[0].get_text().expect("is text"), addresses);
        assert_eq!(info.animation_control.map_or(1, |control| control.num_frames), frames);
        let mut pixels = vec![0; reader.output_buffer_size().expect("fits")];
        for _ in 0..frames {
            reader.next_frame(&mut pixels).expect("decodes");
        }
    }
}

async fn the_page_works(width: u32, height: u32, name: &str) {
    let (data, site) = exported();
    let files = Files::serve(site.clone());
    let studio = Studio::open(data.path(), &["base"]).await;
    let browser = Browser::open(width, height).await;
    heads_are_those_of_the_studio(&browser, &files, &studio).await;
    heads_are_drawn_opened_and_kept(&browser, &files, name).await;
    heads_are_ranked_coloured_mixed_and_walked(&browser, &files, name).await;
    files_say_which_heads_they_show(&browser).await;
    let wider = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.run(wider).await, 0, "nothing reaches over the edge");
    let elsewhere = "return performance.getEntriesByType('resource').map((entry) => entry.name)\
        .filter((name) => !name.startsWith(location.origin) && !/^(blob|data):/.test(name))";
    assert_eq!(
        browser.run(elsewhere).await,
        json!([]),
        "all comes from the page's own server"
    );
    let errors = browser.errors().await;
    assert_eq!(errors, Vec::<Value>::new());
    // Every file is there for something, and nothing was asked for that is not there.
    let asked = files.asked.lock().expect("is whole").clone();
    let unasked = ["README.txt", "runtime/LICENSE", "index.html"];
    let there = dataset::files::files_below(&site).expect("lists");
    let there = there.iter().map(|path| {
        path.strip_prefix(&site)
            .expect("is below")
            .to_string_lossy()
            .into_owned()
    });
    let there: BTreeSet<String> = there.filter(|name| !unasked.contains(&name.as_str())).collect();
    let expected = there
        .iter()
        .map(|name| format!("/below/{name}"))
        .chain(["/below/".to_owned()]);
    assert_eq!(asked, expected.collect());

    browser
        .go(&format!("file://{}", site.join("index.html").display()))
        .await;
    browser
        .until("document.querySelector('.said:not([hidden])')?.textContent.includes('python3 -m http.server')")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, chromedriver, and npm the first time"]
async fn on_a_desktop() {
    the_page_works(1280, 800, "desktop").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, chromedriver, and npm the first time"]
async fn on_a_phone() {
    the_page_works(390, 844, "phone").await;
}
