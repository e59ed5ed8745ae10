-- +goose Up
ALTER TABLE sessions ADD COLUMN notice BYTEA; -- sealed: signed data that the vendor sent
ALTER TABLE sessions ADD COLUMN lookups BIGINT NOT NULL DEFAULT 0;

-- What a human decided, and who reopened what; kept after the end.
CREATE TABLE decisions (
    verification_id TEXT COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    version         BIGINT NOT NULL,
    act             TEXT NOT NULL, -- approved, declined or reopened
    reason          TEXT NOT NULL,
    decided_by      TEXT NOT NULL,
    decided_at      BIGINT NOT NULL,
    note            BYTEA, -- sealed
    PRIMARY KEY (verification_id, version, act)
);

-- The present switch of each provider, and every change of one.
CREATE TABLE switches (
    id         BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider   TEXT NOT NULL,
    state      TEXT NOT NULL, -- on, drain or off
    reason     TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE INDEX switches_of_provider ON switches (provider, id);
