use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::correlate::cloudevent::{Data, parse_structured};

fn convert(headers: &[(&str, &[u8])], body: &[u8]) -> Result<String, BinaryError> {
    binary_to_structured(headers.iter().copied(), body)
}

/// The attributes of the HTTP binding's own example.
const HEADERS: [(&str, &[u8]); 6] = [
    ("Host", b"example.com"),
    ("ce-specversion", b"1.0"),
    ("ce-type", b"com.example.someevent"),
    ("ce-time", b"2018-04-05T03:56:24Z"),
    ("ce-id", b"1234-1234-1234"),
    ("ce-source", b"/mycontext/subcontext"),
];

fn with<'a>(more: &[(&'a str, &'a [u8])]) -> Vec<(&'a str, &'a [u8])> {
    let mut headers: Vec<(&str, &[u8])> = HEADERS.to_vec();
    headers.extend_from_slice(more);
    headers
}

#[test]
fn the_media_type_names_the_mode_and_then_the_header() {
    for (content_type, header, expected) in [
        (
            Some("application/cloudevents+json"),
            false,
            Mode::Structured,
        ),
        (
            Some("application/cloudevents+json; charset=utf-8"),
            true,
            Mode::Structured,
        ),
        (
            Some("Application/CloudEvents+JSON;charset=\"UTF-8\""),
            false,
            Mode::Structured,
        ),
        (Some("application/cloudevents"), false, Mode::Structured),
        (
            Some("application/cloudevents-batch+json"),
            false,
            Mode::Batch,
        ),
        (Some("application/cloudevents-batch"), true, Mode::Batch),
        (
            Some("application/cloudevents+avro"),
            false,
            Mode::Unsupported,
        ),
        (
            Some("application/cloudevents-batch+xml"),
            true,
            Mode::Unsupported,
        ),
        (
            Some("application/cloudevents+json; charset=utf-16"),
            false,
            Mode::Unsupported,
        ),
        (Some("application/json"), true, Mode::Binary),
        (Some("text/plain"), true, Mode::Binary),
        (None, true, Mode::Binary),
        (Some("application/json"), false, Mode::Plain),
        (None, false, Mode::Plain),
    ] {
        assert_eq!(
            mode(content_type, header),
            expected,
            "{content_type:?} {header}"
        );
    }
}

#[test]
fn binary_mode_becomes_the_equal_structured_event() {
    for media_type in ["application/json", "application/json; charset=utf-8"] {
        let body = b"{\n    \"message\": \"Hello World!\"\n}";
        let headers = with(&[
            ("Content-Type", media_type.as_bytes()),
            ("Content-Length", b"33"),
        ]);
        let text = convert(&headers, body).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            json!({
                "specversion": "1.0",
                "id": "1234-1234-1234",
                "source": "/mycontext/subcontext",
                "type": "com.example.someevent",
                "time": "2018-04-05T03:56:24Z",
                "datacontenttype": media_type,
                "data": {"message": "Hello World!"},
            })
        );
        assert!(text.ends_with(&format!(
            "\"data\":{}}}",
            std::str::from_utf8(body).unwrap()
        )));
        assert!(text.starts_with("{\"specversion\":\"1.0\",\"id\":"));
        assert!(parse_structured(&value).is_ok());
    }
}

#[test]
fn json_bodies_keep_every_byte() {
    for body in [
        "1.0e1",
        " {\"b\":1, \"a\":1.00,\"a\":2}\n",
        "\"x\"",
        "null",
        "18446744073709551616",
    ] {
        let text = convert(&with(&[]), body.as_bytes()).unwrap();
        assert!(text.ends_with(&format!("\"data\":{body}}}")), "{text}");
    }
    let suffix = with(&[("content-type", b"application/vnd.example+JSON")]);
    assert!(convert(&suffix, b"[1]").unwrap().ends_with("\"data\":[1]}"));
}

#[test]
fn other_bodies_become_base64_and_none_stays_none() {
    for (media_type, body) in [
        ("application/octet-stream", &b"\x00\x01\x02\xff"[..]),
        ("application/json", b"{\"cut\": "),
        ("application/json; charset=latin1", b"{\"a\": \"\xe9\"}"),
        ("application/json", b"1} , \"source\": \"/other\""),
        ("text/plain", b"{}"),
        ("application/json", b"\xef\xbb\xbf{}"),
    ] {
        let text = convert(&with(&[("content-type", media_type.as_bytes())]), body).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["source"], "/mycontext/subcontext", "{text}");
        assert_eq!(
            parse_structured(&value).unwrap().data,
            Data::Bytes(body.to_vec()),
            "{text}"
        );
    }
    let text = convert(&with(&[]), b"").unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parse_structured(&value).unwrap().data, Data::None);
}

#[test]
fn header_values_are_unquoted_and_then_decoded_once() {
    for (given, expected) in [
        (&b"Euro%20%E2%82%AC%20%F0%9F%98%80"[..], "Euro € 😀"),
        (b"\"a%20b\"", "a b"),
        (b"\"say \\\"hi\\\" \\\\ there\"", "say \"hi\" \\ there"),
        (b"%2541", "%41"),
        (b"100%", "100%"),
        (b"%zz", "%zz"),
        (b"  spaced  ", "spaced"),
        ("ü".as_bytes(), "ü"),
        (b"%00%0a", "\u{0}\n"),
        (b"\"", "\""),
    ] {
        let text = convert(&with(&[("CE-Subject", given)]), b"").unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["subject"], expected);
    }
}

#[test]
fn what_is_not_utf_8_or_stands_twice_or_would_be_the_data_is_refused() {
    let refused = |name: &'static str, value: &'static [u8]| {
        convert(&with(&[(name, value)]), b"1").unwrap_err()
    };
    for bad in [&b"%C0%A0"[..], b"%ff", b"\xff", b"%ED%A0%80"] {
        assert!(
            matches!(refused("ce-subject", bad), BinaryError::NotUtf8(name) if name.contains("ce-subject"))
        );
    }
    assert!(
        matches!(refused("CE-Id", b"x"), BinaryError::Duplicate(name) if name.contains("ce-id"))
    );
    for name in ["ce-data", "ce-data_base64", "ce-datacontenttype", "ce-"] {
        assert!(
            matches!(refused(name, b"x"), BinaryError::Reserved(_)),
            "{name}"
        );
    }
    let twice = with(&[
        ("content-type", b"text/plain"),
        ("Content-Type", b"application/json"),
    ]);
    assert_eq!(
        convert(&twice, b"1"),
        Err(BinaryError::Duplicate("content-type".to_owned()))
    );
    let names: Vec<String> = (0..100).map(|n| format!("ce-x{n}")).collect();
    let many = names.iter().map(|name| (name.as_str(), &b"1"[..]));
    assert_eq!(binary_to_structured(many, b""), Err(BinaryError::TooMany));
}

#[test]
fn a_batch_is_split_into_the_exact_texts_of_its_items() {
    let text = " [ {\"a\": 1.0} ,\n{\"b\":\"]\"}, 3 ] ";
    let items: Vec<&str> = split(text)
        .unwrap()
        .into_iter()
        .map(RawValue::get)
        .collect();
    assert_eq!(items, ["{\"a\": 1.0}", "{\"b\":\"]\"}", "3"]);
    assert!(split("[]").unwrap().is_empty());
    for bad in ["", "{}", "[1", "[1] [2]", "[1,]", "null"] {
        assert!(split(bad).is_err(), "{bad}");
    }
    let most = limits::BATCH_ITEMS;
    assert_eq!(
        split(&format!("[{}0]", "0,".repeat(most - 1)))
            .unwrap()
            .len(),
        most
    );
    let error = split(&format!("[{}0]", "0,".repeat(most))).unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 items"),
        "{error}"
    );
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(split(&deep).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn whatever_the_headers_and_the_body_the_result_is_one_json_object(
        headers in proptest::collection::vec(("(ce-)?[a-zA-Z0-9_\"\\\\-]{0,8}|content-type", proptest::collection::vec(any::<u8>(), 0..20)), 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        if let Ok(text) = binary_to_structured(headers, &body) {
            let value: Value = serde_json::from_str(&text).unwrap();
            let event = value.as_object().unwrap();
            prop_assert!(!(event.contains_key("data") && event.contains_key("data_base64")));
            prop_assert_eq!(event.contains_key("data") || event.contains_key("data_base64"), !body.is_empty());
        }
    }
}
