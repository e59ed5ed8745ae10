-- +goose Up
-- Who was erased, when and why, and the receipt of it. It outlives the row: no
-- reference.
CREATE TABLE erasures (
    verification_id TEXT   NOT NULL PRIMARY KEY,
    client          TEXT   NOT NULL,
    cause           TEXT   NOT NULL, -- request, person, client, retention, consent_withdrawn
    asked_by        TEXT   NOT NULL, -- the name of the key, or of the operator
    request_id      TEXT   NOT NULL,
    erased_at       BIGINT NOT NULL,
    asked           TEXT   NOT NULL, -- providers that were asked about the person, as JSON
    receipt         TEXT,            -- signed; NULL: not yet
    signed_at       BIGINT
);
CREATE INDEX erasures_unsigned ON erasures (erased_at) WHERE receipt IS NULL;
CREATE INDEX verifications_of_number ON verifications (number_hash, client) WHERE number_hash IS NOT NULL;
CREATE INDEX verifications_ended ON verifications (ended_at, id) WHERE redacted_at IS NULL AND ended_at IS NOT NULL;
