-- +goose Up
ALTER TABLE verifications ADD COLUMN card BLOB; -- sealed
ALTER TABLE verifications ADD COLUMN portrait BLOB; -- sealed; only while a comparison may need it

CREATE TABLE scans (
    verification_id TEXT    NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    reqid_hash      BLOB    NOT NULL UNIQUE,
    scanned_at      INTEGER NOT NULL,
    reqid           BLOB, -- sealed; gone after the end
    PRIMARY KEY (verification_id, number)
) STRICT;
