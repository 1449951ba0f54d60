//! What holds for every run, however little sense it makes.

use proptest::prelude::*;

use super::sample::{Sample, subject};
use crate::correlate::story::{Page, Section};
use crate::correlate::{Conformance, Details, DocumentKind, Facts, Role, Scan, Step, Target};
use crate::domain::run::{RunName, RunOutcome};
use crate::limits;

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-d]",
        1 => Just(String::new()),
        1 => "\\PC{0,12}",
        1 => "[«»\\n\\u{0}\\u{202e}a-z ]{0,400}",
        1 => Just("pkg:oci/a@sha256:4e1195df020de59e0d65a33a4279f1183e7ae4e5d980e309f8b55adff2e61c3e".to_owned()),
    ]
}

fn time() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        8 => (-1_000_000_000_i64..1_000_000_000).prop_map(|t| Some(super::sample::ZERO + t)),
        1 => any::<i64>().prop_map(Some),
        1 => Just(None),
    ]
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "pipelinerun",
        "taskrun",
        "build",
        "testsuiterun",
        "testcaserun",
        "artifact",
        "service",
        "change",
        "environment",
        "testoutput",
        "incident",
        "tool-thing",
        "",
    ])
}

fn predicate() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "queued",
        "started",
        "finished",
        "skipped",
        "packaged",
        "published",
        "signed",
        "deployed",
        "removed",
        "merged",
        "modified",
        "odd",
        "",
    ])
}

fn outcome() -> impl Strategy<Value = Option<RunOutcome>> {
    prop::option::of((0_i64..6).prop_map(|code| RunOutcome::from_code(code).unwrap()))
}

fn target() -> impl Strategy<Value = (Role, Target)> {
    let role = (0_i64..13).prop_map(|code| Role::from_code(code).unwrap());
    let target = prop_oneof![
        (0_i64..40).prop_map(|n| Target::Event(format!("e-{n}"))),
        (kind(), id()).prop_map(|(kind, id)| subject(kind, &id)),
        id().prop_map(|sha| Target::Commit {
            repository: None,
            sha
        }),
        id().prop_map(Target::Resource),
    ];
    (role, target)
}

#[derive(Debug, Clone)]
struct Shape {
    what: (&'static str, &'static str),
    id: String,
    time: Option<i64>,
    outcome: Option<RunOutcome>,
    text: String,
    references: Vec<(Role, Target)>,
    artifact: Option<(Role, String)>,
    odd: u8,
}

fn shape() -> impl Strategy<Value = Shape> {
    (
        (kind(), predicate()),
        id(),
        time(),
        outcome(),
        id(),
        prop::collection::vec(target(), 0..3),
        prop::option::of(((0_i64..13).prop_map(|c| Role::from_code(c).unwrap()), id())),
        any::<u8>(),
    )
        .prop_map(
            |(what, id, time, outcome, text, references, artifact, odd)| Shape {
                what,
                id,
                time,
                outcome,
                text,
                references,
                artifact,
                odd,
            },
        )
}

fn details(text: &str) -> Details {
    let pairs = vec![(text.to_owned(), text.to_owned()); 40];
    let step = Step {
        name: text.to_owned(),
        status: Some(text.to_owned()),
        duration: Some(text.to_owned()),
        exit_code: Some(-1),
    };
    Details {
        system: Some(text.to_owned()),
        steps: vec![step; 40],
        arguments: pairs.clone(),
        labels: pairs,
        scan: Some(Scan {
            scanner: None,
            counts: vec![(text.to_owned(), i64::MAX); 40],
        }),
        ..Details::default()
    }
}

fn change(facts: &mut Facts, shape: &Shape) {
    facts.time = shape.time;
    facts.outcome = shape.outcome;
    facts.reason = Some(shape.text.clone());
    facts.outcome_said = Some(shape.text.clone());
    facts.context.environment = Some(shape.text.clone());
    facts.note(&shape.text, shape.text.clone());
    if shape.odd.is_multiple_of(7) {
        facts.about = None;
    }
    if shape.odd.is_multiple_of(11) {
        facts.kind = DocumentKind::Sbom;
    }
    if shape.odd.is_multiple_of(13) {
        facts.verdict.conformance = Conformance::Deviates;
        facts.verdict.faults = vec![shape.text.clone()];
    }
    if shape.odd.is_multiple_of(5) {
        facts.details = Some(Box::new(details(&shape.text)));
    }
    if shape.odd.is_multiple_of(3) {
        facts.id = Some("e-1".to_owned());
    }
}

fn run() -> impl Strategy<Value = Sample> {
    (
        prop::collection::vec(shape(), 0..60),
        prop::option::of((id(), any::<bool>())),
        prop::option::of((0_usize..50, any::<f64>(), any::<f64>())),
        time(),
        id(),
    )
        .prop_map(|(shapes, name, typical, now, text)| {
            let mut sample = Sample::new();
            for (n, shape) in shapes.iter().enumerate() {
                let what = format!("{}.{}", shape.what.0, shape.what.1);
                let mut event = sample
                    .add(&what, &shape.id, 0.0)
                    .with(|facts| change(facts, shape));
                for (role, target) in &shape.references {
                    event = event.refer(*role, target.clone());
                }
                if let Some((role, id)) = &shape.artifact {
                    event.artifact(*role, id);
                }
                if shape.odd.is_multiple_of(17) {
                    sample.relate(&what, &shape.id, 0.0, "other_run");
                    sample.remark("dangling_link", &shape.text, &[n as i64]);
                    sample.link("path", &[(Role::LinkFrom, "e-1"), (Role::LinkTo, "e-2")]);
                    sample.gate(&shape.text, &[&shape.text], &[]);
                    sample.run.hubs.push(shape.text.clone());
                }
            }
            sample.run.name = name.map(|(id, run)| {
                if run {
                    RunName::PipelineRun { id, source: None }
                } else {
                    RunName::Chain(id)
                }
            });
            if let Some((runs, median, p95)) = typical {
                sample.usual(runs, median, p95);
            }
            if let Some(now) = now {
                sample.asked.now = crate::domain::time::Timestamp::from_micros(now);
            }
            sample.asked.handle = text;
            sample
        })
}

fn sections() -> impl Strategy<Value = Vec<Section>> {
    let one = prop::sample::select(Section::WORDS).prop_map(|word| Section::parse(word).unwrap());
    prop::collection::vec(one, 0..4)
}

proptest! {
    // A case tells everything of some dozens of events.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_run_has_a_story_of_bounded_length(sample in run(), sections in sections()) {
        let story = sample.story();
        let page = Page::first(&sections);
        let text = story.text(&sections, page).body;
        prop_assert!(text.len() <= page.most, "{} bytes", text.len());
        prop_assert!(story.text(&[], page).body.len() <= limits::story::SUMMARY_BYTES + 100);
        let json = story.json(&sections, page).body.to_string();
        prop_assert!(json.len() <= page.most, "{} bytes of JSON", json.len());
    }

    #[test]
    fn lengths_of_time_are_never_negative(sample in run()) {
        let story = sample.story();
        let parts = &story.parts;
        for span in &parts.spans.list {
            prop_assert!(span.queue().is_none_or(|queue| queue >= 0));
            prop_assert!(span.run().is_none_or(|run| run >= 0));
            prop_assert!(span.started.is_some() || span.run().is_none());
        }
        let outcome = &parts.outcome;
        for length in [outcome.queue, outcome.run, outcome.open_for].into_iter().flatten() {
            prop_assert!(length >= 0);
        }
        for deployment in &parts.deployments {
            prop_assert!(deployment.lead.is_none_or(|(_, _, lead)| lead >= 0));
        }
    }

    #[test]
    fn the_critical_path_is_a_part_of_the_run(sample in run()) {
        let story = sample.story();
        let path = &story.parts.critical;
        let busy: i64 = path.steps.iter().map(|step| step.own).sum();
        prop_assert!(busy + path.idle == path.wall, "{busy} + {} of {}", path.idle, path.wall);
        prop_assert!(path.steps.iter().all(|step| step.own >= 0 && step.gap >= 0));
        prop_assert!(path.steps.is_sorted_by(|a, b| a.start < b.start));
        let json = story.json(&[], Page::first(&[])).body;
        let shares = json["critical_path"].as_array().into_iter().flatten();
        let sum: f64 = shares.filter_map(|step| step["share"].as_f64()).sum();
        prop_assert!(sum <= 1.0 + 1e-9, "{sum}");
    }

    #[test]
    fn pages_bring_every_row_once(sample in run(), rows in 1_usize..30, most in 2_000_usize..20_000) {
        let story = sample.story();
        let sections = [Section::Timeline, Section::Spans, Section::Anomalies];
        let mut page = Page { offset: 0, rows, most };
        let mut json_rows = 0;
        loop {
            let told = story.json(&sections, page);
            for list in ["timeline", "spans", "anomalies"] {
                json_rows += told.body.get(list).and_then(|l| l.as_array()).map_or(0, Vec::len);
            }
            let Some(next) = told.next else {
                prop_assert_eq!(json_rows, told.rows);
                break;
            };
            prop_assert!(next > page.offset && next <= page.offset + rows);
            prop_assert_eq!(next, json_rows);
            page.offset = next;
        }
        let mut page = Page { offset: 0, rows, most };
        while let Some(next) = story.text(&sections, page).next {
            prop_assert!(next > page.offset && next <= page.offset + rows);
            page.offset = next;
        }
    }

    #[test]
    fn the_order_of_the_members_changes_nothing(sample in run(), seed in any::<prop::sample::Index>()) {
        let before = sample.text(&[Section::All]);
        let mut turned = sample;
        let members = &mut turned.run.members;
        if !members.is_empty() {
            let at = seed.index(members.len());
            members.rotate_left(at);
        }
        prop_assert_eq!(before, turned.text(&[Section::All]));
    }
}
