-- +goose Up
-- Whose session it is, as a keyed hash, and the day in Asia/Shanghai: sessions
-- for one number are counted over all verifications.
ALTER TABLE sessions ADD COLUMN number_hash BYTEA;
ALTER TABLE sessions ADD COLUMN day TEXT;
ALTER TABLE sessions ADD COLUMN outcome BYTEA; -- sealed: what a vendor told that tells it once

CREATE INDEX sessions_of_number ON sessions (number_hash, day);
