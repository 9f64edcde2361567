//! What a site forbids to robots and to training.

use super::*;

#[tokio::test]
async fn robots_txt_is_asked_once_a_day_over_runs() {
    let (server, file) = board(&picture(4));
    let place = Place::at(&server.root_url()).await;
    for _ in 0..2 {
        let client = place.client().await;
        place.api(&client, "/post.json").await.expect("answers");
        place.file(&client, &file).await.expect("answers");
    }
    assert_eq!((asked(&server, "/robots.txt"), asked(&server, "/post.json")), (1, 2));
    let key = hosts::key(&place.root);
    let saved = saved_robots::load(&place.catalog, &key)
        .await
        .expect("reads")
        .expect("is kept");
    assert!(saved.status == 200 && saved.body.contains("Disallow"), "{saved:?}");
    let day_old = Robots {
        fetched_at: saved.fetched_at - robots::HOLDS,
        ..saved
    };
    place.network().save_robots(&key, &day_old).await.expect("writes");
    place.client().await;
    assert_eq!(asked(&server, "/robots.txt"), 2);
}

#[tokio::test]
async fn what_robots_txt_forbids_is_not_asked_and_a_reasoned_exception_opens_the_api_alone() {
    let (server, file) = board(&picture(4));
    server.set_robots("User-agent: *\nDisallow: /*.json\nDisallow: /image/\n");
    let mut place = Place::at(&server.root_url()).await;
    let client = place.client().await;
    let error = place.api(&client, "/post.json").await.expect_err("is forbidden");
    assert!(
        matches!(&error, HttpError::Blocked(why) if why.contains("robots_exception")),
        "{error}"
    );
    place.site.robots_exception = "their help page documents /post.json".into();
    let client = place.client().await;
    let verdict = client.verdict(&place.root).await.expect("is read");
    assert!(verdict.contains("documents /post.json"), "{verdict}");
    place.api(&client, "/post.json").await.expect("is excepted");
    let error = place.file(&client, &file).await.expect_err("is not");
    assert!(matches!(error, HttpError::Refused { reason: "robots", .. }), "{error}");
    assert_eq!((asked(&server, "/post.json"), asked(&server, &file)), (1, 0));
}

#[tokio::test]
async fn a_host_whose_rules_cannot_be_read_is_not_asked_unless_they_were_read_before() {
    let (server, _) = board(&picture(4));
    let robots_txt = || Target::Path("/robots.txt".into());
    let place = Place::at(&server.root_url()).await;
    server.fault(robots_txt(), Fault::Status(500), 1);
    let error = place.client_of(&place.network()).await.err().expect("is not asked");
    assert!(
        format!("{error:#}").contains("cannot be read (server-error"),
        "{error:#}"
    );
    for fault in [
        Fault::Status(404),
        Fault::Status(403),
        Fault::Redirect("http://localhost:9/".into()),
    ] {
        server.fault(robots_txt(), fault, 1);
        let place = Place::at(&server.root_url()).await;
        let client = place.client().await;
        place.api(&client, "/post.json").await.expect("there are no rules");
    }
    let before = Robots {
        fetched_at: now() - 2 * robots::HOLDS,
        status: 200,
        body: "User-agent: *\nDisallow: /post.json\n".into(),
    };
    place
        .network()
        .save_robots(&hosts::key(&place.root), &before)
        .await
        .expect("writes");
    server.fault(robots_txt(), Fault::Status(503), 1);
    let client = place.client().await;
    let error = place.api(&client, "/post.json").await.expect_err("the old rules hold");
    assert!(matches!(error, HttpError::Blocked(_)), "{error}");
}

#[tokio::test]
async fn a_crawl_delay_and_a_large_robots_txt_are_heard() {
    let (server, _) = board(&picture(4));
    let filler = "# a line of no consequence, as some sites have many\n".repeat(20_000);
    server.set_robots(&format!(
        "User-agent: anime-heads\nCrawl-delay: 7\nDisallow: /a\n{filler}Disallow: /b\n"
    ));
    let place = Place::at(&server.root_url()).await;
    let client = place.client().await;
    let delay = client
        .permitted(&place.url("/b"), Kind::Api)
        .await
        .expect("is beyond what is read");
    assert_eq!(delay, Duration::from_secs(7));
    assert!(client.permitted(&place.url("/a"), Kind::Api).await.is_err());
}

#[tokio::test]
async fn a_file_that_must_not_train_is_refused_unread_and_other_tags_are_kept() {
    let (server, file) = board(&picture(4));
    let place = Place::at(&server.root_url()).await;
    let client = place.client().await;
    let tagged = |tags: &str| server.fault(Target::AnyFile, Fault::Header("x-robots-tag", tags.into()), 1);
    tagged("noindex, noimageai");
    let error = place.file(&client, &file).await.expect_err("is refused");
    let expected = HttpError::Refused {
        reason: "noai",
        detail: "noindex, noimageai".into(),
    };
    assert_eq!(error, expected);
    tagged("otherbot: noai");
    let answer = place.file(&client, &file).await.expect("is for another");
    assert_eq!(answer.robots.as_deref(), Some("otherbot: noai"));
}
