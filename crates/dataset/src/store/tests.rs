//! The store in a folder.

use super::*;

fn path_of(store: &Store, key: &Key) -> std::path::PathBuf {
    store.path_of(key).expect("a folder")
}

fn key_of(bytes: &[u8]) -> Key {
    Key::head(&crate::keys::sha256(bytes)).expect("a hash")
}

#[test]
fn an_object_comes_back_until_it_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(&folder.path().join("store")).expect("creates");
    let key = key_of(b"head");
    store.put_blocking(&key, b"head").expect("writes");
    assert_eq!(store.read_blocking(&key).expect("reads"), b"head");
    assert_eq!(store.list("heads").expect("lists"), [key.as_str()]);
    let keys = std::slice::from_ref(&key);
    store.remove_durably(keys).expect("deletes");
    store.remove_durably(keys).expect("deletes twice");
    assert!(store.list("heads").expect("lists").is_empty());
    assert!(matches!(store.read_blocking(&key), Err(StoreError::Missing(_))));
}

#[test]
fn an_object_that_was_shortened_or_altered_is_written_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("creates");
    let key = key_of(b"whole");
    store.put_blocking(&key, b"whole").expect("writes");
    assert!(!store.place_blocking(&key, b"whole").expect("is there"));
    for damaged in [&b"who"[..], b"whale"] {
        std::fs::write(path_of(&store, &key), damaged).expect("damages");
        store.put_blocking(&key, b"whole").expect("writes again");
        assert_eq!(store.read_blocking(&key).expect("reads"), b"whole");
    }
    let holds = |bytes| store.holds(&key, bytes).expect("looks");
    assert!(holds(None) && holds(Some(5)) && !holds(Some(4)));
}

#[test]
fn a_store_that_vanished_is_never_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("store");
    assert!(matches!(Store::open(&place), Err(StoreError::Vanished { .. })));
    let store = Store::create(&place).expect("creates");
    std::fs::remove_dir_all(&place).expect("vanishes");
    let key = key_of(b"head");
    assert!(matches!(
        store.put_blocking(&key, b"head"),
        Err(StoreError::Vanished { .. })
    ));
    assert!(matches!(store.read_blocking(&key), Err(StoreError::Vanished { .. })));
    assert!(!place.exists());
}

#[test]
fn a_disk_that_is_nearly_full_takes_nothing_more_and_gives_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("creates");
    store.check_room().expect("asks for nothing");
    store.put_blocking(&key_of(b"old"), b"old").expect("writes");
    let store = store.keeping_free(u64::MAX / 10_000_000);
    let error = store.check_room().expect_err("has no such disk").to_string();
    assert!(error.contains(&folder.path().display().to_string()), "{error}");
    assert!(error.contains("min_free_megabytes"), "{error}");
    let new = store.put_blocking(&key_of(b"new"), b"new");
    assert!(matches!(new, Err(StoreError::Full { .. })), "{new:?}");
    store.put_blocking(&key_of(b"old"), b"old").expect("is there already");
    assert_eq!(store.read_blocking(&key_of(b"old")).expect("reads"), b"old");
}

#[test]
fn what_a_killed_writer_left_is_not_listed_and_is_swept() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("creates");
    let key = key_of(b"head");
    store.put_blocking(&key, b"head").expect("writes");
    let half = path_of(&store, &key).with_extension("png#1");
    std::fs::write(&half, b"he").expect("writes half");
    assert_eq!(store.list("heads").expect("lists"), [key.as_str()]);
    assert_eq!(store.sweep().expect("sweeps"), 1);
    assert!(!half.exists() && path_of(&store, &key).exists());
}
