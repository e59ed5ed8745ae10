-- +goose Up
-- The feed gives committed events their positions, under the lock of its one
-- row: whoever reads on from a position misses nothing that committed late.
CREATE TABLE feed (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL -- the position that was given last
) STRICT;
INSERT INTO feed (one, last) VALUES (1, 0);

-- An event may be about an endpoint, and then about no verification.
CREATE TABLE events_next (
    id              TEXT    NOT NULL PRIMARY KEY,
    verification_id TEXT    REFERENCES verifications (id) ON DELETE CASCADE,
    sequence        INTEGER NOT NULL, -- 1, 2, 3 … of its verification
    client          TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    revision        INTEGER NOT NULL, -- of the row that it tells of
    status          TEXT    NOT NULL,
    decision        TEXT    NOT NULL,
    reasons         TEXT    NOT NULL, -- codes as a JSON array
    created_at      INTEGER NOT NULL,
    mac             BLOB    NOT NULL,
    endpoint        TEXT,             -- that it is about
    position        INTEGER UNIQUE,   -- in the feed; NULL: not given yet
    relayed_at      INTEGER,          -- when its deliveries were written
    UNIQUE (verification_id, sequence)
) STRICT;
INSERT INTO events_next
    SELECT id, verification_id, sequence, client, type, revision, status, decision, reasons, created_at, mac, NULL, NULL, created_at FROM events;
DROP TABLE events;
ALTER TABLE events_next RENAME TO events;

CREATE INDEX events_unplaced ON events (created_at) WHERE position IS NULL;
CREATE INDEX events_unrelayed ON events (position) WHERE relayed_at IS NULL;
CREATE INDEX events_feed ON events (client, position);
CREATE INDEX events_since ON events (client, created_at);

-- The log of what receivers were sent, and what is still to be sent.
CREATE TABLE deliveries (
    event_id   TEXT    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    endpoint   TEXT    NOT NULL,
    client     TEXT    NOT NULL,
    round      INTEGER NOT NULL, -- 0, and one more each time that it is sent again
    state      TEXT    NOT NULL, -- due, sending, held, delivered, failed, aborted
    attempts   INTEGER NOT NULL, -- of the round
    last_class TEXT    NOT NULL, -- of the last attempt's outcome
    created_at INTEGER NOT NULL,
    queued_at  INTEGER,          -- since when it waits for its workflow, where it is due
    due_at     INTEGER,          -- until when somebody has it leased
    last_at    INTEGER,          -- the last attempt
    next_at    INTEGER,          -- about when the next one comes
    ended_at   INTEGER,
    PRIMARY KEY (event_id, endpoint)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'due';
CREATE INDEX deliveries_log ON deliveries (client, created_at, event_id, endpoint);
CREATE INDEX deliveries_undelivered ON deliveries (client, endpoint, created_at) WHERE state <> 'delivered';

-- What became of an endpoint of the configuration; no row: it is on.
CREATE TABLE webhook_endpoints (
    client        TEXT NOT NULL,
    id            TEXT NOT NULL,
    state         TEXT NOT NULL, -- on, paused, off
    reason        TEXT NOT NULL,
    changed_at    INTEGER NOT NULL,
    failing_since INTEGER,       -- the first failure since the last success
    PRIMARY KEY (client, id)
) STRICT;
