use std::path::PathBuf;

use dataset::{Manifest, Split};
use pipeline::catalog::denied::{Denied, Entry};
use pipeline::catalog::files::{self, File, Outcome};
use pipeline::selection::Selection;

use crate::fixture::{House, objects, picture, png, post};
use crate::manifest::freeze;

/// Every table in which a picture or a post may be named.
async fn everywhere(house: &House) -> String {
    let mut all = house.tables().await;
    for sql in [
        "SELECT source, post, artist FROM posts",
        "SELECT source, post, image FROM files",
        "SELECT source, post, image FROM replaced",
        "SELECT image FROM images",
        "SELECT object FROM removals",
    ] {
        all.extend(house.rows(sql).await);
    }
    all.join("\n")
}

on_both!(
    an_artists_posts_go_and_none_comes_back,
    the_next_best_of_a_duplicate_group_takes_the_purged_ones_place,
    a_picture_that_was_replaced_goes_with_its_post
);

async fn an_artists_posts_go_and_none_comes_back(house: House) {
    // artist0 has posts 3, 6 and 9.
    let mut images = Vec::new();
    for number in 1..10_u32 {
        let bytes = png(&picture(number, &[(2, 2, 255)]));
        images.push(house.add(number.into(), Some(1), &bytes).await);
    }
    house.crop(Selection::default()).await.expect("crops");
    freeze(&house, Some("v1"), &Selection::default())
        .await
        .expect("freezes");
    let plan = house.purge(&[Entry::artist(Some("elsewhere"), "artist0")]).await;
    assert_eq!(plan.known, 0, "only at the site that was named");

    let plan = house.purge(&[Entry::artist(None, "Artist0")]).await;
    assert_eq!((plan.known, plan.gone.heads.len()), (3, 3));
    let left = everywhere(&house).await;
    for number in [3, 6, 9] {
        assert!(!left.contains(&images[number - 1]), "post {number} is still in {left}");
    }
    assert!(!left.contains("artist0"), "{left}");
    assert_eq!(objects(&house.store, "images").await.len(), 6);
    assert_eq!(objects(&house.store, "heads").await.len(), 6);
    let folder: PathBuf = house.path("manifests/v1");
    let report = dataset::manifest::verify(&folder, &house.store, true, |_| ()).expect("verifies");
    assert_eq!((report.heads, report.purged, report.problems.len()), (6, 3, 0));

    let denied = Denied::load(&house.catalog).await.expect("reads");
    assert!(denied.refuses(&post(12, None)), "a new post of the artist");
    assert!(!denied.refuses(&post(13, None)));
    let mut renamed = post(3, None);
    renamed.artist = None;
    assert!(denied.refuses(&renamed), "the same post under another name");
    let tagged = pipeline::catalog::posts::Post {
        artists: " artist0 other ".into(),
        ..post(13, None)
    };
    assert!(denied.refuses(&tagged), "one of several artists");
}

async fn the_next_best_of_a_duplicate_group_takes_the_purged_ones_place(house: House) {
    // The same face in two pictures that differ far from it: two heads of equal pixels.
    for number in [1, 2] {
        let mut drawn = picture(7, &[(1, 1, 255)]);
        drawn.put_pixel(191, 191, image::Rgb([number, 0, 0]));
        house.add(number.into(), Some(1), &png(&drawn)).await;
    }
    house.crop(Selection::default()).await.expect("crops");
    let sql = "SELECT f.post FROM verdicts AS v JOIN files AS f ON f.image = v.image WHERE v.accepted = 1";
    let best = house.rows(sql).await;
    assert_eq!(best.len(), 1, "one of the two is a duplicate");
    freeze(&house, Some("v1"), &Selection::default())
        .await
        .expect("freezes");

    let plan = house.purge(&[Entry::post("board", &best[0])]).await;
    assert!(plan.gone.heads.is_empty(), "the other picture has the same head");
    let next = house.rows(sql).await;
    assert!(next.len() == 1 && next != best, "{next:?} in place of {best:?}");
    let manifest = Manifest::load(&house.path("manifests/v1")).expect("reads");
    assert_eq!(
        manifest.split(Split::Train).count() + manifest.split(Split::Validation).count(),
        1
    );
    let report = dataset::manifest::verify(&house.path("manifests/v1"), &house.store, true, |_| ()).expect("verifies");
    assert_eq!((report.heads, report.purged), (1, 0));
}

async fn a_picture_that_was_replaced_goes_with_its_post(house: House) {
    let before = house.add(1, Some(1), &png(&picture(1, &[(2, 2, 255)]))).await;
    house.crop(Selection::default()).await.expect("crops");
    let after = house.add(1, Some(1), &png(&picture(2, &[(2, 2, 255)]))).await;
    let outcome = Outcome::Failed {
        reason: "truncated",
        detail: String::new(),
    };
    let failed = File::of(&post(1, Some(1)), outcome);
    let mut write = house.catalog.write().await.expect("begins");
    files::record(&mut write, &failed).await.expect("writes");
    write.commit().await.expect("commits");
    house.add(2, Some(1), &png(&picture(3, &[(2, 2, 255)]))).await;

    let plan = house.purge(&[Entry::post("board", "1")]).await;
    assert_eq!(plan.gone.pictures.len(), 2);
    let left = everywhere(&house).await;
    assert!(!left.contains(&before) && !left.contains(&after), "{left}");
    assert_eq!(objects(&house.store, "images").await.len(), 1);
    assert!(objects(&house.store, "heads").await.is_empty());
}
