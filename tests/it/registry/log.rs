//! Reading the log of messages as a follower does.

use std::time::Duration;

use epr_mcp::domain::refusal::Refusal;
use epr_mcp::domain::retention::Retention;
use epr_mcp::registry::{Error, Following, Heard};

use crate::harness::{Bench, SECOND, START, ada, code};

#[tokio::test]
async fn a_follower_that_retention_has_passed_is_told_so() {
    let bench = Bench::quiet();
    bench.receiver("r").await;
    for _ in 0..5 {
        bench.event("r", "web", true).await;
    }
    let read = async |after| bench.registry.messages(&ada(), after, 100).await;
    let seqs = async |after| {
        let page = read(after).await.unwrap();
        page.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(None).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(seqs(Some(0)).await, [1, 2, 3, 4, 5, 6]);

    let a_year = 366 * 86_400 * SECOND;
    bench.clock.set(START.plus_micros(a_year));
    let retention = Retention {
        messages_days: 1,
        ..Retention::default()
    };
    bench.registry.prune(&retention).await.unwrap();
    bench.event("r", "web", true).await;
    assert_eq!(seqs(None).await, [7], "from the oldest that there is");
    assert_eq!(seqs(Some(6)).await, [7], "it had read all that is deleted");
    for late in [0, 3, 5] {
        let Err(Error::Refused(refusal @ Refusal::Gone { oldest: 7 })) = read(Some(late)).await
        else {
            panic!("position {late} was not refused")
        };
        assert!(refusal.next().contains("from 7 on"), "{}", refusal.next());
    }
    assert_eq!(bench.store().await.counters().await.unwrap().messages, 1);
}

/// Between an announcement that somebody is followed and the moment from which on that is so, nothing
/// is missed: the last seconds are told once more, to those who join too.
#[tokio::test]
async fn a_follower_hears_of_the_last_moment_and_of_all_that_follows() {
    let bench = Bench::new();
    bench.receiver("r").await;
    // As the tests' clock has it, all this was a moment ago.
    let mut first = bench.registry.follow(&ada()).await.unwrap();
    assert_eq!(until(&mut first, 1).await, [1]);
    bench.event("r", "web", true).await;
    assert_eq!(until(&mut first, 2).await, [2]);
    let mut second = bench.registry.follow(&ada()).await.unwrap();
    assert_eq!(until(&mut second, 2).await, [1, 2]);
    bench.event("r", "web", false).await;
    for follower in [&mut first, &mut second] {
        assert_eq!(until(follower, 3).await, [3]);
    }
    // When all have left, another can begin.
    drop((first, second));
    bench.event("r", "web", true).await;
    let mut third = bench.registry.follow(&ada()).await.unwrap();
    assert!(until(&mut third, 4).await.contains(&4));
    bench.registry.close().await;
    assert!(
        third.next().await.is_none(),
        "a closed registry is not followed"
    );
}

#[tokio::test]
async fn to_follow_needs_the_right_to_read() {
    let bench = Bench::new();
    let mut nobody = ada();
    nobody.scopes.clear();
    assert_eq!(code(bench.registry.follow(&nobody).await), "forbidden");
}

/// The positions that are told of until this one is.
async fn until(following: &mut Following, last: i64) -> Vec<i64> {
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        let heard = tokio::time::timeout(Duration::from_secs(20), following.next());
        match heard.await.expect("it is told of").unwrap() {
            Heard::Changes(changes) => seen.extend(changes.iter().map(|change| change.seq)),
            Heard::TooMuch => panic!("nothing was slow"),
        }
    }
    seen
}
