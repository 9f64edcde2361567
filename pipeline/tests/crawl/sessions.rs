//! pixiv with a session, and after it ended.

use pipeline::catalog::now;
use pipeline::catalog::posts::Status;
use pipeline::crawl::Args;
use pipeline::selection::SelectionArgs;
use testbooru::{NewPost, Rating, Setup};

use crate::common::site::{PIXIV, Site, tagged};
use crate::pixiv::{DAY, post};

fn any_rating() -> Args {
    Args {
        select: SelectionArgs {
            rating: Some("any".into()),
            ..tagged("sky").select
        },
        ..tagged("sky")
    }
}

/// Two works of yesterday, the second for adults, and a session that sees both.
async fn with_session() -> Site {
    let rated = |number: u32, rating: Rating| NewPost {
        created_at: Some(now() - DAY + i64::from(number)),
        rating,
        ..post(number)
    };
    let posts = [rated(1, Rating::Safe), rated(2, Rating::Explicit)];
    let setup = Setup {
        session: Some("s3ssion".into()),
        ..Setup::default()
    };
    let mut site = Site::of(PIXIV, posts, setup).await;
    site.keep_secrets("HEADS_SESSION_BOARD=s3ssion\n");
    site
}

#[tokio::test]
async fn the_end_of_a_session_takes_down_nothing_that_is_known() {
    let mut site = with_session().await;
    let ids = site.ids();
    assert_eq!(site.done(any_rating()).await.done, 2);
    for ended in ["HEADS_SESSION_BOARD=0ld\n", ""] {
        site.keep_secrets(ended);
        site.done(any_rating()).await;
        assert_eq!(site.posts().await[&ids[1]].status, Status::Active, "{ended:?}");
    }
    assert_eq!(site.stored().await.len(), 2);
}

#[tokio::test]
async fn a_work_for_adults_that_is_gone_is_noticed_while_others_are_seen() {
    let site = with_session().await;
    let ids = site.ids();
    site.server.board().add(NewPost {
        created_at: Some(now() - DAY + 3),
        rating: Rating::Explicit,
        ..post(3)
    });
    site.done(any_rating()).await;
    site.server.board().delete(ids[1].unsigned_abs());
    site.done(any_rating()).await;
    assert_eq!(site.posts().await[&ids[1]].status, Status::Deleted);
}
