//! Texts that an engine, or the way to it, might take for something else.

use epr_mcp::domain::search::{DefinitionFilter, TextMatch};
use epr_mcp::domain::unit::Unit;
use epr_mcp::store::ReceiverText;

use super::scene::{Scene, recorded};
use crate::harness::{record_payload, unit};

pub(crate) async fn a_text_with_nul_is_found_nowhere_and_breaks_nothing(scene: Scene) {
    let receiver = scene.receiver("a").await;
    scene.event(receiver, &unit("a"), true).await;
    let store = scene.store.as_ref();
    let row = scene.row(&unit("a")).await;
    for text in ["a\0", "\0", "a\0b", "\0a"] {
        for value in [
            TextMatch::Exact(text.to_owned()),
            TextMatch::Prefix(text.to_owned()),
        ] {
            assert!(store.names(&value, 10).await.unwrap().is_empty());
            for by in [ReceiverText::Name, ReceiverText::Type] {
                assert!(store.receiver_ids(by, &value, 10).await.unwrap().is_empty());
            }
            for filter in [
                DefinitionFilter {
                    name: vec![value.clone()],
                    ..DefinitionFilter::default()
                },
                DefinitionFilter {
                    types: vec![value.clone()],
                    ..DefinitionFilter::default()
                },
            ] {
                assert!(
                    store
                        .find_receivers(&filter, None, 10)
                        .await
                        .unwrap()
                        .rows
                        .is_empty()
                );
                assert!(
                    store
                        .find_groups(&filter, None, 10)
                        .await
                        .unwrap()
                        .rows
                        .is_empty()
                );
            }
        }
        assert!(
            store
                .units_by_version(row, text, 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(store.first_use(text, text).await.unwrap(), None);
    }
    scene.event(receiver, &unit("a"), true).await;
}

/// Enough events for an engine that copies many of them to do so.
pub(crate) async fn a_batch_that_is_copied_keeps_every_text_as_it_is(scene: Scene) {
    const EVENTS: usize = 240;
    let texts = [
        "\\",
        "\\N",
        "\\.",
        "a\tb",
        "a'b''c",
        "$1 %s {}",
        "\"quoted\"",
        "e\u{301}é",
        "日本",
        "𝕏 \u{10fffd}",
        "x;DROP TABLE event;--",
        " leading and trailing ",
    ];
    let receiver = scene.receiver("r").await;
    scene.group("g", &[receiver]).await;
    let mut commands = Vec::new();
    for n in 0..EVENTS {
        let text = texts[n % texts.len()];
        // Fields that identify have no tabs.
        let field = text.replace('\t', " ");
        let unit = Unit {
            name: field.clone(),
            version: format!("{n}"),
            release: field.clone(),
            platform_id: field.clone(),
            package: field,
        };
        let payload = serde_json::to_string(&serde_json::json!({
            "text": text, "long": "\\N\t\n".repeat(n % 3 * 1_000)
        }));
        let mut command = record_payload(
            scene.event_id(),
            receiver,
            &unit,
            n % 3 > 0,
            &payload.unwrap(),
        );
        if let epr_mcp::domain::command::Action::RecordEvent { draft, .. } = &mut command.action {
            draft.description = format!("{text}\r\n{text}");
        }
        commands.push(command);
    }
    let written = scene.write(&commands).await;
    let events: Vec<_> = written.iter().map(recorded).collect();
    let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
    let found = scene.store.events(&seqs).await.unwrap();
    assert_eq!(format!("{found:?}"), format!("{events:?}"));
    let payloads = scene.store.payloads(&seqs).await.unwrap();
    for ((_, payload), command) in payloads.iter().zip(&commands) {
        let epr_mcp::domain::command::Action::RecordEvent { draft, .. } = &command.action else {
            unreachable!()
        };
        assert_eq!(payload, draft.payload.text());
    }
    assert_eq!(scene.store.check().await.unwrap(), Vec::<String>::new());
    let messages = crate::harness::all_messages(scene.store.as_ref()).await;
    crate::harness::invariants::assert_completions_follow(&messages);
}
