//! How an artifact was tested and scanned.

use std::collections::BTreeMap;

use crate::correlate::facts::Recorded;
use crate::domain::id::EventId;
use crate::domain::run::RunOutcome;
use crate::limits::trace as bounds;

/// A test by its last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestLine {
    /// What it is called.
    pub name: String,
    /// Where it ran.
    pub environment: Option<String>,
    /// How it ended; `None` if it has not.
    pub outcome: Option<RunOutcome>,
    /// Why.
    pub reason: Option<String>,
    /// Its last event.
    pub event: EventId,
}

/// What a scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanLine {
    /// The scanner.
    pub scanner: Option<String>,
    /// Vulnerabilities by severity.
    pub counts: Vec<(String, i64)>,
    /// The event that says it.
    pub event: EventId,
}

/// Tests and scans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tested {
    /// Test cases by outcome, the best first.
    pub cases: BTreeMap<RunOutcome, usize>,
    /// Test cases that have not ended.
    pub open: usize,
    /// Test suites, the first 50.
    pub suites: Vec<TestLine>,
    /// Test cases that went badly, the first 50.
    pub failed: Vec<TestLine>,
    /// Scans, the first 50.
    pub scans: Vec<ScanLine>,
}

impl Tested {
    /// From the events of the runs that made or deployed it, and those that name it, by time.
    pub(super) fn of(events: &[&Recorded]) -> Self {
        let mut tested = Self::default();
        let mut last: BTreeMap<(&str, &str, Option<&str>), &Recorded> = BTreeMap::new();
        for event in events {
            let facts = &event.facts;
            if let Some(scan) = facts
                .details
                .as_ref()
                .and_then(|details| details.scan.as_ref())
            {
                tested.scan(ScanLine {
                    scanner: scan.scanner.clone(),
                    counts: scan.counts.clone(),
                    event: event.id,
                });
            }
            let is_test = matches!(facts.subject.as_str(), "testcaserun" | "testsuiterun");
            if let (true, Some(about)) = (is_test, &facts.about) {
                let key = (
                    facts.subject.as_str(),
                    about.id.as_str(),
                    about.source.as_deref(),
                );
                // What ended stays so if an earlier event comes after it.
                let ended = last
                    .get(&key)
                    .is_some_and(|known| known.facts.outcome.is_some());
                if !ended || facts.outcome.is_some() {
                    last.insert(key, event);
                }
            }
        }
        let mut tests: Vec<(&str, &Recorded)> = last
            .into_iter()
            .map(|((kind, ..), event)| (kind, event))
            .collect();
        tests.sort_by_key(|(_, event)| (event.at(), event.seq));
        for (kind, event) in tests {
            let line = line(event);
            if kind == "testsuiterun" {
                push(&mut tested.suites, line);
                continue;
            }
            match line.outcome {
                Some(outcome) => *tested.cases.entry(outcome).or_default() += 1,
                None => tested.open += 1,
            }
            if line.outcome.is_some_and(RunOutcome::is_bad) {
                push(&mut tested.failed, line);
            }
        }
        tested
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn scan(&mut self, scan: ScanLine) {
        let same = |known: &ScanLine| known.scanner == scan.scanner && known.counts == scan.counts;
        if !self.scans.iter().any(same) {
            push(&mut self.scans, scan);
        }
    }
}

fn line(event: &Recorded) -> TestLine {
    let facts = &event.facts;
    let name = match facts.subject.as_str() {
        "testsuiterun" => facts.context.test_suite.as_ref(),
        _ => facts.context.test_case.as_ref(),
    };
    let about = facts.about.as_ref().map(|about| &about.id);
    TestLine {
        name: facts
            .name
            .as_ref()
            .or(name)
            .or(about)
            .cloned()
            .unwrap_or_default(),
        environment: facts.context.environment.clone(),
        outcome: facts.outcome,
        reason: facts.reason.clone(),
        event: event.id,
    }
}

fn push<T>(list: &mut Vec<T>, one: T) {
    if list.len() < bounds::LIST {
        list.push(one);
    }
}
