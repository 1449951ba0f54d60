//! Making receivers, groups and events.

use serde_json::json;

use super::{Ran, event, file, fresh, with};
use crate::harness::engine::{Engine, engine};

const SCAN: [&str; 10] = [
    "receiver",
    "create",
    "--name",
    "scan",
    "--type",
    "dev.example.scan",
    "--version",
    "1.0.0",
    "--description",
    "A scan ended",
];

fn scan<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut all: Vec<&str> = SCAN.to_vec();
    all.extend(more);
    all
}

#[test]
fn an_equal_definition_gives_its_id_and_another_one_is_refused() {
    let (_folder, cli) = fresh();
    let first = cli
        .run(&scan(&["--schema", "{\"type\": \"object\"}"]))
        .well();
    assert_eq!(first.out.lines().collect::<Vec<_>>().len(), 3, "{first:?}");
    let id = first.id();
    let again = cli.run(&scan(&["--schema", "{\"type\":\"object\"}", "--no-indent"]));
    assert_eq!(again.out, format!("{{\"data\":\"{id}\"}}\n"));
    assert!(again.err.contains(&format!("exists: {id}")), "{again:?}");
    cli.run(&scan(&[]))
        .refused(1, &["exists with another schema", &id, "another version"]);
    cli.run(&scan(&["--schema", "{"])).refused(1, &["not JSON"]);
    cli.run(&scan(&["--schema", "{\"type\": \"bogus\"}"]))
        .refused(1, &["/type"]);

    let group = [
        "group",
        "create",
        "--name",
        "ready",
        "--type",
        "dev.example.ready",
        "--version",
        "1.0.0",
        "--description",
        "All done",
        "--event-receiver-ids",
    ];
    let members = |members| [&group[..], &[members]].concat();
    let commas = format!(" {id} , ");
    let made = cli.id(&members("scan"));
    assert_eq!(
        cli.id(&members(&commas)),
        made,
        "by name or id, parted by blanks or commas"
    );
    cli.run(&members("scam"))
        .refused(1, &["no receiver «scam»", "Did you mean", "«scan»"]);
    cli.run(&members(" ")).refused(1, &["event_receiver_ids"]);
    let found = cli.run(&["group", "search", "--fields", "all"]).rows();
    assert_eq!(
        (
            found.len(),
            &found[0]["enabled"],
            &found[0]["event_receiver_ids"]
        ),
        (1, &json!(true), &json!([id]))
    );
}

#[test]
fn a_wrong_command_line_is_told_apart_from_a_refusal() {
    let (folder, cli) = fresh();
    cli.run(&SCAN[..4])
        .refused(2, &["--type", "--version", "--description"]);
    cli.run(&scan(&["--schema", "{}", "--schema-name", "any"]))
        .refused(2, &["cannot be used with"]);
    cli.run(&["receiver", "search", "--fields", "id nmae"])
        .refused(2, &["«nmae»", "fingerprint"]);
    cli.run(&["receiver", "make"])
        .refused(2, &["make", "--help"]);
    cli.run(&["event", "search", "--success", "maybe"])
        .refused(2, &["true or false"]);
    cli.run(&["event", "search", "--jsonpath", "$.x"])
        .refused(2, &["jq"]);
    cli.run(&["group", "modify", "--id", "x"])
        .refused(2, &["--enable"]);
    cli.run(&["group", "modify", "--id", "x", "--enable", "--disable"])
        .refused(2, &["--disable"]);
    cli.run(&scan(&["--url", "http://u:hush@localhost:8042"]))
        .refused(2, &["localhost", "--db"]);
    let missing = folder.path().join("none.json");
    cli.run(&scan(&["--schema-file", missing.to_str().unwrap()]))
        .refused(2, &["none.json"]);
    let asked = cli
        .command(&SCAN)
        .env("EPR_URL", "https://token:hush@epr.example")
        .output();
    let refused = Ran::of(asked.unwrap());
    assert!(!refused.err.contains("hush"), "{refused:?}");
    refused.refused(2, &["epr.example"]);
}

#[test]
fn values_may_begin_with_a_hyphen_and_switches_may_be_given_a_value() {
    let (_folder, cli) = fresh();
    cli.receiver("all");
    let described = with(&event("all", "-web", "true"), "--description", "- fixed");
    let number = with(&described, "--payload", "-1");
    cli.run(&[&number[..], &["--no-indent=true", "--dry-run=false"]].concat())
        .well();
    let found = cli
        .run(&[
            "event",
            "search",
            "--name",
            "-web",
            "--fields",
            "description payload",
        ])
        .rows();
    assert_eq!(found, [json!({"description": "- fixed", "payload": -1})]);
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    if !std::path::Path::new("/dev/full").exists() {
        println!("left out: output to a full disk, which needs /dev/full");
        return;
    }
    let (_folder, cli) = fresh();
    cli.receiver("all");
    for (arguments, code) in [
        (vec!["receiver", "search"], 2),
        (event("all", "web", "true"), 2),
        (vec!["man"], 2),
        (
            vec![
                "gate", "check", "--group", "g", "--name", "web", "--output", "json",
            ],
            3,
        ),
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let mut command = cli.command(&arguments);
        let ran = command.stdout(full.unwrap()).output().unwrap();
        let err = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains("output cannot be written"), "{err}");
    }
}

#[test]
fn a_schema_comes_from_the_command_line_a_file_stdin_or_a_name() {
    let (folder, cli) = fresh();
    let text = "\u{feff}{\"type\": \"object\", \"required\": [\"ü\"]}\n";
    let path = file(&folder, "Schema ü.json", text);
    let path = path.to_str().unwrap();
    let id = cli.id(&scan(&["--schema-file", path]));
    let read = cli.run_with(&scan(&["--schema-file", "-"]), text.as_bytes());
    assert_eq!(read.id(), id);
    let shown = cli
        .run(&["receiver", "search", "--id", &id, "--fields", "schema,type"])
        .rows();
    assert_eq!(
        shown,
        [json!({"schema": {"type": "object", "required": ["ü"]}, "type": "dev.example.scan"})]
    );
    let mut named = scan(&["--schema-name", "cyclonedx"]);
    named = with(&named, "--version", "2.0.0");
    cli.run(&named).well();
    named = with(&named, "--version", "3.0.0");
    cli.run(&with(&named, "--schema-name", "cyclone"))
        .refused(1, &["cyclone", "cyclonedx"]);
}

#[test]
fn a_payload_is_kept_as_it_was_written() {
    let (folder, cli) = fresh();
    cli.receiver("all");
    let payload = "{\"n\": 1.50, \"big\": 123456789012345678901234567890, \"ü\\u202e\": [ ]}";
    let path = file(&folder, "payload.json", payload);
    let mut arguments = event("all", "web", "true");
    arguments.truncate(arguments.len() - 2);
    let holding = |flag, value| [&arguments[..], &[flag, value]].concat();
    let first = cli.id(&holding("--payload", payload));
    let second = cli.id(&holding("--payload-file", path.to_str().unwrap()));
    let third = cli
        .run_with(&holding("--payload-file", "-"), payload.as_bytes())
        .id();
    for id in [first, second, third] {
        let shown = cli
            .run(&[
                "event",
                "search",
                "--id",
                &id,
                "--fields",
                "payload",
                "--no-indent",
            ])
            .well();
        let compact = "{\"n\":1.50,\"big\":123456789012345678901234567890,\"ü\\u202e\":[]}";
        assert_eq!(shown.out, format!("[{{\"payload\":{compact}}}]\n"));
    }
    cli.run(&holding("--payload", "")).refused(1, &["empty"]);
    cli.run(&holding("--payload", "{'a': 1}"))
        .refused(1, &["not JSON"]);
    cli.run(&arguments).refused(2, &["--payload"]);
}

#[test]
fn a_payload_that_does_not_match_is_refused_with_the_way_to_the_schema() {
    let (_folder, cli) = fresh();
    let id = cli.id(&scan(&[
        "--schema",
        "{\"type\":\"object\",\"required\":[\"critical\"]}",
    ]));
    cli.run(&event("scan", "web", "true"))
        .refused(1, &["critical", &format!("receiver search --id {id}")]);
    cli.run(&event("scam", "web", "true"))
        .refused(1, &["«scam»", "Did you mean"]);
    cli.run(&event("scan", " ", "true")).refused(1, &["name"]);
    assert!(cli.run(&["event", "search"]).rows().is_empty());
}

#[test]
fn what_an_event_does_to_gates_is_told_beside_its_id() {
    let (_folder, cli) = fresh();
    cli.receiver("build");
    cli.receiver("scan");
    cli.group("ready", "build scan");
    let first = cli.event("build", "web", true).well();
    assert!(
        first
            .err
            .contains("gate «ready» waits for «scan» (missing)"),
        "{first:?}"
    );
    let preview = cli
        .run(&[&event("scan", "web", "true")[..], &["--dry-run"]].concat())
        .well();
    assert!(
        preview.err.contains("gate «ready» would open"),
        "{preview:?}"
    );
    assert_eq!(
        (&preview.json()["id"], &preview.json()["payload"]),
        (&json!(""), &json!({}))
    );
    assert_eq!(cli.run(&["event", "search"]).rows().len(), 1);
    let opened = cli.event("scan", "web", true).well();
    assert!(opened.err.contains("gate «ready» opened"), "{opened:?}");
    let closed = cli.run(&event("scan", "web", "false")).well();
    assert!(
        closed
            .err
            .contains("gate «ready» closed; waits for «scan» (fail)"),
        "{closed:?}"
    );
    // Left out, it is a failure, as with the existing command.
    let mut bare = event("scan", "api", "true");
    let at = bare.iter().position(|a| *a == "--success").unwrap();
    bare.drain(at..at + 2);
    let id = cli.id(&bare);
    let found = cli
        .run(&["event", "search", "--success", "false", "--id", &id])
        .rows();
    assert_eq!(found.len(), 1);
}

#[test]
fn a_repeated_job_records_once() {
    let (_folder, cli) = fresh();
    cli.receiver("build");
    let keyed = [
        &event("build", "web", "true")[..],
        &["--idempotency-key", "run 77, build"],
    ]
    .concat();
    let first = cli.id(&keyed);
    let again = cli.run(&keyed).well();
    assert!(again.err.contains("was used before"), "{again:?}");
    assert_eq!(again.id(), first);
    cli.run(&with(&keyed, "--name", "api"))
        .refused(1, &["run 77, build", &first]);
    assert_eq!(cli.run(&["event", "search"]).rows().len(), 1);
}

#[test]
fn a_unit_may_be_named_in_one() {
    let (_folder, cli) = fresh();
    cli.receiver("build");
    let uri = "epr://history/team%2Fweb/1.0.0/r%201/linux/oci";
    let named = |uri| {
        cli.run(&[
            "event",
            "create",
            "--unit",
            uri,
            "--event-receiver-id",
            "build",
            "--success",
            "--description",
            "built",
            "--payload",
            "{}",
        ])
    };
    named(uri).well();
    let found = cli
        .run(&["event", "search", "--name", "team/web", "--release", "r 1"])
        .rows();
    assert_eq!(found.len(), 1);
    named("epr://history/web").refused(1, &["epr://history/web"]);
}

#[test]
fn records_come_from_a_file() {
    let (folder, cli) = fresh();
    let receivers = file(
        &folder,
        "receivers.json",
        r#"[{"name": "foo-cli", "type": "epr.foo.cli", "version": "1.0.0", "description": "foo", "schema": {}, "id": ""},
            {"name": "bar-cli", "type": "epr.bar.cli", "version": "1.0.0", "description": "bar", "schema": {"type": "object"}}]"#,
    );
    let receivers = receivers.to_str().unwrap();
    let preview = cli
        .run(&["receiver", "generate", receivers, "--dry-run"])
        .rows();
    assert_eq!(
        (preview.len(), &preview[1]["schema"]),
        (2, &json!({"type": "object"}))
    );
    let made = cli.run(&["receiver", "generate", receivers]).well();
    assert_eq!(made.out.lines().count(), 2, "{made:?}");
    let again = cli.run(&["receiver", "generate", receivers]).well();
    assert_eq!(again.out, made.out, "what is there is not made again");

    let group = file(
        &folder,
        "group.yaml",
        "- name: foo-group\n  type: epr.group\n  version: 1.0.0\n  description: both\n  event_receiver_ids: [foo-cli, bar-cli]\n",
    );
    cli.run(&["group", "generate", group.to_str().unwrap()])
        .well();

    let item = |name: &str, payload: &str| {
        format!(
            r#"{{"name": "{name}", "version": "1", "release": "1", "platform_id": "p", "package": "k", "description": "d",
               "payload": {payload}, "success": true, "event_receiver_id": "bar-cli", "created_at": "0001-01-01T00:00:00Z",
               "EventReceiver": {{"id": "", "schema": null}}}}"#
        )
    };
    let events = format!(
        "[{}, {}, {}]",
        item("a", "{\"x\":  1.50}"),
        item("b", "[]"),
        item("c", "{}")
    );
    let events = file(&folder, "events.json", &events);
    let stopped = cli.run(&["event", "generate", events.to_str().unwrap()]);
    assert_eq!(
        (stopped.code, stopped.out.lines().count()),
        (Some(1), 1),
        "{stopped:?}"
    );
    assert!(stopped.err.contains("item 2 of 3"), "{stopped:?}");
    let found = cli
        .run(&["event", "search", "--fields", "name payload", "--no-indent"])
        .well();
    assert_eq!(found.out, "[{\"name\":\"a\",\"payload\":{\"x\":1.50}}]\n");
    let one = cli
        .run_with(&["event", "generate", "-"], item("d", "{}").as_bytes())
        .well();
    assert_eq!(one.out.lines().count(), 1);
    cli.run(&["event", "generate", "/nowhere/events.json"])
        .refused(2, &["/nowhere/events.json"]);

    // With a key a file can be given again, whatever of it was recorded before.
    let keyed = item("e", "{}").replacen('{', r#"{"idempotency_key": "build-7", "#, 1);
    let first = cli
        .run_with(&["event", "generate", "-"], keyed.as_bytes())
        .well();
    let again = cli
        .run_with(&["event", "generate", "-"], keyed.as_bytes())
        .well();
    assert_eq!(again.out, first.out);
    assert!(again.err.contains("was used before"), "{again:?}");
    let changed = keyed.replace("\"payload\": {}", "\"payload\": {\"other\": 1}");
    cli.run_with(&["event", "generate", "-"], changed.as_bytes())
        .refused(1, &["item 1 of 1", "build-7"]);
}

#[test]
fn a_gate_is_put_in_and_out_of_force() {
    let (_folder, cli) = fresh();
    cli.receiver("build");
    let id = cli.group("ready", "build");
    cli.event("build", "web", true).well();
    assert_eq!(cli.id(&["group", "modify", "--id", &id, "--disable"]), id);
    let again = cli
        .run(&["group", "modify", "--id", "ready", "--disable"])
        .well();
    assert!(again.err.contains("disabled already"), "{again:?}");
    let preview = cli
        .run(&["group", "modify", "--id", "ready", "--enable", "--dry-run"])
        .well();
    assert_eq!(preview.json()["enabled"], true);
    let on = cli
        .run(&["group", "modify", "--id", "gate.ready", "--enable"])
        .well();
    assert!(on.err.contains("1 unit is passing already"), "{on:?}");
    cli.run(&["group", "modify", "--id", "raedy", "--enable"])
        .refused(1, &["«raedy»", "«ready»"]);
}

#[test]
fn many_jobs_at_once_define_one_receiver_and_record_everything() {
    const JOBS: usize = 12;
    let (_folder, cli) = fresh();
    let spawn = |arguments: Vec<&str>| {
        let mut command = cli.command(&arguments);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let jobs: Vec<_> = (0..JOBS).map(|_| spawn(scan(&[]))).collect();
    let ids: std::collections::BTreeSet<String> = jobs
        .into_iter()
        .map(|job| Ran::of(job.wait_with_output().unwrap()).id())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let jobs: Vec<_> = (0..JOBS)
        .map(|_| spawn(event("scan", "web", "true")))
        .collect();
    for job in jobs {
        Ran::of(job.wait_with_output().unwrap()).well();
    }
    assert_eq!(cli.run(&["event", "search"]).rows().len(), JOBS);
}

#[test]
fn to_read_makes_no_registry() {
    let (folder, cli) = fresh();
    if engine() == Engine::Postgres {
        // There an empty schema is made on first use.
        assert!(cli.run(&["event", "search"]).rows().is_empty());
        return;
    }
    for arguments in [
        ["receiver", "search"].as_slice(),
        &["group", "search"],
        &["event", "search"],
    ] {
        cli.run(arguments)
            .refused(2, &["no registry at", "epr.db", "epr-mcp migrate"]);
    }
    let gate = cli.run(&["gate", "check", "--group", "g", "--name", "n"]);
    gate.refused(3, &["no registry at"]);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}
