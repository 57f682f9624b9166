"""Identity -> the messages to its unit's own systems that were given up, and another try for those that it names.

Guarantee: a unit is shown and sends again what was for itself and for the purpose that it declares, of kinds that it
may still be told of; any other is as one that is not there. What is shown is ids, codes and times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from hub.events.mail import Mail
from hub.events.webhook import Target
from hub.identity import Identity

MOST: Final = 20
"""Letters that are shown, and sent again, at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message that was given up: of what it tells, of which row (type, id), and what became of it."""

    target: str
    id: str
    kind: str
    at: datetime
    type_name: str
    row_id: str
    codes: tuple[str, ...]
    attempts: int
    dead: datetime
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Dead letters by whom they were for; every call may raise ``StoreError``. ``told``: kinds open to who asks."""

    mail: Mail
    targets: Sequence[Target]
    told: Callable[[Identity], frozenset[str]]

    async def count(self, identity: Identity) -> int:
        """How many there are for who asks."""
        own = self._own(identity)
        return await self.mail.dead_count_of(own, sorted(self.told(identity))) if own else 0

    async def of(self, identity: Identity, ids: Sequence[str] = ()) -> Sequence[Letter]:
        """The oldest for who asks, or of those the ones that are named."""
        own = self._own(identity)
        if not own:
            return ()
        rows = await self.mail.dead_of(own, sorted(self.told(identity)), ids, MOST)
        return [_letter(row) for row in rows]

    async def again(self, letters: Sequence[Letter]) -> int:
        """Makes them due again; returns how many were not yet, as somebody else may have been quicker."""
        return await self.mail.retry_of([(letter.target, letter.id) for letter in letters]) if letters else 0

    def _own(self, identity: Identity) -> list[str]:
        who = (identity.key, identity.purpose)
        return [one.name for one in self.targets if (one.identity.key, one.identity.purpose) == who]


def _letter(row: Mapping[str, Any]) -> Letter:
    body = orjson.loads(row["body"])
    data = body["data"]
    return Letter(
        target=row["target"],
        id=row["id"],
        kind=body["type"],
        at=datetime.fromisoformat(body["timestamp"]),
        type_name=data["object"],
        row_id=data["id"],
        codes=tuple(data["changed"] if "changed" in data else (data["clock"],)),
        attempts=row["attempts"],
        dead=row["dead"],
        failure=row["failure"],
    )
