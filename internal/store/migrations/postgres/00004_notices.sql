-- +goose Up
ALTER TABLE sessions ADD COLUMN notice_at BIGINT; -- when the notice was kept
ALTER TABLE sessions ADD COLUMN notice_judged BOOLEAN NOT NULL DEFAULT FALSE; -- it holds a judgement of the person
ALTER TABLE sessions ADD COLUMN notice_told BOOLEAN NOT NULL DEFAULT FALSE; -- the run knows that it is there
ALTER TABLE sessions ADD COLUMN captured BOOLEAN NOT NULL DEFAULT FALSE; -- the vendor handed out its pictures

CREATE INDEX sessions_untold ON sessions (notice_at) WHERE notice IS NOT NULL AND NOT notice_told;
