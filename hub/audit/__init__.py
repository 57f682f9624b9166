"""What was decided and released -> entries that are durable before the answer, in one tree that only grows."""
