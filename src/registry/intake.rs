//! Taking in CDEvents, CloudEvents and EPR events as CI systems send them: read, judged, repaired
//! where that is certain, recorded as they came.

mod read;
mod receivers;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub use self::read::Document;
pub(super) use self::read::{facts_in, facts_of, may_say_something};
use self::receivers::Receivers;
use super::schemas::Findings;
use super::views::{Warning, WriteOptions};
use super::{Error, Registry, Result, unexpected};
use crate::correlate::{Facts, indexed};
use crate::domain::command::{Action, Command, GateEffect, Outcome, TurnPolicy};
use crate::domain::event::{Event, EventDraft, Payload};
use crate::domain::id::{EventId, ReceiverId};
use crate::domain::principal::{Principal, Scope};
use crate::domain::receiver::Receiver;
use crate::domain::refusal::Refusal;
use crate::domain::run::RunTouch;
use crate::domain::unit::Unit;
use crate::limits;
use crate::store::{Decided, Store};

/// How documents are to be taken in.
#[derive(Debug, Clone, Default)]
pub struct IntakeOptions {
    /// Check and tell everything, write nothing.
    pub dry_run: bool,
    /// Refuse what does not conform to its specification, or had to be repaired.
    pub strict: bool,
    /// The receiver of all of them, by id, name or type; otherwise that of their type.
    pub receiver: Option<String>,
    /// Parts of the unit that the sender gives: `name`, `version`, `release`, `platform_id`,
    /// `package`. They stand before what the events say.
    pub unit: BTreeMap<&'static str, String>,
    /// Whether the messages may be published; bulk loads of history keep them in the log.
    pub announce: bool,
    /// Whether it may turn gates.
    pub turns: TurnPolicy,
}

/// What became of one document.
#[derive(Debug)]
pub struct Taken {
    /// What it says; nothing where it could not be read.
    pub facts: Option<Facts>,
    /// Its unit.
    pub unit: Option<Unit>,
    /// Whether it counts as a success.
    pub success: Option<bool>,
    /// Its receiver, and whether that was (or would be) made for it.
    pub receiver: Option<(Arc<Receiver>, bool)>,
    /// The handle of its run, if it names one.
    pub run: Option<String>,
    /// How it names the run.
    touch: Option<RunTouch>,
    /// What is worth knowing.
    pub warnings: Vec<Warning>,
    /// What happened.
    pub outcome: Intake,
}

/// What happened to one document.
#[derive(Debug)]
pub enum Intake {
    /// It was (or with a dry run: would be) recorded.
    Recorded {
        /// The event; `None` where its receiver would have to be made first.
        event: Option<Box<Event>>,
        /// What it did to each gate that its receiver belongs to.
        gates: Vec<GateEffect>,
        /// An earlier event with the same source and id, and other content.
        id_conflict: Option<EventId>,
    },
    /// It was there already, word by word.
    Repeated {
        /// The event that was recorded then.
        id: EventId,
    },
    /// It was not recorded.
    Refused(Error),
}

impl Registry {
    /// Reads documents without recording them: what each says, or why it cannot be read. A
    /// processor's work; it needs no database.
    pub async fn read_documents(&self, texts: Vec<String>) -> Result<Vec<Document>> {
        let bytes: usize = texts.iter().map(String::len).sum();
        let read = move || Ok(texts.into_iter().map(Document::read).collect());
        self.inner.schemas.blocking_if(bytes, read).await
    }

    /// Takes documents in, each on its own: one that is refused does not touch its neighbours. The
    /// answers are in the order of the documents.
    pub async fn record_documents(
        &self,
        principal: &Principal,
        documents: Vec<Document>,
        options: &IntakeOptions,
    ) -> Result<Vec<Taken>> {
        principal.require(Scope::Record)?;
        let store = self.store().await?;
        let mut receivers = Receivers::new(self, store.as_ref(), principal, options);
        let mut taken = Vec::with_capacity(documents.len());
        let mut ready = Vec::with_capacity(documents.len());
        for (at, document) in documents.into_iter().enumerate() {
            let mut one = Taken::unread();
            match self
                .prepare(store.as_ref(), &mut receivers, document, options, &mut one)
                .await
            {
                Ok(command) => {
                    let imagined = receivers.imagined.drain(..);
                    ready.extend(imagined.map(|command| (None, command)));
                    ready.push((Some(at), command));
                }
                Err(error) if error.is_fault() => return Err(error),
                Err(error) => one.outcome = Intake::Refused(error),
            }
            taken.push(one);
        }
        let warning = self.storage_warning(
            store.as_ref(),
            &WriteOptions {
                dry_run: options.dry_run,
                ..WriteOptions::default()
            },
        );
        let (places, commands): (Vec<Option<usize>>, Vec<Command>) = ready.into_iter().unzip();
        if !options.dry_run {
            self.pack(&commands).await?;
        }
        let outcomes = self
            .written(store.as_ref(), commands, options.dry_run)
            .await?;
        for (at, outcome) in places.into_iter().zip(outcomes) {
            if let Some(one) = at.and_then(|at| taken.get_mut(at)) {
                one.outcome = outcome;
            }
        }
        name_runs(&mut taken);
        if let (Some(first), Some(warning)) = (taken.first_mut(), warning) {
            first.warnings.push(warning);
        }
        Ok(taken)
    }

    /// Packs payloads here, so that the one writer does not spend its time on it.
    async fn pack(&self, commands: &[Command]) -> Result<()> {
        let payload = |command: &Command| match &command.action {
            Action::RecordEvent { draft, .. } => Some(draft.payload.clone()),
            _ => None,
        };
        let large = |payload: &Payload| payload.size() > limits::INLINE_PAYLOAD_BYTES;
        let payloads: Vec<Payload> = commands.iter().filter_map(payload).filter(large).collect();
        let bytes = payloads.iter().map(Payload::size).sum();
        let pack = move || {
            for payload in &payloads {
                payload.packed();
            }
            Ok(())
        };
        self.inner.schemas.blocking_if(bytes, pack).await
    }

    /// Has commands written, in their order; or decides about them without writing.
    async fn written(
        &self,
        store: &dyn Store,
        commands: Vec<Command>,
        dry_run: bool,
    ) -> Result<Vec<Intake>> {
        if dry_run {
            let decided = store.preview(&commands, self.now()).await?;
            return Ok(decided.into_iter().map(of_decided).collect());
        }
        let opened = self.inner.opening.opened().await?;
        // Of several events of one unit the last decides about its gates.
        let written = opened.writer.write_in_order(commands).await;
        let outcomes = written.into_iter().map(|written| match written {
            Ok(decided) => of_decided(decided),
            Err(error) => Intake::Refused(Error::from_shared(&error)),
        });
        Ok(outcomes.collect())
    }

    /// Makes a document ready to be written.
    async fn prepare(
        &self,
        store: &dyn Store,
        receivers: &mut Receivers<'_>,
        document: Document,
        options: &IntakeOptions,
        one: &mut Taken,
    ) -> Result<Command> {
        let mut read = document.into_read()?;
        let (unit, well) = (read.unit(&options.unit), read.success());
        one.unit = Some(unit.clone());
        one.success = Some(well);
        one.warnings = self.payload_warnings(read.findings())?;
        one.facts.clone_from(&read.facts);
        if options.strict {
            read.strictly()?;
        }
        let mut draft = EventDraft {
            unit,
            description: read.description(),
            success: well,
            receiver_id: ReceiverId::new(ulid::Ulid::nil()),
            payload: read.payload.clone(),
        };
        // Before a receiver is made for it.
        draft.check()?;
        let (receiver, made) = receivers.of(&read, &draft.unit).await?;
        draft.receiver_id = receiver.id;
        one.receiver = Some((receiver.clone(), made));
        if !(made && options.dry_run) {
            let compiled = self.inner.schemas.of(store, &receiver).await?;
            if !compiled.accepts_everything() {
                let whole = self
                    .inner
                    .schemas
                    .check(receiver.id, compiled.clone(), draft.payload.shared())
                    .await;
                match (whole, read.inner.clone()) {
                    // A receiver of CDEvents takes them in the envelope of a CloudEvent too.
                    (Err(Error::Refused(Refusal::SchemaMismatch { .. })), Some(inner)) => {
                        let inner = self.inner.schemas.check(receiver.id, compiled, inner);
                        inner.await?;
                    }
                    (whole, _) => {
                        whole?;
                    }
                }
            }
        }
        let now = self.now();
        if read
            .facts
            .as_ref()
            .is_none_or(|facts| facts.type_name.is_empty())
        {
            // The receiver may tell what the document leaves out.
            read.facts = facts_of(read.payload.text(), &receiver.kind);
            one.facts.clone_from(&read.facts);
        }
        let indexed = read.facts.as_ref().map(|facts| indexed(facts, true, now));
        one.touch = indexed.as_ref().and_then(|indexed| indexed.run.clone());
        let name = one.touch.as_ref().and_then(RunTouch::name);
        one.run = name.map(|name| name.key().handle());
        Ok(Command {
            recorder: receivers.recorder.clone(),
            action: Action::RecordEvent {
                id: EventId::new(self.inner.ids.next()),
                draft,
                indexed: indexed.map(Arc::new),
            },
            idempotency_key: read.key(),
            log_only: !(self.inner.announce && options.announce),
            turns: if options.dry_run {
                TurnPolicy::Allowed
            } else {
                options.turns.clone()
            },
        })
    }
}

/// Gives events of one run one handle, where documents that came with them tell which: those that name
/// the pipelineRun without its source, and those that have nothing but its chain.
fn name_runs(taken: &mut [Taken]) {
    let of_its_own = |touch: &RunTouch| touch.phase.is_some();
    let id = |touch: &RunTouch| Some(touch.pipeline_run.as_ref()?.id.clone());
    unite(taken, |touch, one_of_its_own| {
        let is_whole = touch.pipeline_run.as_ref()?.source.is_some();
        (is_whole == one_of_its_own && of_its_own(touch) == one_of_its_own).then(|| id(touch))?
    });
    unite(taken, |touch, named| {
        (touch.pipeline_run.is_some() == named).then(|| touch.chain.clone())?
    });
}

/// Takes over the handle of the only run that is known under a key. `key` gives the key that an event
/// makes known (true), or under which it looks for its run (false).
fn unite(taken: &mut [Taken], key: impl Fn(&RunTouch, bool) -> Option<String>) {
    let mut known: HashMap<String, BTreeSet<String>> = HashMap::new();
    for one in taken.iter() {
        if let (Some(touch), Some(run)) = (&one.touch, &one.run)
            && let Some(key) = key(touch, true)
        {
            known.entry(key).or_default().insert(run.clone());
        }
    }
    for one in taken {
        let Some(key) = one.touch.as_ref().and_then(|touch| key(touch, false)) else {
            continue;
        };
        if let Some(runs) = known.get(&key).filter(|runs| runs.len() == 1) {
            one.run = runs.first().cloned();
        }
    }
}

fn of_decided(decided: Decided) -> Intake {
    match decided {
        Ok(outcome) => intake(outcome),
        Err(refusal) => Intake::Refused(refusal.into()),
    }
}

fn intake(outcome: Outcome) -> Intake {
    match outcome {
        Outcome::Event {
            event,
            gates,
            id_conflict,
            ..
        } => Intake::Recorded {
            event: Some(event),
            gates,
            id_conflict,
        },
        Outcome::Repeated { id, .. } => Intake::Repeated { id },
        // Known by its key from an earlier reading.
        Outcome::Replayed { id } => match id.parse() {
            Ok(id) => Intake::Repeated { id },
            Err(refusal) => Intake::Refused(Refusal::into(refusal)),
        },
        _ => Intake::Refused(unexpected()),
    }
}

impl Taken {
    fn unread() -> Self {
        Self {
            facts: None,
            unit: None,
            success: None,
            receiver: None,
            run: None,
            touch: None,
            warnings: Vec::new(),
            // Until something becomes of it.
            outcome: Intake::Refused(Error::Refused(Refusal::NotAnEvent { why: String::new() })),
        }
    }
}
