"""Settings -> a hub that answers on a port until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
import uvloop

from hub.app import Open, create_app
from hub.collector import collect_when_idle, settle
from hub.http import Service
from hub.service import open_service
from hub.settings import ConfigurationError, Settings
from hub.telemetry import Silent, open_telemetry

_GRACE = 5
_KEEP_ALIVE = 15
_CONNECTIONS = 2000
_LONGEST_MESSAGE = 300_000
_TURN = 0.0005
"""Seconds after which a thread that holds the interpreter gives way to the loop (a new document may be read in one)."""

Visit = Callable[[str], Awaitable[None]]
"""What is done once the hub answers at a URL; the hub stops when it raises ``Done``."""


class Done(Exception):
    """The visit was all that was wanted."""


def listen(host: str, port: int, *, shared: bool = False, backlog: int | None = 2048) -> socket.socket:
    """A socket that listens; raises ``ConfigurationError`` for a port that is taken or an address that is not ours.

    ``shared``: by other processes of this user that say the same; the system deals connections among those that
    listen. ``backlog`` None: the port is held, nothing listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
        if backlog is not None:
            found.listen(backlog)
    except OverflowError:
        found.close()
        raise ConfigurationError(f"`{port}` is no port: one is from 0 to 65535 (`--port`)") from None
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(f"port `{port}` of `{host}` is taken, choose another (`--port`)") from None
        reason = (error.strerror or "error").lower()
        raise ConfigurationError(f"cannot listen on port `{port}` of `{host}`: {reason}") from None
    found.setblocking(False)
    return found


def serve(settings: Settings, *, visit: Visit | None = None, shared: bool = False) -> None:
    """Answers until a signal comes, or until ``visit`` raises ``Done``; raises ``ConfigurationError``.

    ``shared``: other workers answer on the same port.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # It tells every URL that it asks, and a unit's may hold what only that unit should know.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for chatty in ("uvicorn", "casbin"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    found = listen(settings.host, settings.port, shared=shared)
    try:
        uvloop.run(_serve(settings, found, visit))
    finally:
        found.close()


async def _serve(settings: Settings, found: socket.socket, visit: Visit | None) -> None:
    try:
        telemetry = open_telemetry(os.environ, page=settings.metrics)
    except ValueError as error:
        raise ConfigurationError(f"`OTEL_*`: {error}") from None
    try:
        # Opened out here, not by the server: what is wrong is told in one line, not as a trace of the server.
        async with open_service(settings, telemetry or Silent()) as service:
            app = create_app(settings, telemetry=telemetry, open_service=_given(service))
            settle()
            sys.setswitchinterval(_TURN)
            collecting = asyncio.create_task(collect_when_idle())
            try:
                assert service.reloading is not None
                with service.reloading.on_signal():
                    await _run(_server(app), found, visit)
            finally:
                collecting.cancel()
    finally:
        if telemetry is not None:
            telemetry.close()


def _given(service: Service) -> Open:
    return lambda _settings, _stages: _opened(service)


@asynccontextmanager
async def _opened(service: Service) -> AsyncIterator[Service]:
    yield service


class _Server(uvicorn.Server):
    """uvicorn's server, which ends by a signal and lets the hub end after it.

    uvicorn raises the signal again once it has ended: that would end the process before the log is closed.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _server(app: object) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            http="httptools",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            ws="websockets-sansio",
            ws_max_size=_LONGEST_MESSAGE,
            # Compression would keep a window a socket, and answers that differ by a guess would differ in length.
            ws_per_message_deflate=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
    )


async def serve_app(app: object, found: socket.socket) -> None:
    """Serves an application on a listening socket until a signal comes."""
    await _run(_server(app), found, None)


async def _run(server: uvicorn.Server, found: socket.socket, visit: Visit | None) -> None:
    running = asyncio.create_task(server.serve(sockets=[found]))
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        if visit is not None and server.started:
            await visit(url_of(found))
    except Done:
        server.should_exit = True
    except BaseException:
        server.should_exit = True
        await running
        raise
    await running


def url_of(found: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = found.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
