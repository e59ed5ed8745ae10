-- Times are microseconds since 1970 in UTC. Columns marked "sealed" hold
-- AES-256-GCM ciphertext with its key id in front; everything else is open and
-- holds nothing personal.

-- +goose Up
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The public state is what readers are answered from. The revision is the ETag:
-- it rises with every write that changes something. The MAC binds what a
-- reader believes of a row to the key set.
CREATE TABLE verifications (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client          TEXT NOT NULL,
    fingerprint     BYTEA NOT NULL,
    policy_name     TEXT NOT NULL,
    policy_version  BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    start_called_at BIGINT NOT NULL,
    started_at      BIGINT,
    overdue_at      BIGINT, -- when all clocks of the policy are over
    status          TEXT NOT NULL,
    decision        TEXT NOT NULL,
    state           TEXT NOT NULL,
    state_version   BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 1,
    mac             BYTEA,
    ended_at        BIGINT,
    redacted_at     BIGINT,
    request         BYTEA, -- sealed; gone once redacted
    card            BYTEA, -- sealed
    portrait        BYTEA -- sealed; only while a comparison may need it
);

CREATE INDEX verifications_unstarted ON verifications (start_called_at) WHERE started_at IS NULL;
CREATE INDEX verifications_overdue ON verifications (overdue_at) WHERE ended_at IS NULL OR status = 'in_review';
CREATE INDEX verifications_by_status ON verifications (client, status, created_at, id);

CREATE TABLE scans (
    verification_id TEXT COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    number          BIGINT NOT NULL,
    reqid_hash      BYTEA NOT NULL UNIQUE,
    scanned_at      BIGINT NOT NULL,
    reqid           BYTEA, -- sealed; gone after the end
    PRIMARY KEY (verification_id, number)
);

-- A session is one at a face vendor. Those for one number and day, in
-- Asia/Shanghai, are counted over all verifications.
CREATE TABLE sessions (
    verification_id TEXT COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    number          BIGINT NOT NULL,
    provider        TEXT NOT NULL,
    number_hash     BYTEA, -- keyed: whose session it is
    day             TEXT,
    intended_at     BIGINT NOT NULL,
    opened_at       BIGINT,
    expires_at      BIGINT,
    closed_at       BIGINT,
    begun           BOOLEAN NOT NULL DEFAULT FALSE,
    hints           BIGINT NOT NULL DEFAULT 0,
    lookups         BIGINT NOT NULL DEFAULT 0,
    link            BYTEA, -- sealed
    handle          BYTEA, -- sealed
    notice          BYTEA, -- sealed: signed data that the vendor sent
    notice_at       BIGINT, -- when the notice was kept
    notice_judged   BOOLEAN NOT NULL DEFAULT FALSE, -- it holds a judgement of the person
    notice_told     BOOLEAN NOT NULL DEFAULT FALSE, -- the run knows that it is there
    captured        BOOLEAN NOT NULL DEFAULT FALSE, -- the vendor handed out its pictures
    outcome         BYTEA, -- sealed: what a vendor told that tells it once
    PRIMARY KEY (verification_id, number)
);

CREATE INDEX sessions_untold ON sessions (notice_at) WHERE notice IS NOT NULL AND NOT notice_told;
CREATE INDEX sessions_of_number ON sessions (number_hash, day);

-- What was asked stays on the books: no cascade.
CREATE TABLE calls (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verification_id TEXT COLLATE "C" NOT NULL REFERENCES verifications (id),
    provider        TEXT NOT NULL,
    number_hash     BYTEA NOT NULL,
    day             TEXT NOT NULL,
    intended_at     BIGINT NOT NULL,
    answered_at     BIGINT,
    code            TEXT NOT NULL DEFAULT '',
    billable        TEXT NOT NULL DEFAULT '',
    result          TEXT -- the check as JSON
);

CREATE INDEX calls_of_verification ON calls (verification_id, id);
CREATE INDEX calls_of_number ON calls (number_hash, day);

-- What reviewers said, every word of it, also one that came too late, and who
-- reopened what; kept after the end. The MAC binds it to the key set.
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

-- The present switch of each provider, and every change of one.
CREATE TABLE switches (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider   TEXT NOT NULL,
    state      TEXT NOT NULL, -- on, drain or off
    reason     TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE INDEX switches_of_provider ON switches (provider, id);

-- An event is written in the transaction that made it true.
CREATE TABLE events (
    id              TEXT NOT NULL PRIMARY KEY,
    verification_id TEXT COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    sequence        BIGINT NOT NULL, -- 1, 2, 3 … of its verification
    client          TEXT NOT NULL,
    type            TEXT NOT NULL,
    revision        BIGINT NOT NULL, -- of the row that it tells of
    status          TEXT NOT NULL,
    decision        TEXT NOT NULL,
    reasons         TEXT NOT NULL, -- codes as a JSON array
    created_at      BIGINT NOT NULL,
    mac             BYTEA NOT NULL,
    UNIQUE (verification_id, sequence)
);
