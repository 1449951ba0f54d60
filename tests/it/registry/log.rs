//! Reading the log of messages as a follower does.

use epr_mcp::domain::refusal::Refusal;
use epr_mcp::domain::retention::Retention;
use epr_mcp::registry::Error;

use crate::harness::{Bench, SECOND, START, ada};

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
