//! Reaching a database: a server that is not there yet, what is in the database, locks and connections.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection as _, PgConnection, Row as _};

use super::server::OwnServer;
use super::{count, run, said, sql};
use crate::harness::invariants::assert_postgres_whole;
use crate::harness::postgres::{TestDatabase, administer};
use crate::mcp::client::{Server, Setup, any_receiver, event};

#[test]
fn a_server_that_starts_before_its_database_serves_when_that_comes() {
    let Some(mut database) = OwnServer::start() else {
        return;
    };
    database.down("fast");
    // As an existing EPR has it: user and database are not said.
    let url = format!("postgres://localhost:{}", database.port);
    let mut server = Server::start(&Setup::at(&url));
    let begun = Instant::now();
    let refused = server.refusal("search_events", json!({}));
    assert!(
        refused.contains("cannot be reached") && refused.contains("retry"),
        "{refused}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
    let overview = server.call_raw("describe_registry", json!({}));
    assert!(
        overview.to_string().contains("cannot be reached"),
        "{overview}"
    );
    let output = run(&url, &["doctor"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("cannot be reached"),
        "{}",
        said(&output)
    );

    database.up();
    server.id_of("create_receiver", any_receiver("all"));
    let text = server.text("describe_registry", json!({}));
    let place = format!("postgres://postgres@localhost:{}/postgres", database.port);
    assert!(text.contains(&place), "{text}");

    // It goes and comes while it is in use, and while somebody watches.
    let latest = "epr://events/latest";
    server
        .request("resources/subscribe", json!({"uri": latest}))
        .unwrap();
    database.down("immediate");
    let refused = server.refusal("create_event", event("all", "web", true, &json!({})));
    assert!(refused.contains("retry: nothing was written"), "{refused}");
    database.up();
    server.id_of("create_event", event("all", "web", true, &json!({})));
    assert_eq!(server.updated(), latest);
    server.hang_up();
    assert!(server.ends_within(Duration::from_secs(5)).success());
}

#[test]
fn the_schema_is_made_on_first_use_and_an_older_or_newer_one_is_refused() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    let url = &database.url;
    let output = run(url, &["doctor"], &[]);
    assert!(
        output.status.success() && said(&output).contains("no registry in the database yet"),
        "{}",
        said(&output)
    );
    assert_eq!(
        run(url, &["migrate", "--check"], &[]).status.code(),
        Some(1)
    );
    let mut server = Server::start(&Setup::at(url));
    server.id_of("create_receiver", any_receiver("all"));
    drop(server);
    assert!(run(url, &["migrate", "--check"], &[]).status.success());
    let output = run(url, &["migrate"], &[]);
    assert!(
        said(&output).contains("already at schema 2"),
        "{}",
        said(&output)
    );

    sql(url, "DELETE FROM epr_mcp.schema_version WHERE version > 1");
    let refused = Server::start(&Setup::at(url)).refusal("search_events", json!({}));
    assert!(refused.contains("epr-mcp migrate"), "{refused}");
    sql(
        url,
        "INSERT INTO epr_mcp.schema_version (version, name, readable_from, applied_by) VALUES (99, 'later', 99, 'a test')",
    );
    let refused = Server::start(&Setup::at(url)).refusal("search_events", json!({}));
    assert!(refused.contains("newer epr-mcp"), "{refused}");
}

#[test]
fn a_database_that_is_migrated_under_a_running_server_is_left_alone_by_it() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    let mut server = Server::start(&Setup::at(&database.url));
    server.id_of("create_receiver", any_receiver("all"));
    sql(
        &database.url,
        "INSERT INTO epr_mcp.schema_version (version, name, readable_from, applied_by) VALUES (99, 'later', 99, 'a test')",
    );
    let refused = server.refusal("create_event", event("all", "web", true, &json!({})));
    assert!(refused.contains("newer epr-mcp"), "{refused}");
    assert_eq!(
        count(&database.url, "SELECT count(*) FROM epr_mcp.event"),
        0
    );
}

#[test]
fn tables_of_an_existing_epr_are_pointed_out_and_left_alone() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    sql(
        &database.url,
        "CREATE TABLE events (id TEXT PRIMARY KEY); CREATE TABLE event_receivers (id TEXT PRIMARY KEY); \
         INSERT INTO events VALUES ('old'); INSERT INTO event_receivers VALUES ('older')",
    );
    let mut server = Server::start(&Setup::at(&database.url));
    server.id_of("create_receiver", any_receiver("all"));
    server.id_of("create_event", event("all", "web", true, &json!({})));
    let text = server.text("describe_registry", json!({}));
    assert!(text.contains("public.event_receivers"), "{text}");
    let output = run(&database.url, &["doctor"], &[]);
    assert!(
        said(&output).contains("public.event_receivers"),
        "{}",
        said(&output)
    );
    let untouched = "SELECT (SELECT count(*) FROM public.events) * 10 + (SELECT count(*) FROM public.event_receivers)";
    assert_eq!(count(&database.url, untouched), 11);
}

#[test]
fn a_database_that_is_no_place_for_a_registry_is_refused() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    sql(
        &database.url,
        "CREATE SCHEMA epr_mcp; CREATE TABLE epr_mcp.mine (id INT)",
    );
    let refused = Server::start(&Setup::at(&database.url)).refusal("search_events", json!({}));
    assert!(refused.contains("not that of a registry"), "{refused}");

    let name = format!("ascii_{}", std::process::id());
    administer(format!(
        "CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    ));
    let url = database.url.rsplit_once('/').unwrap().0.to_owned() + "/" + &name;
    let refused = Server::start(&Setup::at(&url)).refusal("search_events", json!({}));
    assert!(
        refused.contains("SQL_ASCII") && refused.contains("UTF8"),
        "{refused}"
    );
    administer(format!("DROP DATABASE {name} WITH (FORCE)"));

    let missing = database.url.clone() + "_missing";
    let refused = Server::start(&Setup::at(&missing)).refusal("search_events", json!({}));
    assert!(
        refused.contains("does not exist") && refused.contains("CREATE DATABASE"),
        "{refused}"
    );
}

#[test]
fn a_held_write_lock_is_waited_for_a_while_and_named() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    let mut server = Server::start(&Setup::at(&database.url).env("EPR_DB_PATIENCE", "3"));
    server.id_of("create_receiver", any_receiver("all"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut holder = runtime.block_on(async {
        let mut holder = PgConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql("BEGIN; SELECT pg_advisory_xact_lock(28552608120398704)")
            .execute(&mut holder)
            .await
            .unwrap();
        holder
    });
    let refused = server.refusal("create_event", event("all", "web", true, &json!({})));
    assert!(
        refused.contains("write lock") && refused.contains("doctor"),
        "{refused}"
    );
    let pid = runtime.block_on(async {
        let row = sqlx::query("SELECT pg_backend_pid()::bigint")
            .fetch_one(&mut holder)
            .await
            .unwrap();
        row.get::<i64, _>(0)
    });
    let output = run(&database.url, &["doctor"], &[]);
    assert!(
        said(&output).contains(&format!("by process {pid}")),
        "{}",
        said(&output)
    );
    // Reading goes on meanwhile, and writing after it.
    server.text("search_events", json!({}));
    runtime.block_on(async {
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut holder)
            .await
            .unwrap()
    });
    server.id_of("create_event", event("all", "web", true, &json!({})));
}

#[test]
fn a_locked_table_is_told_from_the_write_lock_and_doctor_names_who_holds_it() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    let mut server = Server::start(&Setup::at(&database.url).env("EPR_DB_PATIENCE", "6"));
    server.id_of("create_receiver", any_receiver("all"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut holder = runtime.block_on(async {
        let mut holder = PgConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE epr_mcp.event IN ACCESS EXCLUSIVE MODE")
            .execute(&mut holder)
            .await
            .unwrap();
        holder
    });
    let call = json!({"name": "search_events", "arguments": {}});
    let id = server.begin("tools/call", call);
    // While that waits.
    let output = run(&database.url, &["doctor"], &[("EPR_DB_PATIENCE", "1")]);
    assert!(
        said(&output).contains("wait for process"),
        "{}",
        said(&output)
    );
    let refused = server.answer(id).to_string();
    assert!(
        refused.contains("keeps a table of the registry locked"),
        "{refused}"
    );
    runtime.block_on(async {
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut holder)
            .await
            .unwrap()
    });
    server.text("search_events", json!({}));
}

#[test]
fn a_statement_that_takes_too_long_is_ended_and_leaves_nothing() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    let mut server = Server::start(&Setup::at(&database.url).env("EPR_DB_PATIENCE", "2"));
    server.id_of("create_receiver", any_receiver("all"));
    sql(
        &database.url,
        "CREATE FUNCTION epr_mcp.slow() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$; \
         CREATE TRIGGER slow BEFORE INSERT ON epr_mcp.event FOR EACH ROW EXECUTE FUNCTION epr_mcp.slow()",
    );
    let begun = Instant::now();
    let refused = server.refusal("create_event", event("all", "web", true, &json!({})));
    assert!(
        refused.contains("took too long") && refused.contains("retry: nothing was written"),
        "{refused}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
    sql(&database.url, "DROP TRIGGER slow ON epr_mcp.event");
    let events = "SELECT count(*) FROM epr_mcp.event";
    assert_eq!(count(&database.url, events), 0);
    server.id_of("create_event", event("all", "web", true, &json!({})));
    assert_eq!(count(&database.url, events), 1);
}

#[test]
fn three_connections_are_enough_for_many_calls_at_once() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    let mut server = Server::start(&Setup::at(&database.url).env("EPR_DB_CONNECTIONS", "3"));
    server.id_of("create_receiver", any_receiver("all"));
    let mut ids = Vec::new();
    for n in 0..60 {
        let arguments = event("all", &format!("u{n}"), true, &json!({}));
        ids.push(server.begin(
            "tools/call",
            json!({"name": "create_event", "arguments": arguments}),
        ));
        ids.push(server.begin(
            "tools/call",
            json!({"name": "search_events", "arguments": {}}),
        ));
    }
    for id in ids {
        let answer = server.answer(id);
        assert_ne!(answer["result"]["isError"], true, "{answer}");
    }
    let used = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'epr-mcp' \
                AND datname = current_database()";
    assert!(count(&database.url, used) <= 3);
}

#[test]
fn a_copy_can_be_restored() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    let Some(copy) = TestDatabase::new() else {
        return;
    };
    let mut server = Server::start(&Setup::at(&database.url));
    server.id_of("create_receiver", any_receiver("all"));
    for n in 0..5 {
        let payload = json!({"text": "x".repeat(n * 2_000)});
        server.id_of("create_event", event("all", "web", true, &payload));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.dump");
    let output = run(&database.url, &["backup", file.to_str().unwrap()], &[]);
    assert!(
        output.status.success() && said(&output).contains("pg_restore"),
        "{}",
        said(&output)
    );
    let again = run(&database.url, &["backup", file.to_str().unwrap()], &[]);
    assert!(
        !again.status.success() && said(&again).contains("already"),
        "{}",
        said(&again)
    );
    let restored = std::process::Command::new("pg_restore")
        .args(["--no-owner", "--exit-on-error"])
        .arg(format!("--dbname={}", copy.url))
        .arg(&file)
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", said(&restored));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(assert_postgres_whole(&copy.url));
    let mut server = Server::start(&Setup::at(&copy.url));
    let text = server.text("describe_registry", json!({}));
    assert!(text.contains("Holds 5 events"), "{text}");
    server.id_of("create_event", event("all", "web", false, &json!({})));
    let output = run(&copy.url, &["doctor", "--deep"], &[]);
    assert!(
        output.status.success() && said(&output).contains("none found"),
        "{}",
        said(&output)
    );
    let output = run(&database.url, &["backup", "/nowhere/at/all.dump"], &[]);
    assert!(
        !output.status.success() && said(&output).contains("cannot be written"),
        "{}",
        said(&output)
    );
}
