"""``hub audit author``: the police resolve the pseudonym under which somebody reported, and that is an entry.

Guarantee: the entry is durable before the answer is printed; who is not the police gets none, and that is an entry too.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from hub.audit.entry import Entry, Pseudonyms
from hub.commands.log_acts import identified, put
from hub.commands.outcome import MISCONFIGURED, Failure, out, outcomes, settings_of
from hub.identity import Identity
from hub.secrets import open_secrets
from hub.service import read_policy
from hub.settings import Settings
from policies.policy import Policy

RESOLVER: Final = "public_security_bureau"
PURPOSE: Final = "emergency_response"
_AUTHOR: Final = re.compile(r"a-[A-Za-z0-9_-]{22}")

Author = Annotated[str, typer.Argument(help="The `unit` of an entry of reporting, as it stands in the log: `a-...`.")]
Unit = Annotated[str, typer.Option(help="Who asks; only the police are told.")]
Case = Annotated[str | None, typer.Option(help="Reference of the case for which it is asked.")]


def add(group: typer.Typer) -> None:
    """Adds the command to ``hub audit``."""
    group.command()(author)


def author(context: typer.Context, pseudonym: Author, unit: Unit = RESOLVER, case: Case = None) -> None:
    """Tell the police which unit reported under a pseudonym of the log. 公安机关核实报告主体。

    Exit codes: 0 told; 1 refused, or no unit has that pseudonym (each an entry, too); 2 a word or setting is wrong.
    """
    with outcomes():
        if not _AUTHOR.fullmatch(pseudonym):
            raise Failure("a pseudonym of an author is `a-` and 22 letters, digits, `-` or `_`", MISCONFIGURED)
        out.print(asyncio.run(_resolved(settings_of(context), pseudonym, unit, case)), markup=False)


async def _resolved(settings: Settings, pseudonym: str, unit: str, case: str | None) -> str:
    policy = read_policy(settings)
    identity = await identified(settings, policy, unit, PURPOSE, case)
    names = Pseudonyms(open_secrets(settings.keys, origin=settings.origin).pseudonyms)
    # No entry, no answer: what was looked up stands in the log before it is told.
    await put(settings, _look(identity, names, pseudonym))
    if identity.unit != RESOLVER:
        raise Failure(f"NOT_ENTITLED: only `{RESOLVER}` learns who reported, and this try is an entry")
    for key in reporters(policy):
        if names.author(key) == pseudonym:
            return key
    raise Failure("no unit, town, village or institution of the policy has this pseudonym")


def reporters(policy: Policy) -> Iterator[str]:
    """Every unit key that may report: units, towns and villages, institutions."""
    for code in policy.units:
        yield code
    for code in policy.divisions:
        yield f"town_government:{code[:9]}"
        yield f"village_committee:{code}"
    for code in policy.institutions:
        yield f"mandatory_reporter:{code}"


def _look(identity: Identity, names: Pseudonyms, pseudonym: str) -> Entry:
    allowed = identity.unit == RESOLVER
    return Entry(
        kind="look" if allowed else "refusal",
        request=secrets.token_hex(16),
        at=datetime.now(UTC),
        unit=identity.key,
        decision="ALLOWED" if allowed else "DENIED",
        client=identity.client,
        operator=identity.operator,
        purpose=identity.purpose,
        case=names.case(identity.case or ""),
        facts=("act=author", f"author={pseudonym}"),
        errors=() if allowed else ("NOT_ENTITLED",),
    )
