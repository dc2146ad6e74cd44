-- Subscriptions that bring a notice topic's messages back to the broker: rules must not loop by them.
CREATE INDEX notice_subscriptions_relaying ON notice_subscriptions (topic, endpoint)
    WHERE protocol = 'mqtt';
