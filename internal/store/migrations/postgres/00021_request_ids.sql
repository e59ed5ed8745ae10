-- +goose Up
-- Vendors' own ids of our calls, for signed evidence. They name nobody, and go with
-- the person all the same.
ALTER TABLE calls    ADD COLUMN request_id        TEXT;
ALTER TABLE sessions ADD COLUMN open_request_id   TEXT; -- of the call that opened it
ALTER TABLE sessions ADD COLUMN result_request_id TEXT; -- of the call that told how it ended
