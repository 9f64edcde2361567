//! pixiv's rankings.

use pipeline::selection::SelectionArgs;
use testbooru::NewPost;

use crate::pixiv::{DAY, START, of, post, ranking, search};

#[tokio::test]
async fn a_ranking_gives_views_and_dates_in_utc_from_the_newest_day_down() {
    let at = |number: u32, day: i64| NewPost {
        created_at: Some(START + day * DAY),
        ..post(number)
    };
    let site = of((0..70).map(|number| at(number, i64::from(number) / 20))).await;
    let select = SelectionArgs {
        min_views: Some(1010),
        ..SelectionArgs::default()
    };
    site.done(ranking(select)).await;
    let posts = site.posts().await;
    let ids = site.ids();
    assert_eq!(posts.len(), 70);
    assert_eq!((posts[&ids[0]].views, posts[&ids[0]].created_at), (Some(1000), START));
    assert_eq!(
        (posts[&ids[0]].likes, posts[&ids[0]].file_url.as_deref()),
        (Some(100), None)
    );
    let dates: Vec<String> = site
        .asked_for("/ranking.php")
        .iter()
        .filter_map(|asked| Some(asked.split("date=").nth(1)?.split('&').next()?.to_string()))
        .collect();
    let mut falling = dates.clone();
    falling.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(dates, falling);
    assert!(dates.contains(&"20210101".to_string()), "the day in Japan: {dates:?}");
}

#[tokio::test]
async fn a_rankings_period_is_that_of_the_uploads() {
    let site = of((0..10).map(|number| NewPost {
        created_at: Some(START + i64::from(number) * DAY),
        ..post(number)
    }))
    .await;
    let select = SelectionArgs {
        since: Some("2021-01-03".into()),
        until: Some("2021-01-05".into()),
        ..SelectionArgs::default()
    };
    let summary = site.done(ranking(select)).await;
    let selected = summary.lines.iter().find(|(name, _)| name == "posts selected");
    assert!(selected.is_some_and(|(_, count)| *count >= 3), "{summary:?}");
    let asked = site.asked_for("/ranking.php");
    assert!(
        asked.iter().any(|asked| asked.contains("date=20210106")),
        "ranked the day after: {asked:?}"
    );
    assert!(!asked.iter().any(|asked| asked.contains("date=20210102")), "{asked:?}");
}

#[tokio::test]
async fn an_older_ranking_does_not_undo_what_a_later_answer_said() {
    let site = of([post(1)]).await;
    let id = site.ids()[0];
    site.done(search()).await;
    let seen = site.posts().await[&id].clone();
    site.done(ranking(SelectionArgs::default())).await;
    assert_eq!(site.posts().await[&id], seen);
}
