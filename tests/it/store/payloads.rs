//! Payload texts, short and long.

use epr_mcp::limits;
use sha2::{Digest, Sha256};

use super::scene::{Scene, recorded};
use crate::harness::{record_payload, unit};

/// A JSON string of exactly `bytes` bytes that does not compress to nothing and whose characters
/// have all lengths.
fn text_of(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    text.push('"');
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    while text.len() + 5 < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push(
            ['a', 'Z', '7', ' ', 'é', 'ß', '語', '€', '𝕏', '\u{10fffd}']
                [(state >> 60) as usize % 10],
        );
    }
    while text.len() + 1 < bytes {
        text.push('.');
    }
    text.push('"');
    assert_eq!(text.len(), bytes);
    text
}

pub(crate) async fn payloads_come_back_byte_for_byte_whatever_their_size(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let inline = limits::INLINE_PAYLOAD_BYTES;
    let mut texts: Vec<String> = [
        inline - 1,
        inline,
        inline + 1,
        2 * inline,
        100_000,
        1_000_000,
    ]
    .map(text_of)
    .into();
    texts.extend(
        [
            "null",
            " { \"b\" : 1.50 ,\n\t\"a\":[ 1E3,12345678901234567890123 ], \"b\":2 } ",
            "\"\\u0000 \\ud83d\\ude00 \u{7f} \u{2028}\"",
            // Halves of a pair, which are no characters.
            "[\"\\ud800\",{\"\\udfff\\ud83d\":0}]",
            "\"\\\\. \\\\N \\t\"",
            "\"\"",
        ]
        .map(str::to_owned),
    );
    let mut commands = Vec::new();
    for text in &texts {
        commands.push(record_payload(
            scene.event_id(),
            receiver,
            &unit("u"),
            true,
            text,
        ));
    }
    let events: Vec<_> = scene.write(&commands).await.iter().map(recorded).collect();
    let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
    // Another handle, so that nothing comes from memory.
    let other = scene.database.open().await;
    let back = other.payloads(&seqs).await.unwrap();
    assert_eq!(back.len(), texts.len());
    for ((event, (seq, text)), sent) in other
        .events(&seqs)
        .await
        .unwrap()
        .iter()
        .zip(&back)
        .zip(&texts)
    {
        assert!(text == sent, "the payload of event {seq} came back changed");
        assert_eq!(event.seq, *seq);
        assert_eq!(event.payload_size, i64::try_from(sent.len()).unwrap());
        assert_eq!(
            event.payload_digest,
            <[u8; 32]>::from(Sha256::digest(sent.as_bytes()))
        );
    }
}

pub(crate) async fn a_payload_of_32_mib_comes_back(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let text = text_of(limits::PAYLOAD_BYTES);
    let command = record_payload(scene.event_id(), receiver, &unit("u"), true, &text);
    let event = recorded(&scene.submit(command).await);
    let back = scene.store.payloads(&[event.seq]).await.unwrap();
    assert!(back == [(event.seq, text)], "it came back changed");
}

pub(crate) async fn payloads_come_in_the_order_in_which_they_are_asked_for(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let mut commands = Vec::new();
    for n in 1..=6 {
        // Every second one is long enough to stand in the table of its own.
        let text = text_of(if n % 2 == 0 { 5_000 + n } else { 10 + n });
        commands.push(record_payload(
            scene.event_id(),
            receiver,
            &unit("u"),
            true,
            &text,
        ));
    }
    scene.write(&commands).await;
    let asked = [5, 2, 99, 6, 1];
    let payloads = scene.store.payloads(&asked).await.unwrap();
    let sizes: Vec<_> = payloads
        .iter()
        .map(|(seq, text)| (*seq, text.len()))
        .collect();
    assert_eq!(sizes, [(5, 15), (2, 5_002), (6, 5_006), (1, 11)]);
    let events = scene.store.events(&asked).await.unwrap();
    assert_eq!(
        events.iter().map(|e| e.seq).collect::<Vec<_>>(),
        [5, 2, 6, 1]
    );
    assert!(scene.store.events(&[]).await.unwrap().is_empty());
    assert!(scene.store.payloads(&[]).await.unwrap().is_empty());
}
