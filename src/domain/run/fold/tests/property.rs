//! Whatever the order in which events come, they are the same runs.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const RUNS: usize = 3;

/// The source that an id of the property is of.
fn source_of(id: usize) -> String {
    format!("/ci/{id}")
}

/// An event of one of a few runs, each with two chains of its own; of a chain that no run names; of
/// a build.
fn event() -> impl Strategy<Value = RunTouch> {
    let outcome = select(vec![
        RunOutcome::Success,
        RunOutcome::Failure,
        RunOutcome::Error,
    ]);
    let phase = prop_oneof![
        Just(Phase::Queued),
        Just(Phase::Started),
        outcome.prop_map(Phase::Finished)
    ];
    let label = (0..3usize, 0..3usize).prop_map(|(kind, n)| Label {
        kind: [
            LabelKind::Pipeline,
            LabelKind::Service,
            LabelKind::Environment,
        ][kind],
        text: format!("l{n}"),
    });
    (
        (0..RUNS + 2, 0..4usize, 0..3usize, 0..12i64),
        prop::option::of(phase),
        any::<bool>(),
        vec(label, 0..3),
    )
        .prop_map(|((id, how, chain, second), phase, failed, labels)| {
            let mut touch = RunTouch {
                failed,
                labels,
                ..touch(second)
            };
            if chain < 2 {
                touch.chain = Some(format!("chain {id} {chain}"));
            }
            match how {
                _ if id >= RUNS => {
                    touch.build = (id > RUNS).then(|| "build".to_owned());
                }
                0 => {
                    let source = source_of(id);
                    touch.pipeline_run = of_run(&id.to_string(), Some(&source), 0).pipeline_run;
                }
                1 | 2 => {
                    let mut reference = of_run(&id.to_string(), None, 0).pipeline_run.unwrap();
                    if how == 1 {
                        reference.own_source = Some(source_of(id));
                    }
                    touch.pipeline_run = Some(reference);
                }
                _ => {}
            }
            let mark = |phase| PhaseMark {
                phase,
                at: touch.at,
            };
            touch.phase = phase.filter(|_| touch.pipeline_run.is_some()).map(mark);
            touch
        })
}

/// What runs of such events are, told from all of them at once: events that share an id or a chain
/// are of one run.
fn told(touches: &[RunTouch]) -> Vec<(Vec<usize>, Told)> {
    let names = |touch: &RunTouch| {
        let id = touch.pipeline_run.as_ref().map(|r| format!("id {}", r.id));
        let mut names: Vec<String> = id.into_iter().chain(touch.chain.clone()).collect();
        if names.is_empty() {
            names.extend(touch.build.clone());
        }
        names
    };
    let mut groups: Vec<(Vec<String>, Vec<usize>)> = Vec::new();
    for (n, touch) in touches.iter().enumerate() {
        let mut group = (names(touch), vec![n]);
        if group.0.is_empty() {
            continue;
        }
        let (same, others): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|known| known.0.iter().any(|name| group.0.contains(name)));
        for known in same {
            group.0.extend(known.0);
            group.1.extend(known.1);
        }
        groups = others;
        groups.push(group);
    }
    let mut told: Vec<_> = groups
        .into_iter()
        .map(|(_, mut members)| {
            members.sort_unstable();
            let of = |n: &usize| (*n as i64 + 1, &touches[*n]);
            let summed = Told::of(&members.iter().map(of).collect::<Vec<_>>());
            (members, summed)
        })
        .collect();
    told.sort_by_key(|(members, _)| members[0]);
    told
}

/// What is told of a run, whatever the order of its events.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    name: RunName,
    times: (Timestamp, Timestamp),
    seqs: (i64, i64),
    counts: (i64, i64),
    attempt: Attempt,
    pipeline: Option<String>,
    labels: BTreeSet<LabelKey>,
}

impl Told {
    fn of(events: &[(i64, &RunTouch)]) -> Self {
        let all = || events.iter().map(|(_, touch)| *touch);
        let references = || all().filter_map(|touch| touch.pipeline_run.as_ref());
        let by_source = references().find(|reference| reference.source.is_some());
        let name = match (by_source.or(references().next()), all().next().unwrap()) {
            (Some(reference), _) => name(&reference.id, reference.source.as_ref()),
            (
                None,
                RunTouch {
                    chain: Some(id), ..
                },
            ) => RunName::Chain(id.clone()),
            (None, other) => RunName::Build {
                id: other.build.clone().unwrap(),
            },
        };
        let phases: Vec<(Timestamp, Phase)> = all()
            .filter_map(|touch| Some((touch.at, touch.phase?.phase)))
            .collect();
        let end = phases
            .iter()
            .filter_map(|(at, phase)| match phase {
                Phase::Finished(outcome) => Some((*at, *outcome)),
                _ => None,
            })
            .max();
        let last = |wanted: Phase, after: Option<Timestamp>| {
            let fits = phases.iter().filter(|(_, phase)| *phase == wanted);
            let times = fits.map(|(at, _)| *at);
            times
                .filter(|at| after.is_none_or(|after| *at > after))
                .max()
        };
        let ended = end.map(|(at, _)| at);
        let open = Attempt {
            queued_at: last(Phase::Queued, ended),
            started_at: last(Phase::Started, ended),
            ..Attempt::default()
        };
        let attempt = if end.is_none() || open != Attempt::default() {
            open
        } else {
            Attempt {
                queued_at: last(Phase::Queued, None),
                started_at: last(Phase::Started, None),
                finished_at: ended,
                outcome: end.map(|(_, outcome)| outcome),
            }
        };
        let labels = |of: fn(LabelKind) -> bool| {
            let labels = all().flat_map(|touch| &touch.labels);
            labels.filter(move |label| of(label.kind))
        };
        Self {
            name,
            times: (
                all().map(|touch| touch.at).min().unwrap(),
                all().map(|touch| touch.at).max().unwrap(),
            ),
            seqs: (
                events.iter().map(|(seq, _)| *seq).min().unwrap(),
                events.iter().map(|(seq, _)| *seq).max().unwrap(),
            ),
            counts: (
                events.len() as i64,
                all().filter(|touch| touch.failed).count() as i64,
            ),
            attempt,
            pipeline: labels(|kind| kind == LabelKind::Pipeline)
                .map(|label| label.text.clone())
                .min(),
            labels: labels(|kind| kind != LabelKind::Pipeline)
                .map(Label::key)
                .collect(),
        }
    }

    fn summary(run: &RunSummary) -> Self {
        Self {
            name: run.name.clone(),
            times: (run.first_at, run.last_at),
            seqs: (run.first_seq, run.last_seq),
            counts: (run.events, run.failed),
            attempt: run.attempt(),
            pipeline: run.pipeline.clone(),
            labels: run.labels.iter().copied().collect(),
        }
    }
}

/// What a database keeps of rows.
#[derive(Debug, Default)]
struct Kept {
    rows: BTreeMap<i64, RunRow>,
    labels: BTreeSet<(LabelKey, Timestamp, i64)>,
}

impl Kept {
    fn apply(&mut self, runs: &mut Runs) {
        for change in runs.take_changes() {
            let run = &change.row.summary;
            let row = |label: &LabelKey| (*label, run.at, run.num);
            for label in &change.unlabelled {
                assert!(self.labels.remove(&row(label)), "it was listed");
            }
            for label in &change.labelled {
                assert!(self.labels.insert(row(label)), "it was not listed");
            }
            let num = run.num;
            if let Some(before) = self.rows.insert(num, change.row.clone()) {
                assert_eq!(
                    before.summary.at, run.at,
                    "its place in lists never changes"
                );
            }
        }
    }

    /// As the next batch sees them that touches `keys`.
    fn load(&self, keys: &[RunKey], last_num: i64, count: i64) -> Runs {
        let mut runs = Runs::new(last_num, count);
        let named = self
            .rows
            .values()
            .filter(|row| keys.contains(&row.summary.key));
        let mut nums: Vec<i64> = named.map(|row| row.summary.num).collect();
        while let Some(num) = nums.pop() {
            runs.know(self.rows[&num].clone());
            nums.extend(self.rows[&num].merged_into);
        }
        runs
    }
}

proptest! {
    #[test]
    fn the_order_of_events_and_of_batches_does_not_change_what_runs_they_are(
        (touches, order, cut) in vec(event(), 1..30).prop_flat_map(|touches| {
            let order: Vec<usize> = (0..touches.len()).collect();
            (Just(touches), Just(order).prop_shuffle(), 1..8usize)
        })
    ) {
        let mut kept = Kept::default();
        let mut last = (0, 0);
        for batch in order.chunks(cut) {
            let needs: Vec<RunKey> = batch.iter().flat_map(|n| keys(&touches[*n])).collect();
            let mut runs = kept.load(&needs, last.0, last.1);
            for n in batch {
                runs.touch(*n as i64 + 1, &touches[*n]);
            }
            kept.apply(&mut runs);
            last = (runs.last_num(), runs.count());
        }
        let all: Vec<RunKey> = kept.rows.values().map(|row| row.summary.key).collect();
        let runs = kept.load(&all, last.0, last.1);
        let mut groups: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (n, touch) in touches.iter().enumerate() {
            let name = match (&touch.pipeline_run, &touch.chain, &touch.build) {
                (Some(reference), ..) => {
                    let full = name(&reference.id, reference.source.as_ref());
                    let own = name(&reference.id, reference.own_source.as_ref());
                    if runs.find(own.key()).is_some() { own } else { full }
                }
                (None, Some(chain), _) => RunName::Chain(chain.clone()),
                (None, None, Some(id)) => RunName::Build { id: id.clone() },
                (None, None, None) => continue,
            };
            groups.entry(run(&runs, &name).num).or_default().push(n);
        }
        let mut found: Vec<_> = groups
            .iter()
            .map(|(num, members)| (members.clone(), Told::summary(&kept.rows[num].summary)))
            .collect();
        found.sort_by_key(|(members, _)| members[0]);
        prop_assert_eq!(found, told(&touches));
        let live: Vec<_> = kept.rows.values().filter(|row| row.merged_into.is_none()).collect();
        prop_assert_eq!(live.len() as i64, last.1);
        let listed: usize = live.iter().map(|row| row.summary.labels.len()).sum();
        prop_assert_eq!(listed, kept.labels.len());
    }
}
