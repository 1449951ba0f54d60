//! The statements that read and write rows. Where both engines agree the text stands here; where
//! they do not (lists of values, JSON, booleans) an engine gives its own. Nothing is built at run
//! time; a test of each engine prepares all of them and shows their plans.

macro_rules! event_columns {
    ($rest:literal) => {
        concat!(
            "SELECT e.seq, e.id, n.name, u.version, u.release, u.platform_id, u.package, e.description, e.success, \
             r.id, e.created_at, e.payload_digest, e.payload_size, w.principal, w.kind, w.surface, w.client \
             FROM event e JOIN unit u ON u.id = e.unit_id JOIN name n ON n.id = u.name_id \
             JOIN receiver r ON r.num = e.receiver_num JOIN recorder w ON w.id = e.recorder_id ",
            $rest
        )
    };
}

macro_rules! receiver_columns {
    ($rest:literal) => {
        concat!(
            "SELECT num, id, name, type, version, description, fingerprint, created_at, unchecked_refs FROM receiver ",
            $rest
        )
    };
}

/// `$members` is the engine's macro of an expression: the ids of a group's receivers as a JSON array.
macro_rules! group_columns {
    ($members:ident, $rest:literal) => {
        concat!(
            "SELECT g.num, g.id, g.name, g.type, g.version, g.description, g.enabled, g.created_at, g.updated_at, \
             g.active_from_seq, ",
            $members!(),
            " FROM receiver_group g ",
            $rest
        )
    };
}

macro_rules! counter_columns {
    ($rest:literal) => {
        concat!(
            "SELECT succeeded, failed, receivers, groups, last_unit_id, last_message_seq - messages_pruned, \
             messages_pruned_to, last_event_seq, (SELECT created_at FROM event WHERE seq = 1), \
             (SELECT created_at FROM event WHERE seq = last_event_seq), last_message_seq, runs, reindexed_to, \
             unindexed_to ",
            $rest
        )
    };
}

macro_rules! registry_columns {
    () => {
        "SELECT last_created_at, last_event_seq, last_message_seq, last_unit_id, last_name_id, id, succeeded, \
         failed, receivers, groups, messages_pruned_to, messages_pruned, \
         definitions, (SELECT max(version) FROM schema_version), (SELECT max(readable_from) FROM schema_version), \
         last_run_num, runs, reindexed_to, unindexed_to FROM registry"
    };
}

macro_rules! unit_columns {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, n.name, u.version, u.release, u.platform_id, u.package FROM unit u \
             JOIN name n ON n.id = u.name_id ",
            $rest
        )
    };
}

/// `$key` is the engine's expression of a run's key as 16 bytes.
macro_rules! run_columns {
    ($key:literal, $rest:literal) => {
        concat!(
            "SELECT r.num, ",
            $key,
            ", r.merged_into, r.kind, r.id, r.source, r.pipeline, r.at, r.first_at, r.last_at, r.first_seq, r.last_seq, \
             r.queued_at, r.started_at, r.finished_at, r.outcome, r.events, r.failed, r.labels FROM ",
            $rest
        )
    };
}

/// Runs, and those that they are other names of. `$wanted` gives numbers and what they are merged into.
macro_rules! runs_and_roots {
    ($key:literal, $wanted:literal) => {
        concat!(
            "WITH RECURSIVE wanted (num, merged_into) AS (",
            $wanted,
            " UNION SELECT r.num, r.merged_into FROM wanted CROSS JOIN run r WHERE r.num = wanted.merged_into) ",
            run_columns!($key, "wanted CROSS JOIN run r WHERE r.num = wanted.num")
        )
    };
}

/// Events with what they say.
macro_rules! recorded_columns {
    ($rest:literal) => {
        concat!(
            "SELECT e.seq, e.id, n.name, u.version, u.release, u.platform_id, u.package, r.type, e.success, e.created_at, \
             e.payload_digest, coalesce(t.times, 0), f.text FROM event e JOIN facts f ON f.seq = e.seq \
             JOIN unit u ON u.id = e.unit_id JOIN name n ON n.id = u.name_id JOIN receiver r ON r.num = e.receiver_num \
             LEFT JOIN event_repeat t ON t.seq = e.seq ",
            $rest
        )
    };
}

pub(in crate::store) use {
    counter_columns, event_columns, group_columns, receiver_columns, recorded_columns,
    registry_columns, run_columns, runs_and_roots, unit_columns,
};

macro_rules! statements {
    ($($(#[$about:meta])* $name:ident $(= $sql:expr)?;)*) => {
        /// The statements of an engine.
        pub(in crate::store) trait Statements {
            $($(#[$about])* const $name: &'static str $(= $sql)?;)*

            /// All of them with their names.
            #[cfg(test)]
            const ALL: &'static [(&'static str, &'static str)] = &[$((stringify!($name), Self::$name)),*];
        }
    };
}

statements! {
    // Loading what a batch of commands needs.
    /// The registry's row with the versions of the schema: what each write begins with.
    REGISTRY = registry_columns!();
    /// Of each unit (keys, names): its place in the list, its rows, and the newest event of each of
    /// the receivers (places, positions, outcomes as numbers) as a JSON array.
    UNITS_TO_WRITE;
    RECEIVERS;
    RECEIVER_BY_KEY;
    RECEIVER_WITH_TYPE = "SELECT 1 FROM receiver WHERE type = $1 LIMIT 1";
    RECEIVER_SCHEMA = "SELECT s.schema FROM receiver r JOIN receiver_schema s ON s.receiver_num = r.num WHERE r.id = $1";
    RECEIVER_SCHEMAS;
    GROUPS;
    GROUP_BY_KEY;
    GROUP_WITH_TYPE = "SELECT 1 FROM receiver_group WHERE type = $1 LIMIT 1";
    GROUPS_OF;
    /// One row: units, places of receivers, positions, outcomes as numbers, as a JSON array.
    LATEST;
    IDEMPOTENCY;
    /// Of pairs of a natural key and a content: the place in the list, and the content, position and id
    /// of events with this key: that with this content, and the first two by content.
    NATURAL_KEYS;
    /// Of keys: the runs, and those that they are other names of.
    RUNS;
    RECORDER_ID = "SELECT id FROM recorder WHERE key = $1";

    // Writing a plan.
    INSERT_RECORDER = "INSERT INTO recorder (key, principal, kind, surface, client) VALUES ($1, $2, $3, $4, $5)";
    INSERT_RECEIVER = "INSERT INTO receiver (id, definition_key, name, type, version, description, fingerprint, \
        created_at, unchecked_refs) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    INSERT_RECEIVER_SCHEMA = "INSERT INTO receiver_schema (receiver_num, schema) \
        SELECT num, $2 FROM receiver WHERE id = $1";
    INSERT_GROUP = "INSERT INTO receiver_group (id, definition_key, name, type, version, description, enabled, \
        created_at, updated_at, active_from_seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    /// The members of a group (its id), in order.
    INSERT_GROUP_MEMBERS;
    UPDATE_GROUP = "UPDATE receiver_group SET enabled = $2, updated_at = $3, active_from_seq = $4 WHERE id = $1";
    UPDATE_REGISTRY;

    // Retention, in bounded steps from the oldest row on.
    OLDEST_MESSAGE = "SELECT min(seq) FROM message";
    OLD_MESSAGES = "SELECT max(seq) FROM message WHERE seq > $1 AND seq <= $2 AND created_at < $3";
    PRUNE_MESSAGES;
    COUNT_PRUNED = "UPDATE registry SET messages_pruned_to = $1, messages_pruned = messages_pruned + $2";
    PRUNE_AUDIT = "DELETE FROM audit WHERE seq < (SELECT coalesce(min(seq), 0) FROM audit) + $2 AND at < $1";
    PRUNE_IDEMPOTENCY = "DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency \
        WHERE created_at < $1 ORDER BY created_at LIMIT $2)";

    // Reading.
    FIND_RECEIVERS = receiver_columns!("WHERE num < $1 ORDER BY num DESC LIMIT $2");
    FIND_RECEIVERS_BY_NAME = receiver_columns!("WHERE name = $3 AND num < $1 ORDER BY num DESC LIMIT $2");
    FIND_RECEIVERS_BY_TYPE = receiver_columns!("WHERE type = $3 AND num < $1 ORDER BY num DESC LIMIT $2");
    RECEIVERS_OF_NAMES_FROM = "SELECT id FROM receiver WHERE name >= $1 ORDER BY name LIMIT $2";
    RECEIVERS_OF_NAMES = "SELECT id FROM receiver WHERE name >= $1 AND name < $3 ORDER BY name LIMIT $2";
    RECEIVERS_OF_TYPES_FROM = "SELECT id FROM receiver WHERE type >= $1 ORDER BY type LIMIT $2";
    RECEIVERS_OF_TYPES = "SELECT id FROM receiver WHERE type >= $1 AND type < $3 ORDER BY type LIMIT $2";
    /// Texts that begin alike, each with the id of its record.
    RECEIVER_NAMES = "SELECT name, id FROM receiver WHERE name >= $1 AND name < $2 ORDER BY name LIMIT $3";
    RECEIVER_TYPES = "SELECT type, id FROM receiver WHERE type >= $1 AND type < $2 ORDER BY type LIMIT $3";
    RECEIVER_IDS = "SELECT id, id FROM receiver WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    GROUP_NAMES = "SELECT name, id FROM receiver_group WHERE name >= $1 AND name < $2 ORDER BY name LIMIT $3";
    GROUP_TYPES = "SELECT type, id FROM receiver_group WHERE type >= $1 AND type < $2 ORDER BY type LIMIT $3";
    GROUP_IDS = "SELECT id, id FROM receiver_group WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    EVENT_IDS = "SELECT id, id FROM event WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    FIND_GROUPS;
    FIND_GROUPS_BY_NAME;
    FIND_GROUPS_BY_TYPE;
    FIND_GROUPS_BY_MEMBER;
    EVENT_SEQS;
    EVENTS;
    PAYLOADS;
    STREAM_ALL = "SELECT seq FROM event WHERE seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    STREAM_FAILED;
    STREAM_UNIT = "SELECT seq FROM event WHERE unit_id = $4 AND seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    STREAM_NAME = "SELECT seq FROM event WHERE name_id = $4 AND success = $5 AND seq > $1 AND seq < $2 \
        ORDER BY seq DESC LIMIT $3";
    STREAM_RECEIVER = "SELECT seq FROM event WHERE receiver_num = (SELECT num FROM receiver WHERE id = $4) \
        AND success = $5 AND seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    STREAM_ALL_UP = "SELECT seq FROM event WHERE seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    STREAM_FAILED_UP;
    STREAM_UNIT_UP = "SELECT seq FROM event WHERE unit_id = $4 AND seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    STREAM_NAME_UP = "SELECT seq FROM event WHERE name_id = $4 AND success = $5 AND seq > $1 AND seq < $2 \
        ORDER BY seq LIMIT $3";
    STREAM_RECEIVER_UP = "SELECT seq FROM event WHERE receiver_num = (SELECT num FROM receiver WHERE id = $4) \
        AND success = $5 AND seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    // Several streams at once, for an engine to which each question is a journey; otherwise empty.
    STREAMS_UNIT = "";
    STREAMS_UNIT_UP = "";
    STREAMS_NAME = "";
    STREAMS_NAME_UP = "";
    STREAMS_RECEIVER = "";
    STREAMS_RECEIVER_UP = "";
    UNIT_COUNTS = "";
    NAMES_COUNTS = "";
    RECEIVERS_COUNTS = "";
    UNIT_COUNT = "SELECT events FROM unit WHERE id = $1";
    NAME_COUNTS = "SELECT succeeded, failed FROM name WHERE id = $1";
    RECEIVER_COUNTS = "SELECT succeeded, failed FROM receiver WHERE id = $1";
    SEQ_AT = "SELECT seq FROM event WHERE created_at >= $1 ORDER BY created_at, seq LIMIT 1";
    COUNTERS = counter_columns!("FROM registry");
    /// The counters, then types with their events and names, each as a JSON array.
    GLANCE;
    /// One row: units as a JSON array.
    RECENT_UNITS;
    NAMES_FROM = "SELECT id, name FROM name WHERE name >= $1 ORDER BY name LIMIT $2";
    NAMES_BETWEEN = "SELECT id, name FROM name WHERE name >= $1 AND name < $3 ORDER BY name LIMIT $2";
    NEWEST_NAMES = "SELECT name FROM name ORDER BY id DESC LIMIT $1";
    UNIT_IDS;
    UNITS;
    UNITS_NEWEST = unit_columns!("WHERE u.id < $1 ORDER BY u.id DESC LIMIT $2");
    UNITS_OF_NAME = unit_columns!("WHERE u.name_id = $3 AND u.id < $1 ORDER BY u.id DESC LIMIT $2");
    UNITS_OF_VERSION = "SELECT id FROM unit WHERE name_id = $1 AND version = $2 ORDER BY id DESC LIMIT $3";
    UNIT_RECEIVERS = "SELECT r.id FROM latest l JOIN receiver r ON r.num = l.receiver_num WHERE l.unit_id = $1 \
        ORDER BY l.receiver_num LIMIT $2";
    LATEST_OF = "SELECT unit_id, seq FROM latest WHERE receiver_num = (SELECT num FROM receiver WHERE id = $1) \
        AND seq < $2 ORDER BY seq DESC LIMIT $3";
    MESSAGES = "SELECT m.seq, m.kind, m.event_seq, r.id, g.id, m.group_state, m.transition, m.log_only, \
        m.wire_version, m.created_at, e.payload_size, s.receiver_num, octet_length(s.schema) FROM message m \
        LEFT JOIN receiver r ON r.num = m.receiver_num LEFT JOIN receiver_group g ON g.num = m.group_num \
        LEFT JOIN event e ON e.seq = m.event_seq \
        LEFT JOIN receiver_schema s ON s.receiver_num = coalesce(m.receiver_num, e.receiver_num) WHERE m.seq > $1 ORDER BY m.seq LIMIT $2";
    /// Of each key: its place in the list, and its first links as a JSON array of positions and roles.
    LINKS_NEWEST;
    LINKS_OLDEST;
    RECORDED;
    RUNS_IN_KEYS;
    /// Of an id: the newest runs, and those that they are other names of.
    RUNS_OF_ID;
    LIST_RUNS;
    LIST_RUNS_OF_PIPELINE;
    LIST_RUNS_OF_LABEL;
    LIST_RUNS_OPEN;
    LIST_RUNS_BAD;
    RUN_IDS;
    PIPELINES = "WITH RECURSIVE p (name) AS (SELECT (SELECT pipeline FROM run WHERE merged_into IS NULL \
        AND pipeline >= $1 AND pipeline < $2 ORDER BY pipeline LIMIT 1) UNION ALL SELECT (SELECT pipeline FROM run \
        WHERE merged_into IS NULL AND pipeline > p.name AND pipeline < $2 ORDER BY pipeline LIMIT 1) FROM p \
        WHERE p.name IS NOT NULL) SELECT name FROM p WHERE name IS NOT NULL LIMIT $3";
    /// Of a pipeline: the marks of its newest runs.
    RUN_MARKS;
    /// What changed, without what it is about.
    CHANGES = "SELECT m.seq, m.kind, u.key, r.id, g.id, m.created_at FROM message m LEFT JOIN event e ON e.seq = m.event_seq \
        LEFT JOIN unit u ON u.id = e.unit_id LEFT JOIN receiver r ON r.num = coalesce(m.receiver_num, e.receiver_num) \
        LEFT JOIN receiver_group g ON g.num = m.group_num WHERE m.seq > $1 ORDER BY m.seq LIMIT $2";
    AUDIT = "SELECT a.seq, a.at, w.principal, w.kind, w.surface, w.client, a.action, a.target, a.outcome, a.detail \
        FROM audit a JOIN recorder w ON w.id = a.recorder_id WHERE a.seq < $1 ORDER BY a.seq DESC LIMIT $2";
}
