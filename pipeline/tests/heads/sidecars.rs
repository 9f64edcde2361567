//! Whole pictures that leave with their tags, and come back with them.

use std::path::Path;
use std::process::Stdio;

use dataset::failure::{USAGE, exit_code};
use pipeline::catalog::denied::Entry;
use pipeline::catalog::posts::{self, Post, Rating, tag_text};
use pipeline::export::{self, Args, Sidecar};
use pipeline::import::Kind;
use pipeline::selection::{Selection, SelectionArgs};
use pipeline::stop::Stop;
use pipeline::summary::Summary;

use crate::fixture::{House, import_of, picture, png, program};

fn args(dir: &Path, sidecars: &[Sidecar]) -> Args {
    Args {
        dir: dir.into(),
        sidecars: sidecars.to_vec(),
        underscores: false,
        boxes: false,
        link: false,
        overwrite: false,
        limit: None,
        select: SelectionArgs::default(),
    }
}

async fn export(house: &House, selection: &Selection, args: &Args) -> anyhow::Result<Summary> {
    export::run(&house.catalog, &house.store, selection, args, &Stop::never()).await
}

async fn import(house: &House, folder: &Path) -> Summary {
    let imported = house.import(&import_of(folder, Kind::Pictures)).await;
    imported.expect("imports")
}

/// Three pictures of a board, with tags that texts have trouble with.
async fn fill(house: &House) {
    let posts = [
        (
            1,
            &["hatsune_miku", "long_hair", "^_^", "vocaloid", "ann"][..],
            &["hatsune_miku"][..],
        ),
        (2, &["re:zero_kara_hajimeru", "smile", "o_o", "bracket_(thing)"], &[]),
        (3, &["long_hair"], &[]),
    ];
    for (number, tags, characters) in posts {
        house
            .add(number, Some(number * 100), &png(&picture(number as u32, &[])))
            .await;
        let mut write = house.catalog.write().await.expect("begins");
        let post = Post {
            tags: tag_text(tags.iter().copied()),
            characters: tag_text(characters.iter().copied()),
            copyrights: tag_text(if number == 1 { &["vocaloid"][..] } else { &[] }.iter().copied()),
            artists: tag_text(["ann"]),
            artist: Some("Ann".into()),
            kinds_known: number == 1,
            rating: Rating::Sensitive,
            source_url: Some(format!("https://artist.example/{number}")),
            views: Some(7),
            ai_made: Some(number == 2),
            ..crate::fixture::post(number, Some(number * 100))
        };
        posts::record(&mut write, &post).await.expect("writes");
        write.commit().await.expect("commits");
    }
}

const POSTS: &str = "SELECT tags, artists, characters, copyrights, kinds_known, artist, rating, source_url, page_url, \
                     created_at, likes, views, score, ai_made, md5 FROM posts ORDER BY tags";
const TAGS: &str = "SELECT tags FROM posts ORDER BY tags";

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_with_its_tags_comes_back_with_them() {
    let house = House::new().await;
    fill(&house).await;
    let tags = house.rows(TAGS).await;
    for (sidecars, whole) in [
        (&[Sidecar::Txt, Sidecar::Json][..], true),
        (&[Sidecar::Json], true),
        (&[Sidecar::Txt], false),
    ] {
        for underscores in [false, true] {
            let dir = house.path(&format!("out-{}-{underscores}", sidecars.len() + usize::from(whole)));
            let args = Args {
                underscores,
                ..args(&dir, sidecars)
            };
            let summary = export(&house, &Selection::default(), &args).await.expect("exports");
            assert_eq!(
                (summary.done, summary.skipped, summary.failed),
                (3, 0, 0),
                "{summary:?}"
            );
            let files = dataset::files::sorted_entries(&dir).expect("lists").len();
            assert_eq!(files, 3 + 3 * sidecars.len() + 1, "pictures, sidecars, and the ticket");
            let other = House::new().await;
            assert_eq!(import(&other, &dir).await.done, 3);
            assert_eq!(other.rows(TAGS).await, tags);
            if whole {
                let but_md5 = |rows: Vec<String>| -> Vec<String> {
                    rows.iter()
                        .map(|row| row.rsplit_once(' ').expect("has one").0.to_string())
                        .collect()
                };
                assert_eq!(but_md5(other.rows(POSTS).await), but_md5(house.rows(POSTS).await));
            }
            std::fs::remove_dir_all(&dir).expect("removes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_selects_goes_on_and_keeps_what_was_edited() {
    let house = House::new().await;
    fill(&house).await;
    let dir = house.path("out");
    let args = args(&dir, &[Sidecar::Txt]);
    let liked = Selection {
        min_likes: Some(200),
        ..Selection::default()
    };
    assert_eq!(export(&house, &liked, &args).await.expect("exports").done, 2);
    let texts = |dir: &Path| -> Vec<String> {
        let paths = dataset::files::sorted_entries(dir).expect("lists");
        let texts = paths
            .iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
        let mut texts: Vec<String> = texts
            .map(|path| std::fs::read_to_string(path).expect("reads"))
            .collect();
        texts.sort_unstable();
        texts
    };
    assert_eq!(
        texts(&dir),
        ["bracket (thing), o_o, re:zero kara hajimeru, smile\n", "long_hair\n"]
    );

    // All of them now, after a kill that left half a file; an edited text and a picture stay as they are.
    std::fs::write(dir.join(".half.png.part"), "half").expect("writes");
    let picked = dataset::files::sorted_entries(&dir).expect("lists");
    let of = |ending: &str| {
        let mut all = picked
            .iter()
            .filter(|path| path.extension().is_some_and(|found| found == ending));
        all.next().expect("is there").clone()
    };
    for path in [of("txt"), of("png")] {
        std::fs::write(path, "edited by hand").expect("edits");
    }
    let summary = export(&house, &Selection::default(), &args).await.expect("goes on");
    assert_eq!((summary.done, summary.skipped), (1, 2));
    assert!(
        summary
            .lines
            .iter()
            .any(|(label, count)| label.contains("--overwrite") && *count == 2),
        "{summary:?}"
    );
    assert_eq!(std::fs::read(of("txt")).expect("reads"), b"edited by hand");
    assert!(!dir.join(".half.png.part").exists());
    let summary = export(
        &house,
        &Selection::default(),
        &Args {
            overwrite: true,
            link: true,
            ..args.clone()
        },
    )
    .await;
    assert_eq!(summary.expect("writes anew").done, 1);
    assert!(image::open(of("png")).is_ok());

    let foreign = house.path("thesis");
    std::fs::create_dir(&foreign).expect("a folder");
    std::fs::write(foreign.join("thesis.txt"), "years of work").expect("writes");
    let error = export(&house, &liked, &Args { dir: foreign, ..args })
        .await
        .expect_err("is no export");
    assert_eq!(exit_code(&error), USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_honours_purges_and_tells_damage() {
    let house = House::new().await;
    fill(&house).await;
    let dir = house.path("out");
    let args = args(&dir, &[Sidecar::Txt, Sidecar::Json]);
    export(&house, &Selection::default(), &args).await.expect("exports");
    let gone = house.rows("SELECT image FROM files WHERE post = '1'").await.concat();
    let asked = [Entry::post("board", "1")];
    house.purge(&asked).await;
    // A picture whose bytes were altered never leaves.
    let damaged = house.rows("SELECT image FROM files WHERE post = '2'").await.concat();
    let key = dataset::Key::image(&damaged, "png").expect("a hash");
    std::fs::write(house.store.path_of(&key).expect("a folder"), png(&picture(9, &[]))).expect("alters");
    let summary = export(&house, &Selection::default(), &args)
        .await
        .expect("exports again");
    assert_eq!((summary.skipped, summary.failed), (1, 1), "{summary:?}");
    let names: Vec<String> = dataset::files::sorted_entries(&dir)
        .expect("lists")
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().all(|name| !name.contains(&gone)), "{names:?}");
}

/// Writes pictures with sidecars: a file's name, and its text.
fn folder(house: &House, texts: &[(&str, &[u8])]) -> std::path::PathBuf {
    let folder = house.path("set");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, text) in texts {
        std::fs::write(folder.join(name), text).expect("writes");
        let stem = name
            .trim_end_matches(".txt")
            .trim_end_matches(".json")
            .trim_end_matches(".png");
        let number = stem.bytes().map(u32::from).sum();
        std::fs::write(folder.join(format!("{stem}.png")), png(&picture(number, &[]))).expect("writes");
    }
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_of_other_programs_are_read() {
    let house = House::new().await;
    let danbooru = br#"{"category":"danbooru","id":7,"tags":["1girl","hatsune_miku","ann"],"tags_artist":["ann"],
        "tags_character":["hatsune_miku"],"tags_copyright":[],"rating":"s","score":12,"fav_count":30,
        "source":"https://artist.example/7","created_at":"2023-05-01T12:00:00.000-04:00","date":"2023-05-01 16:00:00"}"#;
    let moebooru = br#"{"category":"yandere","id":8,"tags":"blue_hair smile","rating":"s","author":"uploader",
        "created_at":1600000000,"score":"3"}"#;
    let pixiv = br#"{"category":"pixiv","id":9,"tags":[{"name":"\u521d\u97f3 \u30df\u30af"}],"user":{"id":5,"name":"Bo Li"},
        "x_restrict":1,"total_view":40,"total_bookmarks":4,"illust_ai_type":2,"create_date":"2020-01-01T09:00:00+09:00"}"#;
    let e621 = br#"{"category":"e621","tags":{"artist":["cy"],"general":["sky"],"character":[],"copyright":[]},
        "score":{"up":9,"down":-2,"total":7},"rating":"q","sources":["art","https://x.example/1"]}"#;
    let texts: [(&str, &[u8]); 7] = [
        ("a.png.json", danbooru),
        ("b.json", moebooru),
        ("c.json", pixiv),
        ("d.json", e621),
        (
            "e.txt",
            b"\xef\xbb\xbf1girl, Long Hair, bracket \\(thing\\), character:rin",
        ),
        ("f.png.txt", b"1girl\nlong_hair\n\n"),
        ("g.txt", b"1girl long_hair"),
    ];
    let summary = import(&house, &folder(&house, &texts)).await;
    assert_eq!((summary.done, summary.failed), (7, 0), "{summary:?}");
    let rows = house
        .rows("SELECT post, tags, artists, '|' AS a, characters, rating, artist, source_url FROM posts ORDER BY post")
        .await;
    let rows: Vec<String> = rows
        .iter()
        .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "a.png 1girl ann hatsune_miku ann | hatsune_miku sensitive ann https://artist.example/7",
        "b.png blue_hair smile | safe - -",
        "c.png 初音_ミク bo_li pixiv:5 | explicit Bo Li -",
        "d.png cy sky cy | questionable cy https://x.example/1",
        "e.png 1girl bracket_(thing) long_hair rin | rin unknown - -",
        "f.png 1girl long_hair | unknown - -",
        "g.png 1girl long_hair | unknown - -",
    ];
    assert_eq!(rows, expected);
    let numbers = house
        .rows("SELECT post, created_at, score, favourites, views, ai_made, page_url FROM posts WHERE post < 'e' ORDER BY post")
        .await;
    let expected = [
        "a.png 1682956800 12 30 - - https://danbooru.donmai.us/posts/7",
        "b.png 1600000000 3 - - - https://yande.re/post/show/8",
        "c.png 1577836800 - 4 40 1 https://www.pixiv.net/artworks/9",
    ];
    assert_eq!(numbers[..3], expected);
    assert!(numbers[3].contains(" 7 - - - -"), "{}", numbers[3]);

    // Nothing to do, until a sidecar changes, comes or goes.
    let set = house.path("set");
    assert_eq!(import(&house, &set).await.skipped, 7);
    std::fs::write(set.join("g.txt"), "smile, blue eyes, 1girl").expect("edits");
    std::fs::write(set.join("a.txt"), "not asked for, since the other says it all").expect("comes");
    std::fs::remove_file(set.join("f.png.txt")).expect("goes");
    let summary = import(&house, &set).await;
    assert_eq!((summary.done, summary.skipped), (3, 4));
    let tags = house
        .rows("SELECT tags FROM posts WHERE post IN ('a.png', 'f.png', 'g.png') ORDER BY post")
        .await;
    assert_eq!(tags, [" 1girl ann hatsune_miku ", " ", " 1girl blue_eyes smile "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_sidecar_is_counted_and_stops_nothing() {
    let house = House::new().await;
    let deep = "[".repeat(100_000);
    let texts: [(&str, &[u8]); 9] = [
        ("a.json", b"{\"tags\": [\"sky\""),
        ("b.json", b"[1, 2]"),
        ("c.json", deep.as_bytes()),
        ("d.txt", b"\xff\xfes\0k\0y\0"),
        ("e.txt", b"  \n"),
        ("f.txt", b"A girl stands in a field. The sky is blue and she smiles."),
        (
            "g.json",
            br#"{"tags": 5, "rating": ["s"], "score": 1e99, "date": "soon", "artist": {}, "source": 7}"#,
        ),
        ("h.json", b"{}"),
        (
            "i.json",
            br#"{"tags": ["sky", null, 7, "", "two words"], "score": "x"}"#,
        ),
    ];
    let set = folder(&house, &texts);
    // A good text beside a bad JSON still counts, and one of no picture is no failure.
    std::fs::write(set.join("a.txt"), "sea, sky").expect("writes");
    std::fs::write(set.join("gone.png.json"), "{}").expect("writes");
    let summary = import(&house, &set).await;
    assert_eq!((summary.done, summary.failed), (9, 0), "{summary:?}");
    let count = |word: &str| {
        summary
            .lines
            .iter()
            .filter(|(label, _)| label.contains(word))
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    for (reason, expected) in [
        ("not-json", 2),
        ("no-object", 1),
        ("not-utf8", 1),
        ("empty", 1),
        ("prose", 1),
        ("no-fields", 2),
        ("of no picture", 1),
    ] {
        assert_eq!(count(reason), expected, "{reason}: {summary:?}");
    }
    let tags = house
        .rows("SELECT tags FROM posts WHERE post IN ('a.png', 'i.png') ORDER BY post")
        .await;
    assert_eq!(tags, [" sea sky ", " sky two_words "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_names_a_purged_artist_or_post_keeps_its_picture_out() {
    let house = House::new().await;
    fill(&house).await;
    let asked = [Entry::artist(None, "ann"), Entry::post("board", "77")];
    house.purge(&asked).await;
    let texts: [(&str, &[u8]); 3] = [
        ("x.json", br#"{"artist": "Ann", "tags": ["sky"]}"#),
        ("y.json", br#"{"category": "board", "id": 77}"#),
        ("z.json", br#"{"artist": "Bo", "tags": ["sky"]}"#),
    ];
    let summary = import(&house, &folder(&house, &texts)).await;
    assert_eq!(
        (summary.done, summary.failed, summary.skipped),
        (1, 0, 2),
        "{summary:?}"
    );
}

/// Every file below a folder that is no ticket, with its bytes.
fn tree(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let paths = dataset::files::sorted_entries(folder).expect("lists");
    paths
        .into_iter()
        .map(|path| {
            (
                path.strip_prefix(folder).expect("below").into(),
                std::fs::read(&path).expect("reads"),
            )
        })
        .collect()
}

#[test]
fn an_export_that_was_killed_ends_as_an_undisturbed_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("stages.toml"), "").expect("writes");
    std::fs::create_dir(path("set")).expect("a folder");
    for number in 0..60 {
        std::fs::write(path("set").join(format!("{number}.png")), png(&picture(number, &[]))).expect("writes");
        std::fs::write(path("set").join(format!("{number}.txt")), format!("tag {number}, sky")).expect("writes");
    }
    let command = |words: &[&str]| {
        let mut command = program(folder.path());
        command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let finish = |words: &[&str]| assert!(command(words).status().expect("runs").success(), "{words:?}");
    finish(&["import", "set", "--as", "pictures"]);
    let begun = std::time::Instant::now();
    finish(&["export", "whole"]);
    let whole = begun.elapsed();
    for kill in 1..8 {
        let mut child = command(&["export", "parts"]).spawn().expect("starts");
        let moment = std::time::Instant::now() + whole.mul_f64(f64::from(kill) / 8.0);
        while std::time::Instant::now() < moment {
            std::thread::yield_now();
        }
        // An error means that it had ended by itself.
        let _ = child.kill();
        child.wait().expect("ends");
        let complete = |name: &Path| tree(&path("whole")).into_iter().find(|(other, _)| other == name);
        for (name, bytes) in tree(&path("parts")) {
            let half = name.to_string_lossy().ends_with(".part");
            assert!(
                half || complete(&name).is_some_and(|(_, whole)| whole == bytes),
                "{}",
                name.display()
            );
        }
    }
    finish(&["export", "parts"]);
    assert_eq!(tree(&path("whole")), tree(&path("parts")));
}
