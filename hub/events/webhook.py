"""Settings, event -> a signed message of ids, codes and times for one unit's own system (Standard Webhooks).

Guarantee: pure. Ids are those of the unit, and the message's own id is the same at each attempt and no other unit's.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from hub.events.unbegun import TYPE
from hub.identity import Identity
from hub.lifecycle.signatures import TOLD
from schema.mutations import row_name
from schema.subscriptions import OVERDUE, field_name

SECRET_PREFIX: Final = "whsec_"
SHORTEST_SECRET: Final = 24
FOREVER: Final = 2**40

DOCUMENTS: Final[Mapping[str, str]] = {
    **{
        field_name(type_name): f"subscription {{ {field_name(type_name)}"
        f" {{ at changed row: {row_name(type_name)} {{ id __typename }} }} }}"
        for type_name in TOLD
    },
    OVERDUE: f"subscription {{ {OVERDUE} {{ at clock clause division quarter row: node {{ id __typename }} }} }}",
}
"""By field, what a webhook is subscribed to: the row's id and type, and no value of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A unit's own system: who is told, for which purpose, where, and the key by which it knows that it is us."""

    name: str
    identity: Identity
    url: str
    key: bytes = field(repr=False)

    def message_id(self, event: UUID) -> str:
        """The message's id: stable, and of this target alone, so that no two units can join on it."""
        digest = hmac.digest(self.key, b"hub/webhook/id/" + event.bytes, "sha256")
        return "msg_" + base64.b32encode(digest[:15]).decode().lower()

    def headers(self, message: str, at: datetime, body: str) -> dict[str, str]:
        """The headers of one attempt."""
        seconds = str(int(at.timestamp()))
        digest = hmac.digest(self.key, f"{message}.{seconds}.{body}".encode(), "sha256")
        return {
            "content-type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": seconds,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }


def identity_of(unit_key: str, purpose: str, case: str | None) -> Identity:
    """The principal that a webhook tells."""
    unit, _, owner = unit_key.partition(":")
    institution = unit == "mandatory_reporter"
    return Identity(
        client="webhook",
        unit=unit,
        operator="webhook",
        division=None if institution else owner or None,
        institution=owner or None if institution else None,
        purpose=purpose,
        purposes=(purpose,),
        case=case,
        expires_at=FOREVER,
    )


def key_of(secret: str) -> bytes:
    """The key in a secret, ``whsec_`` and base64; raises ``ValueError``."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the secret of a webhook must be `whsec_` and base64") from None
    if len(key) < SHORTEST_SECRET:
        raise ValueError(f"the secret of a webhook must have {SHORTEST_SECRET} bytes at least")
    return key


def body_of(answer: bytes) -> str:
    """The message's text, of what the subscription answered."""
    [(kind, told)] = orjson.loads(answer)["data"].items()
    row = told.pop("row")
    data: dict[str, Any] = {"object": TYPE} if row is None else {"id": row["id"], "object": row["__typename"]}
    data |= {name: value for name, value in told.items() if name != "at" and value is not None}
    return orjson.dumps({"type": kind, "timestamp": told["at"], "data": data}).decode()
