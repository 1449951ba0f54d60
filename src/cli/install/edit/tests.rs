//! Whatever a file holds, an entry comes and goes and the rest stays.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cli::install::client::Client;
use crate::mcp::client_config::Launch;

const SPOT: Spot = Spot {
    format: Format::Json,
    servers: "mcpServers",
    name: "epr",
};
const TOML: Spot = Spot {
    format: Format::Toml,
    servers: "mcp_servers",
    name: "epr",
};

fn entry() -> Map<String, Value> {
    Client::Cursor.entry(&Launch::new("/bin/epr-mcp", &["stdio", "--db", "/a b.db"]))
}

fn put_in(text: &str) -> String {
    put(text, &SPOT, &entry()).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// Puts the entry in and takes it out again.
fn there_and_back(text: &str, spot: &Spot) -> String {
    let with = put(text, spot, &entry()).unwrap_or_else(|why| panic!("{why}: {text}"));
    take(&with, spot).unwrap().unwrap()
}

#[test]
fn a_file_that_is_not_there_yet_gets_a_whole_object() {
    insta::assert_snapshot!(put_in(""), @r#"
    {
      "mcpServers": {
        "epr": {
          "command": "/bin/epr-mcp",
          "args": [
            "stdio",
            "--db",
            "/a b.db"
          ]
        }
      }
    }
    "#);
    assert_eq!(put_in(" \n"), put_in(""));
}

#[test]
fn comments_and_their_places_survive() {
    let text = "// mine\n{\n\t\"a\": 1, // one\n\t/* two */ \"mcpServers\": {\n\t\t\"x\": {\"command\": \"y\"} // last, with a remark\n\t\t// and one below\n\t},\n\t\"b\": [1, 2,],\n}\n// end\n";
    let with = put_in(text);
    insta::assert_snapshot!(with.replace('\t', "→"), @r#"
    // mine
    {
    →"a": 1, // one
    →/* two */ "mcpServers": {
    →→"x": {"command": "y"}, // last, with a remark
    →→"epr": {
    →→→"command": "/bin/epr-mcp",
    →→→"args": [
    →→→→"stdio",
    →→→→"--db",
    →→→→"/a b.db"
    →→→]
    →→}
    →→// and one below
    →},
    →"b": [1, 2,],
    }
    // end
    "#);
    assert_eq!(take(&with, &SPOT).unwrap().unwrap(), text);
}

#[test]
fn what_was_there_comes_back_to_the_byte() {
    for text in [
        "{\"mcpServers\": {\"x\": {}}}",
        "{\"mcpServers\": {}}",
        "{\n  \"mcpServers\": {}\n}\n",
        "{\n  \"mcpServers\": {\n    \"x\": {}\n  }\n}",
        "{\n  \"mcpServers\": {\n    \"x\": {},\n  },\n}\n",
        "{\r\n    \"mcpServers\": {\r\n        \"x\": {}\r\n    }\r\n}\r\n",
        "{\n  \"mcpServers\": {\n    // none yet\n  }\n}\n",
        "{\n  \"mcpServers\": { \"x\": {} }, /* here */\n  \"y\": \"}\"\n}\n",
        "{\n  \"a\": \"// no comment\", \"mcpServers\": {\"x\": {}}\n}\n",
        "{\n  \"mcpServers\": {\n    \"x\": {} // one, two\n    , // three\n  }\n}\n",
    ] {
        assert_eq!(there_and_back(text, &SPOT), text);
    }
    for text in [
        "",
        "model = \"o3\"\n\n# my servers\n[mcp_servers.x]\ncommand = \"y\" # why\n",
        "[mcp_servers.x]\r\ncommand = \"y\"\r\n\r\n[other]\r\na = 1\r\n",
        "mcp_servers = { x = { command = \"y\" } }\n",
    ] {
        assert_eq!(there_and_back(text, &TOML), text);
    }
}

#[test]
fn line_ends_are_those_of_the_file() {
    for text in [
        "{\r\n  \"a\": 1\r\n}\r\n",
        "{\r\n  \"mcpServers\": {}\r\n}",
        "{\r\n}",
    ] {
        let with = put_in(text);
        assert_eq!(
            with.matches('\n').count(),
            with.matches("\r\n").count(),
            "{with:?}"
        );
    }
    let with = put("a = 1\r\n", &TOML, &entry()).unwrap();
    assert_eq!(
        with.matches('\n').count(),
        with.matches("\r\n").count(),
        "{with:?}"
    );
}

#[test]
fn another_entry_of_the_name_is_replaced_where_it_stands() {
    let text = "{\n  \"mcpServers\": {\n    \"epr\": {\"command\": \"old\"}, // keep\n    \"x\": {}\n  }\n}\n";
    let with = put_in(text);
    assert!(
        with.contains("}, // keep\n    \"x\": {}") && !with.contains("old"),
        "{with}"
    );
    let text =
        "# above\n[mcp_servers.epr]\ncommand = \"old\"\n\n[mcp_servers.x]\ncommand = \"y\"\n";
    let with = put(text, &TOML, &entry()).unwrap();
    assert!(
        with.starts_with("# above\n[mcp_servers.epr]\ncommand = \"/bin/epr-mcp\""),
        "{with}"
    );
    assert!(
        with.contains("[mcp_servers.x]\ncommand = \"y\"\n"),
        "{with}"
    );
}

#[test]
fn taking_out_what_is_not_there_is_nothing() {
    for text in ["", "{}", "{\"mcpServers\": {\"x\": {}}}", "// only this"] {
        assert_eq!(take(text, &SPOT).unwrap(), None);
    }
    assert_eq!(take("a = 1\n", &TOML).unwrap(), None);
}

#[test]
fn what_cannot_be_understood_is_said_with_its_place() {
    for (text, at, why) in [
        ("{\n  \"a\": 1\n  \"b\": 2\n}", (2, 9), "comma"),
        ("[1]", (1, 1), "object"),
        ("nonsense", (1, 1), "word"),
        (
            "{\n \"mcpServers\": []\n}",
            (2, 16),
            "\"mcpServers\" has to be",
        ),
        (
            "{\"mcpServers\": {},\n \"mcpServers\": {}}",
            (2, 2),
            "second time",
        ),
        ("{'a': 1}", (1, 2), "ingle"),
        ("{\"a\": ", (1, 7), "value"),
    ] {
        let fault = put(text, &SPOT, &entry()).unwrap_err();
        assert!(
            fault.why.to_lowercase().contains(&why.to_lowercase()),
            "{text}: {fault}"
        );
        assert_eq!(fault.at, Some(at), "{text}: {fault}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(look(&deep, &SPOT).unwrap_err().why.contains("nesting"));
    let fault = put("a = 1\nb = = 2\n", &TOML, &entry()).unwrap_err();
    assert_eq!(fault.at.map(|(line, _)| line), Some(2), "{fault}");
    assert!(
        put("mcp_servers = 1\n", &TOML, &entry())
            .unwrap_err()
            .why
            .contains("table")
    );
}

#[test]
fn what_plain_json_does_not_know_is_noticed() {
    for (text, beyond) in [
        ("", Beyond::Nothing),
        ("{\"a\": [1]}", Beyond::Nothing),
        ("{} // x", Beyond::Comments),
        ("// x", Beyond::Comments),
        ("{\"a\": [1,]}", Beyond::Commas),
        ("{\"a\": 1, /* x */ }", Beyond::Commas),
    ] {
        assert_eq!(look(text, &SPOT).unwrap().beyond, beyond, "{text}");
    }
}

fn any_json(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A file as people have it: any members, often with servers among them, written in several ways.
fn any_file() -> impl Strategy<Value = (Value, String)> {
    let members = prop::collection::vec((".{0,8}", any_json(3)), 0..5);
    let servers = prop::option::of(prop::collection::vec(("[a-z]{1,5}", any_json(2)), 0..3));
    (members, servers, 0..5usize, any::<bool>()).prop_map(|(members, servers, at, pretty)| {
        let mut members: Vec<(String, Value)> = members
            .into_iter()
            .filter(|(name, _)| name != "mcpServers")
            .collect();
        if let Some(servers) = servers {
            let servers: Map<String, Value> = servers
                .into_iter()
                .filter(|(name, _)| name != "epr")
                .collect();
            members.insert(
                at.min(members.len()),
                ("mcpServers".to_owned(), Value::Object(servers)),
            );
        }
        let whole = Value::Object(members.into_iter().collect());
        let text = if pretty {
            format!("{whole:#}\n")
        } else {
            whole.to_string()
        };
        (whole, text)
    })
}

/// Comments and line ends where they may stand: behind commas and opening brackets.
fn with_comments(value: &Value, seed: u64, out: &mut String) {
    let mark = |n: u64| match n % 5 {
        0 => " // a \"remark\"\n",
        1 => " /* , } */ ",
        2 => "\r\n\t",
        3 => "\n",
        _ => " ",
    };
    let mut n = seed;
    let mut next = || {
        n = n
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        n >> 33
    };
    let mut list = |open: char, close: char, items: Vec<(Option<&str>, &Value)>| {
        out.push(open);
        out.push_str(mark(next()));
        let count = items.len();
        for (i, (name, item)) in items.into_iter().enumerate() {
            if let Some(name) = name {
                out.push_str(&json!(name).to_string());
                out.push(':');
                out.push_str(mark(next()));
            }
            with_comments(item, next(), out);
            out.push_str(mark(next()));
            if i + 1 < count || next() % 2 == 0 {
                out.push(',');
                out.push_str(mark(next()));
            }
        }
        out.push(close);
    };
    match value {
        Value::Object(members) => list(
            '{',
            '}',
            members.iter().map(|(k, v)| (Some(k.as_str()), v)).collect(),
        ),
        Value::Array(items) => list('[', ']', items.iter().map(|v| (None, v)).collect()),
        other => out.push_str(&other.to_string()),
    }
}

/// The names of the members, in their order, without those that this is about.
fn order(value: &Value) -> Vec<String> {
    let whole = value.as_object().unwrap();
    let mut names: Vec<String> = whole
        .keys()
        .filter(|k| *k != "mcpServers")
        .cloned()
        .collect();
    if let Some(servers) = whole.get("mcpServers").and_then(Value::as_object) {
        names.extend(servers.keys().filter(|k| *k != "epr").cloned());
    }
    names
}

proptest! {
    #[test]
    fn all_else_keeps_its_value_and_its_order((whole, text) in any_file()) {
        let with = put_in(&text);
        let read: Value = serde_json::from_str(&with).unwrap();
        prop_assert_eq!(&read["mcpServers"]["epr"], &Value::Object(entry()));
        prop_assert_eq!(order(&read), order(&whole));
        prop_assert_eq!(rest(read, &SPOT), rest(whole.clone(), &SPOT));
        let back: Value = serde_json::from_str(&take(&with, &SPOT).unwrap().unwrap()).unwrap();
        prop_assert_eq!(order(&back), order(&whole));
        prop_assert_eq!(rest(back, &SPOT), rest(whole, &SPOT));
    }

    #[test]
    fn comments_stay_whatever_they_look_like((whole, _) in any_file(), seed: u64) {
        let mut text = String::new();
        with_comments(&whole, seed, &mut text);
        let with = put_in(&text);
        for piece in ["// a \"remark\"", "/* , } */"] {
            prop_assert_eq!(with.matches(piece).count(), text.matches(piece).count());
        }
        let read = look(&with, &SPOT).unwrap();
        prop_assert_eq!(order(&read.value), order(&whole));
        let back = take(&with, &SPOT).unwrap().unwrap();
        for piece in ["// a \"remark\"", "/* , } */"] {
            prop_assert_eq!(back.matches(piece).count(), text.matches(piece).count());
        }
        let back = look(&back, &SPOT).unwrap();
        prop_assert_eq!(order(&back.value), order(&whole));
        prop_assert_eq!(rest(back.value, &SPOT), rest(whole, &SPOT));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}", spot in prop::sample::select(vec![SPOT, TOML])) {
        let _ = put(&text, &spot, &entry());
        let _ = take(&text, &spot);
    }
}
