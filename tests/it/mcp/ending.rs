//! A server whose input ends, or that is told to end, is gone in 3 s, whatever its database does: a
//! container's process is killed if it takes long.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Server, Setup, any_receiver, event, fresh};
use crate::harness::engine::Lock;

/// How long an end may take.
pub(crate) const SOON: Duration = Duration::from_secs(3);

/// Later calls that a server answers before it is taken to have come to the lock in an earlier one.
const LATER: usize = 5;

/// Sends a call that will wait for the lock, and makes sure that it does.
fn begin_waiting(server: &mut Server, lock: &mut Lock) -> u64 {
    let arguments = event("all", "web", true, &json!({}));
    let id = server.begin(
        "tools/call",
        json!({"name": "create_event", "arguments": arguments}),
    );
    while lock.is_waited_for() == Some(false) {}
    for _ in 0..LATER {
        server.record("search_events", json!({}));
    }
    id
}

#[cfg(unix)]
#[test]
fn told_to_end_a_server_that_waits_for_a_lock_is_gone_soon() {
    for signal in ["TERM", "INT"] {
        let (_folder, db) = fresh();
        let mut server = Server::on(&db);
        server.id_of("create_receiver", any_receiver("all"));
        let mut lock = Lock::on(&db);
        begin_waiting(&mut server, &mut lock);
        server.signal(signal);
        assert!(server.ends_within(SOON).success(), "{signal}");
    }
}

#[cfg(unix)]
#[test]
fn told_again_it_waits_for_nothing() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let mut lock = Lock::on(&db);
    begin_waiting(&mut server, &mut lock);
    let begun = Instant::now();
    let ended = loop {
        server.signal("TERM");
        if let Some(ended) = server.has_ended() {
            break ended;
        }
    };
    // Sooner than the last calls are given up.
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(ended.code(), Some(143));
}

#[test]
fn at_the_end_of_its_input_a_server_that_waits_for_a_lock_is_gone_soon() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let mut lock = Lock::on(&db);
    begin_waiting(&mut server, &mut lock);
    server.hang_up();
    assert!(server.ends_within(SOON).success());
}

#[test]
fn at_the_end_of_its_input_a_lock_that_is_free_soon_is_waited_for() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let mut lock = Lock::on(&db);
    let call = begin_waiting(&mut server, &mut lock);
    server.hang_up();
    drop(lock);
    let answer = server.answer(call);
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    assert!(server.ends_within(SOON).success());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_server_whose_database_is_still_being_opened() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let _lock = Lock::on(&db);
    let mut late = Server::silent(&Setup::new(&db));
    late.begin("ping", json!({}));
    late.read();
    late.signal("TERM");
    assert!(late.ends_within(SOON).success());
}

#[cfg(unix)]
#[test]
fn a_client_that_does_not_read_keeps_no_server_from_ending() {
    let (_folder, db) = fresh();
    let mut other = Server::on(&db);
    other.id_of("create_receiver", any_receiver("all"));
    let mut deaf = Server::deaf(&Setup::new(&db));
    for _ in 0..32 {
        deaf.begin("tools/list", json!({}));
    }
    let arguments = event("all", "web", true, &json!({}));
    deaf.begin(
        "tools/call",
        json!({"name": "create_event", "arguments": arguments}),
    );
    // It is at work on them by now.
    while other.record("search_events", json!({}))["total"] != 1 {}
    deaf.signal("TERM");
    assert!(deaf.ends_within(SOON).success());
}
