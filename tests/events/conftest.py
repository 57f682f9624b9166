"""A real PostgreSQL with the log's and the outbox's tables: one server, one database a test."""

from __future__ import annotations

from tests.hub.audit.conftest import dsn, folder, server, template

__all__ = ["dsn", "folder", "server", "template"]
