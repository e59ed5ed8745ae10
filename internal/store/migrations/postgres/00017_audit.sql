-- +goose Up
-- Each line is bound by a MAC when it is written, and within seconds chained to the
-- one before it: its position, and a keyed hash of it and of all before.
ALTER TABLE audit ADD COLUMN note      BYTEA; -- free text, sealed with a salt; NULL once it is erased
ALTER TABLE audit ADD COLUMN note_hash BYTEA; -- of salt and text
ALTER TABLE audit ADD COLUMN mac       BYTEA;
ALTER TABLE audit ADD COLUMN position  BIGINT;
ALTER TABLE audit ADD COLUMN link      BYTEA;

CREATE UNIQUE INDEX audit_by_position ON audit (position);
CREATE INDEX audit_waiting ON audit (id) WHERE position IS NULL;

-- The last link. Who gives positions holds it.
CREATE TABLE audit_chain (
    one  SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1),
    last BIGINT NOT NULL,
    link BYTEA NOT NULL
);

INSERT INTO audit_chain (one, last, link) VALUES (1, 0, '');
