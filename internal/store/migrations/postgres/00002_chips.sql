-- +goose Up
ALTER TABLE verifications ADD COLUMN card BYTEA; -- sealed
ALTER TABLE verifications ADD COLUMN portrait BYTEA; -- sealed; only while a comparison may need it

CREATE TABLE scans (
    verification_id TEXT    COLLATE "C" NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    number          BIGINT  NOT NULL,
    reqid_hash      BYTEA   NOT NULL UNIQUE,
    scanned_at      BIGINT  NOT NULL,
    reqid           BYTEA, -- sealed; gone after the end
    PRIMARY KEY (verification_id, number)
);
