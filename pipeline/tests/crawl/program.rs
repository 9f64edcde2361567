//! The program as scripts and other users of the same machine meet it.

use serde_json::Value;

use pipeline::catalog::Catalog;

use crate::place::{Place, board};

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_was_cut_short_is_finished_without_a_word_among_the_events() {
    let server = board(2, 4);
    let place = Place::new(&server.root_url(), "", "");
    place.expect(0, &["crawl", "board"]);
    // As a kill between the tables and the store leaves it.
    let url = Catalog::sqlite_url(&place.path("data/catalog.sqlite"));
    let catalog = Catalog::open(&url).await.expect("opens");
    let sql =
        "INSERT INTO removals (object) SELECT 'images/' || substr(image, 1, 2) || '/' || image || '.png' FROM images";
    sqlx::query(sql).execute(catalog.pool()).await.expect("writes");
    catalog.close().await;
    std::fs::create_dir_all(place.path("data/sheets")).expect("makes a folder");
    let output = place.run(&["crawl", "board", "--json"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("is text");
    assert!(!text.is_empty());
    for line in text.lines() {
        serde_json::from_str::<Value>(line).expect(line);
    }
    assert!(!place.path("data/sheets").exists(), "it was finished");
}
