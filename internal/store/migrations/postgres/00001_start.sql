-- Times are microseconds since 1970 in UTC. Columns marked "sealed" hold
-- AES-256-GCM ciphertext with its key id in front; everything else is open and
-- holds nothing personal.

-- +goose Up
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE verifications (
    id              TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    client          TEXT    NOT NULL,
    fingerprint     BYTEA   NOT NULL,
    policy_name     TEXT    NOT NULL,
    policy_version  BIGINT  NOT NULL,
    created_at      BIGINT  NOT NULL,
    start_called_at BIGINT  NOT NULL,
    started_at      BIGINT,
    status          TEXT    NOT NULL,
    decision        TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    state_version   BIGINT  NOT NULL,
    ended_at        BIGINT,
    redacted_at     BIGINT,
    request         BYTEA -- sealed; gone once redacted
);

CREATE INDEX verifications_unstarted ON verifications (start_called_at) WHERE started_at IS NULL;
CREATE INDEX verifications_running ON verifications (id) WHERE started_at IS NOT NULL AND ended_at IS NULL;

CREATE TABLE sessions (
    verification_id TEXT    COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    number          BIGINT  NOT NULL,
    provider        TEXT    NOT NULL,
    intended_at     BIGINT  NOT NULL,
    opened_at       BIGINT,
    expires_at      BIGINT,
    closed_at       BIGINT,
    begun           BOOLEAN NOT NULL DEFAULT FALSE,
    hints           BIGINT  NOT NULL DEFAULT 0,
    link            BYTEA, -- sealed
    handle          BYTEA, -- sealed
    PRIMARY KEY (verification_id, number)
);

-- What was asked stays on the books: no cascade.
CREATE TABLE calls (
    id              BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verification_id TEXT    COLLATE "C" NOT NULL REFERENCES verifications (id),
    provider        TEXT    NOT NULL,
    number_hash     BYTEA   NOT NULL,
    day             TEXT    NOT NULL,
    intended_at     BIGINT  NOT NULL,
    answered_at     BIGINT,
    code            TEXT    NOT NULL DEFAULT '',
    billable        TEXT    NOT NULL DEFAULT '',
    result          TEXT -- the check as JSON
);

CREATE INDEX calls_of_verification ON calls (verification_id, id);
CREATE INDEX calls_of_number ON calls (number_hash, day);
