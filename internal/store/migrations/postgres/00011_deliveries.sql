-- +goose Up
-- The feed gives committed events their positions, under the lock of its one
-- row: whoever reads on from a position misses nothing that committed late.
CREATE TABLE feed (
    one  BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    last BIGINT NOT NULL -- the position that was given last
);
INSERT INTO feed (one, last) VALUES (1, 0);

-- An event may be about an endpoint, and then about no verification.
ALTER TABLE events ALTER COLUMN verification_id DROP NOT NULL;
ALTER TABLE events ADD COLUMN endpoint TEXT;            -- that it is about
ALTER TABLE events ADD COLUMN position BIGINT UNIQUE;   -- in the feed; NULL: not given yet
ALTER TABLE events ADD COLUMN relayed_at BIGINT;        -- when its deliveries were written
UPDATE events SET relayed_at = created_at;

CREATE INDEX events_unplaced ON events (created_at) WHERE position IS NULL;
CREATE INDEX events_unrelayed ON events (position) WHERE relayed_at IS NULL;
CREATE INDEX events_feed ON events (client, position);
CREATE INDEX events_since ON events (client, created_at);

-- The log of what receivers were sent, and what is still to be sent.
CREATE TABLE deliveries (
    event_id   TEXT   COLLATE "C" NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    endpoint   TEXT   COLLATE "C" NOT NULL,
    client     TEXT   NOT NULL,
    round      BIGINT NOT NULL, -- 0, and one more each time that it is sent again
    state      TEXT   NOT NULL, -- due, sending, held, delivered, failed, aborted
    attempts   BIGINT NOT NULL, -- of the round
    last_class TEXT   NOT NULL, -- of the last attempt's outcome
    created_at BIGINT NOT NULL,
    queued_at  BIGINT,          -- since when it waits for its workflow, where it is due
    due_at     BIGINT,          -- until when somebody has it leased
    last_at    BIGINT,          -- the last attempt
    next_at    BIGINT,          -- about when the next one comes
    ended_at   BIGINT,
    PRIMARY KEY (event_id, endpoint)
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'due';
CREATE INDEX deliveries_log ON deliveries (client, created_at, event_id, endpoint);
CREATE INDEX deliveries_undelivered ON deliveries (client, endpoint, created_at) WHERE state <> 'delivered';

-- What became of an endpoint of the configuration; no row: it is on.
CREATE TABLE webhook_endpoints (
    client        TEXT   NOT NULL,
    id            TEXT   NOT NULL,
    state         TEXT   NOT NULL, -- on, paused, off
    reason        TEXT   NOT NULL,
    changed_at    BIGINT NOT NULL,
    failing_since BIGINT,          -- the first failure since the last success
    PRIMARY KEY (client, id)
);
