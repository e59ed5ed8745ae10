-- +goose Up
-- What a list is asked by rests beside the row: the caller's reference and the
-- person's number as keyed hashes, since both rest sealed.
ALTER TABLE verifications ADD COLUMN reference_hash BYTEA;
ALTER TABLE verifications ADD COLUMN number_hash BYTEA;

-- One for each question that a list answers. A redacted row is in none.
DROP INDEX verifications_by_status;
CREATE INDEX verifications_by_time ON verifications (client, created_at, id) WHERE redacted_at IS NULL;
CREATE INDEX verifications_by_status ON verifications (client, status, created_at, id) WHERE redacted_at IS NULL;
CREATE INDEX verifications_by_decision ON verifications (client, status, decision, created_at, id) WHERE redacted_at IS NULL;
CREATE INDEX verifications_by_policy ON verifications (client, policy_name, created_at, id) WHERE redacted_at IS NULL;
CREATE INDEX verifications_by_policy_status ON verifications (client, policy_name, status, created_at, id) WHERE redacted_at IS NULL;
CREATE INDEX verifications_by_policy_decision ON verifications (client, policy_name, status, decision, created_at, id) WHERE redacted_at IS NULL;
CREATE INDEX verifications_by_reference ON verifications (client, reference_hash, created_at, id) WHERE redacted_at IS NULL;
CREATE INDEX verifications_open_of_number ON verifications (client, number_hash) WHERE ended_at IS NULL;

-- Who read what of a person, when and what for, written before the answer.
-- It outlives the row: no reference.
CREATE TABLE audit (
    id              BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              BIGINT  NOT NULL,
    act             TEXT    NOT NULL, -- outputs.read
    client          TEXT    NOT NULL,
    by_key          TEXT    NOT NULL, -- the name of the key
    verification_id TEXT    NOT NULL,
    purpose         TEXT    NOT NULL,
    request_id      TEXT    NOT NULL
);

CREATE INDEX audit_of_verification ON audit (verification_id, id);
