-- What other nodes must know at once, and a gate that starts again: `kind` is `session` (it was revoked; `subject` is its id) or
-- `pool` (its keys or its settings are others). Numbers are given in the order in which changes come to count.
CREATE TABLE changes (
    number BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    pool_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    matters_until BIGINT NOT NULL
);
CREATE INDEX changes_by_end ON changes (matters_until);

INSERT INTO changes (kind, pool_id, subject, matters_until)
SELECT 'session', pool_id, id, revoked_at + 86400000 FROM sessions WHERE revoked_at IS NOT NULL;
DROP INDEX sessions_revoked;

CREATE FUNCTION tell_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY lychgate_changes;
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_changes AFTER INSERT ON changes FOR EACH STATEMENT EXECUTE FUNCTION tell_changes();

-- Private keys are sealed under the master key. One signs from `signs_from` until the next of its purpose does, and is told to
-- others before and after.
ALTER TABLE signing_keys ADD COLUMN algorithm TEXT COLLATE "C" NOT NULL DEFAULT 'RS256';
ALTER TABLE signing_keys ADD COLUMN signs_from BIGINT NOT NULL DEFAULT 0;
UPDATE signing_keys SET signs_from = created_at;

-- The ids of the master keys under which something is sealed.
CREATE TABLE sealing_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY
);

-- What the pool's new keys are for, and the `iss` of its tokens where it is not made of the issuer's URL.
ALTER TABLE pools ADD COLUMN token_algorithm TEXT COLLATE "C" NOT NULL DEFAULT 'RS256';
ALTER TABLE pools ADD COLUMN issuer_url TEXT COLLATE "C";
