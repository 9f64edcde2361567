//! From stored pictures and folders to frozen manifests, on real databases, a real store and ONNX
//! Runtime; the network is one whose boxes are known.

/// Tells a story on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),+) => { $(
        mod $name {
            use crate::fixture::House;

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                super::$name(House::new().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
            async fn on_postgres() {
                super::$name(House::on_postgres().await).await;
            }
        }
    )+ };
}

mod boxes;
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod crop;
mod curate;
mod duplicates;
mod export;
mod fixture;
mod hand;
mod import;
mod kill;
mod locks;
mod lost;
mod manifest;
mod model;
mod purge;
mod reasons;
mod serve;
mod show;
mod sidecars;
mod style;
mod swap;
mod verdicts;
mod workers;
