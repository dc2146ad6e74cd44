-- Which events are told on $aws/events, since which record of the log, and how far they are. One
-- row each at most. events_told is behind the log: enabled is what was enabled at the record up_to.
CREATE TABLE event_configurations (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    enabled TEXT NOT NULL,
    since INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
);
CREATE TABLE events_told (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    up_to INTEGER NOT NULL,
    enabled TEXT NOT NULL
);
