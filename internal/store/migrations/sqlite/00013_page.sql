-- +goose Up
-- The link of the person's page: its code rests sealed while the verification
-- runs, and is found by its keyed hash, which stays for whoever opens it later.
ALTER TABLE verifications ADD COLUMN page_code BLOB; -- sealed; gone after the end
ALTER TABLE verifications ADD COLUMN page_hash BLOB;
CREATE UNIQUE INDEX verifications_by_page ON verifications (page_hash) WHERE page_hash IS NOT NULL;

-- What the person agreed to: of each purpose the first consent. The MAC binds it
-- to the key set.
CREATE TABLE consents (
    verification_id TEXT    NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    purpose         TEXT    NOT NULL,
    text_version    TEXT    NOT NULL,
    text_hash       TEXT    NOT NULL, -- SHA-256 in hex
    language        TEXT    NOT NULL,
    channel         TEXT    NOT NULL, -- page or caller
    given_at        INTEGER NOT NULL,
    withdrawn_at    INTEGER,
    mac             BLOB    NOT NULL,
    PRIMARY KEY (verification_id, purpose)
) STRICT;
