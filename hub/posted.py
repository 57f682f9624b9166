"""The body of a request -> Request: one JSON object, unambiguous to whoever reads it.

Guarantee: what another reader of the same bytes could take for something else is INVALID_INPUT: equal keys, a list of
requests, a text with U+0000.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from hub.errors import RefusalError
from hub.identity import Declaration
from hub.pipeline import Request

_KEY = re.compile(rb'"[ \t\r\n]*:')


def asked(body: bytes, declaration: Declaration, request_id: str) -> Request:
    """The request in a body; raises INVALID_INPUT for whatever is no single unambiguous GraphQL request."""
    members = _object(body)
    query, name, variables = members.get("query"), members.get("operationName"), members.get("variables")
    if not isinstance(query, str) or not query.strip():
        raise _malformed("`query` must be there, a text that is not empty")
    if not isinstance(name, str | None):
        raise _malformed("`operationName` must be a text or null")
    if not isinstance(variables, dict | None):
        raise _malformed("`variables` must be an object or null")
    if not isinstance(members.get("extensions"), dict | None):
        raise _malformed("`extensions` must be an object or null")
    return Request(
        query=query,
        operation_name=name or None,
        variables=variables or {},
        denied=declaration.denied,
        request_id=request_id,
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        members = orjson.loads(body)
    except ValueError:
        raise _malformed("the body is no JSON text in UTF-8 (RFC 8259)") from None
    if isinstance(members, list):
        raise _malformed("a batch of requests is not taken, send one object")
    if not isinstance(members, dict):
        raise _malformed("the body must be a JSON object with `query`")
    if b"\\u0000" in body:
        raise _malformed("a text must not hold the character U+0000")
    # orjson keeps the last of two equal keys while a proxy may have judged the first. Every key in the body matches the
    # pattern: if no more places do than there are keys left, none was dropped.
    if len(_KEY.findall(body)) == _keys(members):
        return members
    try:
        json.loads(body, object_pairs_hook=_refuse_duplicates)
    except RecursionError:
        raise _malformed("the body is nested too deeply") from None
    return members


def _keys(value: Any) -> int:
    """Keys of all objects in a value."""
    count, within = 0, [value]
    while within:
        inner = within.pop()
        if isinstance(inner, dict):
            count += len(inner)
            within.extend(inner.values())
        elif isinstance(inner, list):
            within.extend(inner)
    return count


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _malformed("an object in the body has the same key twice")


def _malformed(message: str) -> RefusalError:
    return RefusalError("INVALID_INPUT", message)
