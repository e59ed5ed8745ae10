-- +goose Up
-- The public state that readers are answered from. The revision is the ETag:
-- it rises with every write that changes something. The MAC binds what a
-- reader believes of a row to the key set.
ALTER TABLE verifications ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE verifications ADD COLUMN overdue_at INTEGER; -- when all clocks of the policy are over
ALTER TABLE verifications ADD COLUMN mac BLOB;

DROP INDEX verifications_running;
CREATE INDEX verifications_overdue ON verifications (overdue_at) WHERE ended_at IS NULL OR status = 'in_review';
CREATE INDEX verifications_by_status ON verifications (client, status, created_at, id);

-- An event is written in the transaction that made it true.
CREATE TABLE events (
    id              TEXT    NOT NULL PRIMARY KEY,
    verification_id TEXT    NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    sequence        INTEGER NOT NULL, -- 1, 2, 3 … of its verification
    client          TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    revision        INTEGER NOT NULL, -- of the row that it tells of
    status          TEXT    NOT NULL,
    decision        TEXT    NOT NULL,
    reasons         TEXT    NOT NULL, -- codes as a JSON array
    created_at      INTEGER NOT NULL,
    mac             BLOB    NOT NULL,
    UNIQUE (verification_id, sequence)
) STRICT;
