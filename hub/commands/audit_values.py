"""``hub audit dispute``, ``erase``: whether a value was released by an entry, and the end of such questions."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import orjson
import typer

from hub.audit.commitment import Answer, Bound, Verdict, judge
from hub.audit.commitment_keys import erase as erase_keys
from hub.audit.commitment_keys import opened
from hub.audit.entry import Entry, Pseudonyms
from hub.audit.naming import AlteredError
from hub.audit.session import Session
from hub.audited import AUDITED
from hub.commands.audit_subject import AUDITOR
from hub.commands.log_access import log_dsn, owner_dsn
from hub.commands.log_acts import asked, identified, put
from hub.commands.outcome import MISCONFIGURED, REFUSED, Failure, out, outcomes, settings_of
from hub.committed import COMMITTED, REPORTER
from hub.entitlements import Entitlements
from hub.identity import Identity
from hub.secrets import open_secrets
from hub.service import read_policy
from hub.settings import Settings
from schema.catalogue import CATALOGUE

CODES: Final[dict[Answer, int]] = {"proved": 0, "refuted": REFUSED, "altered": REFUSED, "unknown": MISCONFIGURED}
WORDS: Final[dict[Answer, str]] = {
    "proved": "属实 proved",
    "refuted": "不实 refuted",
    "unknown": "无法判定 unknown",
    "altered": "密钥不符 altered",
}
_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_ERASE_TIMEOUT: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Which row is meant, in one of three ways."""

    record: str | None
    child: str | None
    key: str | None


def add(group: typer.Typer) -> None:
    """Adds the commands to ``hub audit``."""
    group.command()(dispute)
    group.command()(erase)


def dispute(
    context: typer.Context,
    entry: Annotated[str, typer.Argument(help="Name of the entry, as in a receipt: `<request>/disclosure/0`.")],
    coordinate: Annotated[str, typer.Option(help="The field, as `Child.residenceAddress`.")],
    record: Annotated[str | None, typer.Option(help="Pseudonym of the row (`r-...`).")] = None,
    child: Annotated[str | None, typer.Option(help="Register number of the child, for a field of `Child`.")] = None,
    key: Annotated[str | None, typer.Option(help="Key of the row at its source.")] = None,
    value: Annotated[str, typer.Option(help="The value as in the answer, in JSON.")] = "-",
) -> None:
    """Prove or refute that an entry released this value of this row. 核验争议数据。

    `-` for a number, a key or the value asks for it, or reads a line of standard input, in this order. The question is
    itself an entry, by the auditor whose token `HUB_TOKEN` holds (or, on a local hub, by the dev issuer's).

    Exit codes: 0 proved; 1 refuted, or not an auditor, or the log was altered; 2 it cannot be told (key erased, field
    or row not in the entry), or an argument, a setting or the database is wrong.
    """
    with outcomes():
        settings = settings_of(context)
        if coordinate not in CATALOGUE:
            raise Failure(f"there is no field `{coordinate}`", MISCONFIGURED)
        name = _name(entry)
        row = Row(record=record, child=asked("档案编号 register number", child), key=asked("主键 key", key))
        claim = (coordinate, _record(settings, coordinate, row), _value(asked("数据值 value", value)))
        verdict = asyncio.run(_judged(settings, name, claim))
        out.print(f"{WORDS[verdict.answer]}: {verdict.reason}", markup=False)
    raise typer.Exit(CODES[verdict.answer])


def erase(
    context: typer.Context,
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day in Shanghai, as 2023-01-01.")],
    owner: Annotated[Path, typer.Option(help="File with the DSN of the owner of the log's database.")],
) -> None:
    """Erase the keys of commitments of entries before a day; the log still verifies. 销毁承诺密钥。

    Afterwards no value in those entries can be proved or refuted by anybody. The erasure is itself an entry, with the
    number of keys. Backups and archived write-ahead files keep the keys until they are destroyed themselves.

    Exit codes: 0 erased, or nothing to erase; 2 the day, a file, a setting or the log's database cannot be used.
    """
    with outcomes():
        now, until = datetime.now(UTC), before.replace(tzinfo=_SHANGHAI)
        if until > now:
            raise Failure("`--before` must not lie in the future", MISCONFIGURED)
        count = asyncio.run(_erased(settings_of(context), owner_dsn(owner), until, now))
        out.print(f"{count:,} keys erased" if count else "no keys to erase", markup=False)


async def _erased(settings: Settings, dsn: str, until: datetime, now: datetime) -> int:
    session = Session(dsn, name="erase", role=None, durable=settings.fsync_required, timeout=_ERASE_TIMEOUT)
    try:
        return await erase_keys(
            session, until, request=secrets.token_hex(16), now=now, put=lambda entry: put(settings, entry)
        )
    finally:
        await session.close()


async def _judged(settings: Settings, name: tuple[str, str, int], claim: Bound) -> Verdict:
    """The verdict, once the question is an entry."""
    policy = read_policy(settings)
    identity = await identified(settings, policy, AUDITOR, "audit", None)
    if AUDITED not in Entitlements.of(policy, identity.unit, "audit").read:
        raise Failure(f"NOT_ENTITLED: `{identity.unit}` does not read the log")
    session = Session(log_dsn(settings), name="dispute", durable=settings.fsync_required, timeout=60.0)
    try:
        found = await opened(session, *name)
    except AlteredError as error:
        raise Failure(str(error)) from None
    finally:
        await session.close()
    if found is None:
        raise Failure("the log has no such entry (of a retired month, the archive has it)", MISCONFIGURED)
    verdict = _unbound(claim[0]) or judge(found.document, found.secret, claim)
    # No entry, no answer: the look is durable before the verdict is printed.
    await put(settings, _look(identity, name, claim, verdict))
    return verdict


def _unbound(coordinate: str) -> Verdict | None:
    if coordinate in COMMITTED:
        return None
    why = "who reported is bound in no entry" if coordinate in REPORTER else "only L3 and L4 are bound"
    return Verdict(answer="unknown", reason=f"no entry binds values of `{coordinate}`: {why}")


def _look(identity: Identity, name: tuple[str, str, int], claim: Bound, verdict: Verdict) -> Entry:
    """The value is not in it, and nothing that would confirm one."""
    coordinate, record, _ = claim
    request, kind, part = name
    return Entry(
        kind="look",
        request=secrets.token_hex(16),
        at=datetime.now(UTC),
        unit=identity.key,
        decision="ALLOWED",
        client=identity.client,
        operator=identity.operator,
        purpose=identity.purpose,
        subjects=(record,),
        facts=(
            "page=dispute",
            f"of={request}/{kind}/{part}",
            f"coordinate={coordinate}",
            f"answer={verdict.answer}",
        ),
    )


def _name(entry: str) -> tuple[str, str, int]:
    request, _, rest = entry.partition("/")
    kind, _, part = rest.partition("/")
    if not (request and kind and part.isascii() and part.isdecimal() and len(part) < 10):
        raise Failure("the entry's name must be `<request>/<kind>/<part>`", MISCONFIGURED)
    return request, kind, int(part)


def _record(settings: Settings, coordinate: str, row: Row) -> str:
    """The pseudonym of the row that is meant."""
    if sum(given is not None for given in (row.record, row.child, row.key)) != 1:
        raise Failure("say exactly one of `--record`, `--child` and `--key`", MISCONFIGURED)
    if row.record is not None:
        if not row.record.startswith("r-"):
            raise Failure("`--record` must be the pseudonym of a row (`r-...`)", MISCONFIGURED)
        return row.record
    type_name = coordinate.partition(".")[0]
    if row.child is not None and type_name != "Child":
        raise Failure("`--child` names rows of `Child` alone: say `--key` or `--record`", MISCONFIGURED)
    names = Pseudonyms(open_secrets(settings.keys, origin=settings.origin).pseudonyms)
    return names.record(type_name, str(row.key if row.child is None else row.child))


def _value(text: str | None) -> Any:
    try:
        value = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        raise Failure("the value is not JSON (a text stands in quotes)", MISCONFIGURED) from None
    if isinstance(value, float):
        raise Failure("no value of the hub is a fraction: an amount is a text", MISCONFIGURED)
    return value
