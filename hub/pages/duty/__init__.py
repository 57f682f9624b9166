"""Pages on which a unit sees what waits for it, and takes the next lawful step."""
