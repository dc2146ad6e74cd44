-- Access keys of the API. The secret is needed as it is: a signature is checked by making it
-- again. A revoked key keeps its row, for the log's sake, without its secret.
CREATE TABLE access_keys (
    id TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    role TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) WITHOUT ROWID;
CREATE INDEX access_keys_in_force ON access_keys (role, id) WHERE revoked_at IS NULL;
