//! Every SQL text of this engine. Nothing is built at run time; a test prepares each of them and
//! shows the plans of the frequent ones.

macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        $(pub(super) const $name: &str = $sql;)*

        /// All of them with their names.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $sql)),*];
    };
}

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

macro_rules! counter_columns {
    ($rest:literal) => {
        concat!(
            "SELECT succeeded, failed, receivers, groups, last_unit_id, last_message_seq - messages_pruned, \
             messages_pruned_to, last_event_seq, (SELECT created_at FROM event WHERE seq = 1), \
             (SELECT created_at FROM event WHERE seq = last_event_seq) ",
            $rest
        )
    };
}

macro_rules! group_columns {
    ($rest:literal) => {
        concat!(
            "SELECT g.num, g.id, g.name, g.type, g.version, g.description, g.enabled, g.created_at, g.updated_at, \
             g.active_from_seq, (SELECT json_group_array(id) FROM (SELECT r.id FROM group_member m \
             JOIN receiver r ON r.num = m.receiver_num WHERE m.group_num = g.num ORDER BY m.position)) \
             FROM receiver_group g ",
            $rest
        )
    };
}

macro_rules! registry_columns {
    () => {
        "SELECT last_created_at, last_event_seq, last_message_seq, last_unit_id, last_name_id, id, succeeded, \
         failed, receivers, groups, messages_pruned_to, messages_pruned, \
         definitions, (SELECT max(version) FROM schema_version), (SELECT max(readable_from) FROM schema_version) \
         FROM registry"
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

statements! {
    // Loading what a batch of commands needs. Lists come as one JSON array.
    REGISTRY = registry_columns!();
    // Takes the lock, and reads what each write begins with.
    BEGIN = concat!("BEGIN IMMEDIATE; ", registry_columns!());
    // Of each unit (key, name): its rows, and the newest event of each of the receivers.
    UNITS_TO_WRITE = "WITH wanted AS MATERIALIZED (SELECT j.key AS place, r.num AS num FROM json_each($2) j \
        CROSS JOIN receiver r WHERE r.id = j.value) SELECT k.key, u.id, (SELECT id FROM name WHERE name = k.value ->> 1), \
        (SELECT json_group_array(json_array(wanted.place, l.seq, l.success)) FROM wanted CROSS JOIN latest l \
        WHERE l.unit_id = u.id AND l.receiver_num = wanted.num) \
        FROM json_each($1) k LEFT JOIN unit u ON u.key = unhex(k.value ->> 0)";
    RECEIVERS = receiver_columns!("WHERE id IN (SELECT value FROM json_each($1))");
    RECEIVER_BY_KEY = receiver_columns!("WHERE definition_key = $1 AND canonical = 1");
    RECEIVER_WITH_TYPE = "SELECT 1 FROM receiver WHERE type = $1 LIMIT 1";
    RECEIVER_SCHEMA = "SELECT s.schema FROM receiver r JOIN receiver_schema s ON s.receiver_num = r.num WHERE r.id = $1";
    GROUPS = group_columns!("WHERE g.id IN (SELECT value FROM json_each($1))");
    GROUP_BY_KEY = group_columns!("WHERE g.definition_key = $1 AND g.canonical = 1");
    GROUP_WITH_TYPE = "SELECT 1 FROM receiver_group WHERE type = $1 LIMIT 1";
    GROUPS_OF = group_columns!("WHERE g.num IN (SELECT m.group_num FROM group_member m JOIN receiver r \
        ON r.num = m.receiver_num WHERE r.id IN (SELECT value FROM json_each($1))) ORDER BY g.id LIMIT $2");
    LATEST = "WITH wanted AS MATERIALIZED (SELECT j.key AS place, r.num AS num FROM json_each($2) j \
        CROSS JOIN receiver r WHERE r.id = j.value) \
        SELECT json_group_array(json_array(l.unit_id, wanted.place, l.seq, l.success)) FROM json_each($1) k CROSS JOIN wanted CROSS JOIN latest l \
        WHERE l.unit_id = k.value AND l.receiver_num = wanted.num";
    IDEMPOTENCY = "SELECT digest, result FROM idempotency WHERE key = $1";
    RECORDER_ID = "SELECT id FROM recorder WHERE key = $1";

    // Writing a plan.
    INSERT_RECORDER = "INSERT INTO recorder (key, principal, kind, surface, client) VALUES ($1, $2, $3, $4, $5)";
    INSERT_RECEIVER = "INSERT INTO receiver (id, definition_key, name, type, version, description, fingerprint, \
        created_at, unchecked_refs) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    INSERT_RECEIVER_SCHEMA = "INSERT INTO receiver_schema (receiver_num, schema) \
        SELECT num, $2 FROM receiver WHERE id = $1";
    INSERT_GROUP = "INSERT INTO receiver_group (id, definition_key, name, type, version, description, enabled, \
        created_at, updated_at, active_from_seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    INSERT_GROUP_MEMBER = "INSERT INTO group_member (group_num, position, receiver_num) \
        SELECT g.num, $2, r.num FROM receiver_group g, receiver r WHERE g.id = $1 AND r.id = $3";
    UPDATE_GROUP = "UPDATE receiver_group SET enabled = $2, updated_at = $3, active_from_seq = $4 WHERE id = $1";
    // One round for the rows of all commands; an empty list writes nothing. Elements are read as
    // JSONB, which spares making text of each and reading it again.
    INSERT_ROWS = concat!(insert_names!(), "; ", insert_units!(), "; ", insert_events!(), "; ", insert_messages!());
    INSERT_PAYLOAD = "INSERT INTO payload (event_seq, deflated) VALUES ($1, $2)";
    INSERT_IDEMPOTENCY = "INSERT INTO idempotency (key, digest, result, created_at) VALUES ($1, $2, $3, $4)";
    INSERT_AUDIT = "INSERT INTO audit (at, recorder_id, action, target, outcome, detail) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    UPDATE_REGISTRY = "UPDATE registry SET last_created_at = max(last_created_at, $1), receivers = receivers + $2, \
        groups = groups + $3, definitions = definitions + $4";

    // Retention, in bounded steps from the oldest row on.
    OLDEST_MESSAGE = "SELECT min(seq) FROM message";
    OLD_MESSAGES = "SELECT max(seq) FROM message WHERE seq > $1 AND seq <= $2 AND created_at < $3";
    PRUNE_MESSAGES = "DELETE FROM message WHERE seq > $1 AND seq <= $2 AND log_only = 1";
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
    FIND_GROUPS = group_columns!("WHERE g.num < $1 ORDER BY g.num DESC LIMIT $2");
    FIND_GROUPS_BY_NAME = group_columns!("WHERE g.name = $3 AND g.num < $1 ORDER BY g.num DESC LIMIT $2");
    FIND_GROUPS_BY_TYPE = group_columns!("WHERE g.type = $3 AND g.num < $1 ORDER BY g.num DESC LIMIT $2");
    FIND_GROUPS_BY_MEMBER = group_columns!("WHERE g.num IN (SELECT m.group_num FROM group_member m WHERE \
        m.receiver_num = (SELECT num FROM receiver WHERE id = $3)) AND g.num < $1 ORDER BY g.num DESC LIMIT $2");
    EVENT_SEQS = "SELECT seq FROM event WHERE id IN (SELECT value FROM json_each($1))";
    EVENTS = event_columns!("WHERE e.seq IN (SELECT value FROM json_each($1))");
    PAYLOADS = "SELECT e.seq, e.payload, p.deflated FROM event e LEFT JOIN payload p ON p.event_seq = e.seq \
        WHERE e.seq IN (SELECT value FROM json_each($1))";
    STREAM_ALL = "SELECT seq FROM event WHERE seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    STREAM_FAILED = "SELECT seq FROM event WHERE success = 0 AND seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    STREAM_UNIT = "SELECT seq FROM event WHERE unit_id = $4 AND seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    STREAM_NAME = "SELECT seq FROM event WHERE name_id = $4 AND success = $5 AND seq > $1 AND seq < $2 \
        ORDER BY seq DESC LIMIT $3";
    STREAM_RECEIVER = "SELECT seq FROM event WHERE receiver_num = (SELECT num FROM receiver WHERE id = $4) \
        AND success = $5 AND seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    STREAM_ALL_UP = "SELECT seq FROM event WHERE seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    STREAM_FAILED_UP = "SELECT seq FROM event WHERE success = 0 AND seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    STREAM_UNIT_UP = "SELECT seq FROM event WHERE unit_id = $4 AND seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    STREAM_NAME_UP = "SELECT seq FROM event WHERE name_id = $4 AND success = $5 AND seq > $1 AND seq < $2 \
        ORDER BY seq LIMIT $3";
    STREAM_RECEIVER_UP = "SELECT seq FROM event WHERE receiver_num = (SELECT num FROM receiver WHERE id = $4) \
        AND success = $5 AND seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    UNIT_COUNT = "SELECT events FROM unit WHERE id = $1";
    NAME_COUNTS = "SELECT succeeded, failed FROM name WHERE id = $1";
    RECEIVER_COUNTS = "SELECT succeeded, failed FROM receiver WHERE id = $1";
    SEQ_AT = "SELECT seq FROM event WHERE created_at >= $1 ORDER BY created_at, seq LIMIT 1";
    COUNTERS = counter_columns!("FROM registry");
    // Lists come as one JSON array: a row costs more on its way here than in the database.
    GLANCE = counter_columns!(", (SELECT json_group_array(json_array(type, events)) FROM (SELECT type, \
        succeeded + failed AS events FROM receiver ORDER BY num DESC LIMIT $1)), \
        (SELECT json_group_array(name) FROM (SELECT name FROM name ORDER BY id DESC LIMIT $2)) FROM registry");
    RECENT_UNITS = "SELECT json_group_array(DISTINCT u.value) FROM json_each($1) j CROSS JOIN receiver r \
        CROSS JOIN json_each((SELECT json_group_array(unit_id) FROM (SELECT l.unit_id FROM latest l \
        WHERE l.receiver_num = r.num ORDER BY l.seq DESC LIMIT $2))) u WHERE r.id = j.value";
    NAMES_FROM = "SELECT id, name FROM name WHERE name >= $1 ORDER BY name LIMIT $2";
    NAMES_BETWEEN = "SELECT id, name FROM name WHERE name >= $1 AND name < $3 ORDER BY name LIMIT $2";
    NEWEST_NAMES = "SELECT json_group_array(name) FROM (SELECT name FROM name ORDER BY id DESC LIMIT $1)";
    UNIT_IDS = "SELECT key, id FROM unit WHERE key = $1";
    UNITS = "SELECT u.id, n.name, u.version, u.release, u.platform_id, u.package FROM unit u \
        JOIN name n ON n.id = u.name_id WHERE u.id IN (SELECT value FROM json_each($1))";
    UNITS_NEWEST = "SELECT u.id, n.name, u.version, u.release, u.platform_id, u.package FROM unit u \
        JOIN name n ON n.id = u.name_id WHERE u.id < $1 ORDER BY u.id DESC LIMIT $2";
    UNITS_OF_NAME = "SELECT u.id, n.name, u.version, u.release, u.platform_id, u.package FROM unit u \
        JOIN name n ON n.id = u.name_id WHERE u.name_id = $3 AND u.id < $1 ORDER BY u.id DESC LIMIT $2";
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
    AUDIT = "SELECT a.seq, a.at, w.principal, w.kind, w.surface, w.client, a.action, a.target, a.outcome, a.detail \
        FROM audit a JOIN recorder w ON w.id = a.recorder_id WHERE a.seq < $1 ORDER BY a.seq DESC LIMIT $2";
    COMPATIBILITY = "SELECT coalesce(max(version), 0), coalesce(max(readable_from), 0), sqlite_version() FROM schema_version";
    REGISTRY_ID = "SELECT id, (SELECT journal_mode FROM pragma_journal_mode) FROM registry";
}
