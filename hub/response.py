"""Data, errors, receipt -> Answer: the bytes of a GraphQL response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hub.audit.receipt import Receipt
from hub.errors import STATUS, HubError

RECEIPTS = ("receipt", "ownReportsReceipt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The bytes of a GraphQL response and the HTTP status that fits them; its entry is durable already."""

    status: int
    body: bytes


def respond(
    data: Mapping[str, Any] | orjson.Fragment | None,
    errors: Sequence[HubError],
    *receipts: Receipt,
    written: Sequence[Receipt] = (),
) -> Answer:
    """The response; without data the status is that of the first error, and ``data`` is absent.

    A second receipt is that of the entry about own reports (``Recording.disclosures``). ``written``: receipts of what
    was written before the answer was made.
    """
    body: dict[str, Any] = {}
    if errors:
        body["errors"] = [error.written or error.as_json() for error in errors]
    if data is not None:
        body["data"] = data
    if receipts:
        body["extensions"] = dict(zip(RECEIPTS, (receipt.as_json() for receipt in receipts), strict=False))
        if written:
            body["extensions"]["written"] = [each.as_json() for each in written]
    status = 200 if data is not None else STATUS[errors[0].code]
    return Answer(status=status, body=orjson.dumps(body))
