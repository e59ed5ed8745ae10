-- +goose Up
-- Who withdrew a consent is erased, also where the call that noted it was lost.
CREATE INDEX consents_withdrawn ON consents (withdrawn_at) WHERE withdrawn_at IS NOT NULL;
