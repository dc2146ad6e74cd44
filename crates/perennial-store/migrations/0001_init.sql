-- Registry: what exists and what is attached to what.
CREATE TABLE things (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Narrow: a rotation rewrites it twice. status as in certificates.rs. The DER stands apart.
CREATE TABLE certificates (
    id BLOB PRIMARY KEY,
    status INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    delete_at INTEGER
) WITHOUT ROWID;
CREATE INDEX certificates_active_by_end ON certificates (not_after, id) WHERE status = 1;
CREATE INDEX certificates_active_by_age ON certificates (created_at, id) WHERE status = 1;
CREATE INDEX certificates_to_delete ON certificates (delete_at) WHERE delete_at IS NOT NULL;

CREATE TABLE certificate_ders (
    id BLOB PRIMARY KEY REFERENCES certificates (id) ON DELETE CASCADE,
    der BLOB NOT NULL
);

CREATE TABLE thing_certificates (
    certificate_id BLOB NOT NULL REFERENCES certificates (id),
    thing TEXT NOT NULL REFERENCES things (name),
    PRIMARY KEY (certificate_id, thing)
) WITHOUT ROWID;
CREATE INDEX thing_certificates_by_thing ON thing_certificates (thing, certificate_id);

CREATE TABLE policies (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE policy_targets (
    certificate_id BLOB NOT NULL REFERENCES certificates (id),
    policy TEXT NOT NULL REFERENCES policies (name),
    PRIMARY KEY (certificate_id, policy)
) WITHOUT ROWID;
CREATE INDEX policy_targets_by_policy ON policy_targets (policy, certificate_id);

-- Every public key ever certified and whose it was; outlives the certificates.
CREATE TABLE public_keys (
    spki_digest BLOB PRIMARY KEY,
    thing TEXT NOT NULL
) WITHOUT ROWID;

-- What is about to be signed, recorded before it is; the certificate once it was.
CREATE TABLE issue_intents (
    rotation_id BLOB PRIMARY KEY,
    serial BLOB NOT NULL UNIQUE,
    thing TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    spki BLOB NOT NULL,
    certificate_id BLOB
) WITHOUT ROWID;

-- Journal: facts that came in, where every rotation stands, commands not yet done.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fact TEXT NOT NULL,
    payload BLOB
);

CREATE TABLE rotations (
    id BLOB PRIMARY KEY,
    thing TEXT NOT NULL,
    outgoing BLOB NOT NULL,
    cause_task BLOB,
    opened_at INTEGER NOT NULL,
    fixed TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX rotations_once_a_finding ON rotations (cause_task, outgoing, thing)
    WHERE cause_task IS NOT NULL;
CREATE INDEX rotations_by_opening ON rotations (opened_at, id);
CREATE INDEX rotations_by_outgoing ON rotations (outgoing);
CREATE INDEX rotations_by_thing ON rotations (thing, opened_at, id);

-- What a step rewrites, apart from what is fixed.
CREATE TABLE rotation_states (
    rotation_id BLOB PRIMARY KEY REFERENCES rotations (id),
    open_thing TEXT UNIQUE,
    version INTEGER NOT NULL,
    ignored INTEGER NOT NULL,
    due_at INTEGER,
    incoming BLOB,
    state TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX rotation_states_by_incoming ON rotation_states (incoming)
    WHERE incoming IS NOT NULL AND due_at IS NOT NULL;
CREATE INDEX rotation_states_due ON rotation_states (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE rotation_history (
    rotation_id BLOB NOT NULL REFERENCES rotations (id),
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (rotation_id, seq)
) WITHOUT ROWID;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rotation_id BLOB NOT NULL,
    command TEXT NOT NULL
);

-- Audits.
CREATE TABLE audit_tasks (
    id BLOB PRIMARY KEY,
    scheduled INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    task TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_tasks_by_start ON audit_tasks (started_at, id);

CREATE TABLE findings (
    task BLOB NOT NULL REFERENCES audit_tasks (id),
    certificate_id BLOB NOT NULL,
    check_name TEXT NOT NULL,
    finding TEXT NOT NULL,
    PRIMARY KEY (task, certificate_id, check_name)
) WITHOUT ROWID;

-- Append-only and hash-chained; see events.rs.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL
);
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE (ABORT, 'the event log is append-only'); END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
    BEGIN SELECT RAISE (ABORT, 'the event log is append-only'); END;
