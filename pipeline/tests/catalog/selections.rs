//! Selections, in SQL and in code.

use pipeline::catalog::posts::{self, Post, Rating, Status, tag_text};
use pipeline::catalog::selection::{conditions, refusal};
use pipeline::catalog::top::{self, Counter};
use pipeline::catalog::{Catalog, cursors};
use pipeline::selection::{AI_TAGS, AiMade, Alias, Aliases, Blocked, Percent, Selection, Threshold};
use sqlx::{AssertSqlSafe, Row};

use crate::common::post;

/// Posts that differ from the first in one thing each.
fn variants() -> Vec<Post> {
    let base = post(10, Some(500));
    let liked = |number| post(number, Some(900));
    let with = |number: i64, change: fn(&mut Post)| {
        let mut post = liked(number);
        change(&mut post);
        post
    };
    let kinds = |post: &mut Post| {
        post.kinds_known = true;
        post.tags = tag_text(["smile", "miku", "vocaloid", "kei"]);
        post.characters = tag_text(["miku"]);
        post.copyrights = tag_text(["vocaloid"]);
        post.artists = tag_text(["kei"]);
    };
    let mut variants = vec![base, post(11, Some(499)), post(12, None)];
    variants.extend([
        with(13, |post| post.status = Status::Deleted),
        with(14, |post| post.status = Status::Held),
        with(15, |post| post.status = Status::Pending),
        with(16, |post| post.rating = Rating::Explicit),
        with(17, |post| post.tags = tag_text(["blueXeyes", "SMILES"])),
        with(18, |post| post.source = "other".into()),
        with(19, |post| post.views = Some(1000)),
        with(20, |post| post.favourites = Some(40)),
        with(21, |post| post.score = None),
        with(22, |post| post.rating = Rating::Sensitive),
        with(23, |post| (post.width, post.height) = (None, None)),
        with(24, |post| post.width = Some(2000)),
        with(25, |post| post.extension = Some("png".into())),
        with(26, |post| post.extension = Some("webm".into())),
        with(27, kinds),
        with(28, |post| post.tags = tag_text(["miku", "vocaloid", "kei"])),
        // A tag of another kind with the wanted name is no such character.
        with(29, |post| {
            post.kinds_known = true;
            post.tags = tag_text(["miku", "vocaloid", "kei"]);
        }),
        with(30, |post| post.artist = Some("pixiv:12".into())),
        with(31, |post| post.tags = tag_text([])),
        with(32, |post| post.created_at = 1_700_000_000),
        with(33, |post| post.ai_made = Some(true)),
        with(34, |post| post.ai_made = Some(false)),
        with(35, |post| post.tags = tag_text(["ai-generated", "smile"])),
    ]);
    variants
}

/// Names by which one of the sources knows tags of the posts.
fn aliases() -> Aliases {
    let aliases = Aliases::default();
    for (name, tag) in [
        ("grin", "smile"),
        ("blueeyes", "blue_eyes"),
        ("hatsune", "miku"),
        ("vocaloids", "vocaloid"),
        ("keikei", "kei"),
        ("miku", "miku"),
    ] {
        aliases.learn(Alias {
            source: "board".into(),
            name: name.into(),
            tag: tag.into(),
        });
    }
    aliases
}

/// Every filter alone, and some together.
fn selections() -> Vec<Selection> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_string()).collect::<Vec<_>>();
    let threshold = |source: &str, since, before, likes| Threshold {
        source: source.into(),
        since,
        before,
        likes,
    };
    let top = Percent::read(10.0).ok();
    let none = Selection::default;
    let made = |ai_made| Selection {
        ai_made,
        ai_tags: AI_TAGS.map(String::from).into(),
        ..none()
    };
    let without = |entries: &[&str]| Selection {
        blacklist: entries.iter().map(|entry| Blocked::read(entry).expect(entry)).collect(),
        ..none()
    };
    let many: Vec<String> = (0..2000).map(|number| format!("tag{number} -other{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["blue_eyes"]).collect();
    vec![
        without(&many),
        made(AiMade::Only),
        Selection {
            min_width: Some(1000),
            ..made(AiMade::Exclude)
        },
        without(&["smile -blue_eyes", "artist:kei", "blue_eyes rating:explicit"]),
        Selection {
            min_likes: Some(900),
            ..without(&["source:other", "character:miku copyright:vocaloid", "blue_eyes"])
        },
        none(),
        Selection {
            min_likes: Some(500),
            ..none()
        },
        Selection {
            min_views: Some(1000),
            ..none()
        },
        Selection {
            min_favourites: Some(40),
            ..none()
        },
        Selection {
            min_score: Some(600),
            ..none()
        },
        Selection {
            since: Some(1_600_000_012),
            before: Some(1_600_000_017),
            ..none()
        },
        Selection {
            ratings: vec![Rating::Safe],
            source: Some("board".into()),
            ..none()
        },
        Selection {
            ratings: vec![Rating::Sensitive, Rating::Explicit],
            ..none()
        },
        Selection {
            tags: words(&["blue_eyes"]),
            ..none()
        },
        Selection {
            tags: words(&["smile"]),
            without_tags: words(&["blue_eyes"]),
            ..none()
        },
        Selection {
            tags: words(&["grin"]),
            without_tags: words(&["blueeyes"]),
            aliases: aliases(),
            ..none()
        },
        Selection {
            characters: words(&["hatsune"]),
            copyrights: words(&["vocaloids"]),
            artists: words(&["keikei"]),
            aliases: aliases(),
            ..none()
        },
        Selection {
            without_tags: words(&["smile"]),
            ..none()
        },
        Selection {
            characters: words(&["miku"]),
            ..none()
        },
        Selection {
            copyrights: words(&["vocaloid"]),
            ..none()
        },
        Selection {
            artists: words(&["kei"]),
            ..none()
        },
        Selection {
            artists: words(&["pixiv:12"]),
            ..none()
        },
        Selection {
            characters: words(&["miku"]),
            artists: words(&["kei"]),
            tags: words(&["smile"]),
            ..none()
        },
        Selection {
            min_width: Some(641),
            ..none()
        },
        Selection {
            min_height: Some(480),
            ..none()
        },
        Selection {
            types: words(&["jpg", "png"]),
            ..none()
        },
        Selection {
            top_percent: top,
            ..none()
        },
        Selection {
            top_percent: top,
            thresholds: vec![
                threshold("board", 1_600_000_000, 1_600_000_020, 500),
                threshold("other", 1_600_000_000, 1_600_000_020, 901),
                threshold("board", 1_600_000_020, 1_600_000_022, 900),
            ],
            without_tags: words(&["blueXeyes"]),
            ..none()
        },
    ]
}

pub async fn a_selection_says_the_same_in_sql_and_in_code(catalog: &Catalog) {
    let variants = variants();
    let mut write = catalog.write().await.expect("begins");
    for post in &variants {
        posts::record(&mut write, post).await.expect("writes");
    }
    write.commit().await.expect("commits");
    let mut sizes = std::collections::BTreeSet::new();
    for selection in selections() {
        let conditions = conditions(&selection, 2);
        let sql = format!(
            "SELECT p.* FROM posts AS p WHERE p.number >= $1 AND {} ORDER BY p.number",
            conditions.sql
        );
        let rows = conditions
            .bind(sqlx::query(AssertSqlSafe(sql)).bind(10_i64))
            .fetch_all(catalog.pool())
            .await;
        let by_sql: Vec<i64> = rows.expect("reads").iter().map(|row| row.get("number")).collect();
        let kept = variants.iter().filter(|post| refusal(&selection, post).is_none());
        let by_code: Vec<i64> = kept.map(|post| post.number).collect();
        assert_eq!(by_sql, by_code, "{selection:?}");
        assert!(
            by_sql.len() < variants.len() - 3 || selection == Selection::default(),
            "{selection:?}"
        );
        sizes.insert(by_sql);
    }
    // Each selection but the two of the same artist finds other posts than all others.
    assert!(sizes.len() >= 18, "{sizes:?}");
}

pub async fn a_share_is_taken_year_by_year_of_the_narrowest_listing_that_has_all(catalog: &Catalog) {
    let of = |number: i64, likes: Option<i64>, created_at: i64| Post {
        source: "shared".into(),
        created_at,
        ..post(number, likes)
    };
    // 2020 has likes 1 to 10, 2021 one post; the last was uploaded after the listing.
    let (first, second) = (1_600_000_000, 1_620_000_000);
    let mut listed: Vec<Post> = (1..=10).map(|number| of(1000 + number, Some(number), first)).collect();
    listed.extend([
        of(1011, Some(3), second),
        of(1012, None, second),
        of(1013, Some(99), second + 9),
    ]);
    let finished = cursors::Cursor {
        finished_at: second + 5,
        ..cursors::Cursor::default()
    };
    let mut write = catalog.write().await.expect("begins");
    posts::record_all(&mut write, &listed).await.expect("writes");
    for query in [
        "",
        "rating=safe source=shared",
        "min-likes=2 rating=safe",
        "rating=safe tag=none",
    ] {
        cursors::record(&mut write, "shared", query, &finished)
            .await
            .expect("writes");
    }
    write.commit().await.expect("commits");

    let safe = Selection {
        ratings: vec![Rating::Safe],
        min_likes: Some(1),
        ..Selection::default()
    };
    let listings = top::covering(catalog, "shared", &safe).await.expect("reads");
    let queries: Vec<&str> = listings.iter().map(|listing| listing.query.as_str()).collect();
    assert_eq!(queries, ["rating=safe source=shared", ""]);
    let percent = Percent::read(25.0).expect("a share");
    let years = top::years(catalog, "shared", &safe, percent, &listings[0]).await;
    let years: Vec<(i64, u64)> = years
        .expect("reads")
        .iter()
        .map(|year| (year.threshold.likes, year.posts))
        .collect();
    assert_eq!(years, [(8, 10), (3, 1)]);
    assert_eq!(top::highest(catalog, "shared").await.expect("reads"), 1013);
    let sources = top::sources(catalog, &safe).await.expect("reads");
    assert!(sources.contains(&"shared".to_string()));
    assert_eq!(
        top::uncounted(catalog, &safe, Counter::Views).await.expect("reads"),
        [("board".to_string(), 1)],
        "of stored posts only"
    );
    let listed = posts::count(catalog, &listings[0].selection, Some(second)).await;
    assert_eq!(listed.expect("counts"), 3);
}
