use super::*;

/// A key as sites give it: long, mixed, with letters that URLs escape.
const KEY: &str = "aB3+x/9=kQz7Lm2P";

fn hides(text: &str) {
    let hidden = redact_said(text);
    assert!(hidden.contains(MASK), "{text} -> {hidden}");
    for left in [KEY, "aB3", "Lm2P", "kQz7"] {
        assert!(!hidden.contains(left), "{text} -> {hidden}");
    }
}

#[test]
fn a_secret_is_found_however_it_is_written() {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, Engine};
    keep_login("ada_l", KEY);
    let encoded = url::form_urlencoded::byte_serialize(KEY.as_bytes()).collect::<String>();
    let all: String = KEY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let twice = encoded.replace('%', "%25");
    let json: String = KEY.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let html: String = KEY.bytes().map(|byte| format!("&#{byte};")).collect();
    for text in [KEY, &encoded, &all, &twice, &json, &html, &KEY.replace('/', "\\/")] {
        hides(&format!("no such key: {text}!"));
        hides(&format!("https://a.example/?x=1&k={text}&y=2"));
    }
    for before in ["", "a", "ab", "abc", "ada_l:"] {
        let text = format!("{before}{KEY}{before}");
        for coded in [
            BASE64_STANDARD.encode(&text),
            BASE64_URL_SAFE.encode(&text),
            hex::encode(&text),
        ] {
            let hidden = redact(&format!("you sent {coded}")).into_owned();
            let whole = BASE64_STANDARD.encode(KEY);
            assert!(
                hidden.contains(MASK) && !hidden.contains(&whole[4..16]),
                "{coded} -> {hidden}"
            );
        }
    }
    assert!(!redact_said("user ada_l is banned").contains("ada_l"));
    assert_eq!(redact("the tag ada_l"), "the tag ada_l", "may be a word of ours");
    assert!(!redact("login=ada_l&x=1").contains("ada_l"));
}

#[test]
fn what_is_no_secret_stays_and_json_stays_json() {
    keep("s3cr-et");
    keep("8437219");
    for text in [
        "12 posts listed; 3 of `hatsune_miku`",
        "https://www.deviantart.com/@someone/art",
        "http://127.0.0.1:8080/post.json?tags=a+b&limit=3",
        "set HEADS_LOGIN_BOARD=USER:API_KEY",
        "s3cr-etly",
        "100 % of 5%3A",
        "contact: ada@lovelace.name",
        "tag artist:name and @someone",
        "",
    ] {
        assert_eq!(redact(text), text);
    }
    let line = r#"{"n":8437219,"text":"key \"s3cr-et\" of 8437219","url":"https://u:p@h/","é":[1]}"#;
    let hidden = redact_json(line).into_owned();
    let read: serde_json::Value = serde_json::from_str(&hidden).expect("is JSON");
    assert_eq!(read["text"], r#"key "***" of 0"#);
    assert_eq!(read["url"], "https://***@h/");
    let mut body = br#"[{"id":8437219,"source":"s3cr-et"}]"#.to_vec();
    scrub(&mut body);
    assert_eq!(body, br#"[{"id":0,"source":"***"}]"#);
}

#[test]
fn what_looks_like_a_credential_is_hidden_whosever_it_is() {
    for text in [
        "GET https://h/i.php?page=dapi&api_key=hush-hush&user_id=hush-hush",
        "https://h/?next=%2Fa%3Fapi_key%3Dhush-hush%26x%3D1",
        "postgres://reader:hush-hush@db.example/heads",
        "postgres://reader:12#hush-hush@db.example/heads",
        "postgres://reader:a/hush-hush@db.example/heads",
        "`ftp://ada:hush-hush@h` is no web address",
        "Cookie: PHPSESSID=hush-hush; a=b",
        "refresh_token=hush-hush",
        "https://hush-hush@h/",
        "no site `ada:hush-hush@board.example` here",
    ] {
        let hidden = redact(text).into_owned();
        assert!(!hidden.contains("hush") && hidden.contains(MASK), "{text} -> {hidden}");
    }
    assert_eq!(redact("a?api_key=1&b=2"), "a?api_key=***&b=2");
}

#[test]
fn the_parts_of_a_url_are_kept() {
    keep_url("http://proxy-user:pr%40xy-Pass9@10.0.0.1:8080");
    for text in ["pr%40xy-Pass9", "pr@xy-Pass9", "wrong: proxy-user:pr@xy-Pass9"] {
        assert!(!redact(text).contains("xy-Pass9"), "{text}");
    }
    keep_url("postgres://h/d?password=p4ssw0rd!");
    assert!(!redact("FATAL: p4ssw0rd!").contains("p4ssw0rd!"));
}
