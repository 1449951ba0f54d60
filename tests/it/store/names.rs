//! Unit names: each once, found by value and by how they begin.

use epr_mcp::domain::search::TextMatch;

use super::scene::Scene;
use crate::harness::{record_event, unit};

/// Names at which a prefix or an order can go wrong: wildcards of SQL, case, the ends of the
/// ranges of code points, combining and right-to-left characters, names that begin with others.
const NAMES: &[&str] = &[
    "a",
    "aa",
    "ab",
    "a\u{7f}",
    "a\u{7ff}",
    "a\u{800}",
    "a\u{d7ff}",
    "a\u{e000}",
    "a\u{ffff}",
    "a\u{10000}",
    "a\u{10ffff}",
    "a\u{10ffff}z",
    "A",
    "AB",
    "b",
    "a%",
    "a_",
    "a*",
    "a\\",
    "a'b",
    "a\"b",
    "é",
    "e\u{301}",
    "ÿ",
    "Ÿ",
    "ß",
    "日本",
    "日本語",
    "שלום",
    "\u{10ffff}",
    "\u{10ffff}\u{10ffff}",
    "\u{1f1e9}\u{1f1ea}",
    "foo/bar",
    "foo/bar/baz",
    " x",
    "0",
    "-",
];

async fn filled(scene: &Scene) {
    let receiver = scene.receiver("r").await;
    let commands: Vec<_> = NAMES
        .iter()
        .map(|name| record_event(scene.event_id(), receiver, &unit(name), true))
        .collect();
    assert!(scene.write(&commands).await.iter().all(Result::is_ok));
}

pub(crate) async fn names_come_in_character_order_by_value_and_by_prefix(scene: Scene) {
    filled(&scene).await;
    let mut sorted = NAMES.to_vec();
    sorted.sort_unstable();
    let mut beginnings: Vec<String> = vec![String::new(), "nothing".to_owned(), "aaa".to_owned()];
    for name in NAMES {
        let chars: Vec<char> = name.chars().collect();
        beginnings.extend((1..=chars.len()).map(|n| chars[..n].iter().collect::<String>()));
    }
    for text in beginnings {
        for wanted in [
            TextMatch::Prefix(text.clone()),
            TextMatch::Exact(text.clone()),
        ] {
            let fitting: Vec<&str> = sorted.iter().copied().filter(|n| wanted.fits(n)).collect();
            for limit in [1, 2, 100] {
                let found = scene.store.names(&wanted, limit).await.unwrap();
                let found: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
                assert_eq!(found, fitting[..limit.min(fitting.len())], "{wanted:?}");
            }
        }
    }
}

pub(crate) async fn the_newest_names_come_first(scene: Scene) {
    assert_eq!(
        scene.store.newest_names(5).await.unwrap(),
        Vec::<String>::new()
    );
    filled(&scene).await;
    // A name that is used again does not move: these are names by their first event.
    let receiver = scene.receiver("again").await;
    scene.event(receiver, &unit("a"), false).await;
    let newest: Vec<&str> = NAMES.iter().rev().copied().collect();
    assert_eq!(scene.store.newest_names(3).await.unwrap(), newest[..3]);
    assert_eq!(scene.store.newest_names(1_000).await.unwrap(), newest);
}
