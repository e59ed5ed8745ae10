-- +goose Up
-- What reviewers said, every word of it, also one that came too late: the key's
-- name tells who. The MAC binds it to the key set. Earlier rows name no key and
-- cannot be bound afterwards.
DROP TABLE decisions;
CREATE TABLE decisions (
    verification_id TEXT NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    version         INTEGER NOT NULL,
    act             TEXT NOT NULL, -- approved, declined or reopened
    reason          TEXT NOT NULL,
    decided_by      TEXT NOT NULL, -- the name of the key
    decided_at      INTEGER NOT NULL,
    note            BLOB, -- sealed
    mac             BLOB NOT NULL,
    PRIMARY KEY (verification_id, version, act, reason, decided_by)
) STRICT;
