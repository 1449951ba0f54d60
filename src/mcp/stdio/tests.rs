use rmcp::model::RequestId;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::*;

fn fault(line: impl AsRef<[u8]>) -> Value {
    match understand(line.as_ref(), false) {
        Understood::Fault { id, error } => {
            serde_json::from_slice(&fault_line(id.as_ref(), &error)).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn code_and_id(line: impl AsRef<[u8]>) -> (i64, Value) {
    let fault = fault(line);
    (
        fault["error"]["code"].as_i64().unwrap(),
        fault["id"].clone(),
    )
}

#[test]
fn faulty_lines_are_answered() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":3,"method":"x","params":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for (line, code, id) in [
        (r"{".as_bytes(), -32700, Value::Null),
        (b"not json", -32700, Value::Null),
        (br#"{"jsonrpc":"2.0","id":1,"method":}"#, -32700, Value::Null),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700, json!(1)),
        (br#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"\ud800"}}"#, -32700, json!(2)),
        (br#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"\udc00x"}}"#, -32700, json!(2)),
        (deep.as_bytes(), -32600, json!(3)),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, Value::Null),
        (b"7", -32600, Value::Null),
        (br#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, -32600, json!("a")),
        (br#"{"jsonrpc":"2.0","id":4}"#, -32600, json!(4)),
        (br#"{"jsonrpc":"2.0","id":4,"method":"ping","result":{}}"#, -32600, json!(4)),
        (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, Value::Null),
        (br#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, Value::Null),
        (br#"{"jsonrpc":"2.0","id":5,"method":7}"#, -32600, json!(5)),
        (br#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"arguments":{}}}"#, -32602, json!(6)),
        (br#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"x","arguments":"y"}}"#, -32602, json!(6)),
        (br#"{"jsonrpc":"2.0","id":7,"method":"initialize"}"#, -32602, json!(7)),
        (br#"{"jsonrpc":"2.0","id":8,"method":"tools/burn"}"#, -32601, json!(8)),
    ] {
        assert_eq!(code_and_id(line), (code, id), "{}", String::from_utf8_lossy(line));
    }
    assert!(
        fault(br#"{"id":2,"method":"\ud800"}"#)["error"]["message"]
            .as_str()
            .unwrap()
            .contains("lone surrogate")
    );
}

#[test]
fn what_is_no_fault_is_taken_or_ignored() {
    for line in ["", " \t", "\r", r#"{"jsonrpc":"2.0","id":1,"result":[}"#] {
        if line.len() < 3 {
            assert!(
                matches!(understand(line.as_bytes(), false), Understood::Nothing),
                "{line}"
            );
        }
    }
    for line in [
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r",
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/of-tomorrow","params":{"a":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"a","arguments":{}}}"#,
    ] {
        assert!(
            matches!(understand(line.as_bytes(), false), Understood::Message(_)),
            "{line}"
        );
    }
}

#[test]
fn half_a_message_at_the_end_is_told_and_a_whole_one_is_taken() {
    let Understood::Fault { id: None, error } = understand(br#"{"jsonrpc":"2.0","id":1,"#, true)
    else {
        panic!()
    };
    assert!(error.message.contains("ended in the middle"));
    assert!(matches!(
        understand(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, true),
        Understood::Message(_)
    ));
}

#[tokio::test]
async fn lines_are_bounded_and_the_next_one_is_whole() {
    let long = format!(
        r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"x":"{}"}},"id":"late"}}"#,
        "y".repeat(500_000)
    );
    let input = format!("{long}\nshort\r\n\nrest");
    let mut lines = Lines::new(input.as_bytes(), 100);
    let Read::TooLong { scan, size } = lines.next().await else {
        panic!()
    };
    assert_eq!(
        (scan.id(), size),
        (Some(&RequestId::String("late".into())), long.len() as u64)
    );
    let Understood::Fault { id: Some(_), error } = too_long(&scan, size) else {
        panic!()
    };
    assert!(error.message.contains("4194304"));
    assert!(matches!(lines.next().await, Read::Line(line) if line == b"short\r"));
    assert!(matches!(lines.next().await, Read::Line(line) if line.is_empty()));
    assert!(matches!(lines.next().await, Read::Rest(line) if line == b"rest"));
    assert!(matches!(lines.next().await, Read::End));
}

#[tokio::test]
async fn a_long_notification_gets_no_answer() {
    let input = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"x":"{}"}}}}"#,
        "y".repeat(500)
    );
    let Read::TooLong { scan, size } = Lines::new(input.as_bytes(), 100).next().await else {
        panic!()
    };
    assert!(matches!(too_long(&scan, size), Understood::Nothing));
}

#[tokio::test]
async fn a_dropped_read_loses_nothing() {
    use tokio::io::AsyncWriteExt as _;
    let (mut far, near) = tokio::io::duplex(64);
    let mut lines = Lines::new(near, 100);
    far.write_all(b"half ").await.unwrap();
    tokio::select! {
        biased;
        _ = lines.next() => panic!("half a line was given"),
        () = tokio::task::yield_now() => {}
    }
    far.write_all(b"whole\n").await.unwrap();
    assert!(matches!(lines.next().await, Read::Line(line) if line == b"half whole"));
}

#[tokio::test]
async fn faults_are_answered_before_the_input_ends() {
    let (mut far, near) = tokio::io::duplex(4096);
    let input =
        "oops\n{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n{\"jsonrpc\"";
    let mut stdio = Stdio::new(input.as_bytes(), near, 1000, Ending::default());
    assert!(stdio.receive().await.is_none());
    stdio.close().await.unwrap();
    let mut told = String::new();
    far.read_to_string(&mut told).await.unwrap();
    assert_eq!(told.matches("-32700").count(), 2, "{told}");
    assert_eq!(told.lines().count(), 2);
}

#[test]
fn a_session_begins_with_a_chosen_lifecycle() {
    let request = |line: &str| match understand(line.as_bytes(), false) {
        Understood::Message(message) => match *message {
            ClientJsonRpcMessage::Request(request) => request.request,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let meta = |version: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
        )
    };
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#;
    assert!(begins(&request(initialize)));
    assert!(begins(&request(&meta("2026-07-28"))));
    assert!(!begins(&request(&meta("2999-01-01"))));
    assert!(!begins(&request(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#
    )));
    assert!(!begins(&request(
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
    )));
}

#[tokio::test]
async fn flights_land_when_they_are_answered() {
    let flights = Flights::default();
    let id = RequestId::Number(1);
    flights.took_off(id.clone(), 10);
    flights.below(2, 11).await;
    for (calls, bytes) in [(1, 11), (2, 10), (1, 1)] {
        flights.took_off(id.clone(), 10);
        let waiting = flights.clone();
        let wait = tokio::spawn(async move { waiting.below(calls, bytes).await });
        tokio::task::yield_now().await;
        assert!(!wait.is_finished(), "{calls} calls, {bytes} bytes");
        flights.landed(&id);
        wait.await.unwrap();
    }
}
