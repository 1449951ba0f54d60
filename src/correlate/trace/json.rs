//! A trace as JSON: the facts of the text, and those for which it has no room.

use serde_json::{Map, Value, json};

use super::{
    Approval, BuiltBy, Deployed, Ended, Incident, Lineage, MadeBy, Meaning, Missing, Moment,
    SbomAt, Source, TestLine, Tested, Traced,
};
use crate::correlate::story::GateLine;
use crate::domain::run::{RunName, RunOutcome};

/// An object without what is null or empty.
#[derive(Default)]
struct Obj(Map<String, Value>);

impl Obj {
    fn put(mut self, key: &str, value: Value) -> Self {
        let empty = match &value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if !empty {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

impl Traced {
    /// The facts of [`text`](Self::text) as JSON.
    pub fn json(&self) -> Value {
        let running = self.running.iter().map(|running| {
            let artifact = running.artifact.as_ref();
            Obj::default()
                .put("service", json!(running.service))
                .put("environment", json!(running.environment))
                .put("since", json!(running.since))
                .put("in_the_future", json!(running.ahead.then_some(true)))
                .put("event", json!(running.event))
                .put(
                    "artifact",
                    artifact.map_or(Value::Null, |artifact| json!(artifact.id)),
                )
                .put("place", json!(running.place))
                .done()
        });
        let mut out = Obj::default()
            .put("anchor", json!(self.said))
            .put("taken_for", json!(self.meaning.as_ref().map(Meaning::word)))
            .put(
                "also",
                json!(self.also.iter().map(Meaning::word).collect::<Vec<_>>()),
            )
            .put("running", running.collect())
            .put("artifacts", self.artifacts.iter().map(lineage).collect())
            .put("source", self.source.as_ref().map_or(Value::Null, source))
            .put("gates", self.gates.iter().map(gate).collect());
        if self.more > 0 {
            out = out.put("more", json!(self.more));
        }
        if self.truncated {
            out = out.put("truncated", json!(true));
        }
        out.done()
    }
}

fn lineage(lineage: &Lineage) -> Value {
    let artifact = &lineage.artifact;
    let missing: Vec<&str> = lineage
        .missing
        .iter()
        .map(|missing| Missing::as_str(*missing))
        .collect();
    Obj::default()
        .put("id", json!(artifact.id))
        .put("purl", json!(artifact.purl))
        .put("digest", json!(artifact.digest))
        .put("name", json!(artifact.name))
        .put("tags", json!(artifact.tags))
        .put("size", json!(artifact.size))
        .put(
            "units",
            lineage.units.iter().map(|unit| json!(unit.uri())).collect(),
        )
        .put("source", source(&lineage.source))
        .put("run", lineage.made_by.as_ref().map_or(Value::Null, made_by))
        .put(
            "built_by",
            lineage.built_by.as_ref().map_or(Value::Null, built_by),
        )
        .put("packaged", moment(lineage.packaged.as_ref()))
        .put("published", moment(lineage.published.as_ref()))
        .put("signed", moment(lineage.signed.as_ref()))
        .put("signature", json!(artifact.signature))
        .put("deleted", moment(lineage.deleted.as_ref()))
        .put("sbom", lineage.sbom.as_ref().map_or(Value::Null, sbom))
        .put("tests", tested(&lineage.tested))
        .put(
            "deployments",
            lineage.deployed.iter().map(deployed).collect(),
        )
        .put(
            "incidents",
            lineage.incidents.iter().map(incident).collect(),
        )
        .put(
            "approvals",
            lineage.approvals.iter().map(approval).collect(),
        )
        .put("missing", json!(missing))
        .done()
}

fn moment(moment: Option<&Moment>) -> Value {
    moment.map_or(
        Value::Null,
        |moment| json!({"at": moment.at, "event": moment.event}),
    )
}

fn source(source: &Source) -> Value {
    let changes = source.changes.iter().map(|change| {
        Obj::default()
            .put("id", json!(change.id))
            .put("source", json!(change.source))
            .put("name", json!(change.name))
            .put("first", moment(change.first.as_ref()))
            .put("merged", moment(change.merged.as_ref()))
            .done()
    });
    Obj::default()
        .put("changes", changes.collect())
        .put("commits", json!(source.commits))
        .put("push", moment(source.push.as_ref()))
        .put("repository", json!(source.repository))
        .put("branch", json!(source.branch))
        .put("author", json!(source.author))
        .done()
}

fn made_by(run: &MadeBy) -> Value {
    let (kind, id, source) = match &run.name {
        RunName::PipelineRun { id, source } => ("pipelinerun", id, source.as_ref()),
        RunName::Chain(id) => ("chain", id, None),
        RunName::Build { id } => ("build", id, None),
    };
    let (finished, how) = run.finished.unzip();
    Obj::default()
        .put("run", json!(run.handle()))
        .put("kind", json!(kind))
        .put("id", json!(id))
        .put("source", json!(source))
        .put("pipeline", json!(run.pipeline))
        .put("started", json!(run.started))
        .put("finished", json!(finished))
        .put("outcome", outcome(how.flatten()))
        .put("event", json!(run.event))
        .done()
}

fn built_by(build: &BuiltBy) -> Value {
    Obj::default()
        .put("kind", json!(build.kind))
        .put("name", json!(build.name))
        .put("ended", moment(Some(&build.ended)))
        .put("outcome", outcome(build.outcome))
        .put("uri", json!(build.uri))
        .put("with", json!(build.place))
        .done()
}

fn sbom(sbom: &SbomAt) -> Value {
    match sbom {
        SbomAt::Event { event, format } => json!({"event": event, "format": format}),
        SbomAt::Reference(reference) => Obj::default()
            .put("uri", json!(reference.uri))
            .put("format", json!(reference.format))
            .put("recorded", json!(false))
            .done(),
    }
}

fn tested(tested: &Tested) -> Value {
    let cases: Map<String, Value> = (tested.cases.iter())
        .map(|(outcome, number)| (outcome.as_str().to_owned(), json!(number)))
        .collect();
    let scans = tested.scans.iter().map(|scan| {
        let counts: Map<String, Value> = scan
            .counts
            .iter()
            .map(|(severity, number)| (severity.clone(), json!(number)))
            .collect();
        Obj::default()
            .put("scanner", json!(scan.scanner))
            .put("counts", Value::Object(counts))
            .put("event", json!(scan.event))
            .done()
    });
    let open = (tested.open > 0).then_some(tested.open);
    Obj::default()
        .put("cases", Value::Object(cases))
        .put("not_ended", json!(open))
        .put("suites", tested.suites.iter().map(test).collect())
        .put("failed", tested.failed.iter().map(test).collect())
        .put("scans", scans.collect())
        .done()
}

fn test(test: &TestLine) -> Value {
    Obj::default()
        .put("name", json!(test.name))
        .put("environment", json!(test.environment))
        .put("outcome", outcome(test.outcome))
        .put("reason", json!(test.reason))
        .put("event", json!(test.event))
        .done()
}

fn deployed(deployed: &Deployed) -> Value {
    let (until, ended) = deployed.until.unzip();
    let ended = ended.map(|ended| match ended {
        Ended::Replaced => "replaced",
        Ended::RolledBack => "rolled_back",
        Ended::Removed => "removed",
    });
    let mut out = Obj::default()
        .put("service", json!(deployed.service))
        .put("environment", json!(deployed.environment))
        .put("since", moment(Some(&deployed.since)))
        .put("success", json!(deployed.ok));
    if deployed.back {
        out = out.put("by_rollback", json!(true));
    }
    out = out
        .put("until", moment(until.as_ref()))
        .put("ended", json!(ended))
        .put("next", json!(deployed.next));
    if deployed.ok && deployed.until.is_none() {
        out = out.put("runs_now", json!(true));
    }
    if deployed.ahead {
        out = out.put("in_the_future", json!(true));
    }
    if let Some((lead, merged)) = deployed.lead {
        let since = if merged {
            "change_merged"
        } else {
            "first_commit"
        };
        out = out.put(
            "lead_time",
            json!({"seconds": lead / 1_000_000, "since": since}),
        );
    }
    out.done()
}

fn incident(incident: &Incident) -> Value {
    Obj::default()
        .put("id", json!(incident.id))
        .put("since", moment(Some(&incident.since)))
        .put("resolved", moment(incident.resolved.as_ref()))
        .put("service", json!(incident.service))
        .put("environment", json!(incident.environment))
        .put("reason", json!(incident.reason))
        .put("names_artifact", json!(incident.names_it))
        .done()
}

fn approval(approval: &Approval) -> Value {
    Obj::default()
        .put("id", json!(approval.id))
        .put("last", moment(Some(&approval.last)))
        .put("said", json!(approval.said))
        .put("by", json!(approval.by))
        .done()
}

fn gate(gate: &GateLine) -> Value {
    Obj::default()
        .put("group", json!(gate.group))
        .put("unit", json!(gate.unit))
        .put("passes", json!(gate.passes))
        .put("enabled", json!(gate.enabled))
        .put("missing", json!(gate.missing))
        .put("failed", json!(gate.failed))
        .done()
}

fn outcome(outcome: Option<RunOutcome>) -> Value {
    json!(outcome.map(RunOutcome::as_str))
}
