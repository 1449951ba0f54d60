//! Lists that are followed page by page while others write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use epr_mcp::domain::id::{IdSource, ReceiverId};
use epr_mcp::domain::search::{DefinitionFilter, Order, Page};
use epr_mcp::domain::time::SteppingClock;
use epr_mcp::store::{Bounds, Store, Stream};

use super::scene::{Scene, write_all};
use crate::harness::{self, SECOND, START, create_group, create_receiver, record_event, unit};

/// Writes events, receivers and groups through a handle of its own until it is told to stop.
struct Noise {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<u64>,
    store: Arc<dyn Store>,
}

impl Noise {
    async fn start(scene: &Scene, receiver: ReceiverId) -> Self {
        let store = scene.database.open().await;
        let stop = Arc::new(AtomicBool::new(false));
        let (writes_to, stopped) = (store.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let (ids, clock) = (harness::ids(1_000), SteppingClock::new(START, SECOND));
            let mut n = 0;
            while !stopped.load(Ordering::SeqCst) {
                n += 1;
                let made = ReceiverId::new(ids.next());
                let commands = [
                    create_receiver(made, &format!("noise{n}")),
                    create_group(
                        epr_mcp::domain::id::GroupId::new(ids.next()),
                        &format!("noise{n}"),
                        &[made],
                        true,
                    ),
                    record_event(
                        epr_mcp::domain::id::EventId::new(ids.next()),
                        receiver,
                        &unit(&format!("noise{n}")),
                        true,
                    ),
                    // An old unit moves to the front of its receiver's list.
                    record_event(
                        epr_mcp::domain::id::EventId::new(ids.next()),
                        made,
                        &unit("u0"),
                        true,
                    ),
                ];
                let decided = write_all(writes_to.as_ref(), &commands, &clock).await;
                assert!(decided.iter().all(Result::is_ok), "{decided:?}");
            }
            n
        });
        Self { stop, task, store }
    }

    /// Waits until something new was written, so that every page meets a changed list.
    async fn until_changed(&self) {
        let before = self.store.counters().await.unwrap().receivers;
        while self.store.counters().await.unwrap().receivers == before {
            assert!(!self.task.is_finished(), "nobody writes any more");
            tokio::task::yield_now().await;
        }
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        assert!(self.task.await.unwrap() > 0);
    }
}

const ROWS: usize = 40;
const PAGE: usize = 7;

/// Follows a list newest first; gives the rows that were there before the noise began.
macro_rules! follow {
    ($noise:expr, $newest:expr, $page:expr) => {{
        let mut seen: Vec<i64> = Vec::new();
        let mut before = Some($newest + 1);
        loop {
            let page: Vec<i64> = $page(before).await;
            let Some(last) = page.last() else { break };
            before = Some(*last);
            seen.extend(page);
            $noise.until_changed().await;
        }
        seen
    }};
}

pub(crate) async fn lists_lose_and_repeat_nothing_while_rows_are_inserted(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let mut commands = Vec::new();
    for n in 0..ROWS {
        commands.push(record_event(
            scene.event_id(),
            receiver,
            &unit(&format!("u{n}")),
            true,
        ));
    }
    assert!(scene.write(&commands).await.iter().all(Result::is_ok));
    let newest = i64::try_from(ROWS).unwrap();
    let all: Vec<i64> = (1..=newest).rev().collect();
    let store = &scene.store;
    let noise = Noise::start(&scene, receiver).await;

    for stream in [Stream::All, Stream::Receiver(receiver, true)] {
        let seen = follow!(noise, newest, async |before: Option<i64>| {
            let bounds = Bounds {
                after: 0,
                before: before.unwrap(),
            };
            store
                .stream(stream, bounds, Order::NewestFirst, PAGE)
                .await
                .unwrap()
        });
        assert_eq!(seen, all, "{stream:?}");
    }
    let seen = follow!(noise, newest, async |before| {
        let page = store.units_by_name(None, before, PAGE).await.unwrap();
        page.into_iter().map(|(row, _)| row).collect::<Vec<_>>()
    });
    assert_eq!(seen, all, "units");
    let seen = follow!(noise, newest, async |before| {
        let page = store.latest_of(receiver, before, PAGE).await.unwrap();
        page.into_iter().map(|(_, seq)| seq).collect::<Vec<_>>()
    });
    assert_eq!(seen, all, "units of a receiver");
    noise.stop().await;
}

pub(crate) async fn definitions_lose_and_repeat_nothing_while_rows_are_inserted(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let (mut receivers, mut groups) = (vec![receiver], Vec::new());
    let mut commands = Vec::new();
    for n in 0..ROWS {
        receivers.push(scene.receiver_id());
        groups.push(scene.group_id());
        commands.push(create_receiver(receivers[n + 1], &format!("r{n}")));
        commands.push(create_group(groups[n], &format!("g{n}"), &[receiver], true));
    }
    assert!(scene.write(&commands).await.iter().all(Result::is_ok));
    receivers.reverse();
    groups.reverse();
    let noise = Noise::start(&scene, receiver).await;
    let everything = DefinitionFilter::default();

    macro_rules! pages {
        ($find:ident) => {{
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page: Page<_> = scene.store.$find(&everything, after, PAGE).await.unwrap();
                assert!(page.rows.len() <= PAGE);
                seen.extend(
                    page.rows
                        .into_iter()
                        .filter(|r| !r.name.starts_with("noise"))
                        .map(|r| r.id),
                );
                noise.until_changed().await;
                after = page.next;
                if after.is_none() {
                    break seen;
                }
            }
        }};
    }
    assert_eq!(pages!(find_receivers), receivers);
    assert_eq!(pages!(find_groups), groups);
    noise.stop().await;
}

pub(crate) async fn the_log_is_followed_without_a_gap_while_it_grows(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let noise = Noise::start(&scene, receiver).await;
    let mut after = 0;
    let mut audited: Option<i64> = None;
    for _ in 0..30 {
        let page = scene.store.messages(after, PAGE).await.unwrap();
        for message in &page {
            after += 1;
            assert_eq!(message.seq, after, "whoever follows the log misses nothing");
        }
        let rows = scene.store.audit(audited, 3).await.unwrap();
        assert!(rows.is_sorted_by(|a, b| a.seq > b.seq));
        if let (Some(before), Some(first)) = (audited, rows.first()) {
            assert_eq!(first.seq, before - 1);
        }
        audited = rows.last().map(|row| row.seq).or(audited);
        if page.len() < PAGE {
            noise.until_changed().await;
        }
    }
    noise.stop().await;
    let rest = scene.store.messages(after, 10_000).await.unwrap();
    let total = scene.store.counters().await.unwrap().messages;
    assert_eq!(
        after + i64::try_from(rest.len()).unwrap(),
        i64::try_from(total).unwrap()
    );
}
