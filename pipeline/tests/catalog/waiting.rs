//! What waits to be fetched, and failures.

use pipeline::catalog::detections::{self, DetectionOutcome};
use pipeline::catalog::failures::{self, Stage, Wanted};
use pipeline::catalog::files::{self, File, Outcome};
use pipeline::catalog::holes::{self, Hole, Kind};
use pipeline::catalog::images;
use pipeline::catalog::posts::{self, Post};
use pipeline::catalog::{Catalog, summary};
use pipeline::selection::Selection;

use crate::common::post;
use crate::{ALL, image, waiting};

fn failed() -> Outcome {
    Outcome::Failed {
        reason: "truncated",
        detail: "10 of 20 bytes".into(),
    }
}

pub async fn a_file_waits_until_it_has_an_outcome_that_lasts(catalog: &Catalog) {
    let all = Selection::default();
    let (first, mut second) = (post(1, None), post(2, Some(600)));
    let mut write = catalog.write().await.expect("begins");
    files::record(&mut write, &File::of(&first, failed()))
        .await
        .expect("writes");
    files::record(&mut write, &File::of(&second, Outcome::Stored("aa".into())))
        .await
        .expect("writes");
    let md5 = second.md5.clone().expect("has one");
    assert!(images::record(&mut write, &image("aa", &md5)).await.expect("writes"));
    assert!(!images::record(&mut write, &image("aa", &md5)).await.expect("knows it"));
    write.commit().await.expect("commits");
    assert!(summary::has_images(catalog).await.expect("looks"));
    assert_eq!(waiting(catalog, &all).await, [1], "one failure of two");

    let mut write = catalog.write().await.expect("begins");
    files::record(&mut write, &File::of(&first, failed()))
        .await
        .expect("writes");
    write.commit().await.expect("commits");
    assert_eq!(
        waiting(catalog, &all).await,
        Vec::<i64>::new(),
        "failed twice, or stored"
    );

    second.md5 = Some("f".repeat(32));
    let mut twin = post(3, None);
    twin.md5 = Some(md5);
    let mut write = catalog.write().await.expect("begins");
    posts::record(&mut write, &second).await.expect("writes");
    posts::record(&mut write, &twin).await.expect("writes");
    write.commit().await.expect("commits");
    let pending = files::pending(catalog, &all, 2, ALL).await.expect("reads");
    let known: Vec<(i64, Option<&str>)> = pending
        .iter()
        .map(|pending| (pending.post.number, pending.known_image.as_deref()))
        .collect();
    assert_eq!(
        known,
        [(3, Some("aa")), (2, None)],
        "bytes that are there, and a replaced file"
    );
}

pub async fn a_post_waits_again_where_its_site_shows_another_file(catalog: &Catalog) {
    let named = post(50, None);
    let edited = |updated_at: i64| Post {
        md5: None,
        updated_at: Some(updated_at),
        pages: 2,
        ..post(51, None)
    };
    let hidden = Post {
        md5: None,
        file_url: None,
        ..post(52, None)
    };
    let no_file = Outcome::Refused {
        reason: "no-file",
        detail: String::new(),
    };
    let page = |page: i64, updated_at: i64| File {
        page,
        pages: 2,
        ..File::of(&edited(updated_at), Outcome::Stored("aa".into()))
    };
    let of = Selection {
        since: Some(named.created_at),
        before: Some(named.created_at + 3),
        ..Selection::default()
    };
    let record = async |posts: &[Post], files: &[File]| {
        let mut write = catalog.write().await.expect("begins");
        posts::record_all(&mut write, posts).await.expect("writes");
        for file in files {
            files::record(&mut write, file).await.expect("writes");
        }
        write.commit().await.expect("commits");
        waiting(catalog, &of).await
    };
    let all = [named.clone(), edited(5), hidden.clone()];
    assert_eq!(record(&all, &[]).await, [52, 51, 50]);
    let files = [
        File::of(&named, Outcome::Stored("aa".into())),
        page(0, 5),
        File::of(&hidden, no_file),
    ];
    assert_eq!(record(&[], &files).await, [51], "the second of its pictures is wanting");
    assert_eq!(record(&[], &[page(1, 5)]).await, Vec::<i64>::new());
    assert_eq!(record(&all, &[]).await, Vec::<i64>::new(), "nothing changed");

    let other = Post {
        md5: Some("e".repeat(32)),
        ..named.clone()
    };
    let shown = Post {
        file_url: named.file_url.clone(),
        ..hidden.clone()
    };
    assert_eq!(record(&[other, edited(6), shown], &[]).await, [52, 51, 50]);
    assert_eq!(record(&[], &[page(1, 6)]).await, [52, 51, 50], "the first is of before");
    assert_eq!(record(&[], &[page(0, 6)]).await, [52, 50]);
}

pub async fn failures_are_listed_and_come_back_on_request(catalog: &Catalog) {
    let gone = Post {
        source: "lost".into(),
        ..post(70, None)
    };
    let refused = Outcome::Refused {
        reason: "http-404",
        detail: "404 Not Found".into(),
    };
    let unseen = DetectionOutcome::Refused("undecodable", "no end".into());
    let stored = Post {
        post: "71".into(),
        number: 71,
        ..gone.clone()
    };
    let mut write = catalog.write().await.expect("begins");
    posts::record_all(&mut write, [&gone, &stored]).await.expect("writes");
    for file in [
        File::of(&gone, refused),
        File::of(&stored, Outcome::Stored("cc".into())),
    ] {
        files::record(&mut write, &file).await.expect("writes");
    }
    images::record(&mut write, &image("cc", "cc")).await.expect("writes");
    let looked = detections::record(&mut write, "cc", "detector", &unseen, &[]).await;
    looked.expect("writes");
    write.commit().await.expect("commits");

    let wanted = Wanted {
        source: Some("lost".into()),
        ..Wanted::default()
    };
    let listed = async || {
        let listed = failures::list(catalog, &wanted).await.expect("reads");
        let mut lines: Vec<String> = listed
            .iter()
            .map(|failure| {
                let post = failure.post.as_deref().unwrap_or("-");
                format!("{} {post} {} {}", failure.stage, failure.outcome, failure.attempts)
            })
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(listed().await, ["crawl 70 refused 1", "crop 71 refused 1"]);
    let of = Selection {
        source: Some("lost".into()),
        ..Selection::default()
    };
    assert_eq!(waiting(catalog, &of).await, Vec::<i64>::new());
    let counted = summary::counts(catalog).await.expect("counts");
    assert_eq!(counted.waiting.get("lost"), None);

    let mut write = catalog.write().await.expect("begins");
    failures::again(&mut write, &wanted).await.expect("marks");
    write.commit().await.expect("commits");
    assert_eq!(listed().await, ["crawl 70 failed 0", "crop 71 failed 0"]);
    assert_eq!(waiting(catalog, &of).await, [70]);
    let counted = summary::counts(catalog).await.expect("counts");
    assert_eq!(counted.waiting.get("lost"), Some(&1));
}

pub async fn holes_of_listings_are_failures_of_the_crawl_alone(catalog: &Catalog) {
    let hole = Hole {
        tries: 3,
        given_up: true,
        place: "post 80".into(),
        reason: "http-500".into(),
        ..Hole::of_post(Kind::Post, 80)
    };
    let mut write = catalog.write().await.expect("begins");
    holes::record(&mut write, "pitted", "all", &hole).await.expect("writes");
    write.commit().await.expect("commits");
    let wanted = |stage| Wanted {
        source: Some("pitted".into()),
        stage,
        ..Wanted::default()
    };
    let count = async |stage| failures::list(catalog, &wanted(stage)).await.expect("reads").len();
    let again = async |stage| {
        let mut write = catalog.write().await.expect("begins");
        failures::again(&mut write, &wanted(stage)).await.expect("marks");
        write.commit().await.expect("commits");
    };
    for stage in [Stage::Import, Stage::Crop] {
        assert_eq!(count(Some(stage)).await, 0, "{stage:?}");
        again(Some(stage)).await;
    }
    assert_eq!((count(Some(Stage::Crawl)).await, count(None).await), (1, 1));
    again(Some(Stage::Crawl)).await;
    assert_eq!(count(None).await, 0, "it is to be asked for again");
}
