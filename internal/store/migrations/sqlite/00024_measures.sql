-- +goose Up
-- What is counted every few seconds, however much the store holds.
CREATE INDEX verifications_with_portrait ON verifications (policy_name) WHERE portrait IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (state, created_at) WHERE state IN ('due', 'sending', 'held');
