"""What passes between the door and the pipeline: a request as it was asked, the answer as it will be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hub.errors import HubError
from hub.identity import Credential, Declaration


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A GraphQL request of an identified caller; ``denied`` says what becomes of coordinates that are not entitled."""

    query: str
    operation_name: str | None
    variables: Mapping[str, Any]
    denied: Literal["refuse", "null"]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The bytes of a GraphQL response and the HTTP status that fits them; its entry is durable already."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A request turned away at the door, for the log; ``credential`` is None if there was no good one.

    ``declaration`` is what the caller wrote: its purpose may be no purpose at all, its case is a personal value.
    """

    request_id: str
    credential: Credential | None
    declaration: Declaration | None
    errors: tuple[HubError, ...]
