//! Files that move, what is settled, and the names by which sites know tags.

use pipeline::catalog::failures::{self, Stage, Wanted};
use pipeline::catalog::files::{self, File, Outcome, Window};
use pipeline::catalog::posts::{self, Post};
use pipeline::catalog::{Catalog, aliases, images, summary};
use pipeline::selection::{Alias, Selection, SelectionArgs};

use crate::common::post;
use crate::{image, waiting};

fn refused(reason: &'static str) -> Outcome {
    Outcome::Refused {
        reason,
        detail: "seen".into(),
    }
}

async fn write(catalog: &Catalog, posts: &[&Post], files: &[File]) {
    let mut write = catalog.write().await.expect("begins");
    posts::record_all(&mut write, posts.iter().copied())
        .await
        .expect("writes");
    files::record_all(&mut write, files).await.expect("writes");
    write.commit().await.expect("commits");
}

pub async fn a_file_that_moved_waits_again_and_what_is_settled_is_counted(catalog: &Catalog) {
    let of = |number: i64, address: &str| Post {
        source: "moving".into(),
        file_url: Some(format!("https://board.example/{address}/{number}.png")),
        ..post(number, None)
    };
    let file = |post: &Post, outcome: Outcome| File {
        url: post.file_url.clone(),
        ..File::of(post, outcome)
    };
    let all = Selection {
        source: Some("moving".into()),
        ..Selection::default()
    };
    let failed = || Outcome::Failed {
        reason: "empty",
        detail: "nothing".into(),
    };
    let old: Vec<Post> = (1..=4).map(|number| of(number, "old")).collect();
    write(catalog, &old.iter().collect::<Vec<_>>(), &[]).await;
    let mut stored = catalog.write().await.expect("begins");
    images::record(&mut stored, &image("moved", "moved"))
        .await
        .expect("writes");
    stored.commit().await.expect("commits");
    let outcomes = [
        refused("http-404"),
        failed(),
        refused("animation"),
        Outcome::Stored("moved".into()),
    ];
    let tried: Vec<File> = old
        .iter()
        .zip(outcomes)
        .map(|(post, outcome)| file(post, outcome))
        .collect();
    write(catalog, &[], &tried).await;
    write(catalog, &[], &[file(&old[1], failed())]).await;
    assert_eq!(waiting(catalog, &all).await, Vec::<i64>::new());
    let settled = async || {
        files::count_settled(catalog, &all, Window::below(i64::MAX))
            .await
            .expect("counts")
    };
    assert_eq!(
        settled().await,
        (1, 2),
        "one that failed waits, and was tried often enough"
    );

    let new: Vec<Post> = (1..=4).map(|number| of(number, "new")).collect();
    write(catalog, &new.iter().collect::<Vec<_>>(), &[]).await;
    assert_eq!(
        waiting(catalog, &all).await,
        [2, 1],
        "no animation, nothing that is stored"
    );
    write(catalog, &[], &[file(&new[1], failed())]).await;
    assert_eq!(waiting(catalog, &all).await, [2, 1], "a first attempt there");
    write(
        catalog,
        &[],
        &[file(&new[1], failed()), file(&new[0], refused("http-404"))],
    )
    .await;
    assert_eq!(waiting(catalog, &all).await, Vec::<i64>::new());

    let wanted = |stage| Wanted {
        source: Some("moving".into()),
        stage: Some(stage),
        ..Wanted::default()
    };
    let list = async |stage| failures::list(catalog, &wanted(stage)).await.expect("reads");
    let outcomes: Vec<String> = list(Stage::Crawl)
        .await
        .into_iter()
        .map(|failure| failure.outcome)
        .collect();
    assert_eq!(
        outcomes.iter().filter(|outcome| *outcome == "skipped").count(),
        1,
        "{outcomes:?}"
    );
    assert!(list(Stage::Import).await.is_empty());
    let counts = summary::counts(catalog).await.expect("counts");
    assert_eq!(counts.skipped.get("crawl: animation"), Some(&1));
    assert_eq!(counts.failures.get("crawl: animation"), None);

    let imported = Post {
        source: "import:moving".into(),
        ..post(5, None)
    };
    write(catalog, &[&imported], &[File::of(&imported, refused("undecodable"))]).await;
    let wanted = Wanted {
        source: Some("import:moving".into()),
        stage: Some(Stage::Import),
        ..Wanted::default()
    };
    let listed = failures::list(catalog, &wanted).await.expect("reads");
    assert_eq!(
        listed.iter().map(|failure| failure.stage.as_str()).collect::<Vec<_>>(),
        ["import"]
    );
}

pub async fn names_of_tags_are_kept_by_source(catalog: &Catalog) {
    let alias = |source: &str, name: &str, tag: &str| Alias {
        source: source.into(),
        name: name.into(),
        tag: tag.into(),
    };
    let mut write = catalog.write().await.expect("begins");
    for alias in [
        alias("a", "miku", "other"),
        alias("a", "miku", "hatsune_miku"),
        alias("b", "miku", "miku_b"),
        alias("a", "rin", "rin"),
        alias("a", "luka", "megurine_luka"),
    ] {
        aliases::record(&mut write, &alias).await.expect("writes");
    }
    write.commit().await.expect("commits");
    let load = async |source: Option<&str>| {
        let args = SelectionArgs {
            character: vec!["miku".into(), "rin".into()],
            source: source.map(str::to_string),
            ..SelectionArgs::default()
        };
        let mut selection = args.resolve().expect("is sound");
        aliases::load(catalog, &mut selection).await.expect("reads");
        selection.aliases
    };
    let (one, all) = (load(Some("a")).await, load(None).await);
    assert_eq!(one.known(), [alias("a", "miku", "hatsune_miku")]);
    assert!(one.has("a", "rin") && !one.has("b", "miku"), "asked, and not");
    assert_eq!(
        all.known(),
        [alias("a", "miku", "hatsune_miku"), alias("b", "miku", "miku_b")]
    );
}
