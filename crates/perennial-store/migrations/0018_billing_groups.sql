-- Billing groups, and which things are in one: see billing_groups.rs.
CREATE TABLE billing_groups (
    name TEXT PRIMARY KEY,
    group_id BLOB NOT NULL,
    description TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE billing_group_things (
    thing TEXT PRIMARY KEY REFERENCES things (name) ON DELETE CASCADE,
    billing_group TEXT NOT NULL REFERENCES billing_groups (name)
) WITHOUT ROWID;
CREATE INDEX billing_group_things_by_group ON billing_group_things (billing_group, thing);
