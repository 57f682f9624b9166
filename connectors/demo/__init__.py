"""Five departments' databases for demonstration and tests: their own schemas, filled with invented people."""
