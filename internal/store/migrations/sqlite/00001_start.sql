-- Times are microseconds since 1970 in UTC. Columns marked "sealed" hold
-- AES-256-GCM ciphertext with its key id in front; everything else is open and
-- holds nothing personal.

-- +goose Up
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE verifications (
    id              TEXT    NOT NULL PRIMARY KEY,
    client          TEXT    NOT NULL,
    fingerprint     BLOB    NOT NULL,
    policy_name     TEXT    NOT NULL,
    policy_version  INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    start_called_at INTEGER NOT NULL,
    started_at      INTEGER,
    status          TEXT    NOT NULL,
    decision        TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    state_version   INTEGER NOT NULL,
    ended_at        INTEGER,
    redacted_at     INTEGER,
    request         BLOB -- sealed; gone once redacted
) STRICT;

CREATE INDEX verifications_unstarted ON verifications (start_called_at) WHERE started_at IS NULL;
CREATE INDEX verifications_running ON verifications (id) WHERE started_at IS NOT NULL AND ended_at IS NULL;

CREATE TABLE sessions (
    verification_id TEXT    NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    provider        TEXT    NOT NULL,
    intended_at     INTEGER NOT NULL,
    opened_at       INTEGER,
    expires_at      INTEGER,
    closed_at       INTEGER,
    begun           INTEGER NOT NULL DEFAULT 0,
    hints           INTEGER NOT NULL DEFAULT 0,
    link            BLOB, -- sealed
    handle          BLOB, -- sealed
    PRIMARY KEY (verification_id, number)
) STRICT;

-- What was asked stays on the books: no cascade.
CREATE TABLE calls (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    verification_id TEXT    NOT NULL REFERENCES verifications (id),
    provider        TEXT    NOT NULL,
    number_hash     BLOB    NOT NULL,
    day             TEXT    NOT NULL,
    intended_at     INTEGER NOT NULL,
    answered_at     INTEGER,
    code            TEXT    NOT NULL DEFAULT '',
    billable        TEXT    NOT NULL DEFAULT '',
    result          TEXT -- the check as JSON
) STRICT;

CREATE INDEX calls_of_verification ON calls (verification_id, id);
CREATE INDEX calls_of_number ON calls (number_hash, day);
