-- A step wrote more than it changed: the index by incoming certificate asked whether the rotation
-- was open, and so was rewritten with each deadline; each line of history looked its rotation up
-- again, though it is written only behind the step that just found it.
DROP INDEX rotation_states_by_incoming;
CREATE INDEX rotation_states_by_incoming ON rotation_states (incoming) WHERE incoming IS NOT NULL;

CREATE TABLE rotation_entries (
    id INTEGER PRIMARY KEY,
    rotation_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL
);
INSERT INTO rotation_entries (id, rotation_id, seq, entry)
    SELECT id, rotation_id, seq, entry FROM rotation_history;
DROP TABLE rotation_history;
ALTER TABLE rotation_entries RENAME TO rotation_history;
CREATE UNIQUE INDEX rotation_history_by_rotation ON rotation_history (rotation_id, seq);
