//! Every bound of the system, each with its reason. Nothing that comes from outside is unbounded.

/// Characters in a name, version, release, platform_id, package, type or description. Existing
/// clients and databases hold at most 255.
pub const FIELD_CHARS: usize = 255;
/// Characters of a foreign value echoed in a refusal or a list before it is cut.
pub const ECHO_CHARS: usize = 120;
/// Bytes in one MCP message. An assistant never writes more; larger payloads come by REST or CLI.
pub const MCP_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes in one event's payload. The largest SBOMs seen in practice are near 30 MB.
pub const PAYLOAD_BYTES: usize = 32 * 1024 * 1024;
/// Nesting of any JSON document. The JSON parser recurses; 128 fits every stack.
pub const JSON_DEPTH: usize = 128;
/// Values (objects, arrays, scalars) in a payload that has to be checked against a schema. A node
/// costs about 72 bytes in memory.
pub const JSON_NODES: usize = 1_000_000;
/// Bytes of memory that one JSON node is reckoned at.
pub const JSON_NODE_BYTES: usize = 72;
/// Bytes of memory for all parsed JSON documents together; beyond that callers wait, then hear
/// `busy`.
pub const JSON_MEMORY_BYTES: usize = 256 * 1024 * 1024;
/// Seconds that a caller waits for memory, for the writer's queue or for the database to open.
pub const WAIT_SECONDS: u64 = 10;
/// Bytes in a receiver's schema. The largest in the field (CycloneDX 1.6) has 262 KB.
pub const SCHEMA_BYTES: usize = 512 * 1024;
/// Subschema applications along any acyclic `$ref` path of a schema. Real schemas stay below
/// 5,000; a hostile one reaches 2^22 in 1.4 KB.
pub const SCHEMA_COST: u64 = 10_000;
/// Violations reported for one payload.
pub const VIOLATIONS: usize = 20;
/// Compiled schemas kept in memory.
pub const SCHEMA_CACHE: usize = 128;
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
/// Characters in an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS: usize = 255;

/// Commands that share one commit.
pub const BATCH_COMMANDS: usize = 500;
/// Bytes of payload that share one commit.
pub const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Milliseconds after which a transaction takes no further commands.
pub const BATCH_MILLIS: u64 = 50;
/// Commands decided and written at a time inside one transaction.
pub const BATCH_STEP: usize = 64;
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
/// Units looked at for each group in the overview.
pub const OVERVIEW_WAITING_SCAN: usize = 200;
/// Characters in a cursor.
pub const CURSOR_CHARS: usize = 1_024;

/// Bytes in a tool's composed answer; about 5,000 tokens.
pub const ANSWER_BYTES: usize = 20_000;
/// Milliseconds that one SQLite connection waits for another process's lock.
pub const SQLITE_BUSY_MILLIS: u64 = 5_000;
/// Milliseconds between two looks at SQLite's write lock. SQLite's own wait grows to 100 ms, in which
/// a process that writes all the time takes the lock again and again; its neighbour would starve.
pub const SQLITE_LOCK_POLL_MILLIS: u64 = 2;
/// SQLite connections for reading.
pub const SQLITE_READERS: u32 = 4;
/// KiB of page cache for each SQLite connection.
pub const SQLITE_CACHE_KIB: u32 = 2_048;
