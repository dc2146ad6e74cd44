-- The registry of AWS IoT's control plane: what things, policies and certificates are made of,
-- groups, types, tags, and the customer's own CA.

-- thing_id is a UUID's 16 octets.
ALTER TABLE things ADD COLUMN thing_id BLOB;
ALTER TABLE things ADD COLUMN type TEXT;
ALTER TABLE things ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
UPDATE things SET thing_id = randomblob(16);
CREATE INDEX things_by_type ON things (type, name) WHERE type IS NOT NULL;

CREATE TABLE thing_types (
    name TEXT PRIMARY KEY,
    type_id BLOB NOT NULL,
    description TEXT,
    searchable TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deprecated_at INTEGER
) WITHOUT ROWID;

-- The thing's type is repeated, so that a search by type and attribute is one range.
CREATE TABLE thing_attributes (
    thing TEXT NOT NULL REFERENCES things (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    type TEXT,
    PRIMARY KEY (thing, name)
) WITHOUT ROWID;
CREATE INDEX thing_attributes_by_value ON thing_attributes (name, value, thing);
CREATE INDEX thing_attributes_by_type ON thing_attributes (type, name, value, thing)
    WHERE type IS NOT NULL;

ALTER TABLE thing_certificates ADD COLUMN exclusive INTEGER NOT NULL DEFAULT 0;

-- Groups. A number is never used again: what hangs on a deleted group is swept later, in pieces.
CREATE TABLE thing_groups (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    group_id BLOB NOT NULL,
    parent INTEGER REFERENCES thing_groups (number),
    description TEXT,
    attributes TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX thing_groups_by_parent ON thing_groups (parent, name);

-- Every group below another, however deep.
CREATE TABLE thing_group_descendants (
    ancestor INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (ancestor, name)
) WITHOUT ROWID;

CREATE TABLE thing_group_members (
    member_of INTEGER NOT NULL,
    thing TEXT NOT NULL,
    PRIMARY KEY (member_of, thing)
) WITHOUT ROWID;
CREATE INDEX thing_group_members_by_thing ON thing_group_members (thing, member_of);

-- Every thing in a group or below it, and in which one it is. The key is the rule that a thing is
-- in one place of a hierarchy: there is one row of it for the root.
CREATE TABLE thing_group_reach (
    ancestor INTEGER NOT NULL,
    thing TEXT NOT NULL,
    member_of INTEGER NOT NULL,
    PRIMARY KEY (ancestor, thing)
) WITHOUT ROWID;

CREATE TABLE thing_group_policies (
    number INTEGER NOT NULL,
    policy TEXT NOT NULL REFERENCES policies (name),
    PRIMARY KEY (number, policy)
) WITHOUT ROWID;
CREATE INDEX thing_group_policies_by_policy ON thing_group_policies (policy, number);

-- path: the numbers of the group and of those it lay in, as a JSON array.
CREATE TABLE deleted_thing_groups (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL
);

CREATE TABLE tags (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, name, key)
) WITHOUT ROWID;

-- Policies keep versions; a version's number is never used again.
CREATE TABLE policy_versions (
    policy TEXT NOT NULL REFERENCES policies (name) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (policy, version)
) WITHOUT ROWID;
INSERT INTO policy_versions (policy, version, document, created_at)
    SELECT name, 1, document, created_at FROM policies;
ALTER TABLE policies DROP COLUMN document;
ALTER TABLE policies ADD COLUMN policy_id BLOB;
ALTER TABLE policies ADD COLUMN default_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE policies ADD COLUMN last_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE policies ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
UPDATE policies SET policy_id = randomblob(16), modified_at = created_at;
CREATE INDEX policies_by_creation ON policies (created_at, name);

-- Certificates. An issuer is a number, since every certificate names one. is_gone: it was a
-- registered CA and was deleted.
CREATE TABLE certificate_issuers (
    number INTEGER PRIMARY KEY,
    certificate_id BLOB NOT NULL UNIQUE,
    is_gone INTEGER NOT NULL DEFAULT 0
);
ALTER TABLE certificates ADD COLUMN issuer INTEGER REFERENCES certificate_issuers (number);
ALTER TABLE certificates ADD COLUMN sni_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE certificates ADD COLUMN customer_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE certificates ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
UPDATE certificates SET modified_at = created_at;
CREATE INDEX certificates_by_creation ON certificates (created_at, id);
CREATE INDEX certificates_by_issuer ON certificates (issuer, created_at, id)
    WHERE issuer IS NOT NULL;
-- NULL where public_keys has it already.
ALTER TABLE certificate_ders ADD COLUMN spki_digest BLOB;

CREATE TABLE ca_certificates (
    id BLOB PRIMARY KEY,
    der BLOB NOT NULL,
    subject_digest BLOB NOT NULL,
    active INTEGER NOT NULL,
    auto_registration INTEGER NOT NULL,
    sni_only INTEGER NOT NULL,
    registration_config TEXT,
    template TEXT,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    customer_version INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX ca_certificates_by_creation ON ca_certificates (created_at, id);
CREATE INDEX ca_certificates_by_subject ON ca_certificates (subject_digest, id);
CREATE INDEX ca_certificates_by_template ON ca_certificates (template, created_at, id)
    WHERE template IS NOT NULL;

-- One row at most.
CREATE TABLE registration_code (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    code BLOB NOT NULL
);
