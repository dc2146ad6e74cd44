-- First certificates: what is about to be signed for a key of a thing, recorded before it is;
-- whether it was; and the certificate that the key got last.
CREATE TABLE enrolments (
    thing TEXT NOT NULL,
    spki_digest BLOB NOT NULL,
    serial BLOB NOT NULL UNIQUE,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    spki BLOB NOT NULL,
    done INTEGER NOT NULL,
    certificate_id BLOB,
    PRIMARY KEY (thing, spki_digest)
) WITHOUT ROWID;
