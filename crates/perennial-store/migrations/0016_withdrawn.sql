-- Certificates that were deleted and must not come back by themselves; see withdrawn.rs. A certificate
-- whose end has come cannot be registered anyway.
CREATE TABLE withdrawn_certificates (
    id BLOB PRIMARY KEY,
    revoked INTEGER NOT NULL,
    not_after INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX withdrawn_certificates_by_end ON withdrawn_certificates (not_after);
