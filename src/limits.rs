//! Every bound of the system, each with its reason. Nothing that comes from outside is unbounded.

/// Characters in a name, version, release, platform_id, package, type or description. Existing
/// clients and databases hold at most 255.
pub const FIELD_CHARS: usize = 255;
/// Characters of a foreign value echoed in a refusal or a list before it is cut.
pub const ECHO_CHARS: usize = 120;
/// Bytes in one MCP message. An assistant never writes more; larger payloads come by REST or CLI.
pub const MCP_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// MCP requests that are worked on at the same time; beyond that no more is read until one is
/// answered.
pub const MCP_CALLS_IN_FLIGHT: usize = 64;
/// Bytes of the MCP requests that are worked on at the same time.
pub const MCP_BYTES_IN_FLIGHT: usize = 16 * MCP_MESSAGE_BYTES;
/// Values in one MCP message. Each costs a few hundred bytes while the SDK takes it apart; a payload
/// sent as JSON text counts as one.
pub const MCP_MESSAGE_VALUES: usize = 200_000;
/// Levels in one MCP message: what the JSON parser takes.
pub const MCP_MESSAGE_LEVELS: usize = 127;
/// Bytes in one event's payload. The largest SBOMs seen in practice are near 30 MB.
pub const PAYLOAD_BYTES: usize = 32 * 1024 * 1024;
/// Bytes in a file whose records a command creates one by one; it is read whole.
pub const GENERATE_FILE_BYTES: usize = 64 * 1024 * 1024;
/// Nesting of any JSON document. The JSON parser recurses; 128 fits every stack.
pub const JSON_DEPTH: usize = 128;
/// Values (objects, arrays, scalars) in a payload that has to be checked against a schema. A node
/// costs about 72 bytes in memory.
pub const JSON_NODES: usize = 1_000_000;
/// Bytes of memory that one JSON node is reckoned at.
pub const JSON_NODE_BYTES: usize = 72;
/// How often a payload stands in memory while it is shown: as it was stored, parsed or masked, as
/// part of an answer, as a line.
pub const SHOWN_COPIES: usize = 5;
/// Bytes of memory for all parsed JSON documents together; beyond that callers wait, then hear
/// `busy`.
pub const JSON_MEMORY_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of a client's configuration file that `install` edits. Claude Code keeps a history in its file,
/// which reaches some MiB.
pub const CLIENT_CONFIG_BYTES: u64 = 32 * 1024 * 1024;
/// Seconds in which a server that `install` starts has to answer. Clients give up after 30 or 60.
pub const INSTALL_CHECK_SECONDS: u64 = 20;
/// Seconds that a caller waits for memory, for the writer's queue or for the database to open.
pub const WAIT_SECONDS: u64 = 10;
/// Seconds that closing the database may take.
pub const CLOSE_SECONDS: u64 = 2;
/// Milliseconds in which a server ends when its input has ended or it was told to: the process of a
/// container has to be gone within 3 s.
pub const END_MILLIS: u64 = 2_200;
/// Those of them that calls in progress are given; the rest is for closing the database.
pub const LAST_CALLS_MILLIS: u64 = 1_500;
/// Milliseconds after which a process that was told to end does so whatever it is doing.
pub const PATIENCE_MILLIS: u64 = 2_700;
/// Bytes in a receiver's schema. The largest in the field (CycloneDX 1.6) has 262 KB.
pub const SCHEMA_BYTES: usize = 512 * 1024;
/// Subschema applications along any acyclic `$ref` path of a schema. Real schemas need some
/// dozens; a hostile one reaches 2^22 in 1.4 KB.
pub const SCHEMA_COST: u64 = 10_000;
/// Violations reported for one payload.
pub const VIOLATIONS: usize = 20;
/// Receivers, without their schemas, kept in memory.
pub const KNOWN_RECEIVERS: usize = 2_048;
/// Compiled schemas kept in memory.
pub const SCHEMA_CACHE: usize = 128;
/// Bytes of the texts of the compiled schemas kept in memory. Compiled, a schema takes up to sixty
/// times its text.
pub const SCHEMA_CACHE_BYTES: usize = 2 * 1024 * 1024;
/// Payload checks that run at the same time.
pub const VALIDATORS: usize = 4;
/// Receivers in one group.
pub const GROUP_RECEIVERS: usize = 100;
/// Groups that one receiver may belong to: an event evaluates each of them.
pub const GROUPS_PER_RECEIVER: usize = 1_000;
/// Bytes above which a payload's text is stored compressed, in a table of its own.
pub const INLINE_PAYLOAD_BYTES: usize = 4 * 1024;
/// Bytes in one published message. Kafka brokers accept 1 MB by default.
pub const MESSAGE_BYTES: usize = 1_000_000;
/// Bytes of payloads and schemas on one page of messages.
pub const MESSAGE_PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Characters in an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS: usize = 255;

/// Commands that share one commit.
pub const BATCH_COMMANDS: usize = 500;
/// Bytes of payload that share one commit.
pub const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Milliseconds after which a transaction takes no further commands.
pub const BATCH_MILLIS: u64 = 50;
/// Commands decided and written at a time inside one transaction on SQLite.
pub const SQLITE_BATCH_STEP: usize = 64;
/// Commands decided and written at a time inside one transaction on PostgreSQL: each step costs a few
/// journeys to the server.
pub const POSTGRES_BATCH_STEP: usize = 250;
/// Commands waiting for the writer; beyond that callers wait, then hear `busy`.
pub const WRITER_QUEUE: usize = 1_024;

/// Rows of each kind that one step of retention deletes; the write lock is held no longer.
pub const PRUNE_STEP: usize = 500;
/// Seconds after the start, and then between two rounds, at which retention looks for old rows.
pub const PRUNE_SECONDS: (u64, u64) = (60, 3_600);

/// Rows on a page when the caller names no number.
pub const PAGE_DEFAULT: usize = 20;
/// Rows on a page at most.
pub const PAGE_MAX: usize = 100;
/// Rows that one search looks at before it answers with a cursor to go on.
pub const SCAN_ROWS: usize = 5_000;
/// Bytes of memory that the payloads may take that one search looks into at a time, if one alone
/// does not take more.
pub const SCAN_PORTION_BYTES: usize = 16 * 1024 * 1024;
/// Receivers that the filters of one search may allow.
pub const FILTER_RECEIVERS: usize = 5_000;
/// Bytes of payload that one search reads before it answers with a cursor to go on.
pub const SCAN_PAYLOAD_BYTES: usize = 32 * 1024 * 1024;
/// A total is exact up to here.
pub const COUNT_MAX: u64 = 10_000;
/// Values that one filter field may list, and index ranges that one search merges.
pub const FILTER_VALUES: usize = 200;
/// JSON pointers in one search.
pub const POINTERS: usize = 10;
/// Candidates named when a unit, receiver or group is not named fully.
pub const CANDIDATES: usize = 10;
/// Units looked at when a unit is named by a part without its name.
pub const UNIT_SCAN: usize = 5_000;
/// Units counted when a group is enabled or created over existing events.
pub const PASSING_COUNT: usize = 1_000;
/// Units looked at for one page of a group's waiting list.
pub const WAITING_SCAN: usize = 1_000;
/// Rows looked at for each of those units, on average: members of a gate have a row each.
pub const GATE_ROWS_PER_UNIT: usize = 20;
/// Receivers of one unit whose gates are told.
pub const UNIT_RECEIVERS: usize = 1_000;
/// Looks at the newest event of a receiver for a unit in the overview.
pub const OVERVIEW_LOOKS: usize = 1_000;
/// Values that complete what somebody types: as many as MCP allows in one answer.
pub const COMPLETIONS: usize = 100;
/// Texts of receivers, groups or events looked at to complete one: several records share a text.
pub const COMPLETION_TEXTS: usize = 1_000;
/// Names whose units are looked at to complete a unit's path.
pub const COMPLETION_NAMES: usize = 20;
/// Characters in a cursor.
pub const CURSOR_CHARS: usize = 1_024;

/// Bytes in a tool's answer; about 5,000 tokens.
pub const ANSWER_BYTES: usize = 20_000;
/// Bytes in a tool's answer that was asked for with `detail: full`; about 15,000 tokens.
pub const FULL_ANSWER_BYTES: usize = 60_000;
/// Changes that a follower of the log is told of at a time.
pub const FOLLOW_CHANGES: usize = 200;
/// Such batches that are kept for a follower that is slow; one that is slower hears that there were more.
pub const FOLLOW_BATCHES: usize = 64;
/// Milliseconds of the log that a first follower hears of once more.
pub const FOLLOW_OVERLAP_MILLIS: i64 = 5_000;
/// Milliseconds before a log that cannot be read is looked at again.
pub const FOLLOW_RETRY_MILLIS: u64 = 500;
/// Addresses that one MCP client may subscribe to in one request, and one of an older revision in all.
pub const SUBSCRIBED_URIS: usize = 256;
/// Subscriptions of one MCP connection at the same time.
pub const SUBSCRIPTIONS: usize = 16;
/// Milliseconds between two rounds of notices to one subscriber: what happens in between is one notice.
pub const NOTICE_MILLIS: u64 = 200;
/// Milliseconds that one SQLite connection waits for another process's lock.
pub const SQLITE_BUSY_MILLIS: u64 = 5_000;
/// Milliseconds between two looks at SQLite's write lock. SQLite's own wait grows to 100 ms, in which
/// a process that writes all the time takes the lock again and again; its neighbour would starve.
pub const SQLITE_LOCK_POLL_MILLIS: u64 = 2;
/// Milliseconds between two looks at a SQLite file that somebody follows.
pub const SQLITE_FOLLOW_MILLIS: u64 = 200;
/// SQLite connections for reading.
pub const SQLITE_READERS: u32 = 4;
/// Milliseconds after a SQLite file was opened until the first connection for reading is: an assistant
/// waits for the first answers of a server that it has just started.
pub const SQLITE_READER_MILLIS: u64 = 20;
/// Pages in the write-ahead log before they are brought into the database file: 16 MiB. Each time
/// costs two flushes and the pages that were written meanwhile; SQLite's own 1,000 cost a tenth of
/// the speed at which many callers write. One block of the log's index holds 4,062 pages, so that a
/// reader still looks at one or two.
pub const SQLITE_CHECKPOINT_PAGES: u32 = 4_000;
/// KiB of page cache for each SQLite connection.
pub const SQLITE_CACHE_KIB: u32 = 2_048;

/// PostgreSQL connections of one process: one writes, one listens, the others read.
pub const POSTGRES_CONNECTIONS: u32 = 10;
/// Seconds after which a PostgreSQL connection is made anew.
pub const POSTGRES_CONNECTION_SECONDS: u64 = 1_800;
/// Seconds after which an idle PostgreSQL connection for reading is closed, and one for writing is asked
/// for a sign of life before it is used.
pub const POSTGRES_IDLE_SECONDS: u64 = 60;
/// Seconds that an answer of the PostgreSQL server is waited for. The server itself gives up a
/// statement after four fifths of it, and a wait for a lock, or for a client that is gone in the middle
/// of a transaction, after a third.
pub const POSTGRES_PATIENCE_SECONDS: u64 = 15;
/// Seconds between two looks at a PostgreSQL log that somebody follows, if no notification comes.
pub const POSTGRES_FOLLOW_SECONDS: u64 = 1;
/// Seconds between two looks at whether the connection for notifications is still there.
pub const POSTGRES_LISTEN_CHECK_SECONDS: u64 = 15;
/// Bytes of events that one step of a transaction brings to PostgreSQL over an encrypted connection:
/// with what stands around them, one TLS record of 16 KiB. The driver leaves Nagle's algorithm on
/// (RFC 896), and the second record of a message would wait for the server's delayed acknowledgement
/// of the first, 40 ms on Linux.
pub const POSTGRES_RECORD_BYTES: usize = 6 * 1024;
/// Events in one step of a transaction from which on they are copied instead of inserted.
pub const POSTGRES_COPY_EVENTS: usize = 100;

/// How much work a schema may cause. Both sides of a check come from outside, so both the schema and
/// every single check of a payload are bounded.
pub mod schema {
    /// Subschemas that a schema leads to, those of referenced documents included. The largest schema
    /// in the field (CycloneDX 1.6) has under 2,000.
    pub const PARTS: usize = 25_000;
    /// Schema resources (documents and embedded `$id`s) on one `$ref` path. The engine compiles a
    /// subschema once for each such path.
    pub const RESOURCES_ON_A_PATH: usize = 32;
    /// Subschemas that apply to one value inside each other. Real schemas nest under 10; the engine
    /// recurses.
    pub const NESTING: u32 = 64;
    /// Levels of a payload times the [`NESTING`] that the schema uses: the engine's recursion. It then
    /// needs under 1 MiB of the 2 MiB that a thread's stack has.
    pub const FRAMES: u32 = 1_024;
    /// Bytes of one compiled pattern, and of its cache while it runs.
    pub const PATTERN_BYTES: usize = 1024 * 1024;
    /// Different patterns in a schema.
    pub const PATTERNS: usize = 1_000;
    /// States of all compiled patterns of a schema together; a state takes about 50 bytes.
    pub const PATTERN_STATES: u64 = 200_000;
    /// Steps (looks at a value) of one check; a step takes up to 100 ns. An SBOM of 1,000,000 values
    /// against CycloneDX 1.6 takes about 8,000,000.
    pub const CHECK_STEPS: u64 = 100_000_000;
    /// Steps of a check that is made without a thread of its own: under a millisecond.
    pub const QUICK_STEPS: u64 = 5_000;
    /// Bytes of violations held while they are collected.
    pub const VIOLATION_BYTES: u64 = 32 * 1024 * 1024;
    /// Violations sorted to find the first [`crate::limits::VIOLATIONS`].
    pub const VIOLATIONS_SORTED: usize = 1_000;
    /// Characters of a payload's value echoed in a violation.
    pub const ECHO_CHARS: usize = 100;
    /// Ids of missing documents named in one refusal.
    pub const MISSING_NAMED: usize = 20;
}
/// How much a question for delivery figures looks at.
pub mod delivery {
    /// Deployments and incidents: a deployment every half hour for a quarter of a year.
    pub const EVENTS: usize = 5_000;
    /// Microseconds by which an event may be recorded before it happened: clocks differ.
    pub const CLOCK_MICROS: i64 = 3_600 * 1_000_000;
    /// Services in environments with figures of their own.
    pub const ROWS: usize = 50;
    /// Parts of a window in which deployments are counted.
    pub const BUCKETS: usize = 60;
    /// Bytes of the figures as text: about 800 tokens.
    pub const TEXT_BYTES: usize = 3_200;
    /// Deployments whose change is looked for: each asks for a few keys.
    pub const DEPLOYMENTS: usize = 500;
    /// Events of one artifact, change, commit or chain that are looked at for it. A change stands at
    /// the beginning of its chain, and chains of builds with their tests have up to a hundred events.
    pub const TIES: usize = 200;
    /// Ties read in one round: a few for each key, but not [`TIES`] for each.
    pub const ROWS_READ: usize = 50_000;
    /// Events read in each of the two rounds that look for changes; with their facts about 10 MB.
    pub const LEAD_EVENTS: usize = 5_000;
    /// Further events that use a deployed artifact and may be incidents.
    pub const LEAD_INCIDENTS: usize = 500;
}

/// How far a trace from commit to running service goes.
pub mod trace {
    /// Rounds of links and events: from a commit to its change and chain, to the artifact, to its
    /// deployments, to what came after them.
    pub const ROUNDS: usize = 4;
    /// Keys in one round.
    pub const KEYS: usize = 200;
    /// Events of one key, the newest.
    pub const PER_KEY: usize = 200;
    /// Ties read in one round.
    pub const ROWS_READ: usize = 20_000;
    /// Events read in all; with their facts about 5 MB.
    pub const EVENTS: usize = 1_000;
    /// Artifacts told of: versions of a package, services of an environment.
    pub const ARTIFACTS: usize = 20;
    /// Artifacts told in full; of more each gets a line.
    pub const IN_FULL: usize = 2;
    /// Chains followed of what made an artifact, and of what used it, the newest.
    pub const CHAINS: usize = 3;
    /// Services of one artifact whose other deployments are looked at.
    pub const SERVICES: usize = 5;
    /// Entries of one list of an artifact: deployments, tests, incidents.
    pub const LIST: usize = 50;
    /// Bytes of a trace as text: about 800 tokens.
    pub const TEXT_BYTES: usize = 3_200;
}
/// Tags of an artifact by which it can be found. Build systems give an image three or four.
pub const ARTIFACT_TAG_KEYS: usize = 8;
/// Bytes of a name from outside in a composed answer.
pub const SHOWN_NAME_BYTES: usize = 100;
/// Bytes of a payload that is looked into for what it says; a larger one is stored and not looked into.
/// CDEvents have a few KB; the largest seen with build details have 40 KB.
pub const DECODED_BYTES: usize = 1024 * 1024;
/// Characters of a text that is kept of what a payload says: a reason, a label.
pub const FACT_CHARS: usize = 300;
/// Characters of an id that is kept of what a payload says. Longer ones are cut, and their keys with them.
pub const FACT_ID_CHARS: usize = 2_000;
/// Faults of one event that are kept where it deviates from its specification: enough to correct it by.
pub const FAULTS: usize = 5;
/// Entries of one list that is kept of what a payload says: steps, labels, artifacts.
pub const FACT_LIST: usize = 32;
/// Keys by which one event is tied to others.
pub const LINKS_PER_EVENT: usize = 64;
/// Hexadecimal digits by which a commit is looked up; git shortens to 7 by default.
pub const COMMIT_KEY_DIGITS: usize = 7;
/// CDEvents or CloudEvents in one call of a tool.
pub const INTAKE_BATCH: usize = 100;
/// Events of one run that are read before the answer says that there are more.
pub const WALK_EVENTS: usize = 500;
/// The same, when a caller asks for more: 5,000 events with their facts take about 10 MB.
pub const WALK_EVENTS_MOST: usize = 5_000;
/// Events that one key may tie together; what more events share says nothing of any one of them.
pub const WALK_FAN_OUT: usize = 1_000;
/// Steps of the walk from event to event along strong ties: a path of links is that long.
pub const WALK_LEVELS: usize = 128;
/// Steps along weak ties: an artifact, a change, a commit.
pub const WALK_WEAK_STEPS: usize = 4;
/// Days around the anchor in which weak ties are followed.
pub const WALK_WEAK_DAYS: i64 = 30;
/// Finished runs of a pipeline from which is told how long one usually takes.
pub const TYPICAL_RUNS: usize = 100;
/// Of so many at least a run is called slow.
pub const TYPICAL_LEAST: usize = 5;
/// A run that took so many times as long as usual is slow.
pub const SLOW_FACTOR: f64 = 1.5;
/// Runs that one page of a list looks at before it says that there are more.
pub const RUN_SCAN: usize = 1_000;
/// Pipelines of which one page finds out what is usual.
pub const RUN_PIPELINES: usize = 20;
/// Units of a run whose gates are told.
pub const RUN_UNITS: usize = 4;
/// Characters of what was asked for by which others that begin alike are looked for.
pub const NEAR_CHARS: usize = 6;
/// Milliseconds for a walk, after which the answer says what is missing.
pub const WALK_MILLIS: u64 = 2_000;
/// Levels of a payload's free part that are looked into; producers nest three or four.
pub const FACT_LEVELS: usize = 8;
/// Values of that part that are looked at one by one; the rest is counted.
pub const FACT_LOOKS: usize = 4_096;
/// Attributes of one CloudEvent that are read. The specification names eight; extensions are few.
pub const CLOUDEVENT_ATTRIBUTES: usize = 64;
/// Items in the body of one batch of CloudEvents: each becomes an event with an answer of its own.
pub const BATCH_ITEMS: usize = 10_000;
/// Bytes of one document that `ingest` reads; what a REST client may send, so that a dump can be read back.
pub const INGEST_DOCUMENT_BYTES: usize = PAYLOAD_BYTES;
/// Documents that `ingest` reads and has written at a time: what one transaction takes.
pub const INGEST_CHUNK: usize = BATCH_COMMANDS;
/// Bytes of them.
pub const INGEST_CHUNK_BYTES: usize = BATCH_BYTES;

/// What is told of a pipeline run, and where its rules draw lines.
pub mod story {
    /// Bytes of the summary of a run: under 1,500 tokens, so that an assistant can relay it at once.
    pub const SUMMARY_BYTES: usize = 5_900;
    /// Bytes of a name in a line. Digests of artifacts (7 and 64 characters) fit with what is before them.
    pub const NAME_BYTES: usize = 120;
    /// Bytes of a reason or a note in a line.
    pub const REASON_BYTES: usize = 240;
    /// Characters of a text from outside in the JSON answer: as many as are kept of it anyway.
    pub const JSON_CHARS: usize = super::FACT_CHARS;
    /// Lines of one kind in the summary; the rest is counted, and shown by its section.
    pub const TOP: usize = 5;
    /// Kinds of anomalies in the summary: the worst come first.
    pub const TOP_ANOMALIES: usize = 8;
    /// Anomalies that are kept of one run, each with its events. A run of 5,000 events where everything
    /// is wrong has several of each.
    pub const ANOMALIES: usize = 1_000;
    /// Events named in one anomaly: the first ones show what it is about.
    pub const ANOMALY_EVENTS: usize = 20;
    /// Steps from an event back along explicit links until one of a span is found.
    pub const PATH_HOPS: usize = 64;
    /// Levels that a span is indented by; suites of suites are not deeper in practice.
    pub const INDENT: usize = 6;
    /// Seconds by which clocks may contradict the order of a life: up to here the order wins, and an
    /// event may be recorded that much before it happened.
    pub const CLOCK_SECONDS: i64 = 300;
    /// An open run is stalled after this many times what 95 of 100 take.
    pub const STALLED_FACTOR: i64 = 3;
    /// The same in hours, where it is not known what is usual.
    pub const STALLED_HOURS: i64 = 24;
    /// Finished runs from which on it is known what is usual.
    pub const TYPICAL_RUNS: usize = 5;
}
/// Services and environments that one run is listed by.
pub const RUN_LABELS: usize = 64;
/// Events of which is found out anew in one command what they say.
pub const REINDEX_EVENTS: usize = 200;
/// Rows of links in one step of a transaction from which on they are copied instead of inserted.
pub const POSTGRES_COPY_LINKS: usize = 400;
/// Characters of a run's id by which it is found on PostgreSQL, whose indexes take 2,700 bytes.
pub const RUN_ID_INDEXED: usize = 255;
/// Keys that the walk asks for in one question. A run of 500 events has about as many.
pub const WALK_KEYS: usize = 2_000;
/// Ties that one answer to the walk holds: 5 MB. Where there are more, fewer keys are asked for at a time.
pub const WALK_ROWS: usize = 100_000;
/// Ties that the walk holds in all: 16 MB.
pub const WALK_ROWS_HELD: usize = 400_000;
/// Events that the walk asks for in one question.
pub const WALK_PORTION: usize = 1_000;
/// Units of one run whose other events are looked at, those with the most events first.
pub const WALK_UNITS: usize = 16;
/// Own events of subjects with the same id that are looked at to tell whose it is: three to five events
/// make up a life.
pub const WALK_NAMESAKES: usize = 16;
/// Seconds by which an event may precede the run that it belongs to, or follow it while another one goes on:
/// a change is merged just before its pipeline starts.
pub const WALK_LEAD_SECONDS: i64 = 60;
/// Seconds by which clocks may contradict the order of a life within one subject.
pub const WALK_CLOCK_SECONDS: i64 = 300;
/// How often a walk starts anew from the run that it found its anchor to belong to.
pub const WALK_RESTARTS: usize = 4;
/// Events named that touch a run and are not part of it.
pub const WALK_RELATED: usize = 100;
/// Events named in one remark on a run.
pub const WALK_REMARKED: usize = 50;
/// Runs offered where an anchor has several.
pub const WALK_CANDIDATES: usize = 20;
