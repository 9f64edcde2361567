//! A local image board on loopback. On one port it answers as Moebooru, Danbooru, Gelbooru, pixiv and Zerochan do, each
//! with the fields, limits and oddities of the real sites; it serves drawn or given pictures, and
//! misbehaves on demand. The demo, the tests and the benchmarks crawl it over real HTTP.
//!
//! | dialect | paths |
//! |---|---|
//! | Moebooru | `/post.json`, `/post.xml`, `/post`, `/post/show/ID` |
//! | Danbooru | `/posts.json`, `/posts/ID.json`, `/counts/posts.json`, `/artists/ID.json` |
//! | Gelbooru | `/index.php?page=dapi&s=post&q=index` |
//! | pixiv | `/ajax/search/artworks/WORD`, `/ajax/illust/ID`, `/ajax/illust/ID/pages`, `/ajax/user/ID/profile/all`, `/ranking.php`; `/v1/search/illust`, `/v1/user/illusts`, `/v1/illust/detail`, `/auth/token` |
//! | Zerochan | `/?json`, `/TAG?json`, `/ID?json` |
//!
//! Names in [`Setup::aliases`] are searched for as the tags they mean, and told by `/tag_aliases.json`,
//! `/tag/related.json`, `/tag_alias.json` with `/tag.json`, and `/index.php?page=dapi&s=tag`; `/NAME?json` leads to
//! the tag.
//!
//! All show the same posts under the same ids. What the search languages call a date is a day on the
//! site's own clock, never UTC's.
//!
//! ```no_run
//! # fn story() -> anyhow::Result<()> {
//! use testbooru::{Board, Fault, Invention, NewPost, Pictures, Server, Setup, Target};
//!
//! let board = Board::build(Pictures::Drawn { count: 20, seed: 7 }, &Invention::default())?;
//! let id = board.add(NewPost { bytes: std::fs::read("picture.png")?, score: 600, ..NewPost::default() });
//! let server = Server::start(board, Setup::default())?;
//! server.fault(Target::Post(id), Fault::Truncated, 1);
//! // … crawl server.root_url() …
//! assert!(server.requests().iter().any(|request| request.path == "/post.json"));
//! # Ok(())
//! # }
//! ```

mod aliases;
mod board;
mod call;
mod clock;
mod danbooru;
mod faults;
mod file;
mod files;
mod gelbooru;
mod invent;
mod mark;
mod moebooru;
mod pixiv;
mod post;
mod posts;
mod range;
mod respond;
mod server;
mod sparse;
mod tls;
mod upload;
mod zerochan;

pub use board::{Board, Invention, NewPost};
pub use call::Request;
pub use danbooru::Account;
pub use faults::{Fault, RetryAfter, Target};
pub use file::File;
pub use pixiv::OAuth;
pub use post::{Access, Counters, Kind, Post, Rating, Status, TagType, artist_number};
pub use server::{Server, Setup};
pub use tls::Identity;
pub use upload::Pictures;
