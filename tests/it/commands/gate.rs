//! `gate check`, as a deploy job calls it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Cli, Ran, event, fresh, with};

const PATIENCE: Duration = Duration::from_mins(1);

/// A gate of two steps.
fn ready() -> (tempfile::TempDir, Cli) {
    let (folder, cli) = fresh();
    cli.receiver("build");
    cli.receiver("scan");
    cli.group("ready", "build scan");
    (folder, cli)
}

const CHECK: [&str; 6] = ["gate", "check", "--group", "ready", "--name", "web"];

fn check(cli: &Cli, more: &[&str]) -> Ran {
    cli.run(&[&CHECK[..], more].concat())
}

/// A check that waits, and what it says meanwhile.
pub(crate) struct Waiting {
    child: Child,
    notes: Receiver<String>,
}

impl Waiting {
    pub(crate) fn start(cli: &Cli, arguments: &[&str]) -> Self {
        let mut child = cli
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, notes) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, notes }
    }

    /// Waits until it says this.
    pub(crate) fn says(&self, word: &str) {
        loop {
            let line = self.notes.recv_timeout(PATIENCE).expect("it says more");
            if line.contains(word) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn ended(self) -> (Option<i32>, String) {
        let output = self.child.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    }
}

#[test]
fn the_exit_code_tells_how_the_gate_stands() {
    let (_folder, cli) = ready();
    cli.event("build", "web", true).well();
    let missing = check(&cli, &[]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(
        missing
            .out
            .starts_with("MISSING: gate «ready» for epr://history/web/"),
        "{missing:?}"
    );
    assert!(
        missing.out.contains("missing: «scan»") && missing.out.contains("by «ci»"),
        "{missing:?}"
    );
    cli.event("scan", "web", false).well();
    let failed = check(&cli, &[]);
    assert_eq!(
        (failed.code, failed.out.starts_with("FAIL")),
        (Some(1), true),
        "{failed:?}"
    );
    assert!(failed.out.contains("failed: «scan»"), "{failed:?}");
    cli.event("scan", "web", true).well();
    let passed = check(&cli, &[]).well();
    assert_eq!(
        (passed.out.starts_with("PASS: gate"), passed.err.as_str()),
        (true, ""),
        "{passed:?}"
    );
    cli.run(&["group", "modify", "--id", "ready", "--disable"])
        .well();
    let disabled = check(&cli, &[]);
    assert_eq!(disabled.code, Some(1), "{disabled:?}");
    assert!(disabled.out.contains("disabled"), "{disabled:?}");
}

#[test]
fn what_cannot_be_told_is_an_error_with_the_way_out() {
    let (_folder, cli) = ready();
    cli.run(&["gate", "check", "--group", "raedy", "--name", "web"])
        .refused(3, &["«raedy»", "«ready»"]);
    cli.run(&["gate", "check", "--group", "ready"])
        .refused(3, &["--name"]);
    cli.run(&["gate", "check", "--name", "web"])
        .refused(3, &["--group"]);
    check(&cli, &["--log", "[["]).refused(3, &["--log"]);
    check(&cli, &["--config", "/nowhere.toml"]).refused(3, &["/nowhere.toml"]);
    let help = cli.run(&["gate", "check", "--help"]).well();
    assert!(help.out.contains("Exit codes"), "{help:?}");
    cli.run(&[
        "gate",
        "check",
        "--group",
        "ready",
        "--unit",
        "epr://history/web",
    ])
    .refused(3, &["epr://history/web"]);
    check(&cli, &["--wait", "30"]).refused(3, &["30m"]);
    check(&cli, &["--wait-for-retries"]).refused(3, &["--wait"]);
    let again = [
        "group",
        "create",
        "--name",
        "ready",
        "--type",
        "other",
        "--version",
        "2",
        "--description",
        "d",
        "--event-receiver-ids",
        "build",
    ];
    let other = cli.id(&again);
    check(&cli, &[]).refused(3, &["More than one group", &other]);
    let by_id = cli.run(&["gate", "check", "--group", &other, "--name", "web"]);
    assert_eq!(by_id.code, Some(2), "{by_id:?}");

    cli.event("build", "web", true).well();
    cli.run(&with(&event("build", "web", "true"), "--version", "2.0.0"))
        .well();
    let several = ["gate", "check", "--group", &other, "--name", "web"];
    cli.run(&several)
        .refused(3, &["More than one unit", "web/1.0.0", "web/2.0.0"]);
    let one = cli
        .run(&[&several[..], &["--version", "2.0.0"]].concat())
        .well();
    assert!(one.out.contains("web/2.0.0"), "{one:?}");
    let unreachable = Cli::at("postgres://nobody@127.0.0.1:1/none").run(&several);
    unreachable.refused(3, &["cannot be reached"]);
}

#[test]
fn a_unit_that_nothing_is_recorded_of_is_missing() {
    let (_folder, cli) = ready();
    cli.event("build", "webb", true).well();
    let unknown = check(&cli, &[]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(
        unknown.out.contains("no unit") && unknown.out.contains("«webb»"),
        "{unknown:?}"
    );
    let full = [
        "--version",
        "1",
        "--release",
        "1",
        "--platform-id",
        "p",
        "--package",
        "k",
    ];
    let named = check(&cli, &full);
    assert_eq!(named.code, Some(2), "{named:?}");
    assert!(named.out.contains("missing: «build», «scan»"), "{named:?}");
}

#[test]
fn the_same_is_told_as_json() {
    let (_folder, cli) = ready();
    cli.event("build", "web", true).well();
    cli.event("scan", "web", false).well();
    let told = check(&cli, &["--output", "json"]);
    let json = told.json();
    assert_eq!(
        (told.code, &json["result"], &json["exit_code"]),
        (Some(1), &json!("fail"), &json!(1))
    );
    assert_eq!(
        (&json["group"]["name"], &json["unit"]["name"]),
        (&json!("ready"), &json!("web"))
    );
    let standings: Vec<&Value> = json["receivers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["standing"])
        .collect();
    assert_eq!(standings, ["pass", "fail"]);
    assert_eq!(
        json["receivers"][1]["event"]["recorded_by"]["principal"],
        "ci"
    );
    assert_eq!(json.get("waited_seconds"), None);
    let error = cli.run(&[
        "gate", "check", "--group", "x", "--name", "web", "--output", "json",
    ]);
    assert_eq!(
        (error.code, &error.json()["error"]["code"]),
        (Some(3), &json!("not_found"))
    );
    let timed_out = cli.run(&[
        "gate", "check", "--group", "ready", "--name", "api", "--wait", "0s", "--output", "json",
    ]);
    let json = timed_out.json();
    assert_eq!(
        (timed_out.code, &json["result"], &json["waited_seconds"]),
        (Some(2), &json!("timed_out"), &json!(0))
    );
}

#[test]
fn a_wait_ends_when_the_last_step_passes() {
    let (_folder, cli) = ready();
    // Not even the unit is there yet.
    let waiting = Waiting::start(&cli, &[&CHECK[..], &["--wait", "10m"]].concat());
    waiting.says("no unit");
    cli.event("build", "other", true).well();
    cli.event("build", "web", true).well();
    waiting.says("missing: «scan»");
    cli.event("scan", "web", true).well();
    let (code, told) = waiting.ended();
    assert_eq!((code, told.starts_with("PASS")), (Some(0), true), "{told}");
}

#[test]
fn a_failed_step_ends_a_wait_unless_its_repetition_is_waited_for() {
    let (_folder, cli) = ready();
    cli.event("build", "web", true).well();
    let waits = [&CHECK[..], &["--wait", "10m"]].concat();
    let short = Waiting::start(&cli, &waits);
    let long = Waiting::start(&cli, &[&waits[..], &["--wait-for-retries"]].concat());
    short.says("missing: «scan»");
    long.says("missing: «scan»");
    cli.event("scan", "web", false).well();
    assert_eq!(short.ended().0, Some(1));
    long.says("failed: «scan»");
    cli.event("scan", "web", true).well();
    assert_eq!(long.ended().0, Some(0));
}

#[test]
fn a_gate_that_is_put_in_force_ends_a_wait() {
    let (_folder, cli) = ready();
    cli.event("build", "web", true).well();
    cli.event("scan", "web", true).well();
    cli.run(&["group", "modify", "--id", "ready", "--disable"])
        .well();
    let waits = [&CHECK[..], &["--wait", "10m", "--wait-for-retries"]].concat();
    let waiting = Waiting::start(&cli, &waits);
    waiting.says("disabled");
    cli.run(&["group", "modify", "--id", "ready", "--enable"])
        .well();
    assert_eq!(waiting.ended().0, Some(0));
}

#[test]
fn a_wait_has_an_end() {
    let (_folder, cli) = ready();
    cli.event("build", "web", true).well();
    let timed_out = check(&cli, &["--wait", "1s"]);
    assert_eq!(timed_out.code, Some(2), "{timed_out:?}");
    assert!(
        timed_out.out.starts_with("MISSING after 1 s: gate «ready»"),
        "{timed_out:?}"
    );
    assert!(
        timed_out.err.contains("waiting: gate «ready»"),
        "{timed_out:?}"
    );
    let waiting = Waiting::start(&cli, &[&CHECK[..], &["--wait", "10m"]].concat());
    waiting.says("missing");
    waiting.signal("-TERM");
    let (code, told) = waiting.ended();
    assert_eq!((code, told.as_str()), (Some(3), ""));
}
