-- Topic rules; the destinations of their HTTP actions; what could not be delivered.
CREATE TABLE topic_rules (
    name       TEXT PRIMARY KEY NOT NULL,
    payload    TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The token is kept as its digest: who reads the database cannot confirm.
CREATE TABLE rule_destinations (
    id               BLOB PRIMARY KEY NOT NULL,
    confirmation_url TEXT NOT NULL UNIQUE,
    status           TEXT NOT NULL,
    reason           TEXT,
    token_digest     BLOB UNIQUE,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    rule      TEXT NOT NULL,
    topic     TEXT NOT NULL,
    client_id TEXT,
    reason    TEXT NOT NULL,
    delivery  TEXT NOT NULL,
    died_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_letters_by_rule ON dead_letters (rule, id);
