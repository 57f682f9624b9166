"""What has changed, to those who may know: the outbox, subscriptions, clocks that ran out, and webhooks."""
