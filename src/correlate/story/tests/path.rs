//! The critical path.

use super::sample::{Sample, micros};
use crate::correlate::story::Story;
use crate::correlate::{Role, Target};
use crate::domain::run::RunOutcome::Success;

/// The critical path: name, own seconds, gap before it.
fn path(story: &Story<'_>) -> Vec<(String, f64, f64)> {
    let parts = &story.parts;
    let steps = parts.critical.steps.iter();
    steps
        .map(|step| {
            let line = parts.spans.line(&parts.spans.list[step.span]).unwrap();
            let (own, gap) = (step.own as f64 / 1e6, step.gap as f64 / 1e6);
            (line.label().to_owned(), own, gap)
        })
        .collect()
}

fn steps(expected: &[(&str, f64, f64)]) -> Vec<(String, f64, f64)> {
    let owned = |(name, own, gap): &(&str, f64, f64)| ((*name).to_owned(), *own, *gap);
    expected.iter().map(owned).collect()
}

#[test]
fn the_critical_path_goes_back_from_the_last_end() {
    let mut sample = Sample::finished(100.0, Success);
    sample.task("clone", 2.0, 20.0, Success);
    sample.task("lint", 22.0, 30.0, Success);
    sample.task("compile", 22.0, 60.0, Success);
    sample.task("push", 65.0, 90.0, Success);
    let story = sample.story();
    assert_eq!(
        path(&story),
        steps(&[
            ("clone", 18.0, 6.0),
            ("compile", 38.0, 2.0),
            ("push", 25.0, 5.0)
        ])
    );
    let critical = &story.parts.critical;
    // From being queued to the end.
    assert_eq!(critical.wall, micros(104.0));
    assert_eq!(critical.idle, micros(104.0 - 18.0 - 38.0 - 25.0));
}

#[test]
fn an_explicit_link_comes_before_what_the_clock_suggests() {
    let mut sample = Sample::finished(100.0, Success);
    sample.task("a", 2.0, 20.0, Success);
    sample.task("b", 2.0, 30.0, Success);
    let ended = sample.run.members.iter().position(|member| {
        member.event.facts.predicate == "finished"
            && member.event.facts.name.as_deref() == Some("a")
    });
    let ended = sample.run.members[ended.unwrap()].event.seq;
    let root = ("pipelinerun", "pr-1");
    sample
        .add("taskrun.queued", "c", 33.0)
        .name("c")
        .part_of(root)
        .after(ended);
    let queued = sample.run.members.last().unwrap().event.seq;
    sample
        .add("taskrun.started", "c", 35.0)
        .name("c")
        .part_of(root)
        .after(queued);
    sample
        .add("taskrun.finished", "c", 50.0)
        .name("c")
        .outcome(Success);
    assert_eq!(
        path(&sample.story()),
        steps(&[("a", 18.0, 6.0), ("c", 15.0, 15.0)])
    );
    // The same told by stand-alone links.
    for member in &mut sample.run.members {
        member
            .event
            .facts
            .references
            .retain(|reference| reference.role != Role::Path);
    }
    assert_eq!(
        path(&sample.story()),
        steps(&[("b", 28.0, 6.0), ("c", 15.0, 5.0)])
    );
    let (from, to) = (format!("e-{ended}"), format!("e-{queued}"));
    sample.link("path", &[(Role::LinkFrom, &from), (Role::LinkTo, &to)]);
    assert_eq!(
        path(&sample.story()),
        steps(&[("a", 18.0, 6.0), ("c", 15.0, 15.0)])
    );
}

#[test]
fn a_circle_of_links_ends() {
    let mut sample = Sample::finished(100.0, Success);
    sample.task("a", 2.0, 20.0, Success);
    sample.task("b", 3.0, 30.0, Success);
    let seq = |sample: &Sample, n: usize| sample.run.members[n].event.seq;
    let (a, b) = (seq(&sample, 3), seq(&sample, 5));
    for (n, to) in [(3, b), (5, a)] {
        let target = Target::Event(format!("e-{to}"));
        let reference = crate::correlate::Reference {
            role: Role::Path,
            target,
            name: None,
        };
        sample.run.members[n].event.facts.references.push(reference);
    }
    // b overlaps a, from which it follows: it held the run up from its own start on.
    assert_eq!(
        path(&sample.story()),
        steps(&[("a", 1.0, 6.0), ("b", 27.0, 0.0)])
    );
}

#[test]
fn wholes_are_not_on_the_path_of_their_parts() {
    let mut sample = Sample::finished(100.0, Success);
    let suite = ("testsuiterun", "ts");
    sample.add("testsuiterun.started", "ts", 10.0);
    sample
        .add("testcaserun.started", "tc", 12.0)
        .name("tc")
        .part_of(suite);
    sample
        .add("testcaserun.finished", "tc", 20.0)
        .part_of(suite)
        .outcome(Success);
    sample
        .add("testsuiterun.finished", "ts", 30.0)
        .outcome(Success);
    assert_eq!(path(&sample.story()), steps(&[("tc", 8.0, 16.0)]));
}
