//! Where artifacts came from and went, and how a team delivers.

use serde_json::json;

use super::{cdevent, fixtures, ingest};
use crate::mcp::client::{Server, fresh};

#[test]
fn an_artifact_is_traced_from_its_change_to_where_it_runs_and_back() {
    let Some(folder) = fixtures("the trace of stream 01") else {
        return;
    };
    let (_keep, db) = fresh();
    let file = folder.join("cdevents/streams/01-chain-unique-nvrpp.ndjson");
    let text = std::fs::read_to_string(file).unwrap();
    ingest(&db, text.as_bytes(), &[]);
    let mut server = Server::on(&db);
    let digest = "sha256:4e1195df020de59e0d65a33a4279f1183e7ae4e5d980e309f8b55adff2e61c3e";
    for anchor in [digest, "service:svc0"] {
        let told = server.text("trace_artifact", json!({"anchor": anchor}));
        for part in ["4e1195df020d", "staging", "svc0"] {
            assert!(told.contains(part), "{anchor}: {part} in {told}");
        }
    }
    let whole = server.record(
        "trace_artifact",
        json!({"anchor": digest, "format": "json"}),
    );
    let artifact = &whole["artifacts"][0];
    assert_eq!(artifact["tests"]["cases"]["success"], 3, "{whole}");
    assert_eq!(artifact["run"]["id"], "pr-0", "{whole}");
    let nothing = server.text("trace_artifact", json!({"anchor": "service:nowhere"}));
    assert!(
        nothing.contains("NOTHING is recorded under «service:nowhere»"),
        "{nothing}"
    );
}

#[test]
fn delivery_is_counted_by_service_and_window() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let mut events = Vec::new();
    for day in 1..=4 {
        let image = format!("pkg:oci/web@sha256%3A{}", format!("{day:x}").repeat(64));
        let at = |hour: usize| format!("2026-11-{day:02}T{hour:02}:00:00Z");
        let change = json!({"change": {"id": day.to_string(), "source": "https://ci.example.com"}});
        events.extend([
            cdevent(
                "change.merged",
                &format!("m{day}"),
                &at(8),
                &day.to_string(),
                json!({"repository": {"id": "web"}}),
            ),
            cdevent(
                "artifact.packaged",
                &format!("p{day}"),
                &at(9),
                &image,
                change,
            ),
            cdevent(
                "service.deployed",
                &format!("d{day}"),
                &at(10),
                "web",
                json!({"environment": {"id": "production"}, "artifactId": image}),
            ),
        ]);
    }
    let taken = server.record("record_cdevent", json!({"events": events}));
    assert_eq!(taken["recorded"], 12, "{taken}");
    let window = json!({"since": "2026-11-01", "until": "2026-11-04", "format": "json"});
    let figures = server.record("delivery_metrics", window);
    let text = figures.to_string();
    assert!(
        text.contains("\"web\"") && text.contains("7200"),
        "two hours each: {text}"
    );
    let told = server.text(
        "delivery_metrics",
        json!({"since": "2026-11-01", "until": "2026-11-04"}),
    );
    assert!(
        told.contains("4 successful") && told.contains("median 2 h 00 m"),
        "{told}"
    );
    let none = server.text(
        "delivery_metrics",
        json!({"service": "other", "since": "2026-11-01"}),
    );
    assert!(none.contains("eployment"), "{none}");
}
