//! The statements of this engine, where they are not those of all. Lists come as one JSON array.

use crate::store::sql::{
    Statements, counter_columns, event_columns, group_columns, receiver_columns, recorded_columns,
    registry_columns, run_columns, runs_and_roots, unit_columns,
};

macro_rules! members {
    () => {
        "(SELECT json_group_array(id) FROM (SELECT r.id FROM group_member m \
         JOIN receiver r ON r.num = m.receiver_num WHERE m.group_num = g.num ORDER BY m.position))"
    };
}

macro_rules! insert_names {
    () => {
        "INSERT INTO name (id, name) SELECT value ->> 0, value ->> 1 FROM jsonb_each($1)"
    };
}

macro_rules! insert_units {
    () => {
        "INSERT INTO unit (id, key, name_id, version, release, platform_id, package) SELECT value ->> 0, \
            unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 FROM jsonb_each($2)"
    };
}

macro_rules! insert_events {
    () => {
        "INSERT INTO event (seq, id, unit_id, name_id, receiver_num, success, created_at, recorder_id, \
            payload_digest, payload_size, description, payload) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, \
            (SELECT num FROM receiver WHERE id = value ->> 4), value ->> 5, value ->> 6, value ->> 7, unhex(value ->> 8), \
            value ->> 9, value ->> 10, value ->> 11 FROM jsonb_each($3)"
    };
}

macro_rules! insert_messages {
    () => {
        "INSERT INTO message (seq, kind, event_seq, receiver_num, group_num, group_state, transition, \
            log_only, wire_version, created_at) SELECT value ->> 0, value ->> 1, value ->> 2, \
            (SELECT num FROM receiver WHERE id = value ->> 3), (SELECT num FROM receiver_group WHERE id = value ->> 4), \
            value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9 FROM jsonb_each($4)"
    };
}

macro_rules! insert_facts {
    () => {
        "INSERT INTO facts (seq, text) SELECT value ->> 0, value ->> 1 FROM jsonb_each($1)"
    };
}

macro_rules! insert_links {
    () => {
        "INSERT INTO link (key, seq, role) SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM jsonb_each($2)"
    };
}

macro_rules! insert_natural_keys {
    () => {
        "INSERT INTO natural_key (key, content, seq) SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2 \
            FROM jsonb_each($3) WHERE true ON CONFLICT (key, content) DO UPDATE SET seq = min(seq, excluded.seq)"
    };
}

macro_rules! insert_runs {
    () => {
        "INSERT INTO run (num, key, merged_into, kind, id, source, pipeline, at, place, first_at, last_at, first_seq, last_seq, \
            queued_at, started_at, finished_at, outcome, events, failed, standing, labels) SELECT value ->> 0, \
            unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 0, value ->> 8, \
            value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, value ->> 16, \
            value ->> 17, value ->> 18, unhex(value ->> 19) FROM jsonb_each($4) WHERE true ON CONFLICT (num) DO UPDATE SET \
            merged_into = excluded.merged_into, pipeline = excluded.pipeline, first_at = excluded.first_at, \
            last_at = excluded.last_at, first_seq = excluded.first_seq, last_seq = excluded.last_seq, \
            queued_at = excluded.queued_at, started_at = excluded.started_at, finished_at = excluded.finished_at, \
            outcome = excluded.outcome, events = excluded.events, failed = excluded.failed, \
            standing = excluded.standing, labels = excluded.labels"
    };
}

macro_rules! change_labels {
    () => {
        "DELETE FROM run_label WHERE (label, at, num) IN (SELECT unhex(value ->> 0), value ->> 1, value ->> 2 \
            FROM jsonb_each($5)); INSERT INTO run_label (label, at, num) SELECT unhex(value ->> 0), value ->> 1, value ->> 2 \
            FROM jsonb_each($6)"
    };
}

macro_rules! count_repeats {
    () => {
        "INSERT INTO event_repeat (seq, times) SELECT value ->> 0, value ->> 1 FROM jsonb_each($7) WHERE true \
            ON CONFLICT (seq) DO UPDATE SET times = times + excluded.times"
    };
}

/// Takes the lock, and reads what each write begins with.
pub(super) const BEGIN: &str = concat!("BEGIN IMMEDIATE; ", registry_columns!());
/// One round for the rows of all commands; an empty list writes nothing. Elements are read as JSONB,
/// which spares making text of each and reading it again.
pub(super) const INSERT_ROWS: &str = concat!(
    insert_names!(),
    "; ",
    insert_units!(),
    "; ",
    insert_events!(),
    "; ",
    insert_messages!()
);
/// One round for what payloads say.
pub(super) const INSERT_INDEX: &str = concat!(
    insert_facts!(),
    "; ",
    insert_links!(),
    "; ",
    insert_natural_keys!(),
    "; ",
    insert_runs!(),
    "; ",
    change_labels!(),
    "; ",
    count_repeats!(),
    "; UPDATE registry SET last_run_num = $8, runs = $9, reindexed_to = $10, unindexed_to = $11"
);
pub(super) const CLEAR_INDEX: &str =
    "DELETE FROM facts; DELETE FROM link; DELETE FROM run; DELETE FROM run_label";
pub(super) const INSERT_PAYLOAD: &str = "INSERT INTO payload (event_seq, deflated) VALUES ($1, $2)";
pub(super) const INSERT_IDEMPOTENCY: &str =
    "INSERT INTO idempotency (key, digest, result, created_at) VALUES ($1, $2, $3, $4)";
pub(super) const INSERT_AUDIT: &str = "INSERT INTO audit (at, recorder_id, action, target, outcome, detail) VALUES ($1, $2, $3, $4, $5, $6)";
pub(super) const COMPATIBILITY: &str = "SELECT coalesce(max(version), 0), coalesce(max(readable_from), 0), sqlite_version() FROM schema_version";
pub(super) const REGISTRY_ID: &str =
    "SELECT id, (SELECT journal_mode FROM pragma_journal_mode) FROM registry";

/// Those that only this engine has, with their names.
#[cfg(test)]
pub(super) const OWN: &[(&str, &str)] = &[
    ("BEGIN", BEGIN),
    ("INSERT_ROWS", INSERT_ROWS),
    ("INSERT_INDEX", INSERT_INDEX),
    ("CLEAR_INDEX", CLEAR_INDEX),
    ("INSERT_PAYLOAD", INSERT_PAYLOAD),
    ("INSERT_IDEMPOTENCY", INSERT_IDEMPOTENCY),
    ("INSERT_AUDIT", INSERT_AUDIT),
    ("COMPATIBILITY", COMPATIBILITY),
    ("REGISTRY_ID", REGISTRY_ID),
];

/// The statements of SQLite.
#[derive(Debug)]
pub(in crate::store) struct SqliteStatements;

impl Statements for SqliteStatements {
    const UNITS_TO_WRITE: &'static str = "WITH wanted AS MATERIALIZED (SELECT j.key AS place, r.num AS num FROM json_each($3) j \
        CROSS JOIN receiver r WHERE r.id = j.value) SELECT k.key, u.id, (SELECT id FROM name WHERE name = $2 ->> k.key), \
        (SELECT json_group_array(json_array(wanted.place, l.seq, l.success)) FROM wanted CROSS JOIN latest l \
        WHERE l.unit_id = u.id AND l.receiver_num = wanted.num) \
        FROM json_each($1) k LEFT JOIN unit u ON u.key = unhex(k.value)";
    const RECEIVERS: &'static str =
        receiver_columns!("WHERE id IN (SELECT value FROM json_each($1))");
    const RECEIVER_SCHEMAS: &'static str = "SELECT r.id, s.schema FROM receiver r \
        JOIN receiver_schema s ON s.receiver_num = r.num WHERE r.id IN (SELECT value FROM json_each($1))";
    const RECEIVER_BY_KEY: &'static str =
        receiver_columns!("WHERE definition_key = $1 AND canonical = 1");
    const GROUPS: &'static str =
        group_columns!(members, "WHERE g.id IN (SELECT value FROM json_each($1))");
    const GROUP_BY_KEY: &'static str =
        group_columns!(members, "WHERE g.definition_key = $1 AND g.canonical = 1");
    const GROUPS_OF: &'static str = group_columns!(
        members,
        "WHERE g.num IN (SELECT m.group_num FROM group_member m JOIN receiver r \
        ON r.num = m.receiver_num WHERE r.id IN (SELECT value FROM json_each($1))) ORDER BY g.id LIMIT $2"
    );
    const LATEST: &'static str = "WITH wanted AS MATERIALIZED (SELECT j.key AS place, r.num AS num FROM json_each($2) j \
        CROSS JOIN receiver r WHERE r.id = j.value) SELECT json_group_array(json_array(l.unit_id, wanted.place, l.seq, \
        l.success)) FROM json_each($1) k CROSS JOIN wanted CROSS JOIN latest l \
        WHERE l.unit_id = k.value AND l.receiver_num = wanted.num";
    const IDEMPOTENCY: &'static str = "SELECT key, digest, result FROM idempotency WHERE key IN \
        (SELECT unhex(value) FROM json_each($1))";
    const NATURAL_KEYS: &'static str = "SELECT w.key, n.content, n.seq, e.id FROM json_each($1) w CROSS JOIN natural_key n \
        CROSS JOIN event e WHERE n.key = unhex(substr(w.value, 1, 32)) AND n.content IN (SELECT content FROM natural_key m \
        WHERE m.key = unhex(substr(w.value, 1, 32)) ORDER BY m.content LIMIT 2) AND e.seq = n.seq \
        UNION ALL SELECT w.key, n.content, n.seq, e.id FROM json_each($1) w CROSS JOIN natural_key n CROSS JOIN event e \
        WHERE n.key = unhex(substr(w.value, 1, 32)) AND n.content = unhex(substr(w.value, 33)) AND e.seq = n.seq";
    const RUNS: &'static str = runs_and_roots!(
        "r.key",
        "SELECT r.num, r.merged_into FROM json_each($1) k CROSS JOIN run r WHERE r.key = unhex(k.value)"
    );

    const INSERT_GROUP_MEMBERS: &'static str = "INSERT INTO group_member (group_num, position, receiver_num) \
        SELECT g.num, j.key, r.num FROM receiver_group g CROSS JOIN json_each($2) j CROSS JOIN receiver r \
        WHERE g.id = $1 AND r.id = j.value";
    const UPDATE_REGISTRY: &'static str = "UPDATE registry SET last_created_at = max(last_created_at, $1), \
        receivers = receivers + $2, groups = groups + $3, definitions = definitions + $4";
    const PRUNE_MESSAGES: &'static str =
        "DELETE FROM message WHERE seq > $1 AND seq <= $2 AND log_only = 1";

    const FIND_GROUPS: &'static str =
        group_columns!(members, "WHERE g.num < $1 ORDER BY g.num DESC LIMIT $2");
    const FIND_GROUPS_BY_NAME: &'static str = group_columns!(
        members,
        "WHERE g.name = $3 AND g.num < $1 ORDER BY g.num DESC LIMIT $2"
    );
    const FIND_GROUPS_BY_TYPE: &'static str = group_columns!(
        members,
        "WHERE g.type = $3 AND g.num < $1 ORDER BY g.num DESC LIMIT $2"
    );
    const FIND_GROUPS_BY_MEMBER: &'static str = group_columns!(
        members,
        "WHERE g.num IN (SELECT m.group_num FROM group_member m WHERE \
        m.receiver_num = (SELECT num FROM receiver WHERE id = $3)) AND g.num < $1 ORDER BY g.num DESC LIMIT $2"
    );
    const EVENT_SEQS: &'static str =
        "SELECT seq FROM event WHERE id IN (SELECT value FROM json_each($1))";
    const EVENTS: &'static str = event_columns!("WHERE e.seq IN (SELECT value FROM json_each($1))");
    const PAYLOADS: &'static str = "SELECT e.seq, e.payload, p.deflated FROM event e LEFT JOIN payload p ON p.event_seq = e.seq \
        WHERE e.seq IN (SELECT value FROM json_each($1))";
    const STREAM_FAILED: &'static str = "SELECT seq FROM event WHERE success = 0 AND seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    const STREAM_FAILED_UP: &'static str =
        "SELECT seq FROM event WHERE success = 0 AND seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    const GLANCE: &'static str = counter_columns!(
        ", (SELECT json_group_array(json_array(type, events)) FROM (SELECT type, \
        succeeded + failed AS events FROM receiver ORDER BY num DESC LIMIT $1)), \
        (SELECT json_group_array(name) FROM (SELECT name FROM name ORDER BY id DESC LIMIT $2)) FROM registry"
    );
    const RECENT_UNITS: &'static str = "SELECT json_group_array(DISTINCT u.value) FROM json_each($1) j CROSS JOIN receiver r \
        CROSS JOIN json_each((SELECT json_group_array(unit_id) FROM (SELECT l.unit_id FROM latest l \
        WHERE l.receiver_num = r.num ORDER BY l.seq DESC LIMIT $2))) u WHERE r.id = j.value";
    const UNIT_IDS: &'static str =
        "SELECT key, id FROM unit WHERE key IN (SELECT unhex(value) FROM json_each($1))";
    const UNITS: &'static str = unit_columns!("WHERE u.id IN (SELECT value FROM json_each($1))");
    const LINKS_NEWEST: &'static str = "SELECT k.key, (SELECT json_group_array(json_array(seq, role)) FROM (SELECT seq, role \
        FROM link WHERE key = unhex(k.value) AND seq > $3 AND seq < $4 ORDER BY seq DESC, role DESC LIMIT $2)) FROM json_each($1) k";
    const LINKS_OLDEST: &'static str = "SELECT k.key, (SELECT json_group_array(json_array(seq, role)) FROM (SELECT seq, role \
        FROM link WHERE key = unhex(k.value) AND seq > $3 AND seq < $4 ORDER BY seq, role LIMIT $2)) FROM json_each($1) k";
    const RECORDED: &'static str =
        recorded_columns!("WHERE e.seq IN (SELECT value FROM json_each($1))");
    const RUNS_IN_KEYS: &'static str = runs_and_roots!(
        "r.key",
        "SELECT num, merged_into FROM (SELECT num, merged_into FROM run WHERE key >= $1 AND key <= $2 ORDER BY key LIMIT $3)"
    );
    const RUNS_OF_ID: &'static str = runs_and_roots!(
        "r.key",
        "SELECT num, merged_into FROM (SELECT num, merged_into FROM run WHERE id = $1 ORDER BY num DESC LIMIT $2)"
    );
    const LIST_RUNS: &'static str = run_columns!(
        "r.key",
        "run r WHERE r.merged_into IS NULL AND (r.at, r.place) < ($1, $2) AND r.at >= $3 \
         ORDER BY r.at DESC, r.place DESC LIMIT $4"
    );
    const LIST_RUNS_OF_PIPELINE: &'static str = run_columns!(
        "r.key",
        "run r WHERE r.pipeline = $5 AND r.merged_into IS NULL AND (r.at, r.place) < ($1, $2) AND r.at >= $3 \
         ORDER BY r.at DESC, r.place DESC LIMIT $4"
    );
    const LIST_RUNS_OF_LABEL: &'static str = run_columns!(
        "r.key",
        "run_label l CROSS JOIN run r WHERE l.label = $5 AND r.num = l.num AND (l.at, l.num) < ($1, $2) AND l.at >= $3 \
         ORDER BY l.at DESC, l.num DESC LIMIT $4"
    );
    const LIST_RUNS_OPEN: &'static str = run_columns!(
        "r.key",
        "run r WHERE r.standing = 1 AND (r.at, r.place) < ($1, $2) AND r.at >= $3 ORDER BY r.at DESC, r.place DESC LIMIT $4"
    );
    const LIST_RUNS_BAD: &'static str = run_columns!(
        "r.key",
        "run r WHERE r.standing = 2 AND (r.at, r.place) < ($1, $2) AND r.at >= $3 ORDER BY r.at DESC, r.place DESC LIMIT $4"
    );
    const RUN_IDS: &'static str =
        "SELECT id, key FROM run WHERE id >= $1 AND id < $2 ORDER BY id, num LIMIT $3";
    const RUN_MARKS: &'static str = "SELECT queued_at, started_at, finished_at, outcome FROM run WHERE pipeline = $1 \
        AND merged_into IS NULL ORDER BY at DESC, place DESC LIMIT $2";
}
