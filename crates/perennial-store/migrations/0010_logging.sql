-- What is recorded of devices. One row of options; one row a target, DEFAULT among them.
CREATE TABLE logging_options (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    role_arn TEXT,
    all_disabled INTEGER NOT NULL,
    events TEXT NOT NULL
);
INSERT INTO logging_options (number, all_disabled, events) VALUES (1, 0, '{}');
CREATE TABLE logging_levels (
    target_type TEXT NOT NULL,
    target_name TEXT NOT NULL,
    level TEXT NOT NULL,
    PRIMARY KEY (target_type, target_name)
) WITHOUT ROWID;
INSERT INTO logging_levels (target_type, target_name, level) VALUES ('DEFAULT', '', '"ERROR"');
