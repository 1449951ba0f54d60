//! The wire: both protocol eras, broken lines, cancellation, the end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::engine::Lock;

use super::client::{Server, Setup, any_receiver, event, fresh, text_of};

#[test]
fn every_revision_is_answered_in_its_own_words() {
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let (_folder, db) = fresh();
        let mut server = Server::silent(&Setup::new(&db));
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let result = server.request("initialize", params).unwrap();
        assert_eq!(result["protocolVersion"], revision);
        assert_eq!(result["serverInfo"]["name"], "epr-mcp");
        server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert!(
            server
                .text("describe_registry", json!({}))
                .contains("create_receiver")
        );
    }
}

#[test]
fn the_stateless_revision_needs_no_handshake() {
    let (_folder, db) = fresh();
    let mut server = Server::modern(&Setup::new(&db));
    let discovered = server.request("server/discover", json!({})).unwrap();
    assert!(
        discovered["supportedVersions"]
            .to_string()
            .contains("2026-07-28"),
        "{discovered}"
    );
    let tools = server.request("tools/list", json!({})).unwrap();
    assert_eq!(tools["tools"].as_array().unwrap().len(), 17);
    assert_eq!(tools["cacheScope"], "private");
    server.id_of("create_receiver", any_receiver("all"));
    let made = server.record("create_event", event("all", "web", true, &json!({})));
    let by = server.record("fetch_event", json!({"id": made["id"]}));
    assert_eq!(by["recorded_by"]["principal"], "ada");
    assert_eq!(by["recorded_by"]["client"], "test-client 1");
}

#[test]
fn broken_lines_are_answered_and_the_server_goes_on() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":77,"method":"ping","params":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for (line, code) in [
        (
            &b"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \n"[..],
            -32700,
        ),
        (b"not json\n", -32700),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"x\":\"\xff\"}}\n",
            -32700,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"x\":\"\\ud800\"}}\n",
            -32700,
        ),
        (
            b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]\n",
            -32600,
        ),
        (b"42\n", -32600),
    ] {
        server.send_raw(line);
        let answer = server.read();
        assert_eq!(
            answer["error"]["code"],
            code,
            "{} -> {answer}",
            String::from_utf8_lossy(line)
        );
        assert!(
            answer["error"]["message"].as_str().unwrap().len() > 10,
            "{answer}"
        );
    }
    server.send_raw(format!("{deep}\n").as_bytes());
    let answer = server.read();
    assert_eq!(answer["id"], 77, "{answer}");
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("levels deep"),
        "{answer}"
    );
    server.send_raw(b"\n\r\n");
    server.text("describe_registry", json!({}));
}

#[test]
fn an_over_long_line_is_answered_with_its_id_and_the_limit() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let long = "x".repeat(5 * 1024 * 1024);
    // The id stands behind the payload: it has to be found without keeping the line.
    let line = format!(
        r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"id":9,"text":"{long}"}},"id":"late"}}"#
    );
    server.send_raw(line.as_bytes());
    server.send_raw(b"\n");
    let answer = server.read();
    assert_eq!(answer["id"], "late", "{answer}");
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("4194304"),
        "{answer}"
    );
    server.text("describe_registry", json!({}));
}

#[test]
fn half_a_line_at_the_end_is_no_request() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.send_raw(
        br#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"describe_reg"#,
    );
    server.hang_up();
    let answer = server.read();
    assert_eq!(answer["error"]["code"], -32700, "{answer}");
    assert!(server.ends_within(Duration::from_secs(5)).success());
}

#[test]
fn the_end_of_stdin_ends_the_server_after_its_answers() {
    let (_folder, db) = fresh();
    let mut silent = Server::silent(&Setup::new(&db));
    silent.hang_up();
    assert!(silent.ends_within(Duration::from_secs(5)).success());
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let arguments = event("all", "web", true, &json!({}));
    let ids: Vec<u64> = (0..20)
        .map(|_| {
            server.begin(
                "tools/call",
                json!({"name": "create_event", "arguments": arguments}),
            )
        })
        .collect();
    server.hang_up();
    for id in ids {
        assert!(server.answer(id)["result"]["structuredContent"]["event"]["id"].is_string());
    }
    assert!(server.ends_within(Duration::from_secs(5)).success());
    assert_eq!(
        server.stderr_text(),
        "",
        "a healthy server says nothing on stderr"
    );
}

#[cfg(unix)]
#[test]
fn sigterm_ends_the_server_in_order() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.text("describe_registry", json!({}));
    server.signal("TERM");
    assert!(server.ends_within(Duration::from_secs(3)).success());
}

#[test]
fn a_cancelled_call_is_not_answered() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    // A lock held by another process keeps the write waiting, so that there is something to cancel.
    let lock = Lock::on(&db);
    let arguments = event("all", "web", true, &json!({}));
    let id = server.begin(
        "tools/call",
        json!({"name": "create_event", "arguments": arguments}),
    );
    server.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "changed my mind"}}));
    // The ping is read after the cancellation: from here on the call is given up.
    server.request("ping", json!({})).unwrap();
    drop(lock);
    // A later write waits for the same lock and the same writer, and is answered; the one before it
    // would have been by then.
    server.id_of("create_event", event("all", "later", true, &json!({})));
    assert!(!server.has_answered(id), "a cancelled call was answered");
}

#[test]
fn protocol_faults_are_protocol_errors_and_name_what_is_near() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let error = server
        .request(
            "tools/call",
            json!({"name": "create_evnt", "arguments": {}}),
        )
        .unwrap_err();
    assert_eq!(error["code"], -32602);
    assert!(
        error["message"].as_str().unwrap().contains("create_event"),
        "{error}"
    );
    let error = server
        .request("tools/call", json!({"arguments": {}}))
        .unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    let error = server
        .request("resources/read", json!({"uri": "epr://nothing/here"}))
        .unwrap_err();
    assert_eq!(error["code"], -32002, "{error}");
    let error = server
        .request("resources/list", json!({"cursor": "bogus"}))
        .unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    let error = server
        .request(
            "prompts/get",
            json!({"name": "release_readiness", "arguments": {}}),
        )
        .unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    let error = server.request("no/such/method", json!({})).unwrap_err();
    assert_eq!(error["code"], -32601, "{error}");
}

fn tool_names(server: &mut Server) -> Vec<String> {
    let tools: Value = server.request("tools/list", json!({})).unwrap();
    tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn read_only_beats_every_other_choice_of_tools() {
    let (_folder, db) = fresh();
    Server::on(&db).id_of("create_receiver", any_receiver("all"));
    let setup = Setup::new(&db)
        .arg("--read-only")
        .arg("--tools")
        .arg("create_event,check_gate,search_events");
    let mut server = Server::start(&setup);
    assert_eq!(tool_names(&mut server), ["check_gate", "search_events"]);
    let refused = server.request(
        "tools/call",
        json!({"name": "create_event", "arguments": event("all", "web", true, &json!({}))}),
    );
    let text = refused.map_or_else(|error| error.to_string(), |result| text_of(&result));
    assert!(text.contains("--read-only"), "{text}");
    let found = Server::on(&db).record("search_events", json!({}));
    assert_eq!(found["events"], json!([]), "nothing was written");
}

#[test]
fn tools_are_chosen_by_name_and_unknown_names_are_a_start_error() {
    let (_folder, db) = fresh();
    let mut server = Server::start(&Setup::new(&db).arg("--exclude-tools").arg("create_event"));
    assert!(!tool_names(&mut server).contains(&"create_event".to_owned()));
    let mut server = Server::silent(&Setup::new(&db).arg("--tools").arg("creat_event"));
    assert_eq!(server.ends_within(Duration::from_secs(5)).code(), Some(2));
    let said = server.stderr_text();
    assert!(said.contains("create_event"), "{said}");
}

#[test]
fn a_flag_before_the_command_is_refused_instead_of_lost() {
    let (_folder, db) = fresh();
    for flags in [
        &["--read-only"][..],
        &["--read-only=true"],
        &["--exclude-tools", "create_event"],
        &["--demo"],
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_epr-mcp"))
            .args(flags)
            .arg("stdio")
            .env("EPR_DB", &db)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {said}");
        assert!(said.contains("behind the command"), "{flags:?}: {said}");
    }
    // Settings of every command may stand on either side.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_epr-mcp"))
        .args(["--db", db.to_str().unwrap(), "stdio"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
}

#[test]
fn a_server_url_is_never_silently_ignored() {
    let (_folder, db) = fresh();
    let mut server = Server::silent(&Setup::new(&db).env("EPR_URL", "http://epr.example:8042"));
    assert_eq!(server.ends_within(Duration::from_secs(5)).code(), Some(2));
    let said = server.stderr_text();
    assert!(
        said.contains("EPR_URL") && said.contains("epr.example"),
        "{said}"
    );
}

#[test]
fn the_demos_data_can_be_served() {
    let (_folder, db) = fresh();
    let mut server = Server::start(&Setup::new(&db).arg("--demo"));
    assert!(
        server
            .text("check_gate", json!({"name": "payments-api"}))
            .contains("release-ready")
    );
    for (tool, anchor, told) in [
        ("correlate_pipeline_run", "456788", "declared failure"),
        ("correlate_pipeline_run", "456789", "declared success"),
        ("trace_artifact", "environment:production", "«payments-api»"),
    ] {
        let answer = server.text(tool, json!({"anchor": anchor}));
        assert!(answer.contains(told), "{answer}");
    }
    assert!(
        server
            .text("describe_registry", json!({}))
            .contains("throw-away")
    );
    assert!(!db.exists(), "the configured database is left alone");
    // Killed, it would leave its database behind.
    server.hang_up();
    assert!(server.ends_within(Duration::from_secs(10)).success());
}
