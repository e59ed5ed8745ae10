-- +goose Up
-- The keys that were ever in use, but for those that were taken out. The hash key
-- is known by its check in meta.
CREATE TABLE key_ring (
    id         TEXT    NOT NULL PRIMARY KEY,
    purpose    TEXT    NOT NULL, -- seal, ticket or sig
    check_hash TEXT    NOT NULL, -- keyed hash of the key
    state      TEXT    NOT NULL, -- added, active or retired
    changed_at INTEGER NOT NULL,
    clear_at   INTEGER           -- when nothing was found to be left under it
) STRICT;
DELETE FROM meta WHERE key LIKE 'seal_check/%';

-- The processes that run, and the keys that each of them uses.
CREATE TABLE key_holders (
    process TEXT    NOT NULL PRIMARY KEY,
    active  TEXT    NOT NULL, -- their ids as a JSON array
    seen_at INTEGER NOT NULL
) STRICT;

-- Who seals rows anew, and until when nobody else does. Who changes the key ring
-- holds it.
CREATE TABLE resealing (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    by_process TEXT    NOT NULL,
    until      INTEGER NOT NULL
) STRICT;
INSERT INTO resealing (one, by_process, until) VALUES (1, '', 0);
