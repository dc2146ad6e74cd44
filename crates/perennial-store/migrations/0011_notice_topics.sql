-- Notice topics, who subscribed to them, what was published, and what of it is still to deliver.

-- A topic's number is never given again, so that what a deleted one leaves behind belongs to nobody.
CREATE TABLE notice_topics (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0,
    pending INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0
);
-- Topics that were deleted and whose subscriptions are still to be.
CREATE TABLE notice_topics_gone (number INTEGER PRIMARY KEY);

-- pending_until: until when its confirmation is waited for; NULL once it is confirmed.
CREATE TABLE notice_subscriptions (
    id BLOB PRIMARY KEY,
    topic INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    settings TEXT NOT NULL,
    authenticated INTEGER NOT NULL,
    pending_until INTEGER,
    token_digest BLOB,
    token_until INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (topic, protocol, endpoint)
) WITHOUT ROWID;
CREATE INDEX notice_subscriptions_by_topic ON notice_subscriptions (topic, id);
CREATE INDEX notice_subscriptions_pending ON notice_subscriptions (pending_until)
    WHERE pending_until IS NOT NULL;
CREATE UNIQUE INDEX notice_subscriptions_by_token ON notice_subscriptions (token_digest)
    WHERE token_digest IS NOT NULL;

-- spread_after: the last subscription that was looked at; NULL when all were.
-- deliveries: how many rows of notice_deliveries there are of it.
CREATE TABLE notice_messages (
    id BLOB PRIMARY KEY,
    topic INTEGER NOT NULL,
    body TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    spread_after BLOB,
    deliveries INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX notice_messages_spreading ON notice_messages (published_at, id)
    WHERE spread_after IS NOT NULL;

-- One lane an endpoint that something waits for: due when its earliest delivery is.
CREATE TABLE notice_lanes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    protocol TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    UNIQUE (protocol, endpoint)
);
CREATE INDEX notice_lanes_due ON notice_lanes (due_at);

-- state: 0 waits until due_at, 1 was delivered then, 2 was given up then.
CREATE TABLE notice_deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    message BLOB NOT NULL,
    subscription BLOB NOT NULL,
    topic INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    said TEXT
);
CREATE INDEX notice_deliveries_waiting ON notice_deliveries (lane, due_at) WHERE state = 0;
CREATE INDEX notice_deliveries_dead ON notice_deliveries (number) WHERE state = 2;
CREATE INDEX notice_deliveries_ended ON notice_deliveries (due_at) WHERE state > 0;
CREATE INDEX notice_deliveries_of_message ON notice_deliveries (message, number);
