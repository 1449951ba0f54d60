//! A client that speaks raw JSON-RPC to the real binary, so that tests see every byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::engine::database;

/// Longest wait for anything; a healthy server needs a small part of it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How a server is started.
pub(crate) struct Setup {
    /// What `EPR_DB` says.
    db: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

impl Setup {
    pub(crate) fn new(db: &Path) -> Self {
        Self::at(&database(db))
    }

    /// On what `EPR_DB` is to say, whatever engine the tests run on.
    pub(crate) fn at(db: &str) -> Self {
        Self {
            db: db.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
        }
    }

    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another command of the binary on the same database.
    pub(crate) fn tool(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = self.binary();
        command.args(arguments).envs(variables.iter().copied());
        command
    }

    fn binary(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epr-mcp"));
        command.env("EPR_DB", &self.db).env("EPR_PRINCIPAL", "ada");
        for name in ["EPR_URL", "EPR_BROKERS", "EPR_CONFIG", "EPR_LOG"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = self.binary();
        command.arg("stdio").args(&self.args);
        command.envs(self.env.iter().cloned());
        command
    }
}

/// A running server and the test's end of its pipes.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    next_id: u64,
    modern: bool,
    /// Answers that came before they were asked for: calls run side by side.
    early: Vec<Value>,
}

impl Server {
    /// Starts a server without saying anything to it.
    pub(crate) fn silent(setup: &Setup) -> Self {
        Self::run(setup.command())
    }

    /// Starts whatever is said to be a server.
    fn run(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("piped");
        let mut stderr = child.stderr.take().expect("piped");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            lines,
            stderr: Some(stderr),
            next_id: 0,
            modern: false,
            early: Vec::new(),
        }
    }

    /// Starts a server and shakes hands, and reads nothing of what it says from then on.
    pub(crate) fn deaf(setup: &Setup) -> Self {
        let mut child = setup
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let stdin = child.stdin.take();
        let mut server = Self {
            child,
            stdin,
            lines: channel().1,
            stderr: None,
            next_id: 0,
            modern: false,
            early: Vec::new(),
        };
        server.begin(
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": {"name": "deaf", "version": "1"}}),
        );
        server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    /// Starts a server and shakes hands as clients of 2025-11-25 do.
    pub(crate) fn start(setup: &Setup) -> Self {
        Self::greeted(setup.command())
    }

    /// The same with a command that somebody else made.
    pub(crate) fn greeted(command: Command) -> Self {
        let mut server = Self::run(command);
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test-client", "version": "1"}
        });
        server
            .request("initialize", params)
            .expect("the server answers initialize");
        server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    /// Starts a server for requests of 2026-07-28, which shakes no hands.
    pub(crate) fn modern(setup: &Setup) -> Self {
        let mut server = Self::silent(setup);
        server.modern = true;
        server
    }

    pub(crate) fn on(db: &Path) -> Self {
        Self::start(&Setup::new(db))
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(bytes).expect("the server reads");
        stdin.flush().expect("the server reads");
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.send_raw(format!("{message}\n").as_bytes());
    }

    /// Sends a request and gives its id without waiting.
    pub(crate) fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        if self.modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "test-client", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The next line on stdout, which has to be one JSON object.
    pub(crate) fn read(&mut self) -> Value {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str(&line)
                .unwrap_or_else(|e| panic!("stdout carries {line:?}: {e}")),
            Err(RecvTimeoutError::Timeout) => panic!("the server does not answer"),
            Err(RecvTimeoutError::Disconnected) => {
                panic!("the server ended: {}", self.stderr_text())
            }
        }
    }

    /// The answer to a request.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        if let Some(at) = self.early.iter().position(|message| message["id"] == id) {
            return self.early.swap_remove(at);
        }
        loop {
            let message = self.read();
            if message["id"] == id {
                return message;
            }
            self.early.push(message);
        }
    }

    /// The next message that was not asked for, by its method.
    pub(crate) fn notification(&mut self, method: &str) -> Value {
        if let Some(at) = self.early.iter().position(|m| m["method"] == method) {
            return self.early.remove(at);
        }
        loop {
            let message = self.read();
            if message["method"] == method {
                return message;
            }
            self.early.push(message);
        }
    }

    /// The next answer that is an error, to whichever request.
    pub(crate) fn refused(&mut self) -> Value {
        loop {
            let message = self.read();
            if message.get("error").is_some() {
                return message;
            }
            self.early.push(message);
        }
    }

    /// The address of the next resource that has changed.
    pub(crate) fn updated(&mut self) -> String {
        let notice = self.notification("notifications/resources/updated");
        notice["params"]["uri"].as_str().unwrap().to_owned()
    }

    /// Whether an answer to a request has been seen among those that came so far.
    pub(crate) fn has_answered(&self, id: u64) -> bool {
        self.early.iter().any(|message| message["id"] == id)
    }

    /// A request's result, or its error.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.begin(method, params);
        let mut message = self.answer(id);
        if message.get("error").is_some() {
            Err(message["error"].take())
        } else {
            Ok(message["result"].take())
        }
    }

    /// Calls a tool and gives its whole result.
    pub(crate) fn call_raw(&mut self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
            .unwrap_or_else(|error| panic!("{tool} is a protocol error: {error}"))
    }

    /// Calls a tool that has to succeed and gives its text.
    pub(crate) fn text(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call_raw(tool, arguments);
        assert_ne!(result["isError"], true, "{tool}: {}", text_of(&result));
        text_of(&result)
    }

    /// Calls a tool with a record-like answer, which has to stand the same in both places.
    pub(crate) fn record(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call_raw(tool, arguments);
        let text = text_of(&result);
        assert_ne!(result["isError"], true, "{tool}: {text}");
        let from_text: Value =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{tool}: {e} in {text}"));
        assert_eq!(
            from_text, result["structuredContent"],
            "{tool}: content and structuredContent differ"
        );
        flat(from_text)
    }

    /// Calls a tool that has to refuse, and gives what it says.
    pub(crate) fn refusal(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call_raw(tool, arguments.clone());
        let text = text_of(&result);
        assert_eq!(
            result["isError"], true,
            "{tool} {arguments} was not refused: {text}"
        );
        text
    }

    /// Calls a tool that creates something, and gives the id.
    pub(crate) fn id_of(&mut self, tool: &str, arguments: Value) -> String {
        let record = self.record(tool, arguments);
        record["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no id in {record}"))
            .to_owned()
    }

    /// Closes stdin.
    pub(crate) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let told = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(told.expect("there is a kill").success());
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child can be waited for")
    }

    /// Waits for the end, which has to come within `span`.
    pub(crate) fn ends_within(&mut self, span: Duration) -> ExitStatus {
        ends_within(&mut self.child, span)
    }

    /// Everything that stood on stderr; the server has to be at its end.
    pub(crate) fn stderr_text(&mut self) -> String {
        self.stderr
            .take()
            .map(|thread| thread.join().unwrap_or_default())
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of a process, which has to come within `span`.
pub(crate) fn ends_within(child: &mut Child, span: Duration) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            return status;
        }
        assert!(begun.elapsed() < span, "the process does not end");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The one thing that an answer is about, with what stands around it, in one object.
pub(crate) fn flat(mut record: Value) -> Value {
    for kind in ["event", "group", "receiver"] {
        if let Some(Value::Object(thing)) = record.get(kind).cloned() {
            for (field, value) in thing {
                if record.get(&field).is_none() {
                    record[field] = value;
                }
            }
            break;
        }
    }
    record
}

/// The text blocks of a result.
pub(crate) fn text_of(result: &Value) -> String {
    let blocks = result["content"].as_array().cloned().unwrap_or_default();
    blocks
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A folder that goes with the test, and a database path in it.
pub(crate) fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = folder.path().join("epr.db");
    (folder, db)
}

/// Arguments of an event for one unit.
pub(crate) fn event(receiver: &str, name: &str, success: bool, payload: &Value) -> Value {
    json!({
        "name": name, "version": "1.0.0", "release": "1", "platform_id": "linux", "package": "oci",
        "description": "something happened", "event_receiver_id": receiver, "success": success, "payload": payload,
    })
}

/// Arguments of a receiver that accepts everything.
pub(crate) fn any_receiver(name: &str) -> Value {
    json!({"name": name, "type": format!("test.{name}"), "version": "1.0.0", "description": "accepts all", "schema": {}})
}
