//! Addresses as people paste them, against the sites of the shipped settings.

use std::path::Path;

use pipeline::crawl::{Args, CrawlRequest, CrawlSettings, PostName, Target};
use pipeline::selection::SelectionArgs;
use pipeline::settings::Settings;

const MD5: &str = "0123456789abcdef0123456789abcdef";

fn requests(words: &[&str], select: SelectionArgs) -> Result<Vec<CrawlRequest>, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stages.toml");
    let mut settings = Settings::load(&path).expect("loads");
    for site in settings.sites.values_mut() {
        site.acknowledged = true;
    }
    let crawl = CrawlSettings {
        contact: "ada@lovelace.name".into(),
        ..settings.crawl
    };
    let args = Args {
        site: words[0].into(),
        names: words[1..].iter().map(|word| (*word).to_string()).collect(),
        select,
        ..Args::default()
    };
    args.requests(&crawl, &settings.sites)
        .map_err(|error| error.to_string())
}

/// Site, what is asked for by name, and the filters; of one address.
fn read(address: &str) -> (String, Option<Target>, String) {
    let mut requests = requests(&[address], SelectionArgs::default()).expect(address);
    assert_eq!(requests.len(), 1, "{address}");
    let request = requests.remove(0);
    let mut filters = request.selection.key();
    filters.retain(|line| !line.starts_with("source=") && line != "rating=safe");
    (request.name, request.target, filters.join(" "))
}

#[test]
fn a_post_is_known_by_its_page_and_by_its_picture() {
    let number = |number| Some(Target::Posts(vec![PostName::Number(number)]));
    let md5 = || Some(Target::Posts(vec![PostName::Md5(MD5.into())]));
    let pages = [
        ("https://konachan.net/post/show/123", "konachan"),
        ("https://konachan.net/post/show/123/long-hair-smile?x=1#c5", "konachan"),
        ("http://konachan.com/post/show/123/", "konachan_com"),
        ("yande.re/post/show/123", "yandere"),
        ("https://yande.re/post?tags=id%3A123", "yandere"),
        ("https://danbooru.donmai.us/posts/123?q=blue_eyes", "danbooru"),
        ("https://danbooru.donmai.us/posts/123.json", "danbooru"),
        ("https://safebooru.donmai.us/posts/123", "safebooru"),
        (
            "https://gelbooru.com/index.php?page=post&s=view&id=123&tags=sky",
            "gelbooru",
        ),
        ("https://gelbooru.com/index.php?id=123&s=view&page=post", "gelbooru"),
        (
            "https://safebooru.org/index.php?page=post&s=view&id=123",
            "safebooru_org",
        ),
        ("https://safebooru.org/images/12/whatever.jpg?123", "safebooru_org"),
        ("https://www.pixiv.net/artworks/123", "pixiv"),
        ("https://www.pixiv.net/en/artworks/123#2", "pixiv"),
        ("pixiv.net/i/123", "pixiv"),
        (
            "https://www.pixiv.net/member_illust.php?mode=medium&illust_id=123",
            "pixiv",
        ),
        (
            "https://i.pximg.net/img-original/img/2020/01/02/03/04/05/123_p0.jpg",
            "pixiv",
        ),
        (
            "https://i.pximg.net/c/600x1200_90/img-master/img/2020/01/02/03/04/05/123_p11_master1200.jpg",
            "pixiv",
        ),
        (
            "https://i.pximg.net/img-zip-ugoira/img/2020/01/02/03/04/05/123_ugoira600x600.zip",
            "pixiv",
        ),
        ("http://i2.pixiv.net/img76/img/somebody/123.jpg", "pixiv"),
    ];
    for (address, site) in pages {
        assert_eq!(read(address), (site.into(), number(123), String::new()), "{address}");
    }
    let pictures = [
        (
            format!("https://konachan.net/image/{MD5}/Konachan.com%20-%20123%20a_b.png"),
            "konachan",
        ),
        (
            format!("https://files.yande.re/sample/{MD5}/yande.re%20123%20sample.jpg"),
            "yandere",
        ),
        (
            format!("https://cdn.donmai.us/original/01/23/__a_b__{MD5}.jpg"),
            "danbooru",
        ),
        (
            format!("https://cdn.donmai.us/sample/01/23/sample-{MD5}.jpg"),
            "danbooru",
        ),
        (format!("https://danbooru.donmai.us/posts?md5={MD5}"), "danbooru"),
        (format!("https://img3.gelbooru.com/images/01/23/{MD5}.png"), "gelbooru"),
        (
            format!("https://img3.gelbooru.com/samples/01/23/sample_{MD5}.jpg"),
            "gelbooru",
        ),
    ];
    for (address, site) in pictures {
        assert_eq!(read(&address), (site.into(), md5(), String::new()), "{address}");
    }
}

#[test]
fn pools_artists_and_searches_are_known_by_their_pages() {
    let pool = || Some(Target::Pool(45));
    let artist = || Some(Target::Artist(45));
    let all = [
        ("https://konachan.net/pool/show/45", "konachan", pool(), ""),
        ("https://yande.re/pool/show/45.json", "yandere", pool(), ""),
        ("https://danbooru.donmai.us/pools/45", "danbooru", pool(), ""),
        (
            "https://gelbooru.com/index.php?page=pool&s=show&id=45",
            "gelbooru",
            pool(),
            "",
        ),
        (
            "https://yande.re/post?tags=pool%3A45+smile",
            "yandere",
            pool(),
            "tag=smile",
        ),
        ("https://danbooru.donmai.us/artists/45", "danbooru", artist(), ""),
        ("https://www.pixiv.net/users/45", "pixiv", artist(), ""),
        ("https://www.pixiv.net/en/users/45/artworks", "pixiv", artist(), ""),
        (
            "https://www.pixiv.net/users/45/illustrations/%E7%A9%BA",
            "pixiv",
            artist(),
            "tag=空",
        ),
        ("https://www.pixiv.net/member.php?id=45", "pixiv", artist(), ""),
        ("https://www.pixiv.net/u/45", "pixiv", artist(), ""),
        (
            "https://konachan.net/post?tags=blue_eyes+-comic&page=3",
            "konachan",
            None,
            "tag=blue_eyes without-tag=comic",
        ),
        (
            "https://danbooru.donmai.us/posts?tags=smile+order%3Aid&z=5",
            "danbooru",
            None,
            "tag=smile",
        ),
        (
            "https://gelbooru.com/index.php?page=post&s=list&tags=smile+1girl&pid=42",
            "gelbooru",
            None,
            "tag=1girl tag=smile",
        ),
        (
            "https://safebooru.org/index.php?page=post&s=list&tags=all",
            "safebooru_org",
            None,
            "",
        ),
        (
            "https://www.pixiv.net/tags/%E5%88%9D%E9%9F%B3%E3%83%9F%E3%82%AF/artworks?p=2",
            "pixiv",
            None,
            "tag=初音ミク",
        ),
        ("https://www.pixiv.net/en/tags/c++", "pixiv", None, "tag=c++"),
        (
            "https://www.pixiv.net/search.php?word=%E7%A9%BA%20%E6%B5%B7",
            "pixiv",
            None,
            "tag=海 tag=空",
        ),
    ];
    for (address, site, target, filters) in all {
        assert_eq!(read(address), (site.into(), target, filters.into()), "{address}");
    }
    let rated = |address: &str| {
        requests(&[address], SelectionArgs::default()).expect(address)[0]
            .selection
            .key()
    };
    assert!(rated("https://yande.re/post?tags=a+rating%3Ae").contains(&"rating=explicit".to_string()));
    assert!(rated("https://danbooru.donmai.us/posts?tags=a+rating:g,s").contains(&"rating=sensitive".to_string()));
    let ranking = requests(
        &["https://www.pixiv.net/ranking.php?mode=weekly"],
        SelectionArgs::default(),
    );
    assert_eq!(ranking.expect("is one")[0].ranking.as_deref(), Some("weekly"));
}

#[test]
fn several_at_once_are_one_crawl_for_the_posts_of_a_site() {
    let words = [
        "https://konachan.net/post/show/5",
        "https://yande.re/pool/show/7",
        "https://konachan.net/post/show/6",
        "https://konachan.net/post/show/5",
    ];
    let found = requests(&words, SelectionArgs::default()).expect("are known");
    let asked: Vec<String> = found
        .iter()
        .map(|one| format!("{}: {}", one.name, one.query_in_words().words))
        .collect();
    assert_eq!(asked, ["konachan: posts 5, 6", "yandere: pool 7"]);

    let found = requests(&["konachan", "5", "pool:7", "post:6"], SelectionArgs::default()).expect("are known");
    let asked: Vec<String> = found.iter().map(|one| one.query_in_words().words).collect();
    assert_eq!(asked, ["posts 5, 6", "pool 7"]);

    for artist in ["pixiv:45", "45"] {
        let select = SelectionArgs {
            artist: vec![artist.into()],
            ..SelectionArgs::default()
        };
        let found = requests(&["pixiv"], select).expect("is known");
        assert_eq!(found[0].target, Some(Target::Artist(45)));
        assert_eq!(found[0].selection.artists, ["pixiv:45"]);
    }
}

#[test]
fn what_is_not_understood_is_refused_with_what_is() {
    let none = SelectionArgs::default;
    let share = SelectionArgs {
        top_percent: Some(10.0),
        ..none()
    };
    let wrong: [(&[&str], SelectionArgs, &str); 15] = [
        (&["https://konachan.net/wiki/show?title=x"], none(), "/post/show/123"),
        (&["https://konachan.net/post/show/abc"], none(), "/pool/show/123"),
        (&["https://danbooru.donmai.us/users/5"], none(), "/posts/123"),
        (
            &["https://gelbooru.com/index.php?page=account&s=profile&id=5"],
            none(),
            "s=view&id=123",
        ),
        (&["https://www.pixiv.net/novel/show.php?id=5"], none(), "/artworks/123"),
        (
            &["https://www.pixiv.net/artworks/99999999999999999999"],
            none(),
            "/users/123",
        ),
        (
            &["https://elsewhere.example/post/show/5"],
            none(),
            "no site of stages.toml has the host elsewhere.example",
        ),
        (&["ftp://konachan.net/post/show/5"], none(), "not a web address"),
        (&["https://"], none(), "not a web address"),
        (&["123"], none(), "pipeline crawl konachan 123"),
        (
            &["konachan", "https://yande.re/post/show/5"],
            none(),
            "belongs to the site `yandere`",
        ),
        (&["konachan", "five"], none(), "pool:123"),
        (&["konachan", "artist:5"], none(), "pool:123"),
        (&["https://yande.re/post/show/5", "6"], none(), "name the site before"),
        (&["konachan", "pool:5"], share, "--top-percent"),
    ];
    for (words, select, expected) in wrong {
        let error = requests(words, select).expect_err(words[0]);
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
    // What would log somebody in is not repeated.
    for secret in [
        "https://gelbooru.com/index.php?page=account&user_id=5&api_key=s3cret",
        "https://ada:s3cret@konachan.net/wiki",
        "https://ada:s3cret@",
    ] {
        let error = requests(&[secret], none()).expect_err(secret);
        assert!(!error.contains("s3cret"), "{error}");
    }
    // What a search says that has a flag of its own is refused as on the command line.
    let error = requests(&["https://konachan.net/post?tags=order%3Ascore"], none()).expect_err("is a meta-tag");
    assert!(error.contains("order:score"), "{error}");
}
