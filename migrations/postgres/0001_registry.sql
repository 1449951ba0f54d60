-- The registry, in the schema epr_mcp. Times are microseconds since 1970-01-01 UTC. Searched text
-- compares by character (COLLATE "C"). Units, definitions and idempotency keys are found by 16 bytes
-- of SHA-256; their text stands once.

-- One row: the registry's own id and its running numbers, kept by the writer. The room that is left
-- in its page lets it be changed without touching an index.
CREATE TABLE registry (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    id TEXT NOT NULL,
    last_created_at BIGINT NOT NULL DEFAULT 0,
    last_event_seq BIGINT NOT NULL DEFAULT 0,
    last_message_seq BIGINT NOT NULL DEFAULT 0,
    last_unit_id BIGINT NOT NULL DEFAULT 0,
    last_name_id BIGINT NOT NULL DEFAULT 0,
    succeeded BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    receivers BIGINT NOT NULL DEFAULT 0,
    groups BIGINT NOT NULL DEFAULT 0,
    -- How far retention has looked through the log of messages, and how many of them it deleted.
    messages_pruned_to BIGINT NOT NULL DEFAULT 0,
    messages_pruned BIGINT NOT NULL DEFAULT 0,
    -- Rises with every change of a receiver or group: whoever knows them at this number knows them.
    definitions BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

CREATE TABLE receiver (
    num BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    definition_key BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    description TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    unchecked_refs BOOLEAN NOT NULL,
    -- Duplicates that an import brings in are kept, but only one of them is found by definition.
    canonical BOOLEAN NOT NULL DEFAULT true,
    succeeded BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX receiver_definition ON receiver (definition_key) WHERE canonical;
CREATE INDEX receiver_name ON receiver (name, num);
CREATE INDEX receiver_type ON receiver (type, num);

-- Apart from its receiver: a schema may have half a megabyte, and lists do not need it.
CREATE TABLE receiver_schema (
    receiver_num BIGINT PRIMARY KEY REFERENCES receiver (num),
    schema TEXT NOT NULL
);

CREATE TABLE receiver_group (
    num BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    definition_key BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    description TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    active_from_seq BIGINT NOT NULL,
    canonical BOOLEAN NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX receiver_group_definition ON receiver_group (definition_key) WHERE canonical;
CREATE INDEX receiver_group_name ON receiver_group (name, num);
CREATE INDEX receiver_group_type ON receiver_group (type, num);

CREATE TABLE group_member (
    group_num BIGINT NOT NULL REFERENCES receiver_group (num),
    position BIGINT NOT NULL,
    receiver_num BIGINT NOT NULL REFERENCES receiver (num),
    PRIMARY KEY (group_num, position)
);
CREATE INDEX group_member_receiver ON group_member (receiver_num, group_num);

-- Unit names, each once: the handle for searches by name and by its beginning.
CREATE TABLE name (
    id BIGINT PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    succeeded BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 80);

CREATE TABLE unit (
    id BIGINT PRIMARY KEY,
    key BYTEA NOT NULL UNIQUE,
    name_id BIGINT NOT NULL REFERENCES name (id),
    version TEXT COLLATE "C" NOT NULL,
    release TEXT COLLATE "C" NOT NULL,
    platform_id TEXT COLLATE "C" NOT NULL,
    package TEXT COLLATE "C" NOT NULL,
    events BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX unit_name ON unit (name_id, id);
CREATE INDEX unit_version ON unit (name_id, version, id);

-- Who recorded something, each combination once.
CREATE TABLE recorder (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key BYTEA NOT NULL UNIQUE,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    surface TEXT NOT NULL,
    client TEXT NOT NULL
);

CREATE TABLE event (
    seq BIGINT PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    unit_id BIGINT NOT NULL REFERENCES unit (id),
    name_id BIGINT NOT NULL REFERENCES name (id),
    receiver_num BIGINT NOT NULL REFERENCES receiver (num),
    success BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    recorder_id BIGINT NOT NULL REFERENCES recorder (id),
    payload_digest BYTEA NOT NULL,
    payload_size BIGINT NOT NULL,
    description TEXT NOT NULL,
    -- NULL: compressed, in table payload.
    payload TEXT
);
CREATE INDEX event_unit ON event (unit_id, seq);
CREATE INDEX event_name ON event (name_id, success, seq);
CREATE INDEX event_receiver ON event (receiver_num, success, seq);
CREATE INDEX event_failed ON event (seq) WHERE NOT success;
CREATE INDEX event_created_at ON event (created_at, seq);

CREATE TABLE payload (
    event_seq BIGINT PRIMARY KEY REFERENCES event (seq),
    deflated BYTEA NOT NULL
);
-- Compressed already: the server need not try.
ALTER TABLE payload ALTER COLUMN deflated SET STORAGE EXTERNAL;

-- The newest event of each receiver for each unit: all that gates are decided from.
CREATE TABLE latest (
    unit_id BIGINT NOT NULL REFERENCES unit (id),
    receiver_num BIGINT NOT NULL REFERENCES receiver (num),
    seq BIGINT NOT NULL REFERENCES event (seq),
    success BOOLEAN NOT NULL,
    PRIMARY KEY (unit_id, receiver_num)
);
CREATE INDEX latest_receiver ON latest (receiver_num, seq);

CREATE TABLE message (
    seq BIGINT PRIMARY KEY,
    kind SMALLINT NOT NULL,
    event_seq BIGINT REFERENCES event (seq),
    receiver_num BIGINT REFERENCES receiver (num),
    group_num BIGINT REFERENCES receiver_group (num),
    -- What of the group may have changed since.
    group_state TEXT,
    transition BOOLEAN NOT NULL,
    log_only BOOLEAN NOT NULL,
    wire_version SMALLINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE idempotency (
    key BYTEA PRIMARY KEY,
    digest BYTEA NOT NULL,
    result TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);

CREATE TABLE audit (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    recorder_id BIGINT NOT NULL REFERENCES recorder (id),
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- What follows from events is kept by the database itself, once for all events of a statement.
CREATE FUNCTION event_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE epr_mcp.receiver r SET succeeded = r.succeeded + n.succeeded, failed = r.failed + n.failed
        FROM (SELECT receiver_num, count(*) FILTER (WHERE success) AS succeeded,
            count(*) FILTER (WHERE NOT success) AS failed FROM recorded GROUP BY receiver_num) n
        WHERE r.num = n.receiver_num;
    UPDATE epr_mcp.name r SET succeeded = r.succeeded + n.succeeded, failed = r.failed + n.failed
        FROM (SELECT name_id, count(*) FILTER (WHERE success) AS succeeded,
            count(*) FILTER (WHERE NOT success) AS failed FROM recorded GROUP BY name_id) n
        WHERE r.id = n.name_id;
    UPDATE epr_mcp.unit u SET events = u.events + n.events
        FROM (SELECT unit_id, count(*) AS events FROM recorded GROUP BY unit_id) n
        WHERE u.id = n.unit_id;
    INSERT INTO epr_mcp.latest AS l (unit_id, receiver_num, seq, success)
        SELECT DISTINCT ON (unit_id, receiver_num) unit_id, receiver_num, seq, success FROM recorded
        ORDER BY unit_id, receiver_num, seq DESC
        ON CONFLICT (unit_id, receiver_num) DO UPDATE SET seq = excluded.seq, success = excluded.success;
    RETURN NULL;
END $$;

CREATE TRIGGER event_recorded AFTER INSERT ON event
    REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION event_recorded();

-- Whoever follows the log is told that it has grown, once for each transaction.
CREATE FUNCTION message_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('epr_mcp', '');
    RETURN NULL;
END $$;

CREATE TRIGGER message_written AFTER INSERT ON message
    FOR EACH STATEMENT EXECUTE FUNCTION message_written();
