-- What the API can make and change: settings as the API states them, in JSON text.

ALTER TABLE pools ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE pools ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE pool_groups ADD COLUMN role_arn TEXT;

-- Secrets of clients that the API made, sealed; those of declared clients stay in the config.
CREATE TABLE client_secrets (
    id TEXT NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX secrets_of_client ON client_secrets (client_id);

-- `temporary_until`: the password was set by an administrator and must be changed. Verifier and seeds are sealed.
ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT 'CONFIRMED';
ALTER TABLE users ADD COLUMN temporary_until BIGINT;
ALTER TABLE users ADD COLUMN password_history TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN srp_identity TEXT;
ALTER TABLE users ADD COLUMN srp_salt BYTEA;
ALTER TABLE users ADD COLUMN srp_verifier BYTEA;
ALTER TABLE users ADD COLUMN totp BYTEA;
ALTER TABLE users ADD COLUMN totp_pending BYTEA;
ALTER TABLE users ADD COLUMN totp_used BIGINT;
ALTER TABLE users ADD COLUMN factors TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN preferred_factor TEXT;
CREATE INDEX users_of_pool ON users (pool_id, sub);
CREATE INDEX attributes_by_value ON user_attributes (name, value);

-- Other names that a user signs in by; `value_key` is compared as user names are.
CREATE TABLE aliases (
    pool_id TEXT NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    value_key TEXT NOT NULL,
    attribute TEXT NOT NULL,
    sub TEXT NOT NULL REFERENCES users (sub) ON DELETE CASCADE,
    PRIMARY KEY (pool_id, value_key)
);
CREATE INDEX aliases_of_user ON aliases (sub);

-- Codes that were sent, as keyed marks. `purpose` is `sign-up`, `reset` or `verify:` and an attribute; `target` is the value that it proves.
CREATE TABLE codes (
    sub TEXT NOT NULL REFERENCES users (sub) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    mark BYTEA NOT NULL,
    attribute TEXT NOT NULL,
    target TEXT NOT NULL,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (sub, purpose)
);

-- A sign-in that is under way, by SHA-256 of the `Session` that the client has; what it waits for is sealed.
CREATE TABLE auth_sessions (
    hash BYTEA NOT NULL PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    sealed BYTEA NOT NULL,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX auth_sessions_by_end ON auth_sessions (expires_at);

-- How often something was done within the hour that ends at `until`.
CREATE TABLE ceilings (
    key_hash BYTEA NOT NULL PRIMARY KEY,
    count BIGINT NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX ceilings_by_end ON ceilings (until);

-- A refresh token that another has followed, and when.
ALTER TABLE refresh_tokens ADD COLUMN replaced_at BIGINT;

-- Messages that wait to be sent; what they say is sealed.
CREATE TABLE outbox (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    pool_id TEXT NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    sub TEXT NOT NULL,
    kind TEXT NOT NULL,
    medium TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX outbox_by_age ON outbox (created_at);
