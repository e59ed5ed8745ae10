-- +goose Up
-- The public state that readers are answered from. The revision is the ETag:
-- it rises with every write that changes something. The MAC binds what a
-- reader believes of a row to the key set.
ALTER TABLE verifications ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE verifications ADD COLUMN overdue_at BIGINT; -- when all clocks of the policy are over
ALTER TABLE verifications ADD COLUMN mac BYTEA;

DROP INDEX verifications_running;
CREATE INDEX verifications_overdue ON verifications (overdue_at) WHERE ended_at IS NULL OR status = 'in_review';
CREATE INDEX verifications_by_status ON verifications (client, status, created_at, id);

-- An event is written in the transaction that made it true.
CREATE TABLE events (
    id              TEXT    NOT NULL PRIMARY KEY,
    verification_id TEXT    COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    sequence        BIGINT  NOT NULL, -- 1, 2, 3 … of its verification
    client          TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    revision        BIGINT  NOT NULL, -- of the row that it tells of
    status          TEXT    NOT NULL,
    decision        TEXT    NOT NULL,
    reasons         TEXT    NOT NULL, -- codes as a JSON array
    created_at      BIGINT  NOT NULL,
    mac             BYTEA    NOT NULL,
    UNIQUE (verification_id, sequence)
);
