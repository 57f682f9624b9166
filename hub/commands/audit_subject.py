"""``hub audit subject``, ``hold``, ``release``: what a family is told of who read, and what it is told later."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from hub.audit.entry import Entry, Pseudonyms
from hub.audit.holds import HOLDERS, PROCEEDING_PURPOSES, Act, Child, Holder, act_entry, tellable
from hub.audit.naming import AlteredError, naming
from hub.audit.session import Session
from hub.audit.subject import Words, report
from hub.audited import AUDITED
from hub.commands.demo import progress_bars
from hub.commands.log_access import log_dsn
from hub.commands.log_acts import identified, numbers, put
from hub.commands.outcome import MISCONFIGURED, Failure, err, outcomes, settings_of
from hub.entitlements import Entitlements
from hub.identity import Identity
from hub.secrets import open_secrets
from hub.service import read_policy
from hub.settings import Settings
from policies.policy import Policy
from schema.catalogue import CATALOGUE

CitizenId = Annotated[
    str | None,
    typer.Option(help="Citizen id of the child; `-` asks for it, or reads a line of standard input, unseen by others."),
]
Register = Annotated[
    str | None, typer.Option(help="Register number of the child's file; `-` as above (the second line, if both are).")
]
Case = Annotated[
    str | None, typer.Option(help="Reference of the case; without it, entries that carry no reference are meant.")
]
Purpose = Annotated[str, typer.Option(help="`judicial_proceeding`, `legal_supervision` or `emergency_response`.")]
Holding = Annotated[str, typer.Argument(help="`public_security_bureau` or `district_procuratorate`.")]

AUDITOR: Final = "auditor"


def add(group: typer.Typer) -> None:
    """Adds the commands to ``hub audit``."""
    group.command()(subject)
    group.command()(hold)
    group.command()(release)


def subject(context: typer.Context, citizen_id: CitizenId = None, register: Register = None) -> None:
    """Print who has read a child's data, for its guardian: from the log alone. 打印监护人查询告知书。

    Give both numbers if there are two. The printing is itself an entry, by the auditor whose token `HUB_TOKEN` holds
    (or, on a local hub, by the dev issuer's). No reporter and no open proceeding shows.

    Exit codes: 0 printed; 1 not an auditor, or an entry was altered; 2 a number, a setting or the database is wrong.
    """
    with outcomes():
        settings = settings_of(context)
        given = numbers(citizen_id, register)
        typer.echo(asyncio.run(_report(settings, *given)), nl=False)


def hold(
    context: typer.Context,
    unit: Holding,
    citizen_id: CitizenId = None,
    register: Register = None,
    case: Case = None,
    purpose: Purpose = "judicial_proceeding",
) -> None:
    """Hold entries of a child's case back from its family, until the same unit releases them. 暂缓告知。

    Exit codes: 0 held; 1 refused (and that is an entry, too); 2 a number, setting or the log's database is wrong.
    """
    with outcomes():
        _act(settings_of(context), "hold", unit, numbers(citizen_id, register), (purpose, case))


def release(
    context: typer.Context,
    unit: Holding,
    citizen_id: CitizenId = None,
    register: Register = None,
    case: Case = None,
    purpose: Purpose = "judicial_proceeding",
) -> None:
    """Release the entries of a child's case until now to its family; never those of reporting. 同意告知。

    Exit codes: 0 released; 1 refused (and that is an entry, too); 2 a number, setting or the log's database is wrong.
    """
    with outcomes():
        _act(settings_of(context), "release", unit, numbers(citizen_id, register), (purpose, case))


def _act(
    settings: Settings,
    act: Act,
    unit: str,
    given: tuple[str | None, str | None],
    declared: tuple[str, str | None],
) -> None:
    purpose, case = declared
    if purpose not in PROCEEDING_PURPOSES:
        choice = ", ".join(f"`{name}`" for name in sorted(PROCEEDING_PURPOSES))
        raise Failure(f"`--purpose` must be one of {choice}", MISCONFIGURED)
    policy = read_policy(settings)
    identity = asyncio.run(identified(settings, policy, unit, purpose, case))
    names = _pseudonyms(settings)
    child = Child.of(names, citizen_id=given[0], register=given[1])
    entry = act_entry(act, _holder(identity, names), sorted(child.names), request=_request(), at=datetime.now(UTC))
    asyncio.run(put(settings, entry))
    if entry.kind == "refusal":
        holders = " and ".join(f"`{name}`" for name in sorted(HOLDERS))
        raise Failure(f"NOT_ENTITLED: only {holders} hold and release, and this try is an entry")
    err.print(f"hub: done, entry `{entry.request}/{entry.kind}/{entry.part}`", markup=False)


async def _report(settings: Settings, citizen_id: str | None, register: str | None) -> str:
    policy, names = read_policy(settings), _pseudonyms(settings)
    identity = await identified(settings, policy, AUDITOR, "audit", None)
    if AUDITED not in Entitlements.of(policy, identity.unit, "audit").read:
        raise Failure(f"NOT_ENTITLED: `{identity.unit}` does not read the log")
    child = Child.of(names, citizen_id=citizen_id, register=register)
    now = datetime.now(UTC)
    session = Session(log_dsn(settings), name="subject", durable=settings.fsync_required, timeout=60.0)
    try:
        with progress_bars() as progress:
            entries = await naming(session, sorted(child.names), lambda done, whole: progress("entries", done, whole))
    except AlteredError as error:
        raise Failure(str(error)) from None
    finally:
        await session.close()
    given = {"citizen_id": citizen_id, "register": register}
    asked_by = [name for name, value in given.items() if value]
    text = report(tellable(entries, child), words_of(policy), issued=now, asked_by=asked_by)
    # No entry, no answer: the look is durable before a word of the report is printed.
    await put(settings, _look(_holder(identity, names), child, now))
    return text


def _look(holder: Holder, child: Child, at: datetime) -> Entry:
    return Entry(
        kind="look",
        request=_request(),
        at=at,
        unit=holder.unit,
        decision="ALLOWED",
        client=holder.client,
        operator=holder.operator,
        purpose=holder.purpose,
        subjects=sorted(child.names),
        facts=("page=subject",),
    )


def words_of(policy: Policy) -> Words:
    """The words of the policy and the catalogue."""
    places = {code: division.name for code, division in policy.divisions.items()}
    places |= {code: institution.name_zh for code, institution in policy.institutions.items()}
    categories = {f"{each.type_name}.id": each.category for each in CATALOGUE.values()}
    return Words(
        units={code: (unit.name_zh, unit.name_en) for code, unit in policy.units.items()},
        places=places,
        purposes={code: (purpose.name_zh, purpose.name_en) for code, purpose in policy.purposes.items()},
        categories=categories | {name: each.category for name, each in CATALOGUE.items()},
    )


def _pseudonyms(settings: Settings) -> Pseudonyms:
    return Pseudonyms(open_secrets(settings.keys, origin=settings.origin).pseudonyms)


def _holder(identity: Identity, names: Pseudonyms) -> Holder:
    return Holder(
        unit=identity.key,
        client=identity.client,
        operator=identity.operator,
        purpose=identity.purpose,
        case=names.case(identity.case or ""),
    )


def _request() -> str:
    return secrets.token_hex(16)
