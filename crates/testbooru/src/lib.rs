//! A local image board on loopback: it answers as Moebooru does, serves drawn or given pictures,
//! and misbehaves on demand. The demo, the tests and the benchmarks crawl it over real HTTP.
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

mod board;
mod faults;
mod file;
mod html;
mod invent;
mod moebooru;
mod post;
mod query;
mod respond;
mod server;
mod tls;

pub use board::{Board, Invention, NewPost, Pictures};
pub use faults::{Fault, RetryAfter, Target};
pub use file::File;
pub use post::{Post, Rating, Status, TagType};
pub use server::{Request, Server, Setup};
pub use tls::Identity;
