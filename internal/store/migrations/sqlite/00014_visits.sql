-- +goose Up
-- The browsers that may go on with a verification, each by the hash of its cookie.
CREATE TABLE visits (
    cookie_hash     BLOB    NOT NULL PRIMARY KEY,
    verification_id TEXT    NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    session         INTEGER,          -- whose way back opened it; NULL: a link did
    expires_at      INTEGER NOT NULL,
    UNIQUE (verification_id, session)
) STRICT;
CREATE INDEX visits_expired ON visits (expires_at);

-- The code with which a verification goes over to the phone; the next one takes
-- its place.
CREATE TABLE handovers (
    verification_id TEXT    NOT NULL PRIMARY KEY REFERENCES verifications (id) ON DELETE CASCADE,
    code_hash       BLOB    NOT NULL UNIQUE,
    expires_at      INTEGER NOT NULL,
    spent           INTEGER NOT NULL
) STRICT;
