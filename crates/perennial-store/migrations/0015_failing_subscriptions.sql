-- When a subscription's message was last given up; NULL while they arrive.
ALTER TABLE notice_subscriptions ADD COLUMN failing_at INTEGER;
CREATE INDEX notice_subscriptions_failing ON notice_subscriptions (topic)
    WHERE failing_at IS NOT NULL;
