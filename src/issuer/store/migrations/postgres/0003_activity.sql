-- Who signed in to a pool since when: what active users are counted by.
CREATE INDEX sessions_of_pool_by_time ON sessions (pool_id, signed_in_at, sub);
