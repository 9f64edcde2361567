//! Processes that train a run together.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    socket.local_addr().expect("has one").port()
}

/// The command as rank `rank` of `world` that meet at a port.
pub fn as_rank(mut command: Command, rank: usize, world: usize, port: u16) -> Command {
    command
        .env("MASTER_ADDR", "127.0.0.1")
        .env("MASTER_PORT", port.to_string())
        .env("RANK", rank.to_string())
        .env("WORLD_SIZE", world.to_string());
    command
}

pub fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// The command as each of two ranks.
pub fn begin(command: impl Fn() -> Command) -> [Child; 2] {
    let port = free_port();
    [0, 1].map(|rank| spawn(as_rank(command(), rank, 2, port)))
}

pub fn ended(ranks: [Child; 2]) -> [Output; 2] {
    ranks.map(|rank| rank.wait_with_output().expect("ends"))
}
