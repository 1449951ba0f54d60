//! Sixty runs beside each other: what can be told of them, and what cannot.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::correlate::run::{Confidence, Method, Run};
use crate::correlate::walk::{Anchor, Found, WalkLimits};

use super::sim::{Plan, Random, Ties, Units, World, world};
use super::store::{Store, codes, seqs};

const PLAN: Plan = Plan {
    ties: Ties::Contents,
    units: Units::Own,
    runs: 60,
    services: 7,
    apart: 20.0,
};

/// What was found of one run.
struct Score {
    right: usize,
    found: usize,
    expected: usize,
    is_exact: bool,
    run: Run,
}

impl Score {
    fn of(world: &World, at: usize, run: Run) -> Self {
        let found = seqs(&run);
        let right = found.intersection(&world.runs[at]).count();
        Self {
            right,
            found: found.len(),
            expected: world.runs[at].len(),
            is_exact: found == world.runs[at],
            run,
        }
    }
}

struct Scores(Vec<Score>);

impl Scores {
    fn precision(&self) -> f64 {
        let (right, found) = self.0.iter().fold((0, 0), |(right, found), score| {
            (right + score.right, found + score.found)
        });
        right as f64 / found as f64
    }

    fn recall(&self) -> f64 {
        let (right, expected) = self.0.iter().fold((0, 0), |(right, expected), score| {
            (right + score.right, expected + score.expected)
        });
        right as f64 / expected as f64
    }

    fn exact(&self) -> usize {
        self.0.iter().filter(|score| score.is_exact).count()
    }
}

/// Asks for twenty of the runs by their pipelineRuns.
fn by_name(world: &World, store: &Store, seed: u64) -> Scores {
    let mut random = Random(seed);
    let scores = (0..20).map(|_| {
        let at = random.below(world.runs.len());
        let anchor = Anchor::PipelineRun {
            id: format!("pr-{at}"),
            source: Some("/tekton/a".to_owned()),
        };
        Score::of(world, at, store.run(&anchor))
    });
    Scores(scores.collect())
}

/// Asks for runs by any of their events.
fn by_event(world: &World, store: &Store, seed: u64) -> Scores {
    let mut random = Random(seed);
    let scores = (0..20).map(|_| {
        let seq = random.below(world.events.len()) as i64 + 1;
        Score::of(world, world.run_of(seq), store.run_of(seq))
    });
    Scores(scores.collect())
}

fn both(plan: Plan, seed: u64) -> (World, Scores, Scores) {
    let world = world(plan, seed);
    let store = Store::new(world.events.clone());
    let (named, events) = (
        by_name(&world, &store, seed),
        by_event(&world, &store, seed),
    );
    (world, named, events)
}

/// Every run exactly, whatever was asked about.
fn assert_exact(plan: Plan, seed: u64, method: Method, confidence: Confidence) {
    let (_, named, events) = both(plan, seed);
    for score in named.0.iter().chain(&events.0) {
        assert!(
            score.is_exact,
            "{} of {} right, {} expected: {:?} {:?}",
            score.right, score.found, score.expected, score.run.name, score.run.remarks
        );
        assert_eq!(score.run.method, method);
        assert_eq!(score.run.confidence, confidence);
        assert_eq!(codes(&score.run), [""; 0]);
        assert_eq!(score.run.truncated, [""; 0]);
        assert_eq!(score.run.hubs, [""; 0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_of_a_chain_are_told_exactly(seed: u64) {
        for units in [Units::Own, Units::Shared] {
            let plan = Plan { ties: Ties::Chain, units, ..PLAN };
            assert_exact(plan, seed, Method::Chain, Confidence::High);
        }
    }

    #[test]
    fn runs_whose_events_are_linked_by_paths_are_told_exactly(seed: u64) {
        for units in [Units::Own, Units::Shared] {
            let plan = Plan { ties: Ties::Path, units, ..PLAN };
            assert_exact(plan, seed, Method::Link, Confidence::High);
        }
    }

    #[test]
    fn runs_whose_events_are_related_are_told_exactly(seed: u64) {
        for units in [Units::Own, Units::Shared] {
            let plan = Plan { ties: Ties::Relation, units, ..PLAN };
            assert_exact(plan, seed, Method::Link, Confidence::High);
        }
    }

    #[test]
    fn runs_with_units_of_their_own_are_told_exactly(seed: u64) {
        let plan = Plan { units: Units::Unique, ..PLAN };
        assert_exact(plan, seed, Method::NvrppSlice, Confidence::Medium);
    }

    #[test]
    fn runs_that_share_a_unit_one_after_another_are_told_exactly(seed: u64) {
        let plan = Plan { units: Units::Shared, apart: 420.0, ..PLAN };
        assert_exact(plan, seed, Method::NvrppSlice, Confidence::Low);
        // Seven at a time, the next just after the last.
        let plan = Plan { units: Units::Shared, apart: 60.0, ..PLAN };
        assert_exact(plan, seed, Method::NvrppSlice, Confidence::Low);
    }

    #[test]
    fn runs_that_share_a_unit_at_the_same_time_are_not_guessed_at(seed: u64) {
        let plan = Plan { units: Units::Shared, ..PLAN };
        let (world, named, events) = both(plan, seed);
        prop_assert!(named.precision() >= 0.88, "{}", named.precision());
        prop_assert!(named.recall() >= 9.0 / 21.0, "{}", named.recall());
        for score in named.0.iter().chain(&events.0) {
            let own = world.run_of(score.run.members[0].event.seq);
            let certain = score.run.members.iter().filter(|m| m.via.confidence == Confidence::High);
            let certain: BTreeSet<i64> = certain.map(|member| member.event.seq).collect();
            prop_assert!(certain.is_subset(&world.runs[own]), "{certain:?}");
            if !score.is_exact {
                prop_assert!(codes(&score.run).contains(&"ambiguous"), "{:?}", score.run.remarks);
                prop_assert_eq!(score.run.confidence, Confidence::Low);
            }
        }
    }

    #[test]
    fn without_chain_links_or_units_what_is_found_is_right_but_not_all(seed: u64) {
        let (world, named, events) = both(PLAN, seed);
        prop_assert!(named.precision() >= 1.0);
        prop_assert!(events.precision() >= 1.0);
        prop_assert_eq!(named.exact(), 0);
        for score in &named.0 {
            let own = world.run_of(score.run.members[0].event.seq);
            prop_assert_eq!(&seqs(&score.run), &world.tasks[own]);
            prop_assert_eq!(score.run.method, Method::Member);
        }
    }

    #[test]
    fn the_run_is_the_same_whatever_event_is_asked_about_and_however_answers_are_sorted(seed: u64) {
        for (ties, units) in [
            (Ties::Chain, Units::Own),
            (Ties::Path, Units::Own),
            (Ties::Relation, Units::Own),
            (Ties::Contents, Units::Unique),
            (Ties::Contents, Units::Own),
            (Ties::Contents, Units::Shared),
        ] {
            let plan = Plan { ties, units, runs: 12, services: 3, ..PLAN };
            let world = world(plan, seed);
            let store = Store::new(world.events.clone());
            let seq = Random(seed).below(world.events.len()) as i64 + 1;
            let first = store.walk(&Anchor::Event(seq), WalkLimits::default(), seed).0;
            let again = store.walk(&Anchor::Event(seq), WalkLimits::default(), !seed).0;
            prop_assert_eq!(&first, &again);
            let Found::Run(run) = first else { panic!("{first:?}") };
            prop_assert!(seqs(&run).contains(&seq));
            for member in &run.members {
                let other = store.run_of(member.event.seq);
                prop_assert_eq!(seqs(&run), seqs(&other), "{:?} {:?} from {}", ties, units, seq);
                prop_assert_eq!(run.method, other.method);
                prop_assert_eq!(run.confidence, other.confidence);
                prop_assert_eq!(&run.name, &other.name);
            }
        }
    }
}

#[test]
fn a_run_with_a_chain_takes_few_questions() {
    let plan = Plan {
        ties: Ties::Chain,
        ..PLAN
    };
    let world = world(plan, 7);
    let store = Store::new(world.events.clone());
    let (_, cost) = store.walk(
        &Anchor::Chain("chain-3".to_owned()),
        WalkLimits::default(),
        1,
    );
    assert!(cost.questions <= 6, "{cost:?}");
    assert_eq!(cost.events, 21);
}
