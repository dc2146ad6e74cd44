-- What people are told: one row a notice; see notices.rs. open is 1 or, once it is closed, NULL.
CREATE TABLE notices (
    id BLOB PRIMARY KEY,
    fold_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    open INTEGER,
    opened_at INTEGER NOT NULL,
    due_at INTEGER,
    notice TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX notices_open_by_key ON notices (fold_key) WHERE open = 1;
CREATE INDEX notices_by_opening ON notices (opened_at, id);
CREATE INDEX notices_open_by_opening ON notices (opened_at, id) WHERE open = 1;
CREATE INDEX notices_by_kind ON notices (kind, opened_at, id);
CREATE INDEX notices_due ON notices (due_at) WHERE due_at IS NOT NULL;

-- What was told once already, and the rotations whose histories shall say that people were told:
-- rotation_id is NULL once they do.
CREATE TABLE notice_facts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    notice BLOB NOT NULL,
    rotation_id BLOB,
    at INTEGER NOT NULL
);
CREATE INDEX notice_facts_unrecorded ON notice_facts (notice, id) WHERE rotation_id IS NOT NULL;
CREATE INDEX notice_facts_by_time ON notice_facts (at);

-- Messages to people, until they got through or were given up, and what became of them. Those of one
-- telling go to one recipient's targets; facts_up_to is the last fact that it tells of. records is 1
-- while histories are to say that it got through.
CREATE TABLE notice_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    notice BLOB NOT NULL,
    telling INTEGER NOT NULL,
    target TEXT NOT NULL,
    facts_up_to INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    due_at INTEGER,
    records INTEGER,
    message TEXT NOT NULL,
    outcome TEXT
);
CREATE INDEX notice_letters_due ON notice_letters (target, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notice_letters_by_notice ON notice_letters (notice, id);
CREATE INDEX notice_letters_by_telling ON notice_letters (telling);
CREATE INDEX notice_letters_to_record ON notice_letters (id) WHERE records = 1;
