//! Connections as they are asked for, and runs that end at once.

use dataset::failure::{USAGE, exit_code};
use pipeline::crawl::Args;
use pipeline::selection::SelectionArgs;
use testbooru::Setup;

use crate::board::{Crawl, filtered, post};

#[tokio::test]
async fn the_contact_goes_with_every_request() {
    let mut crawl = Crawl::of([post(1)]).await;
    crawl.settings.contact = "me@example.org".into();
    crawl.all().await;
    let requests = crawl.server.requests();
    let honest = requests.iter().filter(|request| {
        let agent = request.headers.get("user-agent").and_then(|agent| agent.to_str().ok());
        agent.is_some_and(|agent| agent.contains("(me@example.org)"))
    });
    assert_eq!(honest.count(), requests.len());
    assert!(requests.iter().any(|request| request.path == "/robots.txt"));
}

#[tokio::test]
async fn https_is_spoken_to_a_host_whose_authority_is_trusted() {
    let authority = rcgen::KeyPair::generate().expect("a key");
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = parameters.self_signed(&authority).expect("signs itself");
    let issuer = rcgen::Issuer::new(parameters, authority);
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
    let leaf = rcgen::CertificateParams::new(names)
        .expect("names")
        .signed_by(&key, &issuer)
        .expect("signs");
    let identity = testbooru::Identity {
        certificates: leaf.pem(),
        key: key.serialize_pem(),
    };
    let setup = Setup {
        identity: Some(identity),
        ..Setup::default()
    };
    let mut crawl = Crawl::with((0..3).map(post), setup).await;
    crawl.settings.attempts = 1;
    let error = format!("{:#}", crawl.run(Args::default()).await.expect_err("is not trusted"));
    assert!(error.contains("certificate"), "{error}");

    let file = crawl.folder.path().join("ca.pem");
    std::fs::write(&file, root.pem()).expect("writes");
    crawl.settings.ca_file = Some(file);
    assert_eq!(crawl.all().await.done, 3);
    assert!(crawl.server.root_url().starts_with("https://"));
}

#[tokio::test]
async fn a_filter_the_site_cannot_answer_is_a_usage_error_before_any_request() {
    let crawl = Crawl::of([post(1)]).await;
    let args = filtered(SelectionArgs {
        min_views: Some(10),
        ..SelectionArgs::default()
    });
    let error = crawl.run(args).await.expect_err("is refused");
    assert_eq!(exit_code(&error), USAGE, "{error:#}");
    assert!(crawl.server.requests().is_empty());
}

#[tokio::test]
async fn a_store_that_vanished_ends_the_run() {
    let crawl = Crawl::of([post(1)]).await;
    std::fs::remove_dir_all(crawl.store.folder().expect("a folder")).expect("vanishes");
    let error = format!("{:#}", crawl.run(Args::default()).await.expect_err("ends"));
    assert!(error.contains("vanished"), "{error}");
    assert_eq!(crawl.count("files").await, 0);
}
