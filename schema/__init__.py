"""Names and meanings: the types of the notice, their facts, and each caller's view of them; no data access."""
