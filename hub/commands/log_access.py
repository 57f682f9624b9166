"""Settings -> the access log as commands reach it; a missing DSN is told by the name of its setting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

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


def owner_dsn(file: Path) -> str:
    """The DSN of the log's owner, from a file: it is no setting, since the hub itself must not have it."""
    dsn = file.read_text("utf-8").strip()
    if not dsn.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError(f"`{file}` holds no DSN: `postgresql://owner@host/database` is wanted")
    return dsn


def writing(settings: Settings, name: str) -> Session:
    """The log, to be written by a command; patiently, for who waits is an operator and not an answer."""
    return Session(log_dsn(settings), name=name, durable=settings.fsync_required, timeout=30.0)


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
