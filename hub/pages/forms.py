"""Request -> the form in it, if one of our own pages sent it; and what a page may be refused for.

Guarantee: a form of another site, one that is too large and one of another encoding are turned away before any of it
is looked at. Nothing of a form stands in a message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from hub.pages.session import Session

LARGEST_FORM: Final = 65_536
"""Bytes: the longest note, each of its characters as nine."""
_MOST_FIELDS: Final = 40
_URLENCODED: Final = "application/x-www-form-urlencoded"


class Problem(Exception):
    """A page cannot be shown: a status and a key of ``WORDS``."""

    def __init__(self, status: int, key: str) -> None:
        super().__init__(key)
        self.status = status
        self.key = key


async def read_form(request: Request) -> Mapping[str, str]:
    """The form; of a field that is given twice the last."""
    return dict(await read_pairs(request))


async def read_pairs(request: Request, most: int = _MOST_FIELDS) -> Sequence[tuple[str, str]]:
    """The form's fields in order, at most ``most`` of them."""
    check_origin(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise Problem(413, "bad_form")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _URLENCODED:
        raise Problem(415, "bad_form")
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=most)
    except ValueError:
        raise Problem(400, "bad_form") from None


def check_origin(request: Request) -> None:
    """Raises ``Problem`` for a form that another site sent, or that does not say which."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise Problem(403, "bad_form")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(403, "bad_form")
    if site is None and origin is None:
        raise Problem(403, "bad_form")


def check_session(session: Session | None, given: str) -> Session:
    """The session whose page the form came from; raises ``Problem``."""
    if session is None or not compare_digest(given.encode(), session.form.encode()):
        raise Problem(403, "bad_form")
    return session


def on_loopback(request: Request) -> bool:
    """A browser on this machine may have no TLS; any other gets a cookie that travels by https alone."""
    return (request.url.hostname or "") in {"127.0.0.1", "localhost", "::1"}
