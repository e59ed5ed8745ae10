-- Times are microseconds since 1970 in UTC. Columns marked "sealed" hold
-- AES-256-GCM ciphertext with its key id in front; everything else is open and
-- holds nothing personal.

-- +goose Up
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- The public state is what readers are answered from. The revision is the ETag:
-- it rises with every write that changes something. The MAC binds what a
-- reader believes of a row to the key set.
CREATE TABLE verifications (
    id              TEXT NOT NULL PRIMARY KEY,
    client          TEXT NOT NULL,
    fingerprint     BLOB NOT NULL,
    policy_name     TEXT NOT NULL,
    policy_version  INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    start_called_at INTEGER NOT NULL,
    started_at      INTEGER,
    overdue_at      INTEGER, -- when all clocks of the policy are over
    status          TEXT NOT NULL,
    decision        TEXT NOT NULL,
    state           TEXT NOT NULL,
    state_version   INTEGER NOT NULL,
    revision        INTEGER NOT NULL DEFAULT 1,
    mac             BLOB,
    ended_at        INTEGER,
    redacted_at     INTEGER,
    request         BLOB, -- sealed; gone once redacted
    card            BLOB, -- sealed
    portrait        BLOB -- sealed; only while a comparison may need it
) STRICT;

CREATE INDEX verifications_unstarted ON verifications (start_called_at) WHERE started_at IS NULL;
CREATE INDEX verifications_overdue ON verifications (overdue_at) WHERE ended_at IS NULL OR status = 'in_review';
CREATE INDEX verifications_by_status ON verifications (client, status, created_at, id);

CREATE TABLE scans (
    verification_id TEXT NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    reqid_hash      BLOB NOT NULL UNIQUE,
    scanned_at      INTEGER NOT NULL,
    reqid           BLOB, -- sealed; gone after the end
    PRIMARY KEY (verification_id, number)
) STRICT;

-- A session is one at a face vendor. Those for one number and day, in
-- Asia/Shanghai, are counted over all verifications.
CREATE TABLE sessions (
    verification_id TEXT NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    provider        TEXT NOT NULL,
    number_hash     BLOB, -- keyed: whose session it is
    day             TEXT,
    intended_at     INTEGER NOT NULL,
    opened_at       INTEGER,
    expires_at      INTEGER,
    closed_at       INTEGER,
    begun           INTEGER NOT NULL DEFAULT 0,
    hints           INTEGER NOT NULL DEFAULT 0,
    lookups         INTEGER NOT NULL DEFAULT 0,
    link            BLOB, -- sealed
    handle          BLOB, -- sealed
    notice          BLOB, -- sealed: signed data that the vendor sent
    notice_at       INTEGER, -- when the notice was kept
    notice_judged   INTEGER NOT NULL DEFAULT 0, -- it holds a judgement of the person
    notice_told     INTEGER NOT NULL DEFAULT 0, -- the run knows that it is there
    captured        INTEGER NOT NULL DEFAULT 0, -- the vendor handed out its pictures
    outcome         BLOB, -- sealed: what a vendor told that tells it once
    PRIMARY KEY (verification_id, number)
) STRICT;

CREATE INDEX sessions_untold ON sessions (notice_at) WHERE notice IS NOT NULL AND NOT notice_told;
CREATE INDEX sessions_of_number ON sessions (number_hash, day);

-- What was asked stays on the books: no cascade.
CREATE TABLE calls (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    verification_id TEXT NOT NULL REFERENCES verifications (id),
    provider        TEXT NOT NULL,
    number_hash     BLOB NOT NULL,
    day             TEXT NOT NULL,
    intended_at     INTEGER NOT NULL,
    answered_at     INTEGER,
    code            TEXT NOT NULL DEFAULT '',
    billable        TEXT NOT NULL DEFAULT '',
    result          TEXT -- the check as JSON
) STRICT;

CREATE INDEX calls_of_verification ON calls (verification_id, id);
CREATE INDEX calls_of_number ON calls (number_hash, day);

-- What reviewers said, every word of it, also one that came too late, and who
-- reopened what; kept after the end. The MAC binds it to the key set.
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

-- The present switch of each provider, and every change of one.
CREATE TABLE switches (
    id         INTEGER PRIMARY KEY,
    provider   TEXT NOT NULL,
    state      TEXT NOT NULL, -- on, drain or off
    reason     TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX switches_of_provider ON switches (provider, id);

-- An event is written in the transaction that made it true.
CREATE TABLE events (
    id              TEXT NOT NULL PRIMARY KEY,
    verification_id TEXT NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    sequence        INTEGER NOT NULL, -- 1, 2, 3 … of its verification
    client          TEXT NOT NULL,
    type            TEXT NOT NULL,
    revision        INTEGER NOT NULL, -- of the row that it tells of
    status          TEXT NOT NULL,
    decision        TEXT NOT NULL,
    reasons         TEXT NOT NULL, -- codes as a JSON array
    created_at      INTEGER NOT NULL,
    mac             BLOB NOT NULL,
    UNIQUE (verification_id, sequence)
) STRICT;
