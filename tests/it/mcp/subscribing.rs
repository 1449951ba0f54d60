//! Clients that watch resources hear of changes, whoever makes them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{PATIENCE, Server, Setup, any_receiver, event, fresh};

const LATEST: &str = "epr://events/latest";

fn history(name: &str) -> String {
    format!("epr://history/{name}/1.0.0/1/linux/oci")
}

fn gate(group: &str, name: &str) -> String {
    format!("epr://gates/{group}/{name}%2F1.0.0%2F1%2Flinux%2Foci")
}

/// Receivers `build` and `scan`, and `other` that belongs to no group; a group `ready`.
fn define(server: &mut Server) -> String {
    for name in ["build", "scan", "other"] {
        server.id_of("create_receiver", any_receiver(name));
    }
    server.id_of(
        "create_group",
        json!({"name": "ready", "type": "test.ready", "version": "1.0.0", "description": "a gate",
            "event_receiver_ids": ["build", "scan"]}),
    )
}

fn subscribe(server: &mut Server, uri: &str) {
    server
        .request("resources/subscribe", json!({"uri": uri}))
        .unwrap_or_else(|error| panic!("{uri}: {error}"));
}

/// Everything that is told of until all of these are.
fn until(server: &mut Server, wanted: &[String]) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    while !wanted.iter().all(|uri| told.contains(uri)) {
        told.insert(server.updated());
    }
    told
}

fn record(server: &mut Server, receiver: &str, name: &str, success: bool) {
    server.id_of("create_event", event(receiver, name, success, &json!({})));
}

/// A client that watches what was written long enough ago to be told of what follows alone.
fn quiet_watcher(db: &std::path::Path, start: impl Fn(&Setup) -> Server) -> Server {
    // Of the last five seconds a first follower is told once more.
    std::thread::park_timeout(Duration::from_secs(6));
    start(&Setup::new(db))
}

#[test]
fn a_change_by_another_process_is_told_to_those_whom_it_concerns() {
    let (_folder, db) = fresh();
    let mut writer = Server::on(&db);
    let group = define(&mut writer);
    record(&mut writer, "build", "web", true);
    let mut watcher = quiet_watcher(&db, Server::start);
    let by_id = format!("epr://groups/{group}");
    for uri in [
        history("web").as_str(),
        &history("api"),
        &gate("ready", "web"),
        &gate(&group, "api"),
        &by_id,
        "epr://overview",
        "epr://receivers/build",
    ] {
        subscribe(&mut watcher, uri);
    }
    // An event that no gate counts.
    record(&mut writer, "other", "web", true);
    record(&mut writer, "other", "api", false);
    let told = until(&mut watcher, &[history("api"), history("web")]);
    let gates = [gate("ready", "web"), gate(&group, "api"), by_id.clone()];
    assert!(gates.iter().all(|uri| !told.contains(uri)), "{told:?}");

    // Members of the gate.
    record(&mut writer, "scan", "web", true);
    let told = until(&mut watcher, &[gate("ready", "web"), history("web")]);
    assert!(
        !told.contains(&gate(&group, "api")) && !told.contains(&by_id),
        "{told:?}"
    );

    // The group itself: both gates may stand otherwise now.
    writer.record(
        "set_group_enabled",
        json!({"group": "ready", "enabled": false}),
    );
    let mut wanted: BTreeSet<String> = gates.into_iter().collect();
    while !wanted.is_empty() {
        let uri = watcher.updated();
        assert!(uri != history("web") && uri != history("api"), "{uri}");
        wanted.remove(&uri);
    }
}

#[test]
fn what_is_not_watched_any_more_is_not_told_of() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    define(&mut server);
    subscribe(&mut server, &history("web"));
    subscribe(&mut server, &history("api"));
    server
        .request("resources/unsubscribe", json!({"uri": history("web")}))
        .unwrap();
    record(&mut server, "other", "web", true);
    record(&mut server, "other", "api", true);
    assert_eq!(server.updated(), history("api"));
    // Twice is no fault, and after the last one others can follow.
    for uri in [history("api"), history("api")] {
        server
            .request("resources/unsubscribe", json!({"uri": uri}))
            .unwrap();
    }
    subscribe(&mut server, LATEST);
    record(&mut server, "other", "web", true);
    assert_eq!(server.updated(), LATEST);
}

#[test]
fn an_address_that_there_cannot_be_is_refused() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    for uri in ["file:///etc/passwd", "epr://nothing/here", ""] {
        let error = server
            .request("resources/subscribe", json!({"uri": uri}))
            .unwrap_err();
        assert_eq!(error["code"], -32002, "{uri}: {error}");
    }
    let error = server
        .request("resources/subscribe", json!({}))
        .unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    // What is not there yet may come.
    define(&mut server);
    subscribe(&mut server, &gate("later", "web"));
    server.id_of(
        "create_group",
        json!({"name": "later", "type": "test.later", "version": "1.0.0", "description": "a gate",
            "event_receiver_ids": ["build"]}),
    );
    assert_eq!(server.updated(), gate("later", "web"));
}

#[test]
fn too_many_addresses_are_refused() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    for n in 0..256 {
        subscribe(&mut server, &history(&format!("u{n}")));
    }
    let error = server
        .request("resources/subscribe", json!({"uri": LATEST}))
        .unwrap_err();
    assert!(
        error["message"].as_str().unwrap().contains("256"),
        "{error}"
    );
    subscribe(&mut server, &history("u7"));
}

fn listen(server: &mut Server, uris: &Value) -> u64 {
    server.begin(
        "subscriptions/listen",
        json!({"notifications": {"resourceSubscriptions": uris, "toolsListChanged": true}}),
    )
}

#[test]
fn a_listening_client_of_the_new_revision_hears_until_it_hangs_up() {
    let (_folder, db) = fresh();
    let mut writer = Server::on(&db);
    define(&mut writer);
    let mut watcher = quiet_watcher(&db, Server::modern);
    let id = listen(&mut watcher, &json!([LATEST, "file:///x", history("web")]));
    let accepted = watcher.notification("notifications/subscriptions/acknowledged");
    // Of what was asked for that which there can be; the tools do not change.
    let notifications = &accepted["params"]["notifications"];
    assert_eq!(
        notifications["resourceSubscriptions"],
        json!([LATEST, history("web")]),
        "{accepted}"
    );
    assert_ne!(notifications["toolsListChanged"], true, "{accepted}");

    record(&mut writer, "other", "api", true);
    let notice = watcher.notification("notifications/resources/updated");
    assert_eq!(notice["params"]["uri"], LATEST);
    assert_eq!(
        notice["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id,
        "{notice}"
    );
    // A second one beside it, and calls too.
    let other = listen(&mut watcher, &json!([history("api")]));
    watcher.notification("notifications/subscriptions/acknowledged");
    watcher.text("describe_registry", json!({}));
    record(&mut writer, "other", "api", true);
    until(&mut watcher, &[LATEST.to_owned(), history("api")]);

    // One is given up, the other gets its final result at the end.
    watcher.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": other}}));
    watcher.hang_up();
    let result = watcher.answer(id);
    assert!(result.get("result").is_some(), "{result}");
    assert!(watcher.ends_within(Duration::from_secs(3)).success());
}

#[test]
fn too_many_subscriptions_are_refused_and_an_ended_one_makes_room() {
    let (_folder, db) = fresh();
    let mut server = Server::modern(&Setup::new(&db));
    server.text("describe_registry", json!({}));
    let mut ids: Vec<u64> = (0..17)
        .map(|_| listen(&mut server, &json!([LATEST])))
        .collect();
    // They are begun side by side: any one of them may be the one too many.
    let answer = server.refused();
    assert!(
        answer["error"]["message"].as_str().unwrap().contains("16"),
        "{answer}"
    );
    ids.retain(|id| answer["id"] != *id);
    server.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": ids[0]}}));
    // The SDK ends it in its own time.
    let begun = Instant::now();
    loop {
        let id = listen(&mut server, &json!([LATEST]));
        server.request("ping", json!({})).ok();
        server.text("describe_registry", json!({}));
        if !server.has_answered(id) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "there is no room again");
    }
}

/// A client that asks for notices and then reads nothing.
#[test]
fn a_client_that_does_not_read_its_notices_delays_nobody() {
    let (_folder, db) = fresh();
    let mut writer = Server::on(&db);
    define(&mut writer);
    let uris: Vec<String> = (0..200).map(|n| history(&format!("unit-{n}"))).collect();
    let mut deaf = Server::deaf(&Setup::new(&db));
    for uri in &uris {
        deaf.send(&json!({"jsonrpc": "2.0", "id": uri, "method": "resources/subscribe", "params": {"uri": uri}}));
    }
    let mut watcher = Server::on(&db);
    subscribe(&mut watcher, &history("unit-199"));
    // Each round is more than the pipe and the queues of the deaf one hold.
    for round in 0..10 {
        for n in 0..200 {
            let id = writer.begin(
                "tools/call",
                json!({"name": "create_event",
                "arguments": event("other", &format!("unit-{n}"), true, &json!({"round": round}))}),
            );
            if n == 199 {
                writer.answer(id);
            }
        }
        assert_eq!(watcher.updated(), history("unit-199"));
    }
    let text = writer.text("describe_registry", json!({}));
    assert!(text.contains("Holds 2000 events"), "{text}");
}
