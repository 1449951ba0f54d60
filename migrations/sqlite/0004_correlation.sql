-- What payloads say about each other, found out when an event is recorded, or later from the log: all
-- of these rows but event_repeat can be made anew. Link keys and natural keys are 16 bytes of SHA-256.

ALTER TABLE registry ADD COLUMN last_run_num INTEGER NOT NULL DEFAULT 0;
-- Runs, other names of them not counted.
ALTER TABLE registry ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;
-- Events behind the one and up to the other have not been looked into; 0 if there are none.
ALTER TABLE registry ADD COLUMN reindexed_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE registry ADD COLUMN unindexed_to INTEGER NOT NULL DEFAULT 0;
UPDATE registry SET unindexed_to = last_event_seq;

CREATE TABLE facts (
    seq INTEGER PRIMARY KEY REFERENCES event (seq),
    text TEXT NOT NULL
);

-- How often an event came again and was not recorded again.
CREATE TABLE event_repeat (
    seq INTEGER PRIMARY KEY REFERENCES event (seq),
    times INTEGER NOT NULL
);

CREATE TABLE link (
    key BLOB NOT NULL,
    seq INTEGER NOT NULL,
    role INTEGER NOT NULL,
    PRIMARY KEY (key, seq, role)
) WITHOUT ROWID;

-- The first event of each source, id and content.
CREATE TABLE natural_key (
    key BLOB NOT NULL,
    content BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, content)
) WITHOUT ROWID;

CREATE TABLE run (
    num INTEGER PRIMARY KEY,
    -- The handle is its first 60 bits.
    key BLOB NOT NULL UNIQUE,
    -- The run that this is another name of; then nothing else counts.
    merged_into INTEGER,
    kind INTEGER NOT NULL,
    id TEXT NOT NULL,
    source TEXT,
    pipeline TEXT,
    -- When the event happened that was seen first; it never changes.
    at INTEGER NOT NULL,
    -- The number again: SQLite does not look for a pair of which one is the row id.
    place INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    -- The last times of these, whichever attempt they belong to.
    queued_at INTEGER,
    started_at INTEGER,
    finished_at INTEGER,
    outcome INTEGER,
    events INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    -- 1: waits or runs; 2: went badly.
    standing INTEGER NOT NULL,
    -- The labels that it is listed by, one after the other.
    labels BLOB NOT NULL
);
CREATE INDEX run_newest ON run (at, place) WHERE merged_into IS NULL;
CREATE INDEX run_pipeline ON run (pipeline, at, place) WHERE merged_into IS NULL AND pipeline IS NOT NULL;
CREATE INDEX run_open ON run (at, place) WHERE standing = 1;
CREATE INDEX run_bad ON run (at, place) WHERE standing = 2;
CREATE INDEX run_id ON run (id);

-- Runs by services and environments.
CREATE TABLE run_label (
    label BLOB NOT NULL,
    at INTEGER NOT NULL,
    num INTEGER NOT NULL,
    PRIMARY KEY (label, at, num)
) WITHOUT ROWID;
