"""Declared tables over a frozen quarter, for units that count what they may not read (domain model, section 10)."""
