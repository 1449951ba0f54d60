//! Completion as a client meets it: what it offers leads somewhere, in both protocol eras.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::client::{Server, Setup, any_receiver, event, fresh};

/// What RFC 6570 leaves as it is in a simple expansion.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const HISTORY: &str = "epr://history/{name}/{version}/{release}/{platform_id}/{package}";
const GATE: &str = "epr://gates/{group}/{unit}";

/// A template with values in it, as a client expands it.
fn expanded(template: &str, values: &[(String, String)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |uri, (name, value)| {
            let value = utf8_percent_encode(value, UNRESERVED).to_string();
            uri.replace(&format!("{{{name}}}"), &value)
        })
}

fn arguments(template: &str) -> Vec<&str> {
    let rest = template.split('{').skip(1);
    rest.map(|part| part.split('}').next().unwrap()).collect()
}

/// Asks for one argument, with what is filled in already.
fn ask(
    server: &mut Server,
    reference: &Value,
    (argument, begun): (&str, &str),
    filled: &[(String, String)],
) -> Result<Value, Value> {
    let mut params = json!({"ref": reference, "argument": {"name": argument, "value": begun}});
    if !filled.is_empty() {
        let known: serde_json::Map<String, Value> = filled
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        params["context"] = json!({"arguments": known});
    }
    let mut result = server.request("completion/complete", params)?;
    Ok(result["completion"].take())
}

fn values(completion: &Value) -> Vec<String> {
    let values = completion["values"].as_array().unwrap().iter();
    values.map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn template(uri: &str) -> Value {
    json!({"type": "ref/resource", "uri": uri})
}

fn prompt(name: &str) -> Value {
    json!({"type": "ref/prompt", "name": name})
}

fn offered(
    server: &mut Server,
    reference: &Value,
    argument: (&str, &str),
    filled: &[(&str, &str)],
) -> Vec<String> {
    let filled: Vec<(String, String)> = filled
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    values(&ask(server, reference, argument, &filled).unwrap())
}

const NAMES: [&str; 6] = [
    "acme/web",
    "100% safe",
    "Grüße 日本",
    "a%2Fb",
    "web?x=1#y",
    "{name}&+",
];

/// Units whose names mean something to a URI, and a gate that they are at.
fn odd_units(server: &mut Server) {
    server.id_of("create_receiver", any_receiver("scan"));
    server.id_of(
        "create_group",
        json!({"name": "ready / now", "type": "test.ready", "version": "1", "description": "d",
            "event_receiver_ids": ["scan"]}),
    );
    for name in NAMES {
        let mut arguments = event("scan", name, true, &json!({}));
        arguments["version"] = json!("1.0+b/1");
        arguments["platform_id"] = json!("linux/amd64");
        server.id_of("create_event", arguments);
    }
}

#[test]
fn every_value_that_is_offered_makes_an_address_that_is_read() {
    let (_folder, db) = fresh();
    for mut server in [Server::on(&db), Server::modern(&Setup::new(&db))] {
        odd_units(&mut server);
        let mut read = Vec::new();
        for uri in [
            HISTORY,
            GATE,
            "epr://events/{id}",
            "epr://receivers/{id}",
            "epr://groups/{id}",
        ] {
            // Every way through: each value of each argument, with those before it filled in.
            let mut ways: Vec<Vec<(String, String)>> = vec![Vec::new()];
            for argument in arguments(uri) {
                ways = ways
                    .into_iter()
                    .flat_map(|way| {
                        let found = ask(&mut server, &template(uri), (argument, ""), &way).unwrap();
                        assert_eq!(found["hasMore"], false, "{found}");
                        let offered = values(&found);
                        assert_eq!(found["total"], offered.len(), "{found}");
                        assert!(!offered.is_empty(), "{uri} {argument} {way:?}");
                        offered.into_iter().map(move |value| {
                            let mut way = way.clone();
                            way.push((argument.to_owned(), value));
                            way
                        })
                    })
                    .collect();
            }
            for way in ways {
                let address = expanded(uri, &way);
                let found = server.request("resources/read", json!({"uri": address}));
                let found = found.unwrap_or_else(|error| panic!("{address}: {error}"));
                let text = found["contents"][0]["text"].as_str().unwrap();
                assert!(!text.contains("\"events\":[]"), "{address}: {text}");
                read.push(address);
            }
        }
        // A history and a gate for each unit, then the events, the receiver and the group; the second
        // server records each event once more.
        let histories = read.iter().filter(|uri| uri.starts_with("epr://history/"));
        assert_eq!(histories.count(), NAMES.len());
        let gates = read.iter().filter(|uri| uri.starts_with("epr://gates/"));
        assert_eq!(gates.count(), NAMES.len());
        assert!(read.len() >= 3 * NAMES.len() + 2, "{read:#?}");
    }
}

#[test]
fn what_is_begun_and_what_is_filled_in_narrow_the_values() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    for name in ["build", "scan"] {
        server.id_of("create_receiver", any_receiver(name));
    }
    let mut second = any_receiver("build");
    second["version"] = json!("2.0.0");
    let second = server.id_of("create_receiver", second);
    let group = json!({"name": "ready", "type": "gate.ready", "version": "1", "description": "d",
        "event_receiver_ids": ["scan"]});
    server.id_of("create_group", group);
    let other = json!({"name": "other", "type": "gate.other", "version": "1", "description": "d",
        "event_receiver_ids": [second]});
    server.id_of("create_group", other);
    for (name, version, receiver, success) in [
        ("web", "1.0.0", "scan", true),
        ("web", "1.1.0", "scan", false),
        ("web", "2.0.0", second.as_str(), true),
        ("worker", "7", "scan", true),
    ] {
        let mut arguments = event(receiver, name, success, &json!({}));
        arguments["version"] = json!(version);
        server.id_of("create_event", arguments);
    }
    let history = template(HISTORY);
    let gate = template(GATE);
    let mut of = |reference: &Value, argument: (&str, &str), filled: &[(&str, &str)]| {
        offered(&mut server, reference, argument, filled)
    };
    assert_eq!(of(&history, ("name", ""), &[]), ["worker", "web"]);
    assert_eq!(of(&history, ("name", "we"), &[]), ["web"]);
    assert_eq!(of(&history, ("name", "WO"), &[]), ["worker"]);
    assert_eq!(of(&history, ("name", "x"), &[]), [""; 0]);
    let web = [("name", "web")];
    assert_eq!(
        of(&history, ("version", ""), &web),
        ["2.0.0", "1.1.0", "1.0.0"]
    );
    assert_eq!(of(&history, ("version", "1."), &web), ["1.1.0", "1.0.0"]);
    assert_eq!(of(&history, ("version", ""), &[("name", "wob")]), [""; 0]);
    let old = [("name", "web"), ("version", "1.0.0")];
    assert_eq!(of(&history, ("release", ""), &old), ["1"]);
    assert_eq!(of(&history, ("package", "o"), &old), ["oci"]);

    // The gate's own units first, those that wait before those that pass; then all others.
    let ready = [("group", "ready")];
    assert_eq!(
        of(&gate, ("unit", ""), &ready),
        [
            "web/1.1.0/1/linux/oci",
            "worker/7/1/linux/oci",
            "web/1.0.0/1/linux/oci",
            "web/2.0.0/1/linux/oci",
        ]
    );
    assert_eq!(
        of(&gate, ("unit", "web/1"), &ready),
        ["web/1.1.0/1/linux/oci", "web/1.0.0/1/linux/oci"]
    );
    assert_eq!(
        of(&gate, ("unit", "epr://history/wo"), &ready),
        ["epr://history/worker/7/1/linux/oci"]
    );
    // The gates that the unit has come first.
    let unit = [("unit", "web/2.0.0/1/linux/oci")];
    assert_eq!(of(&gate, ("group", ""), &unit), ["other", "ready"]);
    let unit = [("unit", "worker/7/1/linux/oci")];
    assert_eq!(of(&gate, ("group", ""), &unit), ["ready", "other"]);
    assert_eq!(
        of(&gate, ("group", "gate."), &[]),
        ["gate.other", "gate.ready"]
    );
    assert_eq!(of(&gate, ("group", "re"), &[]), ["ready"]);

    // A name that two receivers share leads to none of them; their ids do.
    let receivers = template("epr://receivers/{id}");
    let lower = second[..24].to_lowercase();
    let found = of(&receivers, ("id", "bu"), &[]);
    assert_eq!(found.len(), 2);
    assert!(found.contains(&second), "{found:?}");
    assert_eq!(of(&receivers, ("id", "sc"), &[]), ["scan"]);
    assert_eq!(of(&receivers, ("id", &lower), &[]), [second.as_str()]);
    let events = template("epr://events/{id}");
    let all = of(&events, ("id", ""), &[]);
    assert_eq!(all.len(), 4);
    assert!(all.is_sorted_by(|a, b| a > b), "newest first: {all:?}");
    assert_eq!(of(&events, ("id", &all[1]), &[]), all[1..2]);

    let readiness = prompt("release_readiness");
    assert_eq!(
        of(&readiness, ("version", ""), &[("name", "worker")]),
        ["7"]
    );
    assert_eq!(
        of(&readiness, ("version", "1.1"), &[("unit", "web")]),
        ["1.1.0"]
    );
    assert_eq!(
        of(
            &readiness,
            ("group", ""),
            &[("name", "web"), ("version", "2.0.0")]
        ),
        ["other", "ready"]
    );
    assert_eq!(
        of(&readiness, ("unit", &all[0][..20]), &[]).first(),
        Some(&all[0])
    );
    let connect = prompt("connect_ci");
    assert_eq!(of(&connect, ("system", ""), &[]).len(), 4);
    assert_eq!(
        of(&connect, ("system", "Git"), &[]),
        ["github-actions", "gitlab-ci"]
    );
    assert_eq!(of(&connect, ("receiver", "s"), &[]), ["scan"]);
    assert_eq!(of(&connect, ("name", "w"), &[]), ["web", "worker"]);
}

#[test]
fn more_than_a_hundred_are_cut_and_said_to_be_more() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let mut asked = Vec::new();
    for i in 0..101 {
        let arguments = event("all", &format!("n{i:03}"), true, &json!({}));
        asked.push(server.begin(
            "tools/call",
            json!({"name": "create_event", "arguments": arguments}),
        ));
    }
    for id in asked {
        server.answer(id);
    }
    let history = template(HISTORY);
    let mut of = |begun| ask(&mut server, &history, ("name", begun), &[]).unwrap();
    for begun in ["", "n"] {
        let found = of(begun);
        assert_eq!(values(&found).len(), 100);
        assert_eq!(
            (&found["hasMore"], found.get("total")),
            (&json!(true), None)
        );
    }
    let found = of("n09");
    assert_eq!(
        (&found["hasMore"], &found["total"]),
        (&json!(false), &json!(10))
    );
}

#[test]
fn a_name_that_looks_like_a_secret_is_not_offered() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let token = format!("ghp_{}", "a1B2".repeat(9));
    for name in ["plain", &token] {
        server.id_of("create_event", event("all", name, true, &json!({})));
    }
    for (reference, argument) in [
        (template(HISTORY), "name"),
        (template(GATE), "unit"),
        (prompt("release_readiness"), "unit"),
    ] {
        for begun in ["", "ghp_"] {
            let found = offered(&mut server, &reference, (argument, begun), &[]);
            assert!(
                !found.iter().any(|value| value.contains("ghp_")),
                "{found:?}"
            );
        }
    }
}

#[test]
fn what_cannot_be_completed_is_refused_with_what_can() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    for (reference, argument, names) in [
        (
            template("epr://nothing/{id}"),
            "id",
            "epr://gates/{group}/{unit}",
        ),
        (template("epr://overview"), "id", "epr://events/{id}"),
        (
            template(HISTORY),
            "nam",
            "there are name, version, release, platform_id, package",
        ),
        (prompt("release_redy"), "unit", "release_readiness"),
        (
            prompt("connect_ci"),
            "sytem",
            "system, receiver, group, name",
        ),
    ] {
        let error = ask(&mut server, &reference, (argument, ""), &[]).unwrap_err();
        assert_eq!(error["code"], -32602, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(names), "{message}");
    }
    let malformed = json!({"ref": {"type": "ref/prompt"}, "argument": {"name": "x", "value": ""}});
    let error = server
        .request("completion/complete", malformed)
        .unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("completion/complete"),
        "{error}"
    );
}

#[test]
fn without_a_database_the_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("a-file").join("epr.db");
    std::fs::write(folder.path().join("a-file"), "in the way").unwrap();
    let mut server = Server::start(&Setup::at(db.to_str().unwrap()));
    let error = ask(&mut server, &template(HISTORY), ("name", ""), &[]).unwrap_err();
    assert_eq!(error["code"], -32603, "{error}");
    assert!(
        error["message"].as_str().unwrap().contains("a-file"),
        "{error}"
    );
    // What needs no database is there.
    let found = ask(&mut server, &prompt("connect_ci"), ("system", "t"), &[]).unwrap();
    assert_eq!(values(&found), ["tekton"]);
}

#[test]
fn a_server_that_only_reads_offers_the_recipes_and_no_tool_that_writes() {
    let (_folder, db) = fresh();
    Server::on(&db).id_of("create_receiver", any_receiver("scan"));
    let mut server = Server::start(&Setup::new(&db).arg("--read-only"));
    let got = server
        .request(
            "prompts/get",
            json!({"name": "connect_ci", "arguments": {"system": "tekton"}}),
        )
        .unwrap();
    let text = got["messages"][0]["content"]["text"].as_str().unwrap();
    assert!(
        text.contains("epr-mcp receiver create") && !text.contains("create_receiver"),
        "{text}"
    );
    // Without check_gate there is no question about gates.
    let mut server = Server::start(&Setup::new(&db).arg("--tools").arg("search_events"));
    let listed = server.request("prompts/list", json!({})).unwrap();
    let names: Vec<_> = listed["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["connect_ci"]);
    let error = ask(&mut server, &prompt("release_readiness"), ("unit", ""), &[]).unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
}

#[test]
fn a_recipe_is_refused_what_it_cannot_hold() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    for (arguments, says) in [
        (json!({}), "Name the CI system: github-actions"),
        (json!({"system": "gitlab-cy"}), "did you mean gitlab-ci?"),
        (
            json!({"system": "jenkins", "name": "$(touch x)"}),
            "cannot stand in a pipeline's file",
        ),
        (
            json!({"system": "jenkins", "name": "a'b"}),
            "cannot stand in a pipeline's file",
        ),
        (json!({"system": "jenkins", "receiver": "none"}), "none"),
        (json!({"system": "jenkins", "group": "none"}), "none"),
        (json!({"systm": "jenkins"}), "system, receiver, group, name"),
    ] {
        let error = server
            .request(
                "prompts/get",
                json!({"name": "connect_ci", "arguments": arguments}),
            )
            .unwrap_err();
        assert_eq!(error["code"], -32602, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(says), "{arguments}: {message}");
    }
    // Names that mean something to a pipeline's file are not written into it; their ids are.
    let mut hostile = any_receiver("${{ secrets.TOKEN }} '$(id)'");
    hostile["type"] = json!("test.hostile");
    let id = server.id_of("create_receiver", hostile);
    let got = server
        .request(
            "prompts/get",
            json!({"name": "connect_ci", "arguments": {"system": "github-actions", "receiver": id}}),
        )
        .unwrap();
    let text = got["messages"][0]["content"]["text"].as_str().unwrap();
    let recipe = text.split("```").nth(1).unwrap();
    assert!(recipe.contains(&format!("RECEIVER: '{id}'\n")), "{recipe}");
    assert!(!recipe.contains("secrets.TOKEN"), "{recipe}");
    // A name that two receivers share leads a job to neither.
    let first = server.id_of("create_receiver", any_receiver("twice"));
    let mut second = any_receiver("twice");
    second["version"] = json!("2.0.0");
    server.id_of("create_receiver", second);
    let arguments = json!({"system": "tekton", "receiver": first});
    let got = server
        .request(
            "prompts/get",
            json!({"name": "connect_ci", "arguments": arguments}),
        )
        .unwrap();
    let text = got["messages"][0]["content"]["text"].as_str().unwrap();
    assert!(text.contains(&format!("default: '{first}'\n")), "{text}");
}
