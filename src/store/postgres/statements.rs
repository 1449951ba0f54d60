//! The statements of this engine, where they are not those of all. Lists come as arrays.

use crate::store::sql::{
    Statements, counter_columns, event_columns, group_columns, receiver_columns, recorded_columns,
    registry_columns, run_columns, runs_and_roots, unit_columns,
};

macro_rules! members {
    () => {
        "(SELECT coalesce(json_agg(r.id ORDER BY m.position), '[]')::text FROM group_member m \
         JOIN receiver r ON r.num = m.receiver_num WHERE m.group_num = g.num)"
    };
}

/// The first of several index ranges, merged: each is read no further than the whole needs.
macro_rules! merged {
    ($of:literal, $fits:literal, $order:literal) => {
        concat!(
            "SELECT s.seq FROM ",
            $of,
            " CROSS JOIN LATERAL (SELECT seq FROM event WHERE ",
            $fits,
            " AND seq > $1 AND seq < $2 ORDER BY seq ",
            $order,
            " LIMIT $3) s ORDER BY s.seq ",
            $order,
            " LIMIT $3"
        )
    };
}

/// The lock that a writing transaction holds to its end: the letters "epr mcp" as a number.
macro_rules! lock {
    () => {
        "SELECT pg_advisory_xact_lock(28552608120398704)"
    };
}

/// What a new connection is told. Every statement is answered by indexes, whatever the statistics of
/// a table that has just begun to grow say: plans by other means are switched off, and one plan serves
/// all values. `$1` and so on cannot be used here; the times are set behind it.
pub(super) const PREPARE_LINE: &str = "SET search_path = epr_mcp; SET jit = off; \
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; \
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; \
    SET client_min_messages = warning; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
/// Takes the lock, alone, then reads the transaction's number and what each write begins with: in READ COMMITTED each statement
/// sees all that was committed before it.
pub(super) const BEGIN: &str = concat!(
    "BEGIN ISOLATION LEVEL READ COMMITTED; ",
    lock!(),
    "; SELECT pg_current_xact_id()::text; ",
    registry_columns!()
);
/// What became of a transaction.
pub(super) const TRANSACTION: &str = "SELECT pg_xact_status($1::text::xid8)";
/// Waits until no transaction that writes is left.
pub(super) const BEGIN_TO_LOOK: &str = concat!("BEGIN ISOLATION LEVEL READ COMMITTED; ", lock!());
/// One snapshot for all that is read.
pub(super) const BEGIN_PREVIEW: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// One journey for the rows of all commands. An event or message without its receiver or group fails.
pub(super) const INSERT_ROWS: &str = "WITH \
    n AS (INSERT INTO name (id, name) SELECT * FROM unnest($1::bigint[], $2::text[])), \
    u AS (INSERT INTO unit (id, key, name_id, version, release, platform_id, package) \
        SELECT * FROM unnest($3::bigint[], $4::bytea[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[])), \
    e AS (INSERT INTO event (seq, id, unit_id, name_id, receiver_num, success, created_at, recorder_id, \
        payload_digest, payload_size, description, payload) \
        SELECT x.seq, x.id, x.unit_id, x.name_id, (SELECT num FROM receiver WHERE id = x.receiver), x.success, \
        x.created_at, x.recorder_id, x.digest, x.size, x.description, x.payload \
        FROM unnest($10::bigint[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::boolean[], \
        $16::bigint[], $17::bigint[], $18::bytea[], $19::bigint[], $20::text[], $21::text[]) \
        AS x (seq, id, unit_id, name_id, receiver, success, created_at, recorder_id, digest, size, description, payload)), \
    m AS (INSERT INTO message (seq, kind, event_seq, receiver_num, group_num, group_state, transition, log_only, \
        wire_version, created_at) \
        SELECT x.seq, x.kind, x.event_seq, (SELECT num FROM receiver WHERE id = x.receiver), \
        (SELECT num FROM receiver_group WHERE id = x.group_id), x.state, x.transition, x.log_only, $30, x.created_at \
        FROM unnest($22::bigint[], $23::smallint[], $24::bigint[], $25::text[], $26::text[], $27::text[], \
        $28::boolean[], $29::boolean[], $31::bigint[]) \
        AS x (seq, kind, event_seq, receiver, group_id, state, transition, log_only, created_at)) \
    UPDATE registry SET last_name_id = last_name_id + $32, last_unit_id = last_unit_id + $33, \
        last_event_seq = last_event_seq + $34, last_message_seq = last_message_seq + $35, \
        succeeded = succeeded + $36, failed = failed + $34 - $36, last_created_at = greatest(last_created_at, $37)";
/// One journey for what payloads say.
pub(super) const INSERT_INDEX: &str = "WITH \
    f AS (INSERT INTO facts (seq, text) SELECT * FROM unnest($1::bigint[], $2::text[])), \
    l AS (INSERT INTO link (key, seq, role) SELECT encode(x.key, 'hex')::uuid, x.seq, x.role \
        FROM unnest($3::bytea[], $4::bigint[], $5::smallint[]) AS x (key, seq, role)), \
    n AS (INSERT INTO natural_key AS o (key, content, seq) SELECT encode(x.key, 'hex')::uuid, encode(x.content, 'hex')::uuid, x.seq \
        FROM unnest($6::bytea[], $7::bytea[], $8::bigint[]) AS x (key, content, seq) \
        ON CONFLICT (key, content) DO UPDATE SET seq = least(o.seq, excluded.seq)), \
    r AS (INSERT INTO run (num, key, merged_into, kind, id, source, pipeline, at, first_at, last_at, first_seq, last_seq, \
        queued_at, started_at, finished_at, outcome, events, failed, standing, labels) \
        SELECT x.num, encode(x.key, 'hex')::uuid, x.merged_into, x.kind, x.id, x.source, x.pipeline, x.at, x.first_at, \
        x.last_at, x.first_seq, x.last_seq, x.queued_at, x.started_at, x.finished_at, x.outcome, x.events, x.failed, \
        x.standing, x.labels FROM unnest($9::bigint[], $10::bytea[], $11::bigint[], $12::smallint[], $13::text[], $14::text[], \
        $15::text[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[], \
        $23::bigint[], $24::smallint[], $25::bigint[], $26::bigint[], $27::smallint[], $28::bytea[]) \
        AS x (num, key, merged_into, kind, id, source, pipeline, at, first_at, last_at, first_seq, last_seq, \
        queued_at, started_at, finished_at, outcome, events, failed, standing, labels) \
        ON CONFLICT (num) DO UPDATE SET merged_into = excluded.merged_into, pipeline = excluded.pipeline, \
        first_at = excluded.first_at, last_at = excluded.last_at, first_seq = excluded.first_seq, \
        last_seq = excluded.last_seq, queued_at = excluded.queued_at, started_at = excluded.started_at, \
        finished_at = excluded.finished_at, outcome = excluded.outcome, events = excluded.events, \
        failed = excluded.failed, standing = excluded.standing, labels = excluded.labels), \
    d AS (DELETE FROM run_label o USING unnest($29::bytea[], $30::bigint[], $31::bigint[]) AS x (label, at, num) \
        WHERE o.label = encode(x.label, 'hex')::uuid AND o.at = x.at AND o.num = x.num), \
    a AS (INSERT INTO run_label (label, at, num) SELECT encode(x.label, 'hex')::uuid, x.at, x.num \
        FROM unnest($32::bytea[], $33::bigint[], $34::bigint[]) AS x (label, at, num)), \
    t AS (INSERT INTO event_repeat AS o (seq, times) SELECT * FROM unnest($35::bigint[], $36::bigint[]) \
        ON CONFLICT (seq) DO UPDATE SET times = o.times + excluded.times) \
    UPDATE registry SET last_run_num = $37, runs = $38, reindexed_to = $39, unindexed_to = $40";
pub(super) const CLEAR_INDEX: &str = "TRUNCATE facts, link, run, run_label";
pub(super) const COPY_FACTS: &str = "COPY facts (seq, text) FROM STDIN";
pub(super) const COPY_LINKS: &str = "COPY link (key, seq, role) FROM STDIN";
pub(super) const COPY_NATURAL_KEYS: &str = "COPY natural_key (key, content, seq) FROM STDIN";
pub(super) const INSERT_PAYLOADS: &str =
    "INSERT INTO payload (event_seq, deflated) SELECT * FROM unnest($1::bigint[], $2::bytea[])";
pub(super) const INSERT_IDEMPOTENCY: &str = "INSERT INTO idempotency (key, digest, result, created_at) \
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::bigint[])";
pub(super) const INSERT_AUDIT: &str = "INSERT INTO audit (at, recorder_id, action, target, outcome, detail) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])";
pub(super) const RECEIVER_NUMS: &str = "SELECT id, num FROM receiver WHERE id = ANY($1)";
pub(super) const GROUP_NUMS: &str = "SELECT id, num FROM receiver_group WHERE id = ANY($1)";
pub(super) const COPY_EVENTS: &str = "COPY event (seq, id, unit_id, name_id, receiver_num, success, created_at, recorder_id, \
    payload_digest, payload_size, description, payload) FROM STDIN";
pub(super) const COPY_MESSAGES: &str = "COPY message (seq, kind, event_seq, receiver_num, group_num, group_state, transition, \
    log_only, wire_version, created_at) FROM STDIN";
pub(super) const REGISTRY_ID: &str = "SELECT id FROM registry";

/// Those that only this engine has and that have a plan, with their names.
#[cfg(test)]
pub(super) const OWN: &[(&str, &str)] = &[
    ("INSERT_ROWS", INSERT_ROWS),
    ("INSERT_INDEX", INSERT_INDEX),
    ("INSERT_PAYLOADS", INSERT_PAYLOADS),
    ("INSERT_IDEMPOTENCY", INSERT_IDEMPOTENCY),
    ("INSERT_AUDIT", INSERT_AUDIT),
    ("RECEIVER_NUMS", RECEIVER_NUMS),
    ("GROUP_NUMS", GROUP_NUMS),
    ("TRANSACTION", TRANSACTION),
    ("REGISTRY_ID", REGISTRY_ID),
];

/// The statements of PostgreSQL.
#[derive(Debug)]
pub(in crate::store) struct PostgresStatements;

impl Statements for PostgresStatements {
    const UNITS_TO_WRITE: &'static str = "SELECT k.place - 1, u.id, (SELECT id FROM name WHERE name = k.name), \
        (SELECT coalesce(json_agg(json_build_array(w.place - 1, l.seq, l.success::int)), '[]')::text \
        FROM unnest($3::text[]) WITH ORDINALITY AS w (id, place) JOIN receiver r ON r.id = w.id \
        JOIN latest l ON l.unit_id = u.id AND l.receiver_num = r.num) \
        FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS k (key, name, place) LEFT JOIN unit u ON u.key = k.key";
    const RECEIVERS: &'static str = receiver_columns!("WHERE id = ANY($1)");
    const RECEIVER_SCHEMAS: &'static str = "SELECT r.id, s.schema FROM receiver r \
        JOIN receiver_schema s ON s.receiver_num = r.num WHERE r.id = ANY($1)";
    const RECEIVER_BY_KEY: &'static str =
        receiver_columns!("WHERE definition_key = $1 AND canonical");
    const GROUPS: &'static str = group_columns!(members, "WHERE g.id = ANY($1)");
    const GROUP_BY_KEY: &'static str =
        group_columns!(members, "WHERE g.definition_key = $1 AND g.canonical");
    const GROUPS_OF: &'static str = group_columns!(
        members,
        "WHERE g.num IN (SELECT m.group_num FROM unnest($1::text[]) AS w (id) JOIN receiver r ON r.id = w.id \
        JOIN group_member m ON m.receiver_num = r.num) ORDER BY g.id LIMIT $2"
    );
    const LATEST: &'static str = "SELECT coalesce(json_agg(json_build_array(l.unit_id, w.place - 1, l.seq, l.success::int)), '[]')::text \
        FROM unnest($1::bigint[]) AS k (unit_id) CROSS JOIN unnest($2::text[]) WITH ORDINALITY AS w (id, place) \
        JOIN receiver r ON r.id = w.id CROSS JOIN LATERAL (SELECT unit_id, seq, success FROM latest \
        WHERE unit_id = k.unit_id AND receiver_num = r.num OFFSET 0) l";
    const IDEMPOTENCY: &'static str =
        "SELECT key, digest, result FROM idempotency WHERE key = ANY($1)";
    const NATURAL_KEYS: &'static str = "SELECT w.place - 1, uuid_send(n.content), n.seq, e.id \
        FROM unnest($1::bytea[]) WITH ORDINALITY AS w (pair, place) CROSS JOIN LATERAL (SELECT \
        encode(substring(w.pair FROM 1 FOR 16), 'hex')::uuid AS key, \
        encode(substring(w.pair FROM 17), 'hex')::uuid AS content) k \
        CROSS JOIN LATERAL ((SELECT content, seq FROM natural_key WHERE key = k.key ORDER BY content LIMIT 2) \
        UNION ALL (SELECT content, seq FROM natural_key WHERE key = k.key AND content = k.content)) n \
        CROSS JOIN LATERAL (SELECT id FROM event WHERE seq = n.seq OFFSET 0) e";
    const RUNS: &'static str = runs_and_roots!(
        "uuid_send(r.key)",
        "SELECT r.num, r.merged_into FROM unnest($1::bytea[]) AS k (key) JOIN run r ON r.key = encode(k.key, 'hex')::uuid"
    );

    const INSERT_GROUP_MEMBERS: &'static str = "INSERT INTO group_member (group_num, position, receiver_num) \
        SELECT g.num, w.place - 1, r.num FROM unnest($2::text[]) WITH ORDINALITY AS w (id, place) \
        JOIN receiver r ON r.id = w.id CROSS JOIN receiver_group g WHERE g.id = $1";
    const UPDATE_REGISTRY: &'static str = "UPDATE registry SET last_created_at = greatest(last_created_at, $1), \
        receivers = receivers + $2, groups = groups + $3, definitions = definitions + $4";
    const PRUNE_MESSAGES: &'static str =
        "DELETE FROM message WHERE seq > $1 AND seq <= $2 AND log_only";

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
    const EVENT_SEQS: &'static str = "SELECT seq FROM event WHERE id = ANY($1)";
    const EVENTS: &'static str = event_columns!("WHERE e.seq = ANY($1)");
    const PAYLOADS: &'static str = "SELECT e.seq, e.payload, p.deflated FROM event e LEFT JOIN payload p ON p.event_seq = e.seq \
        WHERE e.seq = ANY($1)";
    const STREAM_FAILED: &'static str = "SELECT seq FROM event WHERE NOT success AND seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    const STREAM_FAILED_UP: &'static str =
        "SELECT seq FROM event WHERE NOT success AND seq > $1 AND seq < $2 ORDER BY seq LIMIT $3";
    const STREAMS_UNIT: &'static str =
        merged!("unnest($4::bigint[]) AS v (id)", "unit_id = v.id", "DESC");
    const STREAMS_UNIT_UP: &'static str =
        merged!("unnest($4::bigint[]) AS v (id)", "unit_id = v.id", "ASC");
    const STREAMS_NAME: &'static str = merged!(
        "unnest($4::bigint[], $5::boolean[]) AS v (id, success)",
        "name_id = v.id AND success = v.success",
        "DESC"
    );
    const STREAMS_NAME_UP: &'static str = merged!(
        "unnest($4::bigint[], $5::boolean[]) AS v (id, success)",
        "name_id = v.id AND success = v.success",
        "ASC"
    );
    const STREAMS_RECEIVER: &'static str = merged!(
        "unnest($4::text[], $5::boolean[]) AS v (id, success) JOIN receiver r ON r.id = v.id",
        "receiver_num = r.num AND success = v.success",
        "DESC"
    );
    const STREAMS_RECEIVER_UP: &'static str = merged!(
        "unnest($4::text[], $5::boolean[]) AS v (id, success) JOIN receiver r ON r.id = v.id",
        "receiver_num = r.num AND success = v.success",
        "ASC"
    );
    const UNIT_COUNTS: &'static str = "SELECT coalesce(sum(u.events), 0)::bigint FROM unnest($1::bigint[]) AS v (id) JOIN unit u ON u.id = v.id";
    const NAMES_COUNTS: &'static str = "SELECT coalesce(sum(CASE WHEN v.success THEN n.succeeded ELSE n.failed END), 0)::bigint \
        FROM unnest($1::bigint[], $2::boolean[]) AS v (id, success) JOIN name n ON n.id = v.id";
    const RECEIVERS_COUNTS: &'static str = "SELECT coalesce(sum(CASE WHEN v.success THEN r.succeeded ELSE r.failed END), 0)::bigint \
        FROM unnest($1::text[], $2::boolean[]) AS v (id, success) JOIN receiver r ON r.id = v.id";
    const GLANCE: &'static str = counter_columns!(
        ", (SELECT coalesce(json_agg(json_build_array(type, events)), '[]')::text FROM (SELECT type, \
        succeeded + failed AS events FROM receiver ORDER BY num DESC LIMIT $1) t), \
        (SELECT coalesce(json_agg(name), '[]')::text FROM (SELECT name FROM name ORDER BY id DESC LIMIT $2) n) \
        FROM registry"
    );
    const RECENT_UNITS: &'static str = "SELECT coalesce(json_agg(DISTINCT u.unit_id), '[]')::text FROM unnest($1::text[]) AS w (id) \
        JOIN receiver r ON r.id = w.id CROSS JOIN LATERAL (SELECT l.unit_id FROM latest l \
        WHERE l.receiver_num = r.num ORDER BY l.seq DESC LIMIT $2) u";
    const UNIT_IDS: &'static str = "SELECT key, id FROM unit WHERE key = ANY($1)";
    const UNITS: &'static str = unit_columns!("WHERE u.id = ANY($1)");
    const LINKS_NEWEST: &'static str = "SELECT k.place - 1, (SELECT coalesce(json_agg(json_build_array(l.seq, l.role)), '[]')::text \
        FROM (SELECT seq, role FROM link WHERE key = encode(k.key, 'hex')::uuid AND seq > $3 AND seq < $4 \
        ORDER BY seq DESC, role DESC LIMIT $2) l) \
        FROM unnest($1::bytea[]) WITH ORDINALITY AS k (key, place)";
    const LINKS_OLDEST: &'static str = "SELECT k.place - 1, (SELECT coalesce(json_agg(json_build_array(l.seq, l.role)), '[]')::text \
        FROM (SELECT seq, role FROM link WHERE key = encode(k.key, 'hex')::uuid AND seq > $3 AND seq < $4 \
        ORDER BY seq, role LIMIT $2) l) \
        FROM unnest($1::bytea[]) WITH ORDINALITY AS k (key, place)";
    const RECORDED: &'static str = recorded_columns!("WHERE e.seq = ANY($1)");
    const RUNS_IN_KEYS: &'static str = runs_and_roots!(
        "uuid_send(r.key)",
        "SELECT num, merged_into FROM (SELECT num, merged_into FROM run WHERE key >= encode($1::bytea, 'hex')::uuid \
         AND key <= encode($2::bytea, 'hex')::uuid ORDER BY key LIMIT $3) h"
    );
    const RUNS_OF_ID: &'static str = runs_and_roots!(
        "uuid_send(r.key)",
        "SELECT num, merged_into FROM (SELECT num, merged_into, id FROM run WHERE \"left\"(id, 255) = \"left\"($1, 255) \
         ORDER BY num DESC LIMIT $2) i WHERE i.id = $1"
    );
    const LIST_RUNS: &'static str = run_columns!(
        "uuid_send(r.key)",
        "run r WHERE r.merged_into IS NULL AND (r.at, r.num) < ($1, $2) AND r.at >= $3 \
         ORDER BY r.at DESC, r.num DESC LIMIT $4"
    );
    const LIST_RUNS_OF_PIPELINE: &'static str = run_columns!(
        "uuid_send(r.key)",
        "run r WHERE r.pipeline = $5 AND r.merged_into IS NULL AND (r.at, r.num) < ($1, $2) AND r.at >= $3 \
         ORDER BY r.at DESC, r.num DESC LIMIT $4"
    );
    const LIST_RUNS_OF_LABEL: &'static str = run_columns!(
        "uuid_send(r.key)",
        "run_label l JOIN run r ON r.num = l.num WHERE l.label = encode($5::bytea, 'hex')::uuid \
         AND (l.at, l.num) < ($1, $2) AND l.at >= $3 ORDER BY l.at DESC, l.num DESC LIMIT $4"
    );
    const LIST_RUNS_OPEN: &'static str = run_columns!(
        "uuid_send(r.key)",
        "run r WHERE r.standing = 1 AND (r.at, r.num) < ($1, $2) AND r.at >= $3 ORDER BY r.at DESC, r.num DESC LIMIT $4"
    );
    const LIST_RUNS_BAD: &'static str = run_columns!(
        "uuid_send(r.key)",
        "run r WHERE r.standing = 2 AND (r.at, r.num) < ($1, $2) AND r.at >= $3 ORDER BY r.at DESC, r.num DESC LIMIT $4"
    );
    const RUN_IDS: &'static str = "SELECT id, uuid_send(key) FROM run WHERE \"left\"(id, 255) >= $1 AND \"left\"(id, 255) < $2 \
        ORDER BY \"left\"(id, 255), num LIMIT $3";
    const RUN_MARKS: &'static str = "SELECT queued_at, started_at, finished_at, outcome FROM run WHERE pipeline = $1 \
        AND merged_into IS NULL ORDER BY at DESC, num DESC LIMIT $2";
}
