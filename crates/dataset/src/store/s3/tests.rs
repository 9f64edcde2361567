//! The store in a bucket, over HTTP, by a server that checks signatures.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tests3::{Fault, Server};

use super::*;
use crate::failure::{USAGE, exit_code};
use crate::sha256;
use crate::store::settings::Environment;
use crate::store::{Store, StoreSettings};

fn key_of(bytes: &[u8]) -> Key {
    Key::head(&sha256(bytes)).expect("a hash")
}

fn settings(url: &str) -> StoreSettings {
    StoreSettings {
        objects: url.into(),
        ..StoreSettings::default()
    }
}

fn environment(server: &Server) -> Environment {
    server.environment().into_iter().collect()
}

/// A new store below a prefix.
fn begun(server: &Server) -> Store {
    let created = settings("s3://heads/a/b").create_with(Path::new("data"), &environment(server));
    created.expect("creates")
}

#[test]
fn an_object_comes_back_until_it_is_removed() {
    let server = Server::start();
    let store = begun(&server);
    let (key, other) = (key_of(b"head"), key_of(b"other"));
    assert!(store.place_blocking(&key, b"head").expect("writes"));
    assert!(!store.place_blocking(&key, b"head").expect("is there"));
    store.put_blocking(&key, b"head").expect("is there");
    assert_eq!(store.read_blocking(&key).expect("reads"), b"head");
    let holds = |key, bytes| store.holds(key, bytes).expect("looks");
    assert!(holds(&key, None) && holds(&key, Some(4)) && !holds(&key, Some(3)) && !holds(&other, None));
    store.put_blocking(&other, b"other").expect("writes");
    let mut names = [key.as_str(), other.as_str()];
    names.sort_unstable();
    assert_eq!(store.list("heads").expect("lists"), names);
    assert!(store.list("images").expect("lists").is_empty());
    let contents = store.contents("heads").expect("lists");
    assert!(contents.holds(&key, Some(4)) && !contents.holds(&key, Some(5)) && !contents.holds(&key_of(b"new"), None));
    let names = names.map(|name| format!("a/b/{name}")).to_vec();
    assert_eq!(server.objects(), [vec!["a/b/STORE".to_string()], names].concat());
    let keys = [key.clone(), other, key_of(b"never there")];
    store.remove_durably(&keys).expect("deletes");
    store.remove_durably(&keys).expect("deletes twice");
    assert!(matches!(store.read_blocking(&key), Err(StoreError::Missing(_))));
    assert_eq!(server.objects(), ["a/b/STORE"]);
}

#[test]
fn keys_of_a_profile_sign_requests() {
    let server = Server::start();
    let home = tempfile::tempdir().expect("a folder");
    let mut environment = environment(&server);
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| environment.remove(name));
    let text = format!(
        "[heads]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        id.expect("is set"),
        secret.expect("is set")
    );
    std::fs::write(home.path().join("keys"), text).expect("writes");
    let file = home.path().join("keys").to_str().expect("plain").to_owned();
    environment.insert("AWS_SHARED_CREDENTIALS_FILE".into(), file);
    environment.insert("AWS_PROFILE".into(), "heads".into());
    let create = |environment: &Environment| settings("s3://heads").create_with(Path::new("data"), environment);
    create(&environment).expect("creates");
    environment.insert("AWS_PROFILE".into(), "other".into());
    assert_eq!(exit_code(&create(&environment).expect_err("is refused")), USAGE);
}

#[test]
fn a_large_object_goes_in_parts_and_comes_back_whole() {
    let server = Server::start();
    let store = begun(&server);
    let bytes: Vec<u8> = (0..PARTS_FROM + 12345).map(|at| (at / 7) as u8).collect();
    let key = Key::image(&sha256(&bytes), "png").expect("a hash");
    server.requests();
    // A part whose connection is dropped goes again.
    let dropped = Mutex::new(BTreeSet::new());
    server.misbehave(move |asked| {
        let part = asked.path.contains("partNumber=2") && dropped.lock().expect("is whole").insert(2);
        part.then_some(Fault::Drop)
    });
    store.put_blocking(&key, &bytes).expect("writes");
    let parts = server
        .requests()
        .iter()
        .filter(|asked| asked.contains("partNumber="))
        .count();
    assert_eq!(parts, 4, "three parts, one of them twice");
    assert!(store.read_blocking(&key).expect("reads") == bytes);
    assert!(!store.place_blocking(&key, &bytes).expect("is there"));
}

#[test]
fn damaged_bytes_are_told_from_missing_ones() {
    let server = Server::start();
    let store = begun(&server);
    let key = key_of(b"whole");
    store.put_blocking(&key, b"whole").expect("writes");
    for (damaged, again) in [("who", true), ("whale", false)] {
        std::fs::write(server.file(&format!("a/b/{key}")), damaged).expect("damages");
        assert!(
            matches!(store.read_blocking(&key), Err(StoreError::Damaged(_))),
            "{damaged}"
        );
        // What has the right length is taken for what it should be: to look would be to fetch it.
        assert_eq!(store.place_blocking(&key, b"whole").expect("looks"), again, "{damaged}");
    }
}

#[test]
fn a_store_that_vanished_is_never_begun_anew() {
    let server = Server::start();
    let (set, variables) = (settings("s3://heads/a/b"), environment(&server));
    let open = || set.open_with(Path::new("data"), &variables);
    let vanished = |error: &anyhow::Error| matches!(error.downcast_ref(), Some(StoreError::Vanished { .. }));
    assert!(vanished(&open().expect_err("is not there")));
    let store = begun(&server);
    let key = key_of(b"head");
    store.put_blocking(&key, b"head").expect("writes");
    open().expect("opens");
    std::fs::remove_dir_all(server.file("a")).expect("vanishes");
    assert!(vanished(&open().expect_err("is gone")));
    assert!(matches!(store.read_blocking(&key), Err(StoreError::Vanished { .. })));
    assert!(matches!(
        store.put_blocking(&key, b"head"),
        Err(StoreError::Vanished { .. })
    ));
    let removed = store.remove_durably(std::slice::from_ref(&key));
    assert!(matches!(removed, Err(StoreError::Vanished { .. })));
    assert!(server.objects().is_empty());
}

#[test]
fn what_is_wrong_is_said_once_with_the_setting_and_without_secrets() {
    let server = Server::start();
    let right = environment(&server);
    let of = |url: &str, name: &str, value: &str| {
        let mut variables = right.clone();
        match value {
            "" => drop(variables.remove(name)),
            value => drop(variables.insert(name.into(), value.into())),
        }
        let error = settings(url)
            .create_with(Path::new("data"), &variables)
            .expect_err("is refused");
        (exit_code(&error), format!("{error:#}"))
    };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    for (url, name, value, expected) in [
        (
            "s3://heads",
            "AWS_SECRET_ACCESS_KEY",
            "wrong-hush",
            "AWS_SECRET_ACCESS_KEY",
        ),
        ("s3://heads", "AWS_ACCESS_KEY_ID", "wrong-hush", "AWS_ACCESS_KEY_ID"),
        ("s3://other/a", "AWS_REGION", "us-east-1", "NoSuchBucket"),
        (
            "s3://other/a",
            "AWS_REGION",
            "us-east-1",
            "check the bucket in [store] objects or HEADS_STORE_URL",
        ),
        (
            "s3://heads",
            "AWS_ENDPOINT_URL_S3",
            &format!("http://{nobody}"),
            "Connection refused",
        ),
        (
            "s3://heads",
            "AWS_ENDPOINT_URL_S3",
            &format!("http://{nobody}"),
            "s3_endpoint",
        ),
    ] {
        server.requests();
        let (code, text) = of(url, name, value);
        assert!(
            code == 1 && text.contains(expected) && text.contains(url),
            "{code} {text}"
        );
        assert!(!text.contains("hush") && !text.contains(tests3::SECRET), "{text}");
        let asked = server.requests();
        assert!(asked.len() <= 2, "what is refused is not asked again: {asked:?}");
    }
    for (name, value, expected) in [
        ("AWS_SECRET_ACCESS_KEY", "", "only one is"),
        ("AWS_ENDPOINT_URL_S3", "http://bucket.example", "AWS_ALLOW_HTTP=true"),
    ] {
        let (code, text) = of("s3://heads", name, value);
        assert!(code == 1 && text.contains(expected), "{text}");
    }
    let (code, text) = of("", "HEADS_STORE_URL", "s3://KEY:hush@heads");
    assert!(
        code == USAGE && text.contains("HEADS_STORE_URL") && !text.contains("hush"),
        "{text}"
    );
    assert!(server.objects().is_empty());
    let mut variables = right.clone();
    variables.insert("HEADS_STORE_URL".into(), "s3://heads/c".into());
    settings("s3://other")
        .create_with(Path::new("data"), &variables)
        .expect("the environment goes before the file");
    assert_eq!(server.objects(), ["c/STORE"]);
}

#[test]
fn a_denied_write_is_an_error_and_stores_nothing() {
    let server = Server::start();
    let store = begun(&server);
    server.misbehave(|asked| (*asked.method == "PUT").then_some(Fault::Denied));
    let error = store
        .put_blocking(&key_of(b"head"), b"head")
        .expect_err("is denied")
        .to_string();
    assert!(
        error.contains("AccessDenied") && error.contains("what they may do"),
        "{error}"
    );
    assert_eq!(server.objects(), ["a/b/STORE"]);
}

#[test]
fn a_busy_and_broken_service_is_asked_again() {
    let server = Server::start();
    let mut variables = environment(&server);
    // In place of two minutes.
    variables.insert("AWS_TIMEOUT".into(), "300ms".into());
    let store = settings("s3://heads/a/b")
        .create_with(Path::new("data"), &variables)
        .expect("creates");
    let faults = [Fault::Internal, Fault::SlowDown, Fault::Drop, Fault::Cut, Fault::Stall];
    // Each address meets one fault of each kind in a row, by its first five requests.
    for fault in faults {
        let met = Mutex::new(BTreeSet::new());
        server.misbehave(move |asked| {
            let new = met
                .lock()
                .expect("is whole")
                .insert(format!("{} {}", asked.method, asked.path));
            new.then_some(fault)
        });
        let bytes = format!("head after {fault:?}").repeat(500);
        let key = key_of(bytes.as_bytes());
        store.put_blocking(&key, &bytes).expect("writes");
        assert_eq!(store.read_blocking(&key).expect("reads"), bytes.as_bytes());
        assert!(store.list("heads").expect("lists").contains(&key.to_string()));
        store.remove_durably(std::slice::from_ref(&key)).expect("removes");
        assert_eq!(server.objects(), ["a/b/STORE"], "{fault:?}");
    }
}

#[test]
fn it_may_be_asked_from_and_dropped_in_any_thread() {
    let server = Server::start();
    let store = begun(&server);
    let key = key_of(b"head");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = begun(&server);
        store.put_blocking(&key, b"head").expect("writes");
        drop(store);
    });
    let found = store.in_parallel(|| {
        use rayon::prelude::*;
        (0..100)
            .into_par_iter()
            .filter(|_| store.holds(&key, None).expect("looks"))
            .count()
    });
    assert_eq!(found, 100);
}
