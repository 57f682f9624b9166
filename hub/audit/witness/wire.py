"""URL, body -> status and reply of ``add-checkpoint``, within a fixed time whatever the other side does.

Guarantee: no redirect is followed, no proxy is asked, https is verified, a reply is bounded in bytes, and the whole
exchange in seconds: one that comes a byte at a time is cut off. Whatever goes wrong is ``OSError``.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer
from typing import Final
from urllib.parse import SplitResult, urlsplit

PATIENCE: Final = 5.0
"""Seconds for one exchange, and again for the connection before it."""
LONGEST_REPLY: Final = 64 * 1024


def post(url: str, body: bytes, *, patience: float = PATIENCE) -> tuple[int, bytes]:
    """(status, reply) of a POST to ``<url>/add-checkpoint``."""
    try:
        where = urlsplit(f"{url.rstrip('/')}/add-checkpoint")
        with _connected(where, patience) as connection:
            connection.request("POST", where.path, body=body, headers={"Connection": "close"})
            with connection.getresponse() as reply:
                found = reply.read(LONGEST_REPLY + 1)
    except OSError:  # some of which are ValueErrors as well
        raise
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"no HTTP ({type(error).__name__})") from None
    if len(found) > LONGEST_REPLY:
        raise OSError(f"the reply has more than {LONGEST_REPLY:,} bytes")
    return reply.status, found


@contextmanager
def _connected(where: SplitResult, patience: float) -> Iterator[http.client.HTTPConnection]:
    if where.scheme not in {"http", "https"} or not where.hostname:
        raise ValueError("no http, or no host")
    port = where.port or (443 if where.scheme == "https" else 80)
    line = socket.create_connection((where.hostname, port), timeout=patience)
    try:
        if where.scheme == "https":
            # The handshake comes later, when the clock runs.
            line = ssl.create_default_context().wrap_socket(
                line, server_hostname=where.hostname, do_handshake_on_connect=False
            )
        with _limited(line, patience):
            if isinstance(line, ssl.SSLSocket):
                line.do_handshake()
            connection = http.client.HTTPConnection(where.hostname, port)
            connection.sock = line
            yield connection
    finally:
        line.close()


@contextmanager
def _limited(line: socket.socket, patience: float) -> Iterator[None]:
    """Hangs up after ``patience`` seconds: a socket's own timeout begins anew with every byte."""
    late = Event()

    def hang_up() -> None:
        late.set()
        with suppress(OSError):  # it has ended meanwhile
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    clock = Timer(patience, hang_up)
    clock.daemon = True
    clock.start()
    try:
        yield
    except (OSError, ValueError, http.client.HTTPException) as error:
        # Of the clock and the socket's own timeout either may be first.
        if late.is_set() or isinstance(error, TimeoutError):
            raise TimeoutError("no answer in time") from None
        raise
    finally:
        clock.cancel()
    if late.is_set():
        raise TimeoutError("no whole answer in time")
