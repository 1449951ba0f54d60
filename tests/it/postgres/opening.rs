//! Reaching a database: what is in it, who may do what there, how it is spoken to.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::server::OwnServer;
use crate::harness::invariants::assert_postgres_whole;
use crate::harness::postgres::{TestDatabase, administer, cluster, left_out};
use crate::mcp::client::{Server, Setup, any_receiver, event};

/// The binary with these arguments on this database.
fn run(url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Setup::at(url).tool(arguments, variables).output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs statements in a database.
fn sql(url: &str, statements: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{statements}: {error}"));
        connection.close().await.unwrap();
    });
}

fn count(url: &str, query: &'static str) -> i64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let row = sqlx::query(query).fetch_one(&mut connection).await.unwrap();
        row.get(0)
    })
}

/// The same database as another user.
fn as_user(url: &str, user: &str) -> String {
    url.replace("//epr@", &format!("//{user}@"))
}

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
        refused.contains("cannot be reached") && refused.contains("Try again"),
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

    // It goes and comes while it is in use.
    database.down("immediate");
    let refused = server.refusal("create_event", event("all", "web", true, &json!({})));
    assert!(
        refused.contains("Try again") && refused.contains("nothing was written"),
        "{refused}"
    );
    database.up();
    server.id_of("create_event", event("all", "web", true, &json!({})));
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
        said(&output).contains("already at schema 1"),
        "{}",
        said(&output)
    );

    sql(url, "UPDATE epr_mcp.schema_version SET version = 0");
    let refused = Server::start(&Setup::at(url)).refusal("search_events", json!({}));
    assert!(refused.contains("epr-mcp migrate"), "{refused}");
    sql(
        url,
        "UPDATE epr_mcp.schema_version SET version = 99, readable_from = 99",
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
        "UPDATE epr_mcp.schema_version SET version = 99, readable_from = 99",
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

/// The statements of one of the document's examples.
fn documented(number: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/POSTGRESQL.md");
    let text = std::fs::read_to_string(path).unwrap();
    let example = text.split("```sql\n").nth(number).unwrap();
    example.split("```").next().unwrap().to_owned()
}

#[test]
fn the_roles_of_the_document_can_do_what_they_are_for_and_no_more() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    // Roles belong to the whole server, the database to this test.
    let id = std::process::id();
    let own = |text: String| {
        ["owner", "server", "reader"]
            .iter()
            .fold(text, |text, role| {
                text.replace(&format!("epr_{role}"), &format!("epr_{role}_{id}"))
            })
    };
    let roles = documented(1);
    let roles = roles
        .lines()
        .filter(|line| line.starts_with("CREATE ROLE"))
        .collect::<String>();
    administer(own(roles));
    let name = database.url.rsplit('/').next().unwrap();
    administer(own(format!("ALTER DATABASE {name} OWNER TO epr_owner")));
    let url = |role: &str| as_user(&database.url, &own(format!("epr_{role}")));

    // Without rights there is no schema to be made.
    let refused = Server::start(&Setup::at(&url("server"))).refusal("search_events", json!({}));
    assert!(
        refused.contains("may not do that") && refused.contains("POSTGRESQL.md"),
        "{refused}"
    );
    let output = run(&url("owner"), &["migrate"], &[]);
    assert!(output.status.success(), "{}", said(&output));
    sql(&url("owner"), &own(documented(2)));

    let mut server = Server::start(&Setup::at(&url("server")));
    for receiver in ["build", "scan"] {
        server.id_of("create_receiver", any_receiver(receiver));
    }
    server.id_of(
        "create_group",
        json!({"name": "ready", "type": "test.ready", "version": "1.0.0",
        "description": "a gate", "event_receiver_ids": ["build", "scan"]}),
    );
    let mut large = event("build", "web", true, &json!({"text": "x".repeat(10_000)}));
    large["idempotency_key"] = json!("once");
    server.id_of("create_event", large);
    server.record(
        "set_group_enabled",
        json!({"group": "ready", "enabled": false}),
    );
    let output = run(&url("server"), &["doctor"], &[]);
    assert!(
        said(&output).contains("this user may read and write"),
        "{}",
        said(&output)
    );

    let mut reader = Server::start(&Setup::at(&url("reader")).arg("--read-only"));
    let found = reader.text("search_events", json!({}));
    assert!(found.contains("web"), "{found}");
    let output = run(&url("reader"), &["doctor"], &[]);
    assert!(said(&output).contains("INSERT event"), "{}", said(&output));
    let refused = Server::start(&Setup::at(&url("reader")))
        .refusal("create_event", event("build", "web", true, &json!({})));
    assert!(refused.contains("may not do that"), "{refused}");
    // Retention's step, with rows that are old enough.
    sql(&database.url, "UPDATE epr_mcp.audit SET at = 0");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use epr_mcp::domain::time::Timestamp;
        use epr_mcp::store::Cutoffs;
        let store = crate::harness::engine::open(&url("server"), &crate::harness::ids(5))
            .await
            .unwrap();
        let at = Timestamp::from_micros(1);
        let cutoffs = Cutoffs {
            messages: at,
            audit: at,
            idempotency: at,
        };
        assert!(store.prune(&cutoffs, 100).await.unwrap().rows > 0);
        store.close().await;
    });
    drop((server, reader));
    administer(own(format!(
        "ALTER DATABASE {name} OWNER TO epr; REASSIGN OWNED BY epr_owner TO epr"
    )));
}

#[test]
fn passwords_come_from_a_file_from_pgpass_or_the_url_and_are_shown_nowhere() {
    let Some(server) = OwnServer::start() else {
        return;
    };
    let admin = format!("postgres://epr@127.0.0.1:{}/postgres", server.port);
    sql(
        &admin,
        "CREATE ROLE pat LOGIN SUPERUSER PASSWORD 'pass%word'",
    );
    let place = format!("127.0.0.1:{}/secured", server.port);
    let url = format!("postgres://pat@{place}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "pass%word\n").unwrap();
    let pgpass = folder.path().join("pgpass");
    std::fs::write(
        &pgpass,
        format!("127.0.0.1:{}:secured:pat:pass%word\n", server.port),
    )
    .unwrap();
    set_private(&pgpass);
    let (file, pgpass) = (file.to_str().unwrap(), pgpass.to_str().unwrap());
    let in_url = format!("postgres://pat:pass%25word@{place}");
    for (url, variables) in [
        (&url, [("EPR_DB_PASSWORD_FILE", file)]),
        (&url, [("PGPASSFILE", pgpass)]),
        (&url, [("PGPASSWORD", "pass%word")]),
        (&in_url, [("EPR_LOG", "trace")]),
    ] {
        let output = run(url, &["migrate"], &variables);
        assert!(output.status.success(), "{variables:?}: {}", said(&output));
        assert!(!said(&output).contains("pass%"), "{}", said(&output));
        let output = run(url, &["doctor"], &variables);
        assert!(!said(&output).contains("pass%"), "{}", said(&output));
    }
    // The help shows the environment, but not this.
    let help = run(&in_url, &["--help"], &[]);
    assert!(!said(&help).contains("pass%"));
    for variables in [[("PGPASSWORD", "wrong")], [("PGPASSFILE", "/nowhere")]] {
        let output = run(&url, &["doctor"], &variables);
        assert_eq!(output.status.code(), Some(1));
        let text = said(&output);
        assert!(
            text.contains("--db-password-file") && !text.contains("wrong"),
            "{text}"
        );
    }
    let output = run(
        &url,
        &["doctor"],
        &[("EPR_DB_PASSWORD_FILE", "/nowhere/password")],
    );
    assert!(
        said(&output).contains("/nowhere/password"),
        "{}",
        said(&output)
    );
}

#[cfg(unix)]
fn set_private(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_certificate_is_checked_where_that_is_asked_for() {
    let Some(database) = TestDatabase::new() else {
        return;
    };
    let Some(cluster) = cluster() else {
        return left_out();
    };
    let root = cluster.folder.join("server.crt");
    let named = database.url.replace("127.0.0.1", "localhost");
    let checked = |url: &str| format!("{url}?sslmode=verify-full&sslrootcert={}", root.display());
    let output = run(&checked(&named), &["migrate"], &[]);
    assert!(output.status.success(), "{}", said(&output));
    let output = run(&checked(&named), &["doctor"], &[]);
    assert!(
        said(&output).contains("the certificate is checked"),
        "{}",
        said(&output)
    );
    // Another name than the certificate's, and a certificate that nobody trusts.
    for url in [
        checked(&database.url),
        format!("{named}?sslmode=verify-full"),
    ] {
        let output = run(&url, &["doctor"], &[]);
        assert_eq!(output.status.code(), Some(1), "{url}");
        assert!(said(&output).contains("sslrootcert"), "{}", said(&output));
    }
    let output = run(&format!("{named}?sslmode=disable"), &["doctor"], &[]);
    assert!(said(&output).contains("not encrypted"), "{}", said(&output));
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
