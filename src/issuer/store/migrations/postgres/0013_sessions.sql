-- When a session was last used, where its pool keeps that: at the sign-in, and at each refresh.
ALTER TABLE sessions ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0;
UPDATE sessions SET active_at = signed_in_at;
