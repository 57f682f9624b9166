"""Three sources, a quarter -> candidates for links and discrepancies, for people to decide and to answer."""
