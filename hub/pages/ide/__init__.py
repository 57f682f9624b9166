"""The GraphQL IDE: one page, everything on it from this host."""
