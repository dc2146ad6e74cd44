-- Searching things, where the case of a value makes no difference.
CREATE INDEX things_by_folded_name ON things (name COLLATE NOCASE);
CREATE INDEX things_by_folded_type ON things (type COLLATE NOCASE, name) WHERE type IS NOT NULL;
CREATE INDEX thing_attributes_by_folded_value
    ON thing_attributes (name, value COLLATE NOCASE, thing);
CREATE INDEX thing_groups_by_folded_name ON thing_groups (name COLLATE NOCASE);
