-- +goose Up
-- The browsers that may go on with a verification, each by the hash of its cookie.
CREATE TABLE visits (
    cookie_hash     BYTEA  NOT NULL PRIMARY KEY,
    verification_id TEXT   COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    session         BIGINT,          -- whose way back opened it; NULL: a link did
    expires_at      BIGINT NOT NULL,
    UNIQUE (verification_id, session)
);
CREATE INDEX visits_expired ON visits (expires_at);

-- The code with which a verification goes over to the phone; the next one takes
-- its place.
CREATE TABLE handovers (
    verification_id TEXT    COLLATE "C" NOT NULL PRIMARY KEY REFERENCES verifications (id) ON DELETE CASCADE,
    code_hash       BYTEA   NOT NULL UNIQUE,
    expires_at      BIGINT  NOT NULL,
    spent           BOOLEAN NOT NULL
);
