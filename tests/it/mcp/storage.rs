//! A database that cannot be used: every answer says why and what to do, and the server stays up.

use std::time::Duration;

use serde_json::json;

use super::client::{Server, Setup, any_receiver, event, fresh};
use crate::harness::engine::Lock;
use crate::harness::process;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(work)
}

async fn connect(db: &std::path::Path) -> sqlx::SqliteConnection {
    use sqlx::Connection;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(db);
    sqlx::SqliteConnection::connect_with(&options)
        .await
        .expect("the file opens")
}

#[test]
fn a_file_that_is_no_database_is_refused_until_it_is_gone() {
    let (_folder, db) = fresh();
    std::fs::write(
        &db,
        "this is not a database, but it is long enough to look at".repeat(100),
    )
    .unwrap();
    let mut server = Server::on(&db);
    let said = server.refusal("search_events", json!({}));
    assert!(
        said.contains("not a SQLite database") && said.contains("--db"),
        "{said}"
    );
    let state = server.text("describe_registry", json!({}));
    assert!(state.contains("not a SQLite database"), "{state}");
    std::fs::remove_file(&db).unwrap();
    server.id_of("create_receiver", any_receiver("all"));
}

#[test]
fn a_database_of_a_newer_version_is_refused_or_used_as_it_allows() {
    let (_folder, db) = fresh();
    Server::on(&db).id_of("create_receiver", any_receiver("all"));
    let newer = |readable_from: i64| {
        block_on(async {
            let mut connection = connect(&db).await;
            let insert = "INSERT OR REPLACE INTO schema_version (version, name, readable_from, applied_by) \
                          VALUES (99, 'future', $1, '9.9.9')";
            sqlx::query(insert)
                .bind(readable_from)
                .execute(&mut connection)
                .await
                .unwrap();
        });
    };
    // One that this binary may still use: a change that adds.
    newer(1);
    let mut server = Server::on(&db);
    server.id_of("create_event", event("all", "web", true, &json!({})));
    // And one that it may not, met while it is running and at the start.
    newer(99);
    let said = server.refusal("create_event", event("all", "web", true, &json!({})));
    assert!(said.contains("newer") && said.contains("Update"), "{said}");
    let mut late = Server::on(&db);
    let said = late.refusal("search_events", json!({}));
    assert!(said.contains("newer"), "{said}");
}

#[test]
fn a_lock_is_waited_for_and_then_said() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let lock = Lock::on(&db);
    let said = server.refusal("create_event", event("all", "web", true, &json!({})));
    assert!(said.contains("lock") && said.contains("retry"), "{said}");
    // Reading goes on meanwhile.
    assert_eq!(
        server.record("search_events", json!({}))["events"],
        json!([])
    );
    drop(lock);
    server.id_of("create_event", event("all", "web", true, &json!({})));
}

#[test]
fn a_removed_file_is_noticed() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let away = db.with_extension("away");
    std::fs::rename(&db, &away).unwrap();
    let said = server.refusal("create_event", event("all", "web", true, &json!({})));
    assert!(said.contains("removed"), "{said}");
    std::fs::rename(&away, &db).unwrap();
    server.id_of("create_event", event("all", "web", true, &json!({})));
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing_half_written() {
    const TEST: &str = "mcp::storage::a_full_disk_is_said_and_leaves_nothing_half_written";
    if process::done_with_mounts(TEST) {
        return;
    }
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    drop(server);
    // A file system with 3 MB: the real thing.
    let small = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
        .arg(small.path())
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        mounted,
        "this test mounts a small tmpfs and needs the right to"
    );
    let full = small.path().join("epr.db");
    block_on(async {
        let copy = sqlx::query("VACUUM INTO $1").bind(full.to_str().unwrap().to_owned());
        copy.execute(&mut connect(&db).await).await.unwrap();
    });
    let mut server = Server::on(&full);
    let big = json!({"text": (0..60_000).map(|n| char::from(b'!' + (n * 7919 % 89) as u8)).collect::<String>()});
    let mut accepted = 0;
    let said = loop {
        let result = server.call_raw(
            "create_event",
            event("all", &format!("web-{accepted}"), true, &big),
        );
        if result["isError"] == true {
            break super::client::text_of(&result);
        }
        accepted += 1;
        assert!(accepted < 1_000, "the disk does not fill");
    };
    assert!(said.contains("full"), "{said}");
    let found = server.record("search_events", json!({}));
    assert_eq!(found["total"], accepted);
    drop(server);
    let _ = std::process::Command::new("umount")
        .arg(small.path())
        .status();
}

#[test]
fn a_folder_that_cannot_be_made_is_said() {
    let mut server = Server::on(std::path::Path::new("/proc/epr/epr.db"));
    let said = server.refusal("search_events", json!({}));
    assert!(
        said.contains("/proc/epr") && said.contains("--db"),
        "{said}"
    );
    server.text("describe_registry", json!({}));
}

#[test]
fn a_rollback_journal_does_the_same() {
    let (_folder, db) = fresh();
    let setup = Setup::new(&db).env("EPR_SQLITE_JOURNAL", "rollback");
    let (mut a, mut b) = (Server::start(&setup), Server::start(&setup));
    a.id_of("create_receiver", any_receiver("all"));
    for n in 0..10 {
        a.id_of(
            "create_event",
            event("all", &format!("a{n}"), true, &json!({})),
        );
        b.id_of(
            "create_event",
            event("all", &format!("b{n}"), true, &json!({})),
        );
    }
    assert_eq!(a.record("search_events", json!({}))["total"], 20);
    assert!(!db.with_extension("db-wal").exists());
}

#[test]
fn two_servers_may_meet_at_a_new_file() {
    let (_folder, db) = fresh();
    let mut servers: Vec<Server> = (0..4).map(|_| Server::silent(&Setup::new(&db))).collect();
    for server in &mut servers {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        server.begin("initialize", params);
        server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server.begin(
            "tools/call",
            json!({"name": "create_receiver", "arguments": any_receiver("all")}),
        );
    }
    let ids: std::collections::BTreeSet<String> = servers
        .iter_mut()
        .map(|server| {
            let answer = server.answer(2);
            answer["result"]["structuredContent"]["receiver"]["id"]
                .as_str()
                .unwrap_or_else(|| panic!("{answer}"))
                .to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1, "equal receivers are one");
    for server in &mut servers {
        server.hang_up();
        assert!(server.ends_within(Duration::from_secs(5)).success());
    }
}
