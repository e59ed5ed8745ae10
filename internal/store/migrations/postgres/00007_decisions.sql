-- +goose Up
-- What reviewers said, every word of it, also one that came too late: the key's
-- name tells who. The MAC binds it to the key set. Earlier rows name no key and
-- cannot be bound afterwards.
DROP TABLE decisions;
CREATE TABLE decisions (
    verification_id TEXT COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    version         BIGINT NOT NULL,
    act             TEXT COLLATE "C" NOT NULL, -- approved, declined or reopened
    reason          TEXT COLLATE "C" NOT NULL,
    decided_by      TEXT COLLATE "C" NOT NULL, -- the name of the key
    decided_at      BIGINT NOT NULL,
    note            BYTEA, -- sealed
    mac             BYTEA NOT NULL,
    PRIMARY KEY (verification_id, version, act, reason, decided_by)
);
