//! What an assistant sees, pinned: the list of tools and typical answers, with their sizes.
//! Time and ids are fixed, so that nothing has to be redacted.

mod runs;

use std::sync::Arc;

use async_trait::async_trait;
use epr_mcp::domain::id::{CountingIds, IdSource};
use epr_mcp::domain::schema::Documents;
use epr_mcp::domain::time::{SteppingClock, Timestamp};
use epr_mcp::mcp::stdio::Ending;
use epr_mcp::mcp::{McpOptions, McpServer};
use epr_mcp::registry::{Opener, Parts, Registry};
use epr_mcp::store::sqlite::{SqliteOptions, SqliteStore};
use epr_mcp::store::{Store, StoreError};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

use crate::harness::engine::{self, Engine};

use super::client::text_of;

/// 2026-11-22T10:00:00Z.
const START: i64 = 1_795_341_600_000_000;

#[derive(Debug)]
struct Fixed {
    path: std::path::PathBuf,
    ids: Arc<dyn IdSource>,
}

#[async_trait]
impl Opener for Fixed {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        if engine::engine() == Engine::Postgres {
            return engine::open(&engine::database(&self.path), self.ids.as_ref()).await;
        }
        // Whether a folder lasts depends on the machine; of this one it is known.
        let options = SqliteOptions {
            throw_away: true,
            ..SqliteOptions::new(&self.path)
        };
        SqliteStore::open_shared(&options, self.ids.as_ref()).await
    }

    fn location(&self) -> String {
        "epr.db".to_owned()
    }
}

/// A client over a pipe inside the process.
struct Conversation {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    out: WriteHalf<DuplexStream>,
    next: u64,
    _folder: tempfile::TempDir,
}

impl Conversation {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = Timestamp::from_micros(START);
        let ids: Arc<dyn IdSource> = Arc::new(CountingIds::new(start));
        let registry = Registry::new(Parts {
            opener: Arc::new(Fixed {
                path: folder.path().join("epr.db"),
                ids: ids.clone(),
            }),
            clock: Arc::new(SteppingClock::new(start, 1_000)),
            ids,
            documents: Documents::built_in(),
            announce: false,
            refuse_secrets: false,
        });
        let options = McpOptions {
            principal_name: "ada".to_owned(),
            surface: "mcp-stdio",
            ..McpOptions::default()
        };
        let server = McpServer::new(registry, options);
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (read, write) = tokio::io::split(theirs);
        tokio::spawn(epr_mcp::mcp::stdio::serve(
            server,
            read,
            write,
            Ending::default(),
        ));
        let (read, out) = tokio::io::split(ours);
        let mut conversation = Self {
            lines: BufReader::new(read).lines(),
            out,
            next: 0,
            _folder: folder,
        };
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "snapshot", "version": "1"}});
        conversation.request("initialize", params).await;
        conversation
    }

    async fn request(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let line = json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params})
            .to_string()
            + "\n";
        self.out.write_all(line.as_bytes()).await.unwrap();
        loop {
            let line = self
                .lines
                .next_line()
                .await
                .unwrap()
                .expect("the server answers");
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == self.next {
                return message["result"].clone();
            }
        }
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> String {
        text_of(
            &self
                .request("tools/call", json!({"name": tool, "arguments": arguments}))
                .await,
        )
    }
}

/// A token is reckoned at four bytes.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

#[tokio::test]
async fn the_list_of_tools() {
    let mut conversation = Conversation::begin().await;
    let tools = conversation.request("tools/list", json!({})).await["tools"].take();
    println!("tool definitions: {} tokens", tokens(&tools.to_string()));
    assert!(
        tokens(&tools.to_string()) < 8_000,
        "every definition is paid for in every conversation"
    );
    for tool in tools.as_array().unwrap() {
        let name = tool["name"].as_str().unwrap().to_owned();
        println!("  {name}: {} tokens", tokens(&tool.to_string()));
        insta::assert_json_snapshot!(format!("tool_{name}"), tool);
    }
}

#[tokio::test]
async fn what_the_server_says_of_itself() {
    let mut conversation = Conversation::begin().await;
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "again", "version": "1"}});
    let info = conversation.request("initialize", params).await;
    let instructions = info["instructions"].as_str().unwrap_or_default().to_owned();
    println!("instructions: {} tokens", tokens(&instructions));
    assert!(instructions.len() < 2_048, "clients cut at 2 KB");
    insta::assert_snapshot!("instructions", instructions);
    insta::assert_json_snapshot!(
        "templates",
        conversation
            .request("resources/templates/list", json!({}))
            .await
    );
    insta::assert_json_snapshot!(
        "prompts",
        conversation.request("prompts/list", json!({})).await
    );
}

/// The event of `create_event_failure`; ids are counted here.
const FAILED: &str = "01M81B5H800000000000000006";

/// The versions of the engines and the places of databases are those of the machine.
fn of_the_machine() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"sqlite \d+\.\d+\.\d+", "sqlite VERSION"),
        (r"postgresql \d+\.\d+ ?(\([^)]*\))?", "postgresql VERSION"),
        (r"«/[^»]*epr\.db»", "«FILE»"),
        (r#""/[^"]*epr\.db""#, "\"FILE\""),
        (r"«postgres://[^»]*»", "«URL»"),
    ]
}

#[tokio::test]
async fn typical_answers() {
    let mut conversation = Conversation::begin().await;
    let schema = json!({"type": "object", "required": ["critical"], "properties": {"critical": {"type": "integer"}}});
    let event = |receiver: &str, success: bool, payload: Value| {
        json!({
            "name": "payments-api", "version": "2.4.1", "release": "7", "platform_id": "linux-amd64", "package": "oci",
            "description": "run 456789", "event_receiver_id": receiver, "success": success, "payload": payload,
        })
    };
    let calls = [
        ("describe_empty", "describe_registry", json!({})),
        (
            "create_receiver_build",
            "create_receiver",
            json!({"name": "build", "type": "acme.build", "version": "1.0.0", "description": "A build ended", "schema_name": "any"}),
        ),
        (
            "create_receiver",
            "create_receiver",
            json!({"name": "scan", "type": "acme.scan", "version": "1.0.0", "description": "A scan ended", "schema": schema}),
        ),
        (
            "create_group",
            "create_group",
            json!({"name": "release-ready", "type": "acme.ready", "version": "1.0.0", "description": "Built and scanned", "event_receiver_ids": ["build", "scan"]}),
        ),
        (
            "create_event",
            "create_event",
            event("build", true, json!({"run": 456_789})),
        ),
        (
            "check_gate_missing",
            "check_gate",
            json!({"name": "payments-api"}),
        ),
        (
            "create_event_mismatch",
            "create_event",
            event("scan", true, json!({"critical": "none"})),
        ),
        (
            "create_event_failure",
            "create_event",
            event("scan", false, json!({"critical": 2})),
        ),
        (
            "check_gate_failed",
            "check_gate",
            json!({"name": "payments-api"}),
        ),
        (
            "check_gate_failed_json",
            "check_gate",
            json!({"name": "payments-api", "format": "json"}),
        ),
        (
            "check_gate_group",
            "check_gate",
            json!({"group": "release-ready"}),
        ),
        (
            "create_event_opens",
            "create_event",
            event("scan", true, json!({"critical": 0})),
        ),
        (
            "check_gate_open",
            "check_gate",
            json!({"name": "payments-api", "group": "release-ready"}),
        ),
        (
            "create_event_closes",
            "create_event",
            event("build", false, json!({})),
        ),
        (
            "search_events",
            "search_events",
            json!({"name": "payments-*", "select": ["/critical"]}),
        ),
        (
            "search_events_counts",
            "search_events",
            json!({"group_by": "success"}),
        ),
        (
            "search_receivers",
            "search_receivers",
            json!({"type": "acme.*"}),
        ),
        ("search_groups", "search_groups", json!({})),
        ("fetch_event", "fetch_event", json!({"id": FAILED})),
        (
            "fetch_receiver",
            "fetch_receiver",
            json!({"receiver": "scan"}),
        ),
        (
            "fetch_group",
            "fetch_group",
            json!({"group": "release-ready"}),
        ),
        (
            "set_group_enabled",
            "set_group_enabled",
            json!({"group": "release-ready", "enabled": false}),
        ),
        ("not_found", "fetch_receiver", json!({"receiver": "scam"})),
        ("describe", "describe_registry", json!({})),
    ];
    for (name, tool, arguments) in calls {
        let text = conversation.call(tool, arguments).await;
        println!("{name}: {} tokens", tokens(&text));
        assert_eq!(
            text.starts_with("There is no"),
            name == "not_found",
            "{name}: {text}"
        );
        assert!(tokens(&text) < 1_500, "{name} has {} tokens", tokens(&text));
        // How the rows are kept is told in these, and differs.
        let tells_storage = ["describe_empty", "describe", "create_receiver_build"];
        let suffix = if engine::engine() == Engine::Postgres && tells_storage.contains(&name) {
            "_postgres"
        } else {
            ""
        };
        insta::with_settings!({filters => of_the_machine()}, {
            insta::assert_snapshot!(format!("answer_{name}{suffix}"), text);
        });
    }
}

async fn connect_ci(conversation: &mut Conversation, arguments: Value) -> String {
    let params = json!({"name": "connect_ci", "arguments": arguments});
    let got = conversation.request("prompts/get", params).await;
    let text = got["messages"][0]["content"]["text"].as_str().unwrap();
    println!("connect_ci {arguments}: {} tokens", tokens(text));
    assert!(tokens(text) < 3_000, "{arguments}: {} tokens", tokens(text));
    text.to_owned()
}

#[tokio::test]
async fn recipes_for_ci() {
    let mut conversation = Conversation::begin().await;
    for system in ["github-actions", "gitlab-ci", "jenkins", "tekton"] {
        let text = connect_ci(&mut conversation, json!({"system": system})).await;
        // Where the rows are is told in the one below.
        let filters = vec![(r"- Storage: .*", "- Storage: …")];
        insta::with_settings!({filters => filters}, {
            insta::assert_snapshot!(format!("prompt_connect_ci_{}", system.replace('-', "_")), text);
        });
    }
    for (tool, arguments) in [
        (
            "create_receiver",
            json!({"name": "scan", "type": "acme.scan", "version": "1.0.0", "description": "A scan ended",
                "schema": {"type": "object", "required": ["critical"]}}),
        ),
        (
            "create_receiver",
            json!({"name": "build", "type": "acme.build", "version": "1.0.0", "description": "A build ended", "schema_name": "any"}),
        ),
        (
            "create_group",
            json!({"name": "release-ready", "type": "acme.ready", "version": "1.0.0", "description": "Built and scanned",
                "event_receiver_ids": ["build", "scan"]}),
        ),
        (
            "create_event",
            json!({"name": "payments-api", "version": "2.4.1", "release": "7", "platform_id": "linux-amd64", "package": "oci",
                "description": "run 7", "event_receiver_id": "build", "success": true, "payload": {}}),
        ),
    ] {
        conversation.call(tool, arguments).await;
    }
    let known = json!({"system": "github-actions", "receiver": "scan", "group": "release-ready", "name": "payments-api"});
    let text = connect_ci(&mut conversation, known).await;
    let suffix = match engine::engine() {
        Engine::Sqlite => "",
        Engine::Postgres => "_postgres",
    };
    insta::with_settings!({filters => of_the_machine()}, {
        insta::assert_snapshot!(format!("prompt_connect_ci_filled{suffix}"), text);
    });

    let mut completions = Vec::new();
    for (reference, argument, filled) in [
        (
            json!({"type": "ref/resource", "uri": "epr://gates/{group}/{unit}"}),
            json!({"name": "unit", "value": "pay"}),
            json!({"group": "release-ready"}),
        ),
        (
            json!({"type": "ref/resource", "uri": "epr://history/{name}/{version}/{release}/{platform_id}/{package}"}),
            json!({"name": "version", "value": ""}),
            json!({"name": "payments-api"}),
        ),
        (
            json!({"type": "ref/resource", "uri": "epr://receivers/{id}"}),
            json!({"name": "id", "value": "acme."}),
            json!({}),
        ),
        (
            json!({"type": "ref/prompt", "name": "connect_ci"}),
            json!({"name": "system", "value": ""}),
            json!({}),
        ),
    ] {
        let params =
            json!({"ref": reference, "argument": argument, "context": {"arguments": filled}});
        completions.push(conversation.request("completion/complete", params).await);
    }
    insta::assert_json_snapshot!("completions", completions);
}
