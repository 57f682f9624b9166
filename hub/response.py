"""Data, errors, receipt -> Answer: the bytes of a GraphQL response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hub.audit.receipt import Receipt
from hub.errors import STATUS, HubError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and body of an answer; ``codes`` are the codes of its errors, ``data`` whether it holds data."""

    status: int
    body: bytes
    codes: tuple[str, ...] = ()
    data: bool = False


def respond(data: Mapping[str, Any] | None, errors: Sequence[HubError], receipt: Receipt | None) -> Answer:
    """The response; without data the status is that of the first error, and ``data`` is absent."""
    body: dict[str, Any] = {}
    if errors:
        body["errors"] = [error.as_json() for error in errors]
    if data is not None:
        body["data"] = data
    if receipt is not None:
        body["extensions"] = {"receipt": receipt.as_json()}
    status = 200 if data is not None else STATUS[errors[0].code]
    return Answer(
        status=status,
        body=orjson.dumps(body),
        codes=tuple(dict.fromkeys(error.code for error in errors)),
        data=data is not None,
    )
