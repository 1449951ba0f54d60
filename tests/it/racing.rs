//! Races between processes: the last two events of a gate at the same moment, in two servers, while
//! groups are enabled, disabled and made.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::harness::invariants::{assert_completions_follow, assert_whole};
use crate::harness::{all_messages, completions, engine, ids};
use crate::mcp::client::{Server, any_receiver, event, fresh};

const PAIRS: usize = 2_000;
/// Pairs that are under way at the same time.
const AT_ONCE: usize = 24;

fn group(name: &str) -> Value {
    json!({"name": name, "type": format!("test.{name}"), "version": "1.0.0", "description": "a gate",
        "event_receiver_ids": ["build", "scan"]})
}

#[test]
fn of_2000_racing_pairs_each_turns_its_gate_exactly_once() {
    let (_folder, db) = fresh();
    let mut servers = [Server::on(&db), Server::on(&db)];
    for name in ["build", "scan"] {
        servers[0].id_of("create_receiver", any_receiver(name));
    }
    servers[0].id_of("create_group", group("always"));
    servers[1].id_of("create_group", group("changing"));
    let follower = Follower::start(&db);
    let mut under_way: VecDeque<[u64; 2]> = VecDeque::new();
    let mut others = Vec::new();
    for n in 0..PAIRS {
        let name = format!("u{n}");
        let pair = [(0, "build"), (1, "scan")].map(|(at, receiver)| {
            let arguments = event(receiver, &name, true, &json!({}));
            begin(&mut servers[at], "create_event", &arguments)
        });
        under_way.push_back(pair);
        let enabled = |enabled: bool| json!({"group": "changing", "enabled": enabled});
        let other = match n {
            400 => Some((0, "set_group_enabled", enabled(false))),
            800 => Some((1, "set_group_enabled", enabled(true))),
            1_200 => Some((0, "create_group", group("late"))),
            1_600 => Some((1, "set_group_enabled", enabled(false))),
            1_601 => Some((0, "set_group_enabled", enabled(true))),
            _ => None,
        };
        if let Some((at, tool, arguments)) = other {
            others.push((at, begin(&mut servers[at], tool, &arguments)));
        }
        if under_way.len() == AT_ONCE {
            finish(&mut servers, under_way.pop_front().unwrap());
        }
    }
    for pair in under_way {
        finish(&mut servers, pair);
    }
    for (at, id) in others {
        let answer = servers[at].answer(id);
        assert_ne!(answer["result"]["isError"], true, "{answer}");
    }

    let log = follower.end();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        assert_whole(&db).await;
        let store = engine::open(&engine::database(&db), &ids(9)).await.unwrap();
        let messages = all_messages(store.as_ref()).await;
        // What each group was told, and marked as a turn.
        let mut turned: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (group, unit, transition) in completions(&messages) {
            assert!(transition, "{group} passes for {unit} and passed before");
            *turned.entry((group, unit)).or_default() += 1;
        }
        for n in 0..PAIRS {
            let key = ("always".to_owned(), format!("u{n}"));
            assert_eq!(turned.get(&key), Some(&1), "{key:?}");
        }
        assert!(turned.values().all(|times| *times == 1));
        let of = |name: &str| turned.keys().filter(|(group, _)| group == name).count();
        assert!((1..PAIRS).contains(&of("changing")) && (1..PAIRS).contains(&of("late")));
        // And the groups that changed meanwhile, to the event.
        assert_completions_follow(&messages);
        // Whoever followed all the while saw each message once, in order.
        let all: Vec<i64> = messages.iter().map(|message| message.seq).collect();
        assert_eq!(log, all);
    });
}

/// Follows the log from its beginning, in this process, while others write.
struct Follower {
    last: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<Vec<i64>>,
}

impl Follower {
    fn start(db: &std::path::Path) -> Self {
        let database = engine::database(db);
        let (last, ended) = std::sync::mpsc::channel::<()>();
        let follow = async move {
            let store = engine::open(&database, &ids(8)).await.unwrap();
            let mut wakes = store.wakes();
            let mut seen: Vec<i64> = Vec::new();
            loop {
                // Asked before the log is read: what was written before the end is seen.
                let done = ended.try_recv().is_ok();
                let after = seen.last().copied().unwrap_or_default();
                let page = store.changes(after, 100).await.unwrap();
                seen.extend(page.iter().map(|change| change.seq));
                if page.is_empty() {
                    if done {
                        return seen;
                    }
                    let soon = std::time::Duration::from_secs(5);
                    let _ = tokio::time::timeout(soon, wakes.changed()).await;
                } else if done {
                    while let Some(last) = seen.last().copied() {
                        let rest = store.changes(last, 100).await.unwrap();
                        if rest.is_empty() {
                            return seen;
                        }
                        seen.extend(rest.iter().map(|change| change.seq));
                    }
                }
            }
        };
        let run = move || tokio::runtime::Runtime::new().unwrap().block_on(follow);
        Self {
            last,
            thread: std::thread::spawn(run),
        }
    }

    /// What it saw, now that all is written.
    fn end(self) -> Vec<i64> {
        self.last.send(()).unwrap();
        self.thread.join().unwrap()
    }
}

fn begin(server: &mut Server, tool: &str, arguments: &Value) -> u64 {
    server.begin("tools/call", json!({"name": tool, "arguments": arguments}))
}

fn finish(servers: &mut [Server; 2], pair: [u64; 2]) {
    for (server, id) in servers.iter_mut().zip(pair) {
        let answer = server.answer(id);
        assert_ne!(answer["result"]["isError"], true, "{answer}");
    }
}
