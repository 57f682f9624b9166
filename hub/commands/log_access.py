"""Settings -> the access log as commands reach it; a missing DSN is told by the name of its setting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.audit.keyring import Keyring
from hub.audit.reader import Reader
from hub.audit.session import Session
from hub.secrets import open_secrets
from hub.settings import ConfigurationError, Settings


def log_dsn(settings: Settings) -> str:
    """Where the log is."""
    dsn = settings.databases.dsn("log")
    if dsn is None:
        raise ConfigurationError("setting `databases.log` (`HUB_DATABASES__LOG`) is missing")
    return dsn


@asynccontextmanager
async def reading(settings: Settings, *, timeout: float = 60.0) -> AsyncIterator[Reader]:
    """The log, to be read; ``timeout`` seconds a statement."""
    reader = Reader(Session(log_dsn(settings), name="command", durable=False, timeout=timeout))
    try:
        yield reader
    finally:
        await reader.close()


def keyring(settings: Settings) -> Keyring:
    """The log's keys."""
    return open_secrets(settings.keys, origin=settings.origin).log
