//! Pipeline runs as they are summed up while events come in: enough to list them and to know how
//! long they usually take. What a run's story is, is found out when it is asked for.

mod fold;
mod summary;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use fold::{RunChange, RunRow, Runs, kept_pipeline, kept_text, keys};
pub use summary::{Attempt, Marks, RunSummary, RunTimes, Standing};

use super::time::Timestamp;

/// How something ended (CDEvents: `outcome`, in the words of version 0.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// It went well.
    Success,
    /// It was left out.
    Skipped,
    /// The word for it is none that is known.
    Unknown,
    /// It was given up.
    Cancel,
    /// It went badly.
    Failure,
    /// It could not be carried out.
    Error,
}

impl RunOutcome {
    /// Reads an outcome in the words of any version and of common producers; `None` for a word that
    /// is not known.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        Some(match word.as_str() {
            "success" | "pass" | "passed" | "succeeded" | "successful" | "completed" | "ok"
            | "neutral" => Self::Success,
            "failure" | "fail" | "failed" | "startup_failure" | "action_required" | "unstable"
            | "broken" => Self::Failure,
            "timed_out" | "timedout" => Self::Error,
            "aborted" | "stale" => Self::Cancel,
            "not_built" => Self::Skipped,
            // Tekton: PipelineRunTimeout, TaskRunTimeout.
            _ if word.contains("timeout") => Self::Error,
            _ if word.starts_with("cancel") => Self::Cancel,
            _ if word.starts_with("error") => Self::Error,
            _ if word.starts_with("skip") => Self::Skipped,
            _ => return None,
        })
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::Cancel => "cancel",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }

    /// Whether it is bad.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Failure | Self::Error | Self::Cancel)
    }

    /// Its number in the database.
    pub const fn code(self) -> i64 {
        match self {
            Self::Success => 0,
            Self::Skipped => 1,
            Self::Unknown => 2,
            Self::Cancel => 3,
            Self::Failure => 4,
            Self::Error => 5,
        }
    }

    /// The outcome with this number.
    pub const fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            0 => Self::Success,
            1 => Self::Skipped,
            2 => Self::Unknown,
            3 => Self::Cancel,
            4 => Self::Failure,
            5 => Self::Error,
            _ => return None,
        })
    }
}

/// What a run is found by: 16 bytes of SHA-256 over what names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunKey(pub [u8; 16]);

/// What names a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RunName {
    /// A pipelineRun by its id and source (CDEvents core.md).
    PipelineRun {
        /// Its id.
        id: String,
        /// Where the id is unique; `None` where nobody has said it.
        source: Option<String>,
    },
    /// A chain, where no pipelineRun is known.
    Chain(String),
    /// A build, in dialects that have neither.
    Build {
        /// Its id.
        id: String,
    },
}

/// Bytes of a handle before they are written in base32: 12 characters of 5 bits.
const HANDLE_BITS: u32 = 60;
/// RFC 4648 without padding, in lower case; no letter or digit is easily taken for another.
const HANDLE_PREFIX: &str = "run_";

impl RunName {
    /// The kind, the id and the source, as they are kept.
    pub fn parts(&self) -> (i64, &str, Option<&str>) {
        match self {
            Self::PipelineRun { id, source } => (0, id, source.as_deref()),
            Self::Chain(id) => (1, id, None),
            Self::Build { id } => (2, id, None),
        }
    }

    /// From what is kept.
    pub fn from_parts(kind: i64, id: String, source: Option<String>) -> Option<Self> {
        Some(match kind {
            0 => Self::PipelineRun { id, source },
            1 => Self::Chain(id),
            2 => Self::Build { id },
            _ => return None,
        })
    }

    /// What it is found by.
    pub fn key(&self) -> RunKey {
        let (kind, id, source) = self.parts();
        let mut hash = Sha256::new();
        hash.update(kind.to_be_bytes());
        hash.update((id.len() as u64).to_be_bytes());
        hash.update(id.as_bytes());
        if let Some(source) = source {
            hash.update([1]);
            hash.update(source.as_bytes());
        }
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        RunKey(key)
    }
}

impl RunKey {
    /// The least and the greatest key with this handle.
    pub fn range_of_handle(number: i64) -> (Self, Self) {
        let first = (number as u64) << (u64::BITS - HANDLE_BITS);
        let last = first | ((1 << (u64::BITS - HANDLE_BITS)) - 1);
        let key = |beginning: u64, rest: u8| {
            let mut key = [rest; 16];
            for (to, from) in key.iter_mut().zip(beginning.to_be_bytes()) {
                *to = from;
            }
            Self(key)
        };
        (key(first, 0), key(last, u8::MAX))
    }

    /// The number that its handle stands for: the first 60 bits.
    pub fn handle_number(self) -> i64 {
        let mut number: u64 = 0;
        for byte in self.0.iter().take(8) {
            number = (number << 8) | u64::from(*byte);
        }
        (number >> (u64::BITS - HANDLE_BITS)) as i64
    }

    /// `run_` and 12 characters of base32.
    pub fn handle(self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let number = self.handle_number() as u64;
        let mut out = HANDLE_PREFIX.to_owned();
        for place in (0..HANDLE_BITS / 5).rev() {
            let letter = LETTERS.get((number >> (place * 5)) as usize & 31);
            out.push(letter.copied().map_or('a', char::from));
        }
        out
    }
}

/// The number of a handle, if the text is one.
pub fn parse_handle(text: &str) -> Option<i64> {
    let letters = text.strip_prefix(HANDLE_PREFIX)?;
    if letters.len() != (HANDLE_BITS / 5) as usize {
        return None;
    }
    let mut number: i64 = 0;
    for byte in letters.bytes() {
        let value = match byte {
            b'a'..=b'z' => byte - b'a',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        number = (number << 5) | i64::from(value);
    }
    Some(number)
}

/// Where a pipelineRun stands by one of its own events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It waits.
    Queued,
    /// It runs.
    Started,
    /// It ended so.
    Finished(RunOutcome),
}

/// What one of a pipelineRun's own events says of where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseMark {
    /// Where it stands.
    pub phase: Phase,
    /// Since when, by the sender's clock, also if that runs ahead: how long things took is told from
    /// times of one clock.
    pub at: Timestamp,
}

/// A kind of thing by which runs are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LabelKind {
    /// The pipeline's name.
    Pipeline,
    /// A service that it deployed.
    Service,
    /// An environment that it deployed to.
    Environment,
    /// A word that people call it by: the last part of its id, and the number at its end.
    Word,
}

/// Digits that are a number wherever they stand; fewer are only a number by themselves, not at the end
/// of a word such as the last part of a UUID.
const NUMBER_DIGITS: usize = 3;

/// What people call a run whose id is longer than that: of `https://ci.example.com/runs/pr-456789` the
/// last part, and `456789`.
pub fn words(id: &str) -> Vec<String> {
    let id = id.trim().trim_end_matches('/');
    let last = id.rsplit(['/', '#', '=', ':']).next().unwrap_or(id);
    let before = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = last.get(before.len()..).unwrap_or_default();
    let is_number = number.len() >= NUMBER_DIGITS || !before.ends_with(char::is_alphanumeric);
    let mut words: Vec<String> = Vec::new();
    for word in [Some(last), is_number.then_some(number)]
        .into_iter()
        .flatten()
    {
        if !word.is_empty() && word != id && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// 16 bytes that stand for a label.
pub type LabelKey = [u8; 16];

/// A thing by which a run is listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Its kind.
    pub kind: LabelKind,
    /// Its name.
    pub text: String,
}

impl Label {
    /// 16 bytes that stand for it.
    pub fn key(&self) -> LabelKey {
        let mut hash = Sha256::new();
        hash.update([self.kind as u8]);
        hash.update(self.text.as_bytes());
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        key
    }
}

/// What one event adds to the summary of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTouch {
    /// The id of the pipelineRun that it is about or belongs to.
    pub pipeline_run: Option<PipelineRunReference>,
    /// Its chain.
    pub chain: Option<String>,
    /// Its build, in dialects that have neither of these.
    pub build: Option<String>,
    /// When it happened, at the latest when it was recorded: by this a new run is placed in lists,
    /// where a clock that runs ahead would keep it at one end for good.
    pub at: Timestamp,
    /// If it is an event of the pipelineRun itself: where that stands, and since when.
    pub phase: Option<PhaseMark>,
    /// Whether it tells of something that went badly.
    pub failed: bool,
    /// By what the run is to be listed.
    pub labels: Vec<Label>,
}

impl RunTouch {
    /// When it happened, as far as that is said of the run itself.
    pub fn happened(&self) -> Timestamp {
        self.phase.map_or(self.at, |mark| mark.at)
    }

    /// What names the run, as far as this event alone tells.
    pub fn name(&self) -> Option<RunName> {
        if let Some(run) = &self.pipeline_run {
            return Some(RunName::PipelineRun {
                id: run.id.clone(),
                source: run.source.clone(),
            });
        }
        let chain = self.chain.clone().map(RunName::Chain);
        chain.or_else(|| self.build.clone().map(|id| RunName::Build { id }))
    }
}

/// How an event names its pipelineRun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineRunReference {
    /// Its id.
    pub id: String,
    /// Its source, where that is said; always for the pipelineRun's own events.
    pub source: Option<String>,
    /// The source of the event that refers to it: where an id without a source is looked for first.
    pub own_source: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_called_by_the_last_part_of_its_id_and_by_its_number() {
        for (id, expected) in [
            (
                "https://ci.example.com/runs/pr-456789/",
                vec!["pr-456789", "456789"],
            ),
            ("shop/7", vec!["7"]),
            ("shop#42", vec!["42"]),
            ("pr-7", vec!["7"]),
            ("build456789", vec!["456789"]),
            ("https://ci/runs/77001/", vec!["77001"]),
            ("456789", vec![]),
            ("7", vec![]),
            ("v2", vec![]),
            ("0f9a41c2-7d1c-4b0e-9a52-f3668ec0d2f7", vec![]),
            ("a/b", vec!["b"]),
            ("", vec![]),
        ] {
            assert_eq!(words(id), expected, "{id}");
        }
    }

    #[test]
    fn a_handle_reads_back_and_other_text_is_none() {
        let name = RunName::PipelineRun {
            id: "pr-1".to_owned(),
            source: Some("/tekton/a".to_owned()),
        };
        let handle = name.key().handle();
        assert_eq!(handle.len(), 16, "{handle}");
        assert_eq!(parse_handle(&handle), Some(name.key().handle_number()));
        let (first, last) = RunKey::range_of_handle(name.key().handle_number());
        assert!(first <= name.key() && name.key() <= last);
        assert_eq!((first.handle(), last.handle()), (handle.clone(), handle));
        for other in [
            "run_",
            "run_abc",
            "run_ABCDEFGHIJKL",
            "run_abcdefghijk1",
            "456789",
        ] {
            assert_eq!(parse_handle(other), None, "{other}");
        }
    }

    #[test]
    fn a_run_without_a_source_is_another_name() {
        let with = |source: Option<&str>| RunName::PipelineRun {
            id: "1".to_owned(),
            source: source.map(str::to_owned),
        };
        assert_ne!(with(None).key(), with(Some("")).key());
        assert_ne!(with(None).key(), RunName::Chain("1".to_owned()).key());
    }

    #[test]
    fn outcomes_are_read_in_the_words_of_every_version() {
        for (text, outcome) in [
            ("success", RunOutcome::Success),
            ("Passed", RunOutcome::Success),
            ("fail", RunOutcome::Failure),
            ("cancelled", RunOutcome::Cancel),
            ("errored", RunOutcome::Error),
            ("skipped ", RunOutcome::Skipped),
            ("timed_out", RunOutcome::Error),
            ("TIMED-OUT", RunOutcome::Error),
            ("PipelineRunTimeout", RunOutcome::Error),
            ("TaskRunTimeout", RunOutcome::Error),
            ("startup_failure", RunOutcome::Failure),
            ("action-required", RunOutcome::Failure),
            ("UNSTABLE", RunOutcome::Failure),
            ("broken", RunOutcome::Failure),
            ("neutral", RunOutcome::Success),
            ("Completed", RunOutcome::Success),
            ("NOT_BUILT", RunOutcome::Skipped),
            ("stale", RunOutcome::Cancel),
            ("ABORTED", RunOutcome::Cancel),
        ] {
            assert_eq!(RunOutcome::parse(text), Some(outcome), "{text}");
        }
        assert_eq!(RunOutcome::parse("meh"), None);
    }
}
