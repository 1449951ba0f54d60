//! Who may do what in a database, and how a server is spoken to.

use std::path::Path;

use serde_json::json;

use super::server::OwnServer;
use super::{as_user, run, said, sql, try_sql};
use crate::harness::postgres::{TestDatabase, administer, cluster, left_out};
use crate::mcp::client::{Server, Setup, any_receiver, event};

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
        ["owner", "server", "recorder", "reader"]
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
    let output = run(&url("server"), &["doctor"], &[]);
    assert!(
        said(&output).contains("this user may not make it"),
        "{}",
        said(&output)
    );
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

    let recorder = url("recorder");
    let record = [
        "event",
        "create",
        "--name",
        "web",
        "--version",
        "2",
        "--release",
        "1",
        "--platform-id",
        "x",
        "--package",
        "oci",
        "--description",
        "from a job",
        "--success",
        "--payload",
        "{}",
        "--idempotency-key",
        "job-7",
        "--event-receiver-id",
    ];
    let job = |receiver| run(&recorder, &[&record[..], &[receiver]].concat(), &[]);
    let check = |version| {
        let unit = ["--name", "web", "--version", version];
        let gate = ["gate", "check", "--group", "ready"];
        run(&recorder, &[&gate[..], &unit[..]].concat(), &[])
    };
    for _ in ["at first", "and what is sent twice"] {
        let output = job("scan");
        assert!(output.status.success(), "{}", said(&output));
    }
    let output = check("2");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let define = ["--type", "test.x", "--version", "1", "--description", "x"];
    for refused in [
        [&["receiver", "create", "--name", "x"][..], &define[..]].concat(),
        [
            &[
                "group",
                "create",
                "--name",
                "x",
                "--event-receiver-ids",
                "scan",
            ][..],
            &define[..],
        ]
        .concat(),
        vec!["group", "modify", "--id", "ready", "--enable"],
    ] {
        let output = run(&recorder, &refused, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains("may not do that"),
            "{}",
            said(&output)
        );
    }

    let mut reader = Server::start(&Setup::at(&url("reader")).arg("--read-only"));
    let found = reader.text("search_events", json!({}));
    assert!(found.contains("web"), "{found}");
    let output = run(&url("reader"), &["doctor"], &[]);
    assert!(said(&output).contains("INSERT event"), "{}", said(&output));
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.dump");
    let output = run(&url("reader"), &["backup", copy.to_str().unwrap()], &[]);
    assert!(output.status.success(), "{}", said(&output));
    for role in ["server", "recorder"] {
        for forbidden in [
            "UPDATE epr_mcp.receiver SET name = 'x'",
            "DELETE FROM epr_mcp.event",
            "UPDATE epr_mcp.event SET success = true",
        ] {
            let error = try_sql(&url(role), forbidden).unwrap_err();
            assert!(error.contains("permission denied"), "{forbidden}: {error}");
        }
    }
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
    for wrong in ["/nowhere/ca.crt", "/etc/hostname"] {
        let url = format!("{named}?sslmode=verify-full&sslrootcert={wrong}");
        let output = run(&url, &["doctor"], &[]);
        assert!(said(&output).contains(wrong), "{}", said(&output));
    }
    let output = run(&format!("{named}?sslmode=disable"), &["doctor"], &[]);
    assert!(said(&output).contains("not encrypted"), "{}", said(&output));
}
