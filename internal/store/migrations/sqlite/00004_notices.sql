-- +goose Up
ALTER TABLE sessions ADD COLUMN notice_at INTEGER; -- when the notice was kept
ALTER TABLE sessions ADD COLUMN notice_judged INTEGER NOT NULL DEFAULT 0; -- it holds a judgement of the person
ALTER TABLE sessions ADD COLUMN notice_told INTEGER NOT NULL DEFAULT 0; -- the run knows that it is there
ALTER TABLE sessions ADD COLUMN captured INTEGER NOT NULL DEFAULT 0; -- the vendor handed out its pictures

CREATE INDEX sessions_untold ON sessions (notice_at) WHERE notice IS NOT NULL AND NOT notice_told;
