//! What was stored or handed on, and is lost or altered since: restored, or told by its name.

use std::path::PathBuf;

use dataset::failure::{USAGE, exit_code};
use dataset::files::files_below;
use pipeline::crop::CropRequest;
use pipeline::import::Kind;
use pipeline::manifest::export::{self, Args, Form};
use pipeline::manifest::{bundle, verify, verify_copies};
use pipeline::selection::Selection;
use pipeline::stop::Stop;

use crate::fixture::{House, import_of, objects, picture, png, program};
use crate::manifest::freeze;

/// Every file in the store below a folder.
fn stored(house: &House, kind: &str) -> Vec<PathBuf> {
    files_below(&house.path("store").join(kind)).expect("lists")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_from_the_store_is_imported_again() {
    let house = House::new().await;
    std::fs::create_dir(house.path("set")).expect("a folder");
    for number in 0..4 {
        std::fs::write(
            house.path("set").join(format!("{number}.png")),
            png(&picture(number, &[])),
        )
        .expect("writes");
    }
    let set = import_of(house.path("set"), Kind::Heads);
    assert_eq!(house.import(&set).await.expect("imports").done, 4);
    let whole = (
        objects(&house.store, "images").await,
        objects(&house.store, "heads").await,
    );
    // A picture deleted, another shortened, and a head of a third gone.
    let (images, heads) = (stored(&house, "images"), stored(&house, "heads"));
    std::fs::remove_file(&images[0]).expect("removes");
    std::fs::write(&images[1], "short").expect("shortens");
    std::fs::remove_file(&heads[2]).expect("removes");
    let summary = house.import(&set).await.expect("imports");
    assert!(
        (2..=3).contains(&summary.done) && summary.done + summary.skipped == 4,
        "{summary:?}"
    );
    assert!(
        summary
            .lines
            .contains(&("gone from the store, read again".into(), summary.done)),
        "{summary:?}"
    );
    let again = (
        objects(&house.store, "images").await,
        objects(&house.store, "heads").await,
    );
    assert_eq!(again, whole);
    assert!(images.iter().all(|path| image::open(path).is_ok()));
    assert_eq!(house.import(&set).await.expect("imports").skipped, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_gone_are_cut_again() {
    let house = House::new().await;
    for number in 0..3 {
        house
            .add(number, None, &png(&picture(number as u32, &[(2, 2, 255), (4, 4, 200)])))
            .await;
    }
    house.crop(Selection::default()).await.expect("crops");
    let (tables, heads) = (house.tables().await, stored(&house, "heads"));
    assert_eq!(heads.len(), 6);
    let bytes = std::fs::read(&heads[1]).expect("reads");
    for path in &heads[..2] {
        std::fs::remove_file(path).expect("removes");
    }
    let summary = house.crop(Selection::default()).await.expect("cuts again");
    assert!(
        (1..=2).contains(&summary.done) && summary.done + summary.skipped == 3,
        "{summary:?}"
    );
    assert_eq!((stored(&house, "heads"), house.tables().await), (heads.clone(), tables));
    assert_eq!(std::fs::read(&heads[1]).expect("reads"), bytes);
    assert_eq!(
        house.crop(Selection::default()).await.expect("has nothing to do").done,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_for_heads_that_are_cut_again_too() {
    let house = House::new().await;
    for number in 0..4 {
        house
            .add(number, None, &png(&picture(number as u32, &[(2, 2, 255)])))
            .await;
    }
    let request = CropRequest {
        limit: Some(3),
        ..CropRequest::default()
    };
    assert_eq!(house.request(&request).await.expect("crops").done, 3);
    for head in &stored(&house, "heads")[..2] {
        std::fs::remove_file(head).expect("removes");
    }
    for (limit, done) in [(1, 1), (2, 2), (2, 0)] {
        let request = CropRequest {
            limit: Some(limit),
            ..CropRequest::default()
        };
        assert_eq!(house.request(&request).await.expect("crops").done, done, "{limit}");
    }
    assert_eq!(stored(&house, "heads").len(), 4);
}

fn exported(house: &House, form: Form, to: &str, side: Option<u32>) -> anyhow::Result<PathBuf> {
    let args = Args {
        name: "v1".into(),
        form,
        dir: house.path(to),
        side,
        shard_megabytes: 1,
    };
    export::run(&house.path("manifests"), &house.store, &args, &Stop::never())?;
    Ok(args.dir)
}

async fn frozen(count: u32) -> House {
    let house = House::new().await;
    for number in 1..=count {
        house
            .add(number.into(), None, &png(&picture(number, &[(2, 2, 255)])))
            .await;
    }
    house.crop(Selection::default()).await.expect("crops");
    freeze(&house, Some("v1"), &Selection::default())
        .await
        .expect("freezes");
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_export_that_was_altered_lost_or_added_is_reported() {
    let house = frozen(5).await;
    let manifests = house.path("manifests");
    for form in [Form::Imagefolder, Form::Webdataset, Form::Parquet] {
        let dir = exported(&house, form, &format!("out-{form:?}"), None).expect("exports");
        let check = || verify_copies(&manifests, "v1", std::slice::from_ref(&dir));
        check().expect("is whole");
        exported(&house, form, &format!("out-{form:?}"), None).expect("is there, and whole");
        let all = files_below(&dir).expect("lists");
        assert!(all.len() >= 5, "{all:?}");
        for path in &all {
            let bytes = std::fs::read(path).expect("reads");
            let mut altered = bytes.clone();
            let middle = altered.len() / 2;
            altered[middle] ^= 1;
            std::fs::write(path, &altered).expect("alters");
            let error = check().expect_err("was altered").to_string();
            assert!(
                error.contains("not as it was written") && error.contains("1 problem"),
                "{error}"
            );
            let again = exported(&house, form, &format!("out-{form:?}"), None);
            assert!(again.is_err(), "{} is called whole", path.display());
            std::fs::write(path, bytes).expect("mends");
        }
        check().expect("is whole again");
        std::fs::remove_file(&all[0]).expect("removes");
        check().expect_err("misses a file");
        std::fs::write(&all[0], "no such file").expect("writes");
        std::fs::write(dir.join("more.png"), "added").expect("adds");
        assert!(check().expect_err("has one too many").to_string().contains("2 problem"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_was_altered_is_reported_and_one_of_another_version_too() {
    let house = frozen(4).await;
    let manifests = house.path("manifests");
    verify(&manifests, &house.store, "v1", false).expect("is whole");
    for target in ["bundle", "bundle.tar"] {
        let target = house.path(target);
        bundle(&manifests, &house.store, "v1", &target).expect("bundles");
        let check = |name: &str| verify_copies(&manifests, name, std::slice::from_ref(&target));
        check("v1").expect("is whole");
        let path = match target.is_dir() {
            true => files_below(&target.join("store/heads")).expect("lists").remove(1),
            false => target.clone(),
        };
        let mut bytes = std::fs::read(&path).expect("reads");
        let at = bytes
            .windows(4)
            .rposition(|window| window == b"IDAT")
            .expect("has pixels")
            + 6;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).expect("alters");
        let error = check("v1").expect_err("was altered").to_string();
        assert!(error.contains("not as it was written"), "{error}");
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).expect("mends");
        check("v1").expect("is whole again");
    }
    house.add(99, None, &png(&picture(99, &[(2, 2, 255)]))).await;
    house.crop(Selection::default()).await.expect("crops");
    freeze(&house, Some("v2"), &Selection::default())
        .await
        .expect("freezes");
    for target in ["bundle", "bundle.tar"] {
        assert!(
            verify_copies(&manifests, "v2", &[house.path(target)]).is_err(),
            "{target} is of v1"
        );
    }
    std::fs::create_dir(house.path("thesis")).expect("a folder");
    let error = verify_copies(&manifests, "v1", &[house.path("thesis")]).expect_err("is neither");
    assert_eq!(exit_code(&error), USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_can_be_brought_together_without_one_name_twice() {
    let (first, second) = (frozen(3).await, frozen(4).await);
    for form in [Form::Webdataset, Form::Parquet] {
        let mut names = Vec::new();
        for (house, side) in [(&first, None), (&second, None), (&first, Some(16))] {
            let dir = exported(house, form, &format!("{form:?}-{side:?}"), side).expect("exports");
            let data = |path: &PathBuf| {
                path.extension()
                    .is_some_and(|ending| ending == "tar" || ending == "parquet" || ending == "jsonl")
            };
            let named = files_below(&dir).expect("lists").into_iter().filter(data);
            names.extend(named.map(|path| path.file_name().expect("a name").to_owned()));
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(count >= 3 && names.len() == count, "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_verification_claims_no_more_than_it_saw() {
    let house = frozen(3).await;
    // The program opens the store beside the manifests.
    std::fs::write(house.path("stages.toml"), "").expect("writes");
    let head = stored(&house, "heads").remove(0);
    let mut bytes = std::fs::read(&head).expect("reads");
    bytes[40] ^= 1;
    std::fs::write(&head, bytes).expect("alters");
    let verify = |words: &[&str]| {
        let mut command = program(house.folder.path());
        let command = command.args(["--data", ".", "manifest", "verify", "v1"]);
        let ended = command.args(words).output().expect("runs");
        (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    let (code, said) = verify(&["--quick"]);
    assert!(
        code == Some(0) && said.contains("not looked at") && !said.contains("as they were"),
        "{said}"
    );
    let (code, said) = verify(&[]);
    assert!(code == Some(1) && said.contains("was changed"), "{said}");
}
