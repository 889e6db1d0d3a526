-- How far a message has come: when it is tried next, and when it was delivered where it is kept after that.
ALTER TABLE outbox ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN next_try_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN delivered_at BIGINT;
CREATE INDEX outbox_due ON outbox (next_try_at) WHERE delivered_at IS NULL;
