-- Audits as Device Defender has them. Findings of before had another shape and named certificates
-- only: they are dropped, their tasks stay.
DROP TABLE findings;
ALTER TABLE audit_tasks RENAME TO audit_tasks_before;
DROP INDEX audit_tasks_by_start;
CREATE TABLE audit_tasks (
    id BLOB PRIMARY KEY,
    status TEXT NOT NULL,
    type TEXT NOT NULL,
    schedule TEXT,
    started_at INTEGER NOT NULL,
    task TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO audit_tasks (id, status, type, schedule, started_at, task)
    SELECT id, json_extract(task, '$.taskStatus'), json_extract(task, '$.taskType'),
        iif(scheduled, 'perennial-daily', NULL), started_at, task FROM audit_tasks_before;
DROP TABLE audit_tasks_before;
CREATE INDEX audit_tasks_by_start ON audit_tasks (started_at, id);
CREATE INDEX audit_tasks_by_schedule ON audit_tasks (schedule, started_at)
    WHERE schedule IS NOT NULL;
CREATE INDEX audit_tasks_in_progress ON audit_tasks (started_at, id)
    WHERE status = 'IN_PROGRESS';

-- seq orders findings and pages through them; id is made of task, check and resource.
CREATE TABLE findings (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    task BLOB NOT NULL,
    check_name TEXT NOT NULL,
    resource TEXT NOT NULL,
    found_at INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    rotates BLOB,
    finding TEXT NOT NULL
);
CREATE INDEX findings_by_task ON findings (task, check_name);
CREATE INDEX findings_by_time ON findings (found_at);
CREATE INDEX findings_by_check ON findings (check_name, found_at);
CREATE INDEX findings_by_resource ON findings (resource);
-- Those whose certificate is to be rotated: what a completed audit is acted upon by.
CREATE INDEX findings_that_rotate ON findings (task, seq) WHERE rotates IS NOT NULL;

-- One row. configuration is NULL once it was deleted; file is what the server's own configuration
-- said when it was last taken over.
CREATE TABLE audit_account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    configuration TEXT,
    file TEXT NOT NULL,
    collecting_since INTEGER NOT NULL
);

CREATE TABLE scheduled_audits (
    name TEXT PRIMARY KEY,
    recurrence TEXT NOT NULL,
    checks TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit_suppressions (
    check_name TEXT NOT NULL,
    resource TEXT NOT NULL,
    expires_at INTEGER,
    token TEXT NOT NULL,
    suppression TEXT NOT NULL,
    PRIMARY KEY (check_name, resource)
) WITHOUT ROWID;
CREATE INDEX audit_suppressions_by_resource ON audit_suppressions (resource, check_name);
CREATE INDEX audit_suppressions_by_end ON audit_suppressions (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE mitigation_actions (
    name TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    action TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE mitigation_tasks (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    audit_task BLOB,
    task TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX mitigation_tasks_by_start ON mitigation_tasks (started_at, id);
CREATE INDEX mitigation_tasks_in_progress ON mitigation_tasks (started_at, id)
    WHERE status = 'IN_PROGRESS';

-- One row an action and finding; its outcome is final.
CREATE TABLE mitigation_executions (
    task TEXT NOT NULL REFERENCES mitigation_tasks (id) ON DELETE CASCADE,
    finding BLOB NOT NULL,
    action_no INTEGER NOT NULL,
    status TEXT NOT NULL,
    execution TEXT NOT NULL,
    PRIMARY KEY (task, finding, action_no)
) WITHOUT ROWID;
CREATE INDEX mitigation_executions_by_finding ON mitigation_executions (finding, task);

-- Messages about audits that ended, until they were handed on.
CREATE TABLE audit_notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message TEXT NOT NULL
);

-- What was read from each certificate's DER, once; see notes.rs.
CREATE TABLE issuers (
    id INTEGER PRIMARY KEY,
    name_digest BLOB NOT NULL UNIQUE
);
CREATE TABLE certificate_notes (
    certificate_id BLOB PRIMARY KEY REFERENCES certificates (id) ON DELETE CASCADE,
    issuer INTEGER NOT NULL REFERENCES issuers (id),
    serial BLOB NOT NULL,
    spki_digest BLOB NOT NULL,
    roca INTEGER NOT NULL,
    print BLOB,
    reused INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX certificate_notes_by_serial ON certificate_notes (issuer, serial);
CREATE INDEX certificate_notes_rsa ON certificate_notes (certificate_id, roca, print)
    WHERE print IS NOT NULL;
CREATE INDEX certificate_notes_reused ON certificate_notes (certificate_id) WHERE reused = 1;
-- Every key that a certificate had; outlives the certificates.
CREATE TABLE certified_keys (
    spki_digest BLOB PRIMARY KEY
) WITHOUT ROWID;
CREATE TABLE certificates_read (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    up_to INTEGER NOT NULL
);
INSERT INTO certificates_read (id, up_to) VALUES (1, 0);
-- SQLite gives the number of the last row out again when that row is deleted.
CREATE TRIGGER certificates_read_goes_back AFTER DELETE ON certificate_ders
    WHEN OLD.rowid > (SELECT COALESCE (MAX (rowid), 0) FROM certificate_ders)
    BEGIN
        UPDATE certificates_read
            SET up_to = MIN (up_to, (SELECT COALESCE (MAX (rowid), 0) FROM certificate_ders));
    END;

-- Revocation lists as they were last taken in.
CREATE TABLE crls (
    issuer BLOB PRIMARY KEY,
    this_update INTEGER NOT NULL,
    next_update INTEGER
) WITHOUT ROWID;
CREATE TABLE crl_entries (
    issuer BLOB NOT NULL REFERENCES crls (issuer) ON DELETE CASCADE,
    serial BLOB NOT NULL,
    revoked_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, serial)
) WITHOUT ROWID;

-- Who was connected when; see connections.rs.
CREATE TABLE connections (
    id INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL,
    certificate_id BLOB NOT NULL,
    connected_at INTEGER NOT NULL,
    disconnected_at INTEGER,
    reason TEXT
);
CREATE INDEX connections_by_certificate ON connections (certificate_id, client_id, connected_at);
CREATE INDEX connections_by_client ON connections (client_id, connected_at);
CREATE INDEX connections_ended ON connections (disconnected_at)
    WHERE disconnected_at IS NOT NULL;
CREATE INDEX connections_taken_over ON connections (client_id, disconnected_at)
    WHERE reason = 'DUPLICATE_CLIENTID';
