-- Times are Unix milliseconds, ids and UUIDs are text, lists are JSON text. Text is ordered by its bytes, as SQLite does.

CREATE TABLE pools (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- The private keys of a pool; `purpose` is `id` or `access`.
CREATE TABLE signing_keys (
    pool_id TEXT COLLATE "C" NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    kid TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    pkcs8 BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, kid)
);

-- No client secrets: they come from the config at each start.
CREATE TABLE clients (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    pool_id TEXT COLLATE "C" NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    confidential BOOLEAN NOT NULL,
    flows TEXT COLLATE "C" NOT NULL,
    access_token_seconds BIGINT NOT NULL,
    id_token_seconds BIGINT NOT NULL,
    refresh_token_seconds BIGINT NOT NULL,
    access_token_attributes TEXT COLLATE "C" NOT NULL,
    access_token_scopes TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX clients_of_pool ON clients (pool_id);

CREATE TABLE pool_groups (
    pool_id TEXT COLLATE "C" NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    precedence BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, name)
);

-- `name_key` is the name without case: what must be unique.
CREATE TABLE users (
    sub TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    pool_id TEXT COLLATE "C" NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C",
    enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (pool_id, name_key)
);

-- `declared`: it came from the config, and goes when the config no longer says it.
CREATE TABLE user_attributes (
    sub TEXT COLLATE "C" NOT NULL REFERENCES users (sub) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    declared BOOLEAN NOT NULL,
    PRIMARY KEY (sub, name)
);

CREATE TABLE group_members (
    sub TEXT COLLATE "C" NOT NULL REFERENCES users (sub) ON DELETE CASCADE,
    pool_id TEXT COLLATE "C" NOT NULL,
    group_name TEXT COLLATE "C" NOT NULL,
    declared BOOLEAN NOT NULL,
    PRIMARY KEY (sub, group_name),
    FOREIGN KEY (pool_id, group_name) REFERENCES pool_groups (pool_id, name) ON DELETE CASCADE
);
CREATE INDEX members_of_group ON group_members (pool_id, group_name);

-- One sign-in and all tokens that came of it; `id` is their `origin_jti`. Kept until the last of them has expired.
CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    pool_id TEXT COLLATE "C" NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    client_id TEXT COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    sub TEXT COLLATE "C" NOT NULL REFERENCES users (sub) ON DELETE CASCADE,
    event_id TEXT COLLATE "C" NOT NULL,
    signed_in_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    forgotten_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX sessions_of_user ON sessions (sub);
CREATE INDEX sessions_of_client ON sessions (client_id);
CREATE INDEX sessions_by_end ON sessions (forgotten_at);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Only the SHA-256 of a refresh token is kept.
CREATE TABLE refresh_tokens (
    hash BYTEA NOT NULL PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

-- Wrong passwords by SHA-256 of pool and user name, for names that exist and names that do not.
CREATE TABLE password_attempts (
    name_hash BYTEA NOT NULL PRIMARY KEY,
    failed BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    forgotten_at BIGINT NOT NULL
);
CREATE INDEX password_attempts_by_end ON password_attempts (forgotten_at);
