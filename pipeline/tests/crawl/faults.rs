//! Hosts and files that fail, and what is recorded of that.

use std::collections::BTreeMap;

use pipeline::crawl::Args;
use testbooru::{Fault, RetryAfter, Target};

use crate::board::{Crawl, post};

#[tokio::test]
async fn each_fault_ends_in_its_outcome_and_only_failures_are_tried_again() {
    let faults = [
        (Fault::Truncated, "failed: truncated"),
        (Fault::Half, "failed: truncated"),
        (Fault::HtmlAsImage, "failed: web-page"),
        (Fault::Empty, "failed: empty"),
        (Fault::WrongType, "refused: md5-mismatch"),
        (Fault::OtherBytes, "refused: md5-mismatch"),
        (Fault::Status(404), "refused: http-404"),
        (Fault::Status(410), "refused: http-410"),
        (Fault::Status(451), "refused: http-451"),
        (Fault::Status(500), "failed: server-error"),
        (Fault::Busy(503, RetryAfter::Seconds(0)), "failed: busy"),
        (Fault::Redirect("http://localhost:9/x.png".into()), "refused: redirect"),
    ];
    let crawl = Crawl::of((0..faults.len() as u32 + 1).map(post)).await;
    let ids: Vec<u64> = crawl.server.board().posts().iter().map(|post| post.id).collect();
    let mut expected = BTreeMap::from([(ids[faults.len()], "stored".to_string())]);
    for ((fault, outcome), id) in faults.iter().zip(&ids) {
        crawl.server.fault(Target::Post(*id), fault.clone(), u32::MAX);
        // A busy host costs its files no attempt.
        let attempts = u32::from(!outcome.ends_with("busy"));
        expected.insert(*id, format!("{outcome} ({attempts})"));
    }
    let summary = crawl.all().await;
    assert_eq!(crawl.files().await, expected);
    assert_eq!((summary.done, summary.failed), (1, faults.len() as u64));
    assert_eq!(crawl.store.list("images").expect("lists").len(), 1);

    crawl.server.clear_faults();
    crawl.server.clear_requests();
    crawl.all().await;
    for outcome in expected.values_mut().filter(|outcome| outcome.starts_with("failed")) {
        *outcome = "stored".into();
    }
    assert_eq!(crawl.files().await, expected);
    assert_eq!(crawl.downloads().len(), 6, "the six that failed");
}

#[tokio::test]
async fn a_failure_is_tried_in_so_many_runs_and_no_more() {
    let crawl = Crawl::of([post(1)]).await;
    crawl.server.fault(Target::AnyFile, Fault::Empty, u32::MAX);
    for _ in 0..5 {
        crawl.all().await;
    }
    assert_eq!(crawl.downloads().len(), crawl.settings.file_attempts as usize);
    let outcomes: Vec<String> = crawl.files().await.into_values().collect();
    assert_eq!(outcomes, ["failed: empty (3)"]);
}

#[tokio::test]
async fn a_busy_host_is_asked_again_in_the_same_run() {
    let crawl = Crawl::of((0..3).map(post)).await;
    let path = || Target::Path("/post.json".into());
    crawl.server.fault(path(), Fault::Busy(429, RetryAfter::Date(-5)), 1);
    crawl.server.fault(path(), Fault::Busy(421, RetryAfter::Silent), 1);
    crawl.server.fault(path(), Fault::Status(502), 1);
    crawl
        .server
        .fault(Target::AnyFile, Fault::Busy(503, RetryAfter::Seconds(0)), 2);
    crawl.server.fault(Target::AnyFile, Fault::Truncated, 1);
    assert_eq!(crawl.all().await.done, 3);
    assert_eq!(crawl.downloads().len(), 6);
}

#[tokio::test]
async fn a_host_that_asks_for_a_long_wait_is_left_and_the_pictures_wait() {
    let mut crawl = Crawl::of((0..3).map(post)).await;
    crawl.settings.connections = 1;
    crawl
        .server
        .fault(Target::AnyFile, Fault::Busy(429, RetryAfter::Seconds(86_400)), 1);
    let summary = crawl.all().await;
    assert_eq!((summary.done, summary.failed), (0, 0), "{summary:?}");
    let left = |line: &(String, u64)| line.0.contains("asks to wait 86400 s") && line.1 == 3;
    assert!(summary.lines.iter().any(left), "{summary:?}");
    assert_eq!(crawl.downloads().len(), 1, "the others were not asked for");
    assert_eq!(crawl.all().await.done, 3, "all still waited");
}

#[tokio::test]
async fn a_host_that_fails_again_and_again_is_left_and_the_rest_waits() {
    let mut crawl = Crawl::of((0..20).map(post)).await;
    crawl.settings.attempts = 1;
    crawl.settings.connections = 1;
    crawl.server.fault(Target::AnyFile, Fault::Status(500), u32::MAX);
    let summary = crawl.all().await;
    let left = |line: &(String, u64)| line.0.contains("failed 5 requests in a row");
    assert!(summary.lines.iter().any(left), "{summary:?}");
    assert_eq!((crawl.files().await.len(), crawl.downloads().len()), (5, 5));
    crawl.server.clear_faults();
    assert_eq!(crawl.all().await.done, 20, "neither a post nor a page was lost");
}

#[tokio::test]
async fn a_challenge_is_reported_and_not_worked_round() {
    let crawl = Crawl::of([post(1)]).await;
    let path = || Target::Path("/post.json".into());
    for (fault, expected) in [
        (Fault::Challenge, "browser challenge"),
        (Fault::ChallengeAs200, "web page where JSON was due"),
        (Fault::Status(451), "cannot list board"),
    ] {
        crawl.server.clear_requests();
        crawl.server.fault(path(), fault.clone(), 1);
        let error = format!("{:#}", crawl.run(Args::default()).await.expect_err("ends"));
        assert!(error.contains(expected), "{expected} is not in {error}");
        assert_eq!(crawl.listings().len(), 1, "{fault:?}");
    }
    assert_eq!(crawl.all().await.done, 1);
}

#[tokio::test]
async fn half_an_answer_is_asked_for_again() {
    let crawl = Crawl::of([post(1)]).await;
    crawl
        .server
        .fault(Target::Path("/post.json".into()), Fault::BrokenJson, 2);
    assert_eq!(crawl.all().await.done, 1);
}

#[tokio::test]
async fn a_file_above_the_cap_is_not_read() {
    let mut crawl = Crawl::of([post(1)]).await;
    crawl.settings.max_bytes = 20;
    crawl.all().await;
    let outcomes: Vec<String> = crawl.files().await.into_values().collect();
    assert_eq!(outcomes, ["refused: too-many-bytes (1)"]);
}

#[tokio::test]
async fn a_picture_host_that_forbids_costs_no_picture_its_tries() {
    let crawl = Crawl::of((0..3).map(post)).await;
    crawl.server.fault(Target::AnyFile, Fault::Status(403), u32::MAX);
    for _ in 0..crawl.settings.file_attempts + 2 {
        assert_eq!(crawl.all().await.done, 0);
    }
    let outcomes: Vec<String> = crawl.files().await.into_values().collect();
    assert_eq!(outcomes, ["failed: http-403 (0)"; 3]);
    crawl.server.clear_faults();
    assert_eq!(crawl.all().await.done, 3, "a ban that was lifted");
}
