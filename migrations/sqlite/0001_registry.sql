-- Times are microseconds since 1970-01-01 UTC. Searched text compares by character (BINARY).
-- Units, definitions and idempotency keys are found by 16 bytes of SHA-256; their text stands once.

-- One row: the registry's own id and its running numbers, kept by the writer.
CREATE TABLE registry (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id TEXT NOT NULL,
    last_created_at INTEGER NOT NULL DEFAULT 0,
    last_event_seq INTEGER NOT NULL DEFAULT 0,
    last_message_seq INTEGER NOT NULL DEFAULT 0,
    last_unit_id INTEGER NOT NULL DEFAULT 0,
    last_name_id INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    receivers INTEGER NOT NULL DEFAULT 0,
    groups INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE receiver (
    num INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    definition_key BLOB NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    version TEXT NOT NULL,
    description TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    unchecked_refs INTEGER NOT NULL,
    -- Duplicates that an import brings in are kept, but only one of them is found by definition.
    canonical INTEGER NOT NULL DEFAULT 1,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX receiver_definition ON receiver (definition_key) WHERE canonical = 1;
CREATE INDEX receiver_name ON receiver (name);
CREATE INDEX receiver_type ON receiver (type);

-- Apart from its receiver: a schema may have half a megabyte, and lists do not need it.
CREATE TABLE receiver_schema (
    receiver_num INTEGER PRIMARY KEY REFERENCES receiver (num),
    schema TEXT NOT NULL
);

CREATE TABLE receiver_group (
    num INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    definition_key BLOB NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    version TEXT NOT NULL,
    description TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    active_from_seq INTEGER NOT NULL,
    canonical INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX receiver_group_definition ON receiver_group (definition_key) WHERE canonical = 1;
CREATE INDEX receiver_group_name ON receiver_group (name);
CREATE INDEX receiver_group_type ON receiver_group (type);

CREATE TABLE group_member (
    group_num INTEGER NOT NULL REFERENCES receiver_group (num),
    position INTEGER NOT NULL,
    receiver_num INTEGER NOT NULL REFERENCES receiver (num),
    PRIMARY KEY (group_num, position)
) WITHOUT ROWID;
CREATE INDEX group_member_receiver ON group_member (receiver_num, group_num);

-- Unit names, each once: the handle for searches by name and by its beginning.
CREATE TABLE name (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE unit (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    name_id INTEGER NOT NULL REFERENCES name (id),
    version TEXT NOT NULL,
    release TEXT NOT NULL,
    platform_id TEXT NOT NULL,
    package TEXT NOT NULL,
    events INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX unit_name ON unit (name_id);
CREATE INDEX unit_version ON unit (name_id, version);

-- Who recorded something, each combination once.
CREATE TABLE recorder (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    surface TEXT NOT NULL,
    client TEXT NOT NULL
);

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    unit_id INTEGER NOT NULL REFERENCES unit (id),
    name_id INTEGER NOT NULL REFERENCES name (id),
    receiver_num INTEGER NOT NULL REFERENCES receiver (num),
    success INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    recorder_id INTEGER NOT NULL REFERENCES recorder (id),
    payload_digest BLOB NOT NULL,
    payload_size INTEGER NOT NULL,
    description TEXT NOT NULL,
    -- NULL: compressed, in table payload.
    payload TEXT
);
-- Each of these ends in seq, the row id.
CREATE INDEX event_unit ON event (unit_id);
CREATE INDEX event_name ON event (name_id, success);
CREATE INDEX event_receiver ON event (receiver_num, success);
CREATE INDEX event_failed ON event (success) WHERE success = 0;
CREATE INDEX event_created_at ON event (created_at);

CREATE TABLE payload (
    event_seq INTEGER PRIMARY KEY REFERENCES event (seq),
    deflated BLOB NOT NULL
);

-- The newest event of each receiver for each unit: all that gates are decided from.
CREATE TABLE latest (
    unit_id INTEGER NOT NULL REFERENCES unit (id),
    receiver_num INTEGER NOT NULL REFERENCES receiver (num),
    seq INTEGER NOT NULL REFERENCES event (seq),
    success INTEGER NOT NULL,
    PRIMARY KEY (unit_id, receiver_num)
) WITHOUT ROWID;
CREATE INDEX latest_receiver ON latest (receiver_num, seq);

CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    event_seq INTEGER REFERENCES event (seq),
    receiver_num INTEGER REFERENCES receiver (num),
    group_num INTEGER REFERENCES receiver_group (num),
    -- What of the group may have changed since.
    group_state TEXT,
    transition INTEGER NOT NULL,
    log_only INTEGER NOT NULL,
    wire_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE idempotency (
    key BLOB PRIMARY KEY,
    digest BLOB NOT NULL,
    result TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_created_at ON idempotency (created_at);

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    recorder_id INTEGER NOT NULL REFERENCES recorder (id),
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
);
