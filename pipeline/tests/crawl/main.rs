//! The crawl over real HTTP against local boards, into a real database and a real store; and the
//! program itself, as its users, cron and the sites see it.

mod addresses;
mod aliases;
mod answers;
mod app;
mod asking;
mod board;
#[path = "../common/mod.rs"]
mod common;
mod danbooru;
mod faults;
mod files;
mod filters;
mod gelbooru;
mod holes;
mod html;
mod kill;
mod listing;
mod manners;
mod named;
mod pixiv;
mod place;
mod program;
mod rankings;
mod recordings;
mod refused;
mod scripted;
mod secrets;
mod sessions;
mod shares;
mod tokens;
mod unwanted;
mod zerochan;
