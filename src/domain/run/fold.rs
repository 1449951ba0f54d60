//! Which run an event belongs to, and what it adds to its summary.
//!
//! A pipelineRun is known by its id and source. A reference that does not say the source means the
//! run of that id in the referring event's own source if there is one, else the one that the id
//! stands for: a row for the id alone, which becomes another name of the run as soon as that is
//! seen. In the same way a chain is another name of the first pipelineRun that names it. So the
//! order in which events arrive does not matter, as long as an id without a source is that of one
//! run and a chain names one pipelineRun. Where several use it, whatever names nothing else belongs
//! to the one that was recorded first: this is a summary, and what cannot be told apart is told
//! where a run's story is.

use std::collections::{BTreeSet, HashMap};

use super::summary::{Marks, RunSummary, Standing};
use super::{LabelKey, LabelKind, PipelineRunReference, RunKey, RunName, RunTouch};
use crate::domain::time::Timestamp;
use crate::limits;

/// A chain is another name of an id, which is another name of a pipelineRun: no name is further away.
const NAMES_AWAY: usize = 2;

/// A run's row; or that of another name of it, of which nothing but the name counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The summary.
    pub summary: RunSummary,
    /// The row that it is another name of.
    pub merged_into: Option<i64>,
}

impl RunRow {
    /// By what it is listed: another name is not.
    pub fn standing(&self) -> Standing {
        match self.merged_into {
            Some(_) => Standing::Other,
            None => self.summary.standing(),
        }
    }
}

/// A row to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunChange {
    /// As it is now.
    pub row: RunRow,
    /// Labels by which it is listed from now on.
    pub labelled: Vec<LabelKey>,
    /// Labels by which it is listed no more.
    pub unlabelled: Vec<LabelKey>,
}

/// The rows that a batch needs, and what becomes of them.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    last_num: i64,
    count: i64,
    rows: HashMap<i64, Known>,
    nums: HashMap<RunKey, i64>,
    changed: BTreeSet<i64>,
}

#[derive(Debug, Clone)]
struct Known {
    row: RunRow,
    /// How many of its labels it is listed by already.
    listed: usize,
}

impl Runs {
    /// With the greatest number of a row and the number of runs.
    pub fn new(last_num: i64, count: i64) -> Self {
        Self {
            last_num,
            count,
            ..Self::default()
        }
    }

    /// The greatest number of a row.
    pub const fn last_num(&self) -> i64 {
        self.last_num
    }

    /// How many runs there are, other names of them not counted.
    pub const fn count(&self) -> i64 {
        self.count
    }

    /// Takes a row as it is.
    pub fn know(&mut self, row: RunRow) {
        let summary = &row.summary;
        self.nums.insert(summary.key, summary.num);
        let listed = summary.labels.len();
        self.rows.insert(summary.num, Known { row, listed });
    }

    /// Adds an event. Gives the row of its run, if it names one.
    pub fn touch(&mut self, seq: i64, touch: &RunTouch) -> Option<i64> {
        let seen = Seen {
            seq,
            at: touch.at,
            happened: touch.happened(),
        };
        let num = match (&touch.pipeline_run, &touch.chain, &touch.build) {
            (Some(reference), ..) => self.pipeline_run(reference, seen),
            (None, Some(chain), _) => self.named(&RunName::Chain(chain.clone()), seen),
            (None, None, Some(id)) => self.named(&RunName::Build { id: id.clone() }, seen),
            (None, None, None) => return None,
        };
        if let (Some(_), Some(chain)) = (&touch.pipeline_run, &touch.chain) {
            self.tie(&RunName::Chain(chain.clone()), num, seen);
        }
        self.add(num, seq, touch);
        Some(num)
    }

    /// The row of the run that this names, if it is known.
    pub fn find(&self, key: RunKey) -> Option<&RunRow> {
        let num = self.root(*self.nums.get(&key)?);
        self.rows.get(&num).map(|known| &known.row)
    }

    /// What has changed since this was asked last.
    pub fn take_changes(&mut self) -> Vec<RunChange> {
        let changed = std::mem::take(&mut self.changed);
        let rows = &mut self.rows;
        let change = |num: i64| {
            let known = rows.get_mut(&num)?;
            let labels = &mut known.row.summary.labels;
            let (mut labelled, mut unlabelled) = (Vec::new(), Vec::new());
            if known.row.merged_into.is_some() {
                labels.truncate(known.listed);
                unlabelled = std::mem::take(labels);
                known.listed = 0;
            } else {
                labelled.extend(labels.iter().skip(known.listed));
                known.listed = labels.len();
            }
            Some(RunChange {
                row: known.row.clone(),
                labelled,
                unlabelled,
            })
        };
        changed.into_iter().filter_map(change).collect()
    }

    fn pipeline_run(&mut self, reference: &PipelineRunReference, seen: Seen) -> i64 {
        let by_id = name(&reference.id, None);
        let Some(source) = &reference.source else {
            if let Some(own) = &reference.own_source
                && let Some(num) = self.nums.get(&name(&reference.id, Some(own)).key())
            {
                return self.root(*num);
            }
            return self.named(&by_id, seen);
        };
        let full = name(&reference.id, Some(source));
        if let Some(num) = self.nums.get(&full.key()) {
            return self.root(*num);
        }
        let num = self.make(&full, seen, None);
        // What has been seen of it by its id alone was seen first.
        let before = self
            .nums
            .get(&by_id.key())
            .and_then(|num| self.rows.get(num));
        let before = before.filter(|known| known.row.merged_into.is_none());
        if let Some(at) = before.map(|known| known.row.summary.at)
            && let Some(new) = self.rows.get_mut(&num)
        {
            new.row.summary.at = at;
        }
        self.tie(&by_id, num, seen);
        num
    }

    /// The run of this name, made if it is new.
    fn named(&mut self, name: &RunName, seen: Seen) -> i64 {
        match self.nums.get(&name.key()) {
            Some(num) => self.root(*num),
            None => self.make(name, seen, None),
        }
    }

    /// Makes a name another one of a run. A run that had this name is from now on part of it; a name
    /// that stands for another run already goes on doing so.
    fn tie(&mut self, name: &RunName, to: i64, seen: Seen) {
        let Some(num) = self.nums.get(&name.key()).copied() else {
            self.make(name, seen, Some(to));
            return;
        };
        let own = self.rows.get(&num);
        if num != to && own.is_some_and(|known| known.row.merged_into.is_none()) {
            self.merge(num, to);
        }
    }

    fn merge(&mut self, from: i64, into: i64) {
        let Some(part) = self.rows.get_mut(&from) else {
            return;
        };
        part.row.merged_into = Some(into);
        let part = part.row.summary.clone();
        let Some(whole) = self.rows.get_mut(&into) else {
            return;
        };
        let whole = &mut whole.row.summary;
        whole.first_at = whole.first_at.min(part.first_at);
        whole.last_at = whole.last_at.max(part.last_at);
        whole.first_seq = whole.first_seq.min(part.first_seq);
        whole.last_seq = whole.last_seq.max(part.last_seq);
        whole.marks.merge(&part.marks);
        whole.events += part.events;
        whole.failed += part.failed;
        if let Some(pipeline) = part.pipeline {
            name_pipeline(whole, pipeline);
        }
        for label in part.labels {
            add_label(whole, label);
        }
        self.count -= 1;
        self.changed.extend([from, into]);
    }

    fn add(&mut self, num: i64, seq: i64, touch: &RunTouch) {
        let Some(known) = self.rows.get_mut(&num) else {
            return;
        };
        let run = &mut known.row.summary;
        run.first_at = run.first_at.min(touch.happened());
        run.last_at = run.last_at.max(touch.happened());
        run.first_seq = run.first_seq.min(seq);
        run.last_seq = run.last_seq.max(seq);
        if let Some(mark) = touch.phase {
            run.marks.add(mark.phase, mark.at);
        }
        run.events += 1;
        run.failed += i64::from(touch.failed);
        for label in &touch.labels {
            match label.kind {
                LabelKind::Pipeline => name_pipeline(run, kept_pipeline(&label.text)),
                LabelKind::Service | LabelKind::Environment | LabelKind::Word => {
                    add_label(run, label.key());
                }
            }
        }
        self.changed.insert(num);
    }

    fn make(&mut self, name: &RunName, seen: Seen, merged_into: Option<i64>) -> i64 {
        self.last_num += 1;
        let num = self.last_num;
        let key = name.key();
        let summary = RunSummary {
            num,
            key,
            name: kept(name),
            pipeline: None,
            at: seen.at,
            first_at: seen.happened,
            last_at: seen.happened,
            first_seq: seen.seq,
            last_seq: seen.seq,
            marks: Marks::default(),
            events: 0,
            failed: 0,
            labels: Vec::new(),
        };
        let row = RunRow {
            summary,
            merged_into,
        };
        self.count += i64::from(merged_into.is_none());
        self.nums.insert(key, num);
        self.rows.insert(num, Known { row, listed: 0 });
        self.changed.insert(num);
        num
    }

    fn root(&self, mut num: i64) -> i64 {
        for _ in 0..NAMES_AWAY {
            match self.rows.get(&num).and_then(|known| known.row.merged_into) {
                Some(into) => num = into,
                None => break,
            }
        }
        num
    }
}

/// The event through which a row is made.
#[derive(Debug, Clone, Copy)]
struct Seen {
    seq: i64,
    /// By what a run is placed in lists.
    at: Timestamp,
    happened: Timestamp,
}

/// The keys of the rows that have to be known before an event is added.
pub fn keys(touch: &RunTouch) -> Vec<RunKey> {
    let mut keys = Vec::with_capacity(3);
    if let Some(reference) = &touch.pipeline_run {
        let source = reference.source.as_ref().or(reference.own_source.as_ref());
        if let Some(source) = source {
            keys.push(name(&reference.id, Some(source)).key());
        }
        keys.push(name(&reference.id, None).key());
    }
    if let Some(chain) = &touch.chain {
        keys.push(RunName::Chain(chain.clone()).key());
    } else if let (None, Some(id)) = (&touch.pipeline_run, &touch.build) {
        keys.push(RunName::Build { id: id.clone() }.key());
    }
    keys
}

fn name(id: &str, source: Option<&String>) -> RunName {
    RunName::PipelineRun {
        id: id.to_owned(),
        source: source.cloned(),
    }
}

fn name_pipeline(run: &mut RunSummary, pipeline: String) {
    if run.pipeline.as_ref().is_none_or(|known| pipeline < *known) {
        run.pipeline = Some(pipeline);
    }
}

fn add_label(run: &mut RunSummary, label: LabelKey) {
    if run.labels.len() < limits::RUN_LABELS && !run.labels.contains(&label) {
        run.labels.push(label);
    }
}

/// A text as it is kept of a run and looked for: not every database takes a NUL character.
pub fn kept_text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The name of a pipeline as it is kept and looked for: short enough to be found by an index.
pub fn kept_pipeline(text: &str) -> String {
    kept_text(text).chars().take(limits::FIELD_CHARS).collect()
}

fn kept(name: &RunName) -> RunName {
    match name {
        RunName::PipelineRun { id, source } => RunName::PipelineRun {
            id: kept_text(id),
            source: source.as_deref().map(kept_text),
        },
        RunName::Chain(id) => RunName::Chain(kept_text(id)),
        RunName::Build { id } => RunName::Build { id: kept_text(id) },
    }
}

#[cfg(test)]
mod tests;
