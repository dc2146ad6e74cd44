-- History is written at its end: by key, each entry of a busy fleet rewrote a page of its own.
CREATE TABLE rotation_entries (
    id INTEGER PRIMARY KEY,
    rotation_id BLOB NOT NULL REFERENCES rotations (id),
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL
);
INSERT INTO rotation_entries (rotation_id, seq, entry)
    SELECT rotation_id, seq, entry FROM rotation_history;
DROP TABLE rotation_history;
ALTER TABLE rotation_entries RENAME TO rotation_history;
CREATE UNIQUE INDEX rotation_history_by_rotation ON rotation_history (rotation_id, seq);
