"""Identity, held reports that the department refused -> what they say, for who reads every report; an entry first.

A child may be in danger: a report that its department's system will not take is told to the police as it stands.
Guarantee: a held report is in no department, so that no scope can be asked of it; it is shown by lines of the scope
``all`` alone, and its entry is durable before it is shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from hub.audit.receipt import Receipt
from hub.errors import RefusalError
from hub.identity import Identity
from hub.lifecycle.shelf import Resting
from hub.recording import Act, Grounds
from hub.released import Released
from policies.decision import Grant

if TYPE_CHECKING:
    from hub.hub import Hub
    from hub.lifecycle.held import Held

TYPE: Final = "MandatoryReport"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A report that was refused: since when, by which code, and what it says (None: it cannot be opened)."""

    name: str
    first_at: datetime
    code: str
    row: Mapping[str, Any] | None = field(repr=False)


def lines_of(hub: Hub, identity: Identity) -> Mapping[str, Sequence[Grant]]:
    """Coordinate -> the lines by which the caller reads it in every report; empty for nearly everybody."""
    read = hub.entitlements(identity.unit, identity.purpose).read
    return {
        name: found
        for name, held in read.items()
        if name.startswith(f"{TYPE}.") and (found := [line for line in held if line.scope == "all"])
    }


async def refused_reports(hub: Hub, held: Held, identity: Identity) -> tuple[list[Refused], Sequence[Receipt]]:
    """What was refused, the oldest first, and the receipts of its entry; NOT_ENTITLED for who reads none."""
    lines = lines_of(hub, identity)
    if not lines:
        raise hub.entitlements(identity.unit, identity.purpose).refusal(f"{TYPE}.narrative", None)
    found = [_opened(held, resting, lines) for resting in await held.shelf.resting()]
    shown = [one for one in found if one.row is not None]
    if not shown:
        return found, ()
    # INVARIANT 2: no entry, no answer.
    return found, await hub.recording.record(
        hub.recording.entries(
            Act(identity=identity, request_id=secrets.token_hex(16), operation=""),
            hub.recording.told(_released(shown), Released(), (), (), _grounds(hub, lines)),
        )
    )


def _opened(held: Held, resting: Resting, lines: Mapping[str, Sequence[Grant]]) -> Refused:
    row: Mapping[str, Any] | None = None
    try:
        author, asked = held.sealing.opened(resting.name, resting.sealed)
    except RefusalError:
        row = None
    else:
        [given] = asked.given.values.get(TYPE) or ({},)
        whole = {**given, "reporterUnit": author.key, "reportedAt": held.local(resting.first_at)}
        row = {name: value for name, value in whole.items() if f"{TYPE}.{name}" in lines}
    return Refused(name=resting.name, first_at=resting.first_at, code=str(resting.refused), row=row)


def _released(shown: Sequence[Refused]) -> Released:
    released = Released()
    for one in shown:
        released.records.add((TYPE, one.name))
        for name, value in (one.row or {}).items():
            released.clear.add(f"{TYPE}.{name}")
            released.values.append((f"{TYPE}.{name}", TYPE, one.name, value))
    return released


def _grounds(hub: Hub, lines: Mapping[str, Sequence[Grant]]) -> Grounds:
    every = [line for held in lines.values() for line in held]
    return Grounds(
        rules=sorted({line.rule for line in every}),
        clauses=sorted({line.clause for line in every}),
        policy=hub.policy.version,
        of_author=False,
    )
