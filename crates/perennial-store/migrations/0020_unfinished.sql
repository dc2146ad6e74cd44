-- What the server had no time for when it stopped: kept apart from what was given up, and not counted
-- with it.
ALTER TABLE dead_letters ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0;
UPDATE dead_letters SET unfinished = 1
    WHERE reason = 'the server stopped before it was delivered';
CREATE INDEX dead_letters_given_up ON dead_letters (rule, id) WHERE unfinished = 0;
CREATE INDEX dead_letters_unfinished ON dead_letters (id) WHERE unfinished = 1;
CREATE INDEX dead_letters_unfinished_by_rule ON dead_letters (rule, id) WHERE unfinished = 1;
