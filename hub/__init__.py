"""The gateway: it alone knows schema, policies and connectors."""
