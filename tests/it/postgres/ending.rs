//! A server that is told to end while PostgreSQL does not answer.

use std::process::{Child, Stdio};

use serde_json::json;

use super::server::OwnServer;
use crate::mcp::client::{Server, Setup, any_receiver, ends_within, event};
use crate::mcp::ending::SOON;

/// A registry on a server that is stopped in the middle of a call, and then `end`.
fn ends_beside_a_hung_server(end: impl Fn(&mut Server)) {
    let Some(postgres) = OwnServer::start() else {
        return;
    };
    let mut server = Server::start(&Setup::at(&OwnServer::url(postgres.port)));
    server.id_of("create_receiver", any_receiver("all"));
    let hung = postgres.hang();
    server.begin(
        "tools/call",
        json!({"name": "create_event", "arguments": event("all", "web", true, &json!({}))}),
    );
    // It is at work on the call once it answers a later one.
    server.request("tools/list", json!({})).unwrap();
    end(&mut server);
    let ended = server.ends_within(SOON);
    drop(hung);
    assert!(ended.success());
}

#[test]
fn a_signal_ends_a_server_beside_a_postgres_that_hangs() {
    ends_beside_a_hung_server(|server| server.signal("TERM"));
}

#[test]
fn the_end_of_its_input_ends_a_server_beside_a_postgres_that_hangs() {
    ends_beside_a_hung_server(Server::hang_up);
}

#[test]
fn a_signal_ends_a_server_that_cannot_open_its_database() {
    let Some(postgres) = OwnServer::start() else {
        return;
    };
    let hung = postgres.hang();
    let mut server = Server::silent(&Setup::at(&OwnServer::url(postgres.port)));
    // It has begun to open it before it answers.
    server.begin("ping", json!({}));
    server.read();
    server.signal("TERM");
    let ended = server.ends_within(SOON);
    drop(hung);
    assert!(ended.success());
}

/// Whether a process takes SIGTERM, which has the number 15.
#[cfg(target_os = "linux")]
fn takes_signals(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let taken = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:\t"));
    u64::from_str_radix(taken.unwrap(), 16).unwrap() & (1 << 14) != 0
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_other_commands_too() {
    let Some(postgres) = OwnServer::start() else {
        return;
    };
    let hung = postgres.hang();
    let setup = Setup::at(&OwnServer::url(postgres.port));
    let mut migrating = setup
        .tool(&["migrate"], &[])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !takes_signals(&migrating) {
        std::thread::yield_now();
    }
    let told = std::process::Command::new("kill")
        .arg(migrating.id().to_string())
        .status();
    assert!(told.unwrap().success());
    let ended = ends_within(&mut migrating, SOON);
    drop(hung);
    assert_eq!(ended.code(), Some(143), "as if the signal had ended it");
}
