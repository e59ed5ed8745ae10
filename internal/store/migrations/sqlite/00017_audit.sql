-- +goose Up
-- Each line is bound by a MAC when it is written, and within seconds chained to the
-- one before it: its position, and a keyed hash of it and of all before.
ALTER TABLE audit ADD COLUMN note      BLOB; -- free text, sealed with a salt; NULL once it is erased
ALTER TABLE audit ADD COLUMN note_hash BLOB; -- of salt and text
ALTER TABLE audit ADD COLUMN mac       BLOB;
ALTER TABLE audit ADD COLUMN position  INTEGER;
ALTER TABLE audit ADD COLUMN link      BLOB;

CREATE UNIQUE INDEX audit_by_position ON audit (position);
CREATE INDEX audit_waiting ON audit (id) WHERE position IS NULL;

-- The last link. Who gives positions holds it.
CREATE TABLE audit_chain (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL,
    link BLOB NOT NULL
) STRICT;

INSERT INTO audit_chain (one, last, link) VALUES (1, 0, x'');
