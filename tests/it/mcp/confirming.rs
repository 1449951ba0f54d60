//! Gates that turn only when a person has agreed.

use serde_json::{Value, json};

use super::client::{Server, Setup, any_receiver, event, fresh, text_of};

/// A server that asks, with one gate over one receiver.
fn asking(setup: &Setup, modern: bool) -> Server {
    let mut server = if modern {
        Server::modern(setup)
    } else {
        Server::start(setup)
    };
    server.id_of("create_receiver", any_receiver("scan"));
    let group = json!({
        "name": "ready", "type": "test.ready", "version": "1", "description": "may go",
        "event_receiver_ids": ["scan"],
    });
    server.id_of("create_group", group);
    server
}

fn events(server: &mut Server) -> Value {
    server.record("search_events", json!({}))["total"].clone()
}

#[test]
fn an_unconfirmed_write_that_turns_a_gate_is_refused_and_a_confirmed_one_is_not() {
    let (_folder, db) = fresh();
    let setup = Setup::new(&db).arg("--confirm-gate-turns");
    let mut server = asking(&setup, false);
    let mut passed = event("scan", "web", true, &json!({}));
    let said = server.refusal("create_event", passed.clone());
    assert!(
        said.contains("would open gate «ready»") && said.contains("confirm: true"),
        "{said}"
    );
    assert_eq!(events(&mut server), 0);
    let mut preview = passed.clone();
    preview["dry_run"] = json!(true);
    let preview = server.record("create_event", preview);
    assert_eq!(preview["gates"][0]["turn"], "opened", "{preview}");
    passed["confirm"] = json!(true);
    server.id_of("create_event", passed);
    assert_eq!(events(&mut server), 1);
    // What turns nothing needs nobody.
    server.id_of("create_event", event("scan", "web", true, &json!({})));
    let disable = json!({"group": "ready", "enabled": false});
    let said = server.refusal("set_group_enabled", disable);
    assert!(said.contains("put out of force gate «ready»"), "{said}");
    let list = server.request("tools/list", json!({})).unwrap().to_string();
    assert!(list.contains("\"confirm\""));
}

#[test]
fn without_the_setting_there_is_nothing_to_confirm() {
    let (_folder, db) = fresh();
    let mut server = asking(&Setup::new(&db), false);
    server.id_of("create_event", event("scan", "web", true, &json!({})));
    let mut confirmed = event("scan", "web", true, &json!({}));
    confirmed["confirm"] = json!(true);
    let said = server.refusal("create_event", confirmed);
    assert!(said.contains("not an argument"), "{said}");
}

/// A call of 2026-07-28 from a client that can ask its user.
fn call(server: &mut Server, arguments: &Value, state: Option<&Value>, answer: Value) -> Value {
    let mut params = json!({"name": "create_event", "arguments": arguments});
    if let Some(state) = state {
        params["requestState"] = state.clone();
        params["inputResponses"] = json!({ "confirm": answer });
    }
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "asking-client", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    });
    let message = json!({"jsonrpc": "2.0", "id": 900, "method": "tools/call", "params": params});
    server.send(&message);
    let mut answer = server.answer(900);
    assert!(answer.get("error").is_none(), "{answer}");
    answer["result"].take()
}

#[test]
fn a_client_that_can_ask_its_user_is_asked() {
    let (_folder, db) = fresh();
    let setup = Setup::new(&db).env("EPR_CONFIRM_GATE_TURNS", "true");
    let mut server = asking(&setup, true);
    let passed = event("scan", "web", true, &json!({}));
    let asked = call(&mut server, &passed, None, Value::Null);
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let question = &asked["inputRequests"]["confirm"];
    assert_eq!(question["method"], "elicitation/create", "{asked}");
    let text = question["params"]["message"].as_str().unwrap();
    assert!(text.contains("would open gate «ready»"), "{text}");
    assert_eq!(
        question["params"]["requestedSchema"]["properties"]["confirm"]["type"],
        "boolean"
    );
    // That the assistant says so is not enough here.
    let mut told = passed.clone();
    told["confirm"] = json!(true);
    let told = call(&mut server, &told, None, Value::Null);
    assert_eq!(told["resultType"], "input_required", "{told}");
    let state = &asked["requestState"];
    let yes = json!({"action": "accept", "content": {"confirm": true}});

    // Not agreed: nothing is written.
    for no in [
        json!({"action": "decline"}),
        json!({"action": "accept", "content": {"confirm": false}}),
    ] {
        let declined = call(&mut server, &passed, Some(state), no);
        assert_eq!(declined["isError"], true);
        assert!(text_of(&declined).contains("did not confirm"), "{declined}");
    }
    // Arguments may be nested as other servers nest them.
    let nested = json!({"event": event("scan", "nested", true, &json!({}))});
    let asked_nested = call(&mut server, &nested, None, Value::Null);
    let done = call(
        &mut server,
        &nested,
        Some(&asked_nested["requestState"]),
        yes.clone(),
    );
    assert_eq!(done["structuredContent"]["created"], true, "{done}");
    // An answer to another question confirms nothing: it is asked again.
    let other = event("scan", "api", true, &json!({}));
    let again = call(&mut server, &other, Some(state), yes.clone());
    assert_eq!(again["resultType"], "input_required", "{again}");
    assert_eq!(events(&mut server), 1, "the nested one");

    // Nor does it if another gate would turn by now, of which nobody was asked.
    let group = json!({
        "name": "production", "type": "test.production", "version": "1", "description": "may go out",
        "event_receiver_ids": ["scan"],
    });
    server.id_of("create_group", group);
    let asked = call(&mut server, &passed, Some(state), yes.clone());
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let text = asked["inputRequests"]["confirm"]["params"]["message"].to_string();
    assert!(
        text.contains("«ready»") && text.contains("«production»"),
        "{text}"
    );
    assert_eq!(events(&mut server), 1);

    let done = call(&mut server, &passed, Some(&asked["requestState"]), yes);
    let gates = &done["structuredContent"]["gates"];
    let turns = [&gates[0]["turn"], &gates[1]["turn"]];
    assert_eq!(turns, ["opened", "opened"], "{done}");
    assert_eq!(events(&mut server), 2);
    // A client that cannot ask reads the refusal.
    let said = server.refusal("create_event", event("scan", "api", true, &json!({})));
    assert!(said.contains("confirm: true"), "{said}");
}
