-- What payloads say about each other, found out when an event is recorded, or later from the log: all
-- of these rows but event_repeat can be made anew. Link keys and natural keys are 16 bytes of SHA-256,
-- as UUID: that is 16 bytes in an index, and BYTEA is 24.

ALTER TABLE registry
    ADD COLUMN last_run_num BIGINT NOT NULL DEFAULT 0,
    -- Runs, other names of them not counted.
    ADD COLUMN runs BIGINT NOT NULL DEFAULT 0,
    -- Events behind the one and up to the other have not been looked into; 0 if there are none.
    ADD COLUMN reindexed_to BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN unindexed_to BIGINT NOT NULL DEFAULT 0;
UPDATE registry SET unindexed_to = last_event_seq;

CREATE TABLE facts (
    seq BIGINT PRIMARY KEY REFERENCES event (seq),
    text TEXT NOT NULL
);

-- How often an event came again and was not recorded again.
CREATE TABLE event_repeat (
    seq BIGINT PRIMARY KEY REFERENCES event (seq),
    times BIGINT NOT NULL
);

-- All of it is in the key: a range of events of one key is read from the index alone.
CREATE TABLE link (
    key UUID NOT NULL,
    seq BIGINT NOT NULL,
    role SMALLINT NOT NULL,
    PRIMARY KEY (key, seq, role)
);

-- The first event of each source, id and content.
CREATE TABLE natural_key (
    key UUID NOT NULL,
    content UUID NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (key, content)
);

CREATE TABLE run (
    num BIGINT PRIMARY KEY,
    -- The handle is its first 60 bits.
    key UUID NOT NULL UNIQUE,
    -- The run that this is another name of; then nothing else counts.
    merged_into BIGINT,
    kind SMALLINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C",
    pipeline TEXT COLLATE "C",
    -- When the event happened that was seen first; it never changes.
    at BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    -- The last times of these, whichever attempt they belong to.
    queued_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    outcome SMALLINT,
    events BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    -- 1: waits or runs; 2: went badly.
    standing SMALLINT NOT NULL,
    -- The labels that it is listed by, one after the other.
    labels BYTEA NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX run_newest ON run (at, num) WHERE merged_into IS NULL;
CREATE INDEX run_pipeline ON run (pipeline, at, num) WHERE merged_into IS NULL AND pipeline IS NOT NULL;
CREATE INDEX run_open ON run (at, num) WHERE standing = 1;
CREATE INDEX run_bad ON run (at, num) WHERE standing = 2;
-- An id may be longer than an index takes.
CREATE INDEX run_id ON run ("left"(id, 255), num);

-- Runs by services and environments.
CREATE TABLE run_label (
    label UUID NOT NULL,
    at BIGINT NOT NULL,
    num BIGINT NOT NULL,
    PRIMARY KEY (label, at, num)
);
