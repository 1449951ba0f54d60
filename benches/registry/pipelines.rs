//! Made-up pipeline runs as CI systems send them: CDEvents of many runs at once, in the order of time.
//! Most runs name a chain, some have links as well, some have nothing but their parts to be known by.

use std::fmt::Write as _;

use epr_mcp::domain::time::Timestamp;

use super::world::Random;

/// Runs that are under way at the same time.
const OPEN: usize = 40;
/// Scattered runs: every position of the log is equally far from the next event of each.
pub(crate) const SCATTERED: usize = 20;
/// Events of each of them.
pub(crate) const SCATTERED_EVENTS: usize = 100;
/// Events of each part of a scattered run; four others stand around the parts.
const PART: usize = 8;
/// The number of the first scattered run: far from those of others.
const SCATTERED_FROM: usize = 900_000_000;

/// What an event tells.
#[derive(Debug, Clone, Copy)]
enum Step {
    Merged,
    Queued,
    Started,
    Task(&'static str),
    TaskEnd(&'static str),
    Build,
    BuildEnd,
    Packaged,
    Suite,
    SuiteEnd,
    Signed,
    Published,
    Deployed,
    End,
}

const GOOD: [Step; 20] = [
    Step::Merged,
    Step::Queued,
    Step::Started,
    Step::Task("build"),
    Step::Build,
    Step::BuildEnd,
    Step::Packaged,
    Step::TaskEnd("build"),
    Step::Task("test"),
    Step::Suite,
    Step::SuiteEnd,
    Step::TaskEnd("test"),
    Step::Task("scan"),
    Step::TaskEnd("scan"),
    Step::Signed,
    Step::Published,
    Step::Task("deploy"),
    Step::Deployed,
    Step::TaskEnd("deploy"),
    Step::End,
];
/// Behind its tests a run that failed has nothing but its end.
const FAILS_AT: usize = 12;
const OF_A_PART: [Step; PART] = [
    Step::Task("part"),
    Step::Build,
    Step::BuildEnd,
    Step::Packaged,
    Step::Suite,
    Step::SuiteEnd,
    Step::Signed,
    Step::TaskEnd("part"),
];

/// One run.
#[derive(Debug, Clone)]
struct Run {
    number: usize,
    pipeline: usize,
    has_chain: bool,
    has_links: bool,
    fails: bool,
    /// Events that were sent.
    sent: usize,
}

impl Run {
    fn step(&self) -> Step {
        match GOOD.get(self.sent) {
            Some(_) if self.fails && self.sent >= FAILS_AT => Step::End,
            Some(step) => *step,
            None => Step::End,
        }
    }
}

/// An event on its way.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The number of its run.
    pub(crate) run: usize,
    /// Whether its run is over with it.
    pub(crate) is_last: bool,
    /// The document.
    pub(crate) text: String,
}

/// Gives events, one after the other.
#[derive(Debug)]
pub(crate) struct Pipelines {
    random: Random,
    /// Of so many pipelines.
    of: usize,
    begun: usize,
    open: Vec<Run>,
}

impl Pipelines {
    /// Pipelines as a registry with so many events has them: 10 for 10,000 and 100 for 1,000,000.
    pub(crate) fn new(events: usize) -> Self {
        Self {
            random: Random::new(events as u64),
            of: ((events as f64 / 100.0).sqrt().round() as usize).max(1),
            begun: 0,
            open: Vec::new(),
        }
    }

    fn begin(&mut self) -> Run {
        self.begun += 1;
        // A quarter of all runs is of one pipeline: it has a hundred runs in a small registry too.
        let pipeline = match self.random.below(4) {
            0 => 0,
            _ => self.random.below(self.of),
        };
        let has_chain = self.random.below(100) < 85;
        Run {
            number: self.begun,
            pipeline,
            has_chain,
            has_links: has_chain && self.random.below(100) < 30,
            fails: self.random.below(100) < 10,
            sent: 0,
        }
    }

    /// The next event, which happened at this time.
    pub(crate) fn next(&mut self, at: Timestamp) -> Sent {
        while self.open.len() < OPEN {
            let run = self.begin();
            self.open.push(run);
        }
        let place = self.random.below(OPEN);
        let noise = self.random.next();
        let Some(run) = self.open.get_mut(place) else {
            // There are as many.
            return scattered(0, 0, at);
        };
        let step = run.step();
        let text = document(run, step, run.sent, "", at, noise);
        run.sent += 1;
        let (number, is_last) = (run.number, matches!(step, Step::End));
        if is_last {
            self.open.swap_remove(place);
        }
        Sent {
            run: number,
            is_last,
            text,
        }
    }
}

/// The name of the pipeline of all scattered runs, of which there are many others.
pub(crate) fn scattered_pipeline() -> String {
    pipeline_name(0)
}

/// What a scattered run is asked for by.
pub(crate) fn scattered_id(run: usize) -> String {
    run_id(0, SCATTERED_FROM + run)
}

/// An event of a scattered run.
pub(crate) fn scattered(run: usize, place: usize, at: Timestamp) -> Sent {
    let of = Run {
        number: SCATTERED_FROM + run,
        pipeline: 0,
        has_chain: true,
        has_links: true,
        fails: false,
        sent: place,
    };
    let (step, part) = match place {
        0 => (Step::Merged, String::new()),
        1 => (Step::Queued, String::new()),
        2 => (Step::Started, String::new()),
        _ if place + 1 == SCATTERED_EVENTS => (Step::End, String::new()),
        _ => {
            let (part, step) = ((place - 3) / PART, (place - 3) % PART);
            let step = OF_A_PART.get(step).copied().unwrap_or(Step::Published);
            (step, format!("-{part}"))
        }
    };
    let noise = Random::new((run * SCATTERED_EVENTS + place) as u64).next();
    Sent {
        run: of.number,
        is_last: matches!(step, Step::End),
        text: document(&of, step, place, &part, at, noise),
    }
}

fn pipeline_name(pipeline: usize) -> String {
    format!("service-{pipeline:03}")
}

fn run_id(pipeline: usize, run: usize) -> String {
    format!("{}/{run}", pipeline_name(pipeline))
}

/// The types of all events here.
pub(crate) fn types() -> impl Iterator<Item = String> {
    let kinds = [
        "change.merged",
        "pipelinerun.queued",
        "pipelinerun.started",
        "pipelinerun.finished",
        "taskrun.started",
        "taskrun.finished",
        "build.started",
        "build.finished",
        "testsuiterun.started",
        "testsuiterun.finished",
        "artifact.packaged",
        "artifact.signed",
        "artifact.published",
        "service.deployed",
    ];
    kinds.into_iter().map(full_type)
}

fn full_type(kind: &str) -> String {
    format!("dev.cdevents.{kind}.0.3.0")
}

/// A CDEvent 0.5.1 that conforms. `part` tells the parts of a run apart.
fn document(run: &Run, step: Step, place: usize, part: &str, at: Timestamp, noise: u64) -> String {
    let name = pipeline_name(run.pipeline);
    let number = run.number;
    let id = run_id(run.pipeline, number);
    let (ci, git) = (format!("/ci/{name}"), format!("/git/{name}"));
    let mut numbers = Random::new(Random::new(number as u64).next() ^ hash(part));
    let digest: String = (0..4).map(|_| format!("{:016x}", numbers.next())).collect();
    let artifact = format!("pkg:oci/{name}@sha256%3A{digest}?tag=1.{number}");
    let outcome = if run.fails { "failure" } else { "success" };
    let of_run = format!(r#""pipelineRun":{{"id":"{id}","source":"{ci}"}}"#);
    let own = format!(r#""pipelineName":"{name}","uri":"https://ci.example.com/{name}/{number}""#);
    let suite =
        r#""environment":{"id":"staging"},"testSuite":{"id":"integration","name":"integration"}"#;
    let ended = |what: &str| match (run.fails, what) {
        (true, "test") => "failure",
        _ => "success",
    };
    let (source, kind, subject, content) = match step {
        Step::Merged => (
            git.as_str(),
            "change.merged",
            format!("{name}-{number}"),
            format!(r#""repository":{{"id":"{name}","source":"{git}"}}"#),
        ),
        Step::Queued => (ci.as_str(), "pipelinerun.queued", id.clone(), own),
        Step::Started => (ci.as_str(), "pipelinerun.started", id.clone(), own),
        Step::Task(task) => (
            ci.as_str(),
            "taskrun.started",
            format!("{id}/{task}{part}"),
            format!(r#""taskName":"{task}",{of_run}"#),
        ),
        Step::TaskEnd(task) => (
            ci.as_str(),
            "taskrun.finished",
            format!("{id}/{task}{part}"),
            format!(
                r#""taskName":"{task}",{of_run},"outcome":"{}""#,
                ended(task)
            ),
        ),
        Step::Build => (
            ci.as_str(),
            "build.started",
            format!("{id}/image{part}"),
            String::new(),
        ),
        Step::BuildEnd => (
            ci.as_str(),
            "build.finished",
            format!("{id}/image{part}"),
            format!(r#""artifactId":"{artifact}""#),
        ),
        Step::Packaged => (
            ci.as_str(),
            "artifact.packaged",
            artifact,
            format!(r#""change":{{"id":"{name}-{number}","source":"{git}"}}"#),
        ),
        Step::Suite => (
            ci.as_str(),
            "testsuiterun.started",
            format!("{id}/suite{part}"),
            suite.to_owned(),
        ),
        Step::SuiteEnd => (
            ci.as_str(),
            "testsuiterun.finished",
            format!("{id}/suite{part}"),
            format!(r#"{suite},"outcome":"{outcome}""#),
        ),
        Step::Signed => (
            ci.as_str(),
            "artifact.signed",
            artifact,
            r#""signature":"MEUCIQDx0v7kQ2o1sWb9Zf3uJm8yR4tL6cHnPqA5eKdVgXw==""#.to_owned(),
        ),
        Step::Published => (ci.as_str(), "artifact.published", artifact, String::new()),
        Step::Deployed => (
            "/cd",
            "service.deployed",
            name.clone(),
            format!(r#""environment":{{"id":"production"}},"artifactId":"{artifact}""#),
        ),
        Step::End => (
            ci.as_str(),
            "pipelinerun.finished",
            id.clone(),
            format!(r#"{own},"outcome":"{outcome}""#),
        ),
    };
    let mut out = String::with_capacity(800);
    // Writing to a text does not fail.
    let _ = write!(
        out,
        r#"{{"context":{{"specversion":"0.5.1","id":"{name}-{number}-{place}","source":"{source}","type":"{}","timestamp":"{at}""#,
        full_type(kind)
    );
    if run.has_chain {
        let mut chain = Random::new(!(number as u64));
        let (a, b) = (chain.next(), chain.next());
        let _ = write!(
            out,
            r#","chainId":"{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}""#,
            a >> 32,
            a & 0xffff,
            b & 0xfff,
            (b >> 12) & 0xfff,
            b >> 16
        );
    }
    if run.has_links && place > 0 && place.is_multiple_of(3) {
        let before = place - 1;
        let _ = write!(
            out,
            r#","links":[{{"linkType":"PATH","from":{{"contextId":"{name}-{number}-{before}"}}}}]"#
        );
    }
    let _ = write!(
        out,
        r#"}},"subject":{{"id":"{subject}","content":{{{content}}}}},"customData":{{"runner":"linux-{:02}"}}}}"#,
        noise % 64
    );
    out
}

/// A number that stands for a text.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0, |sum, byte| sum * 131 + u64::from(byte))
}
