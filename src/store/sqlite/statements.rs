//! The statements of this engine, where they are not those of all. Lists come as one JSON array.

use crate::store::sql::{
    Statements, counter_columns, event_columns, group_columns, receiver_columns, registry_columns,
    unit_columns,
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
}
