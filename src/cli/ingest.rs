//! `epr-mcp ingest`: events of a file or of stdin, at full speed.

mod checkpoint;
mod documents;
mod explain;
mod progress;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeekExt as _, BufReader};

use self::checkpoint::Keeper;
use self::documents::{Documents, Item, Position};
use self::progress::Progress;
use self::summary::Summary;
use super::output::OutputArgs;
use super::session::{Session, Use, Who};
use super::signals::Signals;
use super::{note, refused, say};
use crate::config::Options;
use crate::config::default_database;
use crate::limits;
use crate::registry::{Document, Intake, IntakeOptions, Taken};

/// Flags of `ingest`.
#[derive(Debug, Args)]
pub(super) struct IngestArgs {
    /// Files of NDJSON (a document a line), or of a JSON array; - is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read and judge everything, record nothing
    #[arg(long)]
    dry_run: bool,
    /// Tell of each document what it is, what it belongs to, and its verdict
    #[arg(long)]
    explain: bool,
    /// Refuse documents that deviate from their specification, or had to be repaired
    #[arg(long)]
    strict: bool,
    /// Publish what is recorded, as if it happened now. Otherwise its messages stay in the log: what is
    /// loaded in bulk is mostly history, and watchers would act on it
    #[arg(long)]
    announce: bool,
    /// Go on where an interrupted reading of the same file into the same registry stopped
    #[arg(long)]
    resume: bool,
    /// The receiver of all documents, by id, name or type. Default: the only one of each document's
    /// type, made if there is none
    #[arg(long, value_name = "RECEIVER")]
    event_receiver_id: Option<String>,
    /// The unit's name, instead of what the documents say
    #[arg(long, help_heading = "Unit")]
    name: Option<String>,
    /// The unit's version
    #[arg(long = "unit-version", value_name = "VERSION", help_heading = "Unit")]
    unit_version: Option<String>,
    /// The unit's release
    #[arg(long, help_heading = "Unit")]
    release: Option<String>,
    /// The unit's platform
    #[arg(long, help_heading = "Unit")]
    platform_id: Option<String>,
    /// The unit's kind of package
    #[arg(long, help_heading = "Unit")]
    package: Option<String>,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    who: Who,
}

/// Some documents were refused, the others are recorded.
const SOME_REFUSED: u8 = 1;
/// Seconds between two savings of the place.
const SAVE_SECONDS: u64 = 1;

impl IngestArgs {
    fn intake(&self) -> IntakeOptions {
        let unit = [
            ("name", &self.name),
            ("version", &self.unit_version),
            ("release", &self.release),
            ("platform_id", &self.platform_id),
            ("package", &self.package),
        ];
        let unit: BTreeMap<&'static str, String> = unit
            .into_iter()
            .filter_map(|(field, value)| Some((field, value.clone()?)))
            .collect();
        IntakeOptions {
            dry_run: self.dry_run,
            strict: self.strict,
            receiver: self.event_receiver_id.clone(),
            unit,
            announce: self.announce,
            ..IntakeOptions::default()
        }
    }
}

pub(super) async fn run(
    options: &Options,
    args: IngestArgs,
    signals: &Signals,
) -> anyhow::Result<ExitCode> {
    let stdin = |file: &PathBuf| file.as_path() == Path::new("-");
    anyhow::ensure!(
        args.files.iter().filter(|file| stdin(file)).count() <= 1,
        "stdin (-) can be read once"
    );
    anyhow::ensure!(
        !(args.resume && args.files.iter().any(stdin)),
        "--resume needs a file: how far stdin was read cannot be gone back to"
    );
    // Before the first one is read: half of a list would be recorded otherwise.
    for file in args.files.iter().filter(|file| !stdin(file)) {
        let about = || format!("the file {} cannot be read", file.display());
        let found = tokio::fs::metadata(file).await.with_context(about)?;
        anyhow::ensure!(!found.is_dir(), "{} is a folder", file.display());
    }
    let session = Session::begin(options, &args.who, Use::Write).await?;
    let mut summary = Summary::default();
    let done = all(&session, &args, signals, &mut summary).await;
    let done = session.end(done).await;
    summary.tell(&args)?;
    let cut_off = done?;
    if let Some(code) = cut_off {
        return Ok(code);
    }
    Ok(if summary.refused() {
        ExitCode::from(SOME_REFUSED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Reads all files; gives the exit code if it was told to end.
async fn all(
    session: &Session,
    args: &IngestArgs,
    signals: &Signals,
    summary: &mut Summary,
) -> anyhow::Result<Option<ExitCode>> {
    for file in &args.files {
        if file == Path::new("-") {
            let from = BufReader::new(tokio::io::stdin());
            let progress = Progress::new(None, args.quiet);
            let documents = Documents::new(from);
            let mut reading = Reading {
                session,
                args,
                file,
                place: None,
                keeper: None,
                progress,
            };
            if let Some(code) = reading.run(documents, signals, summary).await? {
                return Ok(Some(code));
            }
            continue;
        }
        let about = || format!("the file {} cannot be read", file.display());
        let full = tokio::fs::canonicalize(file).await.with_context(about)?;
        let mut open = tokio::fs::File::open(&full).await.with_context(about)?;
        let found = open.metadata().await.with_context(about)?;
        let size = found.len();
        let place = place(&full, &found);
        let keeper = keeper(session, &full).await?;
        let mut position = Position::default();
        if args.resume
            && let Some(keeper) = &keeper
        {
            let kept = keeper.clone();
            let found = tokio::task::spawn_blocking(move || kept.load()).await??;
            if found.is_none() {
                note(&format!(
                    "{}: there is nothing to go on with; it is read from its beginning",
                    file.display()
                ));
            }
            position = found.unwrap_or_default();
            let seek = open.seek(std::io::SeekFrom::Start(position.bytes));
            seek.await.with_context(about)?;
        }
        let progress = Progress::new(Some(size), args.quiet);
        progress.at(position.bytes);
        let documents = Documents::at(BufReader::with_capacity(256 * 1024, open), position);
        let keeper = keeper.filter(|_| !args.dry_run);
        let mut reading = Reading {
            session,
            args,
            file,
            place,
            keeper,
            progress,
        };
        if let Some(code) = reading.run(documents, signals, summary).await? {
            return Ok(Some(code));
        }
    }
    Ok(None)
}

/// What stands for a file as it is now: its path and when it was changed last. `None` where that is not
/// known.
fn place(file: &Path, found: &std::fs::Metadata) -> Option<String> {
    let changed = found.modified().ok().filter(|_| found.is_file())?;
    let changed = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
    let mut hash = Sha256::new();
    hash.update(changed.as_nanos().to_be_bytes());
    hash.update(found.len().to_be_bytes());
    hash.update(file.as_os_str().as_encoded_bytes());
    let digest = hash.finalize();
    Some(HEXLOWER.encode(digest.get(..16).unwrap_or_default()))
}

/// Where the place in a file is kept; nowhere if this user has no folder for it.
async fn keeper(session: &Session, file: &Path) -> anyhow::Result<Option<Keeper>> {
    let Some(data) = default_database() else {
        return Ok(None);
    };
    let folder = data.with_file_name("ingest");
    let store = session.registry.store().await?;
    Ok(Some(Keeper::new(&folder, file, &store.info().registry_id)))
}

/// The reading of one stream.
struct Reading<'a> {
    session: &'a Session,
    args: &'a IngestArgs,
    file: &'a Path,
    /// What the lines of the file are known by, as long as it stays as it is.
    place: Option<String>,
    keeper: Option<Keeper>,
    progress: Progress,
}

/// Documents that are taken in together, and where the ones after them begin.
struct Chunk {
    items: Vec<Item>,
    end: Position,
    last: bool,
}

impl Reading<'_> {
    /// Takes everything in; gives the exit code if it was told to end. While one chunk is written the
    /// next one is read.
    async fn run<R: AsyncRead + AsyncBufRead + Unpin>(
        &mut self,
        mut documents: Documents<R>,
        signals: &Signals,
        summary: &mut Summary,
    ) -> anyhow::Result<Option<ExitCode>> {
        let intake = self.args.intake();
        let mut saved = Instant::now();
        let mut begin = documents.position();
        let mut ready = self.read(&mut documents).await?;
        while let Some((lines, read, end, last)) = ready {
            let registry = &self.session.registry;
            let taking = registry.record_documents(&self.session.principal, read, &intake);
            // Both at once: the processor works on the next chunk while the disk has this one.
            let (taken, next) = if last {
                (taking.await, Ok(None))
            } else {
                tokio::join!(taking, self.read(&mut documents))
            };
            let (taken, fault) = match taken {
                Ok(taken) => {
                    let fault = first_fault(&taken);
                    (taken, fault)
                }
                Err(error) => (Vec::new(), Some(error.into())),
            };
            self.tell(lines, taken, summary);
            if let Some(error) = fault {
                // What comes later must not be recorded before this: it goes on from here.
                self.save(begin).await?;
                self.progress.end();
                return Err(error.context(self.stopped()));
            }
            self.progress.at(end.bytes);
            self.progress.count(summary);
            let cut_off = signals.is_told();
            if cut_off || next.is_err() || saved.elapsed() > Duration::from_secs(SAVE_SECONDS) {
                self.save(end).await?;
                saved = Instant::now();
            }
            begin = end;
            let next = next.inspect_err(|_| self.progress.end())?;
            if cut_off {
                self.progress.end();
                note(&format!(
                    "stopped in {} behind line {}{}",
                    self.file.display(),
                    end.lines,
                    if self.keeper.is_some() {
                        "; --resume goes on there"
                    } else {
                        ""
                    }
                ));
                return Ok(Some(signals.told().await));
            }
            ready = next;
        }
        self.progress.end();
        if let Some(keeper) = self.keeper.clone() {
            tokio::task::spawn_blocking(move || keeper.forget()).await?;
        }
        Ok(None)
    }

    /// Keeps the place from which to go on.
    async fn save(&self, place: Position) -> anyhow::Result<()> {
        if let Some(keeper) = self.keeper.clone() {
            tokio::task::spawn_blocking(move || keeper.save(place)).await??;
        }
        Ok(())
    }

    fn stopped(&self) -> String {
        let resume = if self.keeper.is_some() {
            "; what was recorded stays, and --resume goes on"
        } else {
            ""
        };
        format!("{} was not read to its end{resume}", self.file.display())
    }

    /// Reads the next documents and looks into them; `None` at the end.
    async fn read<R: AsyncBufRead + Unpin>(
        &self,
        documents: &mut Documents<R>,
    ) -> anyhow::Result<Option<(Vec<(u64, Option<String>)>, Vec<Document>, Position, bool)>> {
        let chunk = chunk(documents).await.with_context(|| self.stopped())?;
        if chunk.items.is_empty() {
            return Ok(None);
        }
        let mut lines = Vec::with_capacity(chunk.items.len());
        let mut texts = Vec::with_capacity(chunk.items.len());
        for item in chunk.items {
            match item.text {
                Ok(text) => {
                    lines.push((item.line, None));
                    texts.push(text);
                }
                Err(why) => lines.push((item.line, Some(why))),
            }
        }
        let read = self.session.registry.read_documents(texts).await?;
        let read = match &self.place {
            None => read,
            Some(place) => {
                let readable = lines.iter().filter(|(_, why)| why.is_none());
                let known = |(document, (line, _)): (Document, &(u64, _))| {
                    document.at(format!("ingest {place} {line}"))
                };
                read.into_iter().zip(readable).map(known).collect()
            }
        };
        Ok(Some((lines, read, chunk.end, chunk.last)))
    }

    /// Counts what became of a chunk, and tells of each document what was asked for.
    fn tell(&self, lines: Vec<(u64, Option<String>)>, taken: Vec<Taken>, summary: &mut Summary) {
        let mut taken = taken.into_iter();
        for (line, unreadable) in lines {
            match unreadable {
                Some(why) => summary.unreadable(self.file, line, &why),
                None => {
                    let Some(one) = taken.next().filter(|one| !is_fault(one)) else {
                        continue;
                    };
                    if self.args.explain {
                        self.progress
                            .apart(|| say(explain::text(line, &one, self.args.dry_run)));
                    }
                    summary.add(self.file, line, &one);
                }
            }
        }
    }
}

/// Whether a document was refused for what is not its fault: it was not judged.
fn is_fault(one: &Taken) -> bool {
    matches!(&one.outcome, Intake::Refused(error) if error.is_fault())
}

/// The first failure that is not the fault of a document.
fn first_fault(taken: &[Taken]) -> Option<anyhow::Error> {
    taken
        .iter()
        .filter(|one| is_fault(one))
        .find_map(|one| match &one.outcome {
            Intake::Refused(error) => Some(anyhow::Error::msg(refused::text(error))),
            _ => None,
        })
}

/// As many documents as are taken in together.
async fn chunk<R: AsyncBufRead + Unpin>(documents: &mut Documents<R>) -> std::io::Result<Chunk> {
    let mut items = Vec::new();
    let mut bytes = 0;
    while items.len() < limits::INGEST_CHUNK && bytes < limits::INGEST_CHUNK_BYTES {
        let Some(item) = documents.next().await? else {
            return Ok(Chunk {
                items,
                end: documents.position(),
                last: true,
            });
        };
        bytes += item.text.as_ref().map_or(0, String::len);
        items.push(item);
    }
    Ok(Chunk {
        items,
        end: documents.position(),
        last: false,
    })
}
