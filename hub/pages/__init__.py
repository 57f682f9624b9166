"""Pages that the hub serves."""
