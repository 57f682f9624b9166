"""What went wrong -> code and words: the only errors that reach a caller.

Three families::

    HubError
      RefusalError    the caller asked for what may not be given, or asked wrongly
      OutageError     something that the answer needs does not answer (a source, the log)
      InternalError   our bug

A message is lower case, has no full stop, puts input in backticks and carries no personal value and no source text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

STATUS = {
    "UNAUTHENTICATED": 401,
    "PURPOSE_REQUIRED": 403,
    "PURPOSE_NOT_ALLOWED": 403,
    "CASE_REQUIRED": 403,
    "NOT_ENTITLED": 403,
    "INVALID_DOCUMENT": 400,
    "INVALID_INPUT": 400,
    "DISCLOSURE_LIMIT": 403,
    "TOO_COMPLEX": 400,
    "RATE_LIMITED": 429,
    "SOURCE_UNAVAILABLE": 503,
    "AUDIT_UNAVAILABLE": 503,
    "CONFLICT": 409,
    "INTERNAL": 500,
}
"""Every stable code, with the HTTP status of an answer that has no data because of it."""


class HubError(Exception):
    """An error with a stable ``code`` and facts for programs (``extensions``), placed at ``path`` or at no path."""

    def __init__(self, code: str, message: str, *, path: Sequence[str | int] | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.facts: Mapping[str, Any] = facts
        self.written: orjson.Fragment | None = None

    def write(self) -> None:
        """Writes its JSON, once for all answers that hold this very error; nothing of it may change afterwards."""
        self.written = orjson.Fragment(orjson.dumps(self.as_json()))

    def as_json(self) -> dict[str, Any]:
        """The error as the GraphQL specification shapes it."""
        error: dict[str, Any] = {"message": self.message}
        if self.path is not None:
            error["path"] = list(self.path)
        error["extensions"] = {"code": self.code, **self.facts}
        return error


class RefusalError(HubError):
    """The caller may not, or asked wrongly."""


class OutageError(HubError):
    """A source or the log does not answer."""


class InternalError(HubError):
    """Our bug; the message never says more than that."""

    def __init__(self) -> None:
        super().__init__("INTERNAL", "internal error")


class RefusedError(Exception):
    """A whole operation refused: one or more errors, no data."""

    def __init__(self, *errors: HubError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors
