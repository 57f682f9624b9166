"""What every principal sees of the rows of a drive over HTTP, against the oracle's; and that it can do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.lifecycle.steps import STEPS
from tests.support.course import NOWHERE, everybody
from tests.support.drive import Drive, Driven, rows_of_drive
from tests.support.rights import RIGHTS, Me, selected
from tests.support.served import Reply
from tests.support.sight import Sight
from tests.support.world import Row, World

AT_ONCE = 6
OF_REPORTS = ("MandatoryReport", "Incident", "Assessment", "AssistanceRecord")
LOOKED_AT = (*OF_REPORTS, "Child")
MOST = 28
"""Rows that a document asks for: it may have thirty aliases."""
FIELDS_MOST = 900


def principals_of(drive: Drive, strangers: Sequence[str], most: int) -> list[Me]:
    """Everybody under each of its purposes under which it reads something, strangers, and divisions of the children.

    ``most``: of how many reports.
    """
    keys = dict.fromkeys(strangers)
    for one in drive.driven[:most]:
        keys |= dict.fromkeys([*everybody(one.course.child), one.reporter])
    found = [Me(key, purpose) for key in keys for unit, purpose in RIGHTS if unit == Me(key, purpose).unit]
    return [me for me in found if any(selected(me, type_name) for type_name in LOOKED_AT)]


async def everybody_sees_what_its_grants_say(
    drive: Drive, world: World, principals: Sequence[Me], types: Sequence[str], *, one_in: int, start: int
) -> int:
    """Each row and field is there for just those whose grants say so; how many values were compared.

    ``one_in``: of so many rows one is looked at, from ``start`` on.
    """
    turns = asyncio.Semaphore(AT_ONCE)
    rows: dict[str, list[Row]] = {name: [] for name in types}
    for type_name, row in rows_of_drive(drive, world):
        if type_name in rows:
            rows[type_name].append(row)

    rows = {name: found[start % one_in :: one_in] for name, found in rows.items()}

    async def one(me: Me) -> int:
        async with turns:
            return await _sees(drive, Sight(world, me), rows)

    return sum(await asyncio.gather(*map(one, principals)))


async def _sees(drive: Drive, sight: Sight, rows: Mapping[str, Sequence[Row]]) -> int:
    compared = 0
    for type_name, found in rows.items():
        names = selected(sight.me, type_name)
        if not names:
            continue
        most = min(MOST, FIELDS_MOST // len(names))
        for start in range(0, len(found), most):
            compared += await _compared(drive, sight, type_name, names, found[start : start + most])
    return compared


async def _compared(drive: Drive, sight: Sight, type_name: str, names: Sequence[str], rows: Sequence[Row]) -> int:
    me, served = sight.me, drive.served
    given = ", ".join(f"$i{number}: ID!" for number in range(len(rows)))
    nodes = (f"r{n}: node(id: $i{n}) {{ ... on {type_name} {{ {' '.join(names)} }} }}" for n in range(len(rows)))
    ids = {f"i{number}": served.id(me.key, type_name, *_parts(type_name, row)) for number, row in enumerate(rows)}
    reply = await served(me.key, me.purpose, f"query({given}) {{ {' '.join(nodes)} }}", ids)
    assert reply.codes <= {"NOT_ENTITLED"}, (
        me,
        [one for one in reply.json["errors"] if one["extensions"]["code"] != "NOT_ENTITLED"],
    )
    for number, row in enumerate(rows):
        there = bool(sight.states(type_name, row))
        wanted = {name: sight.shown(type_name, row, name) for name in names} if there else None
        found = reply.data[f"r{number}"]
        assert found == wanted, (me, type_name, row["_key"], _differing(found, wanted))
    return len(rows) * len(names)


def _parts(type_name: str, row: Row) -> tuple[str | None, ...]:
    return (row["_key"], row["_citizen"]) if type_name == "Child" else (row["_key"],)


def _differing(found: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> Any:
    if found is None or wanted is None:
        return found, wanted
    return {name: (value, wanted[name]) for name, value in found.items() if value != wanted[name]}


async def nobody_else_can(drive: Drive, steps: Sequence[tuple[Driven, str]], strangers: Sequence[str]) -> int:
    """Everybody else tries each of the steps, and nothing changes; how many tries there were."""
    turns, count = asyncio.Semaphore(AT_ONCE), 0

    async def one(driven: Driven, step: str, who: str, purpose: str) -> tuple[Any, Reply]:
        turn = driven.turn(step)
        into = driven.into if "into" in turn.given else None
        more = {"into": drive.served.id(who, "MandatoryReport", into.key)} if into else {}
        async with turns:
            return (step, who, purpose), await driven.course.tried(who, purpose, turn, **more)

    for driven, step in steps:
        before = await driven.course.status()
        tries = list(driven.course.others(driven.turn(step), strangers))
        for what, reply in await asyncio.gather(*(one(driven, step, *each) for each in tries)):
            assert reply.codes and reply.codes <= NOWHERE, (what, reply.json)
            if reply.codes == {"NOT_ENTITLED"}:
                assert reply.error["clause"] and reply.error["messageZh"], what
        assert await driven.course.status() == before, (step, before)
        count += len(tries)
    return count


def one_of_each(steps: Sequence[tuple[Driven, str]]) -> Iterator[tuple[Driven, str]]:
    """One report for each step of the round that is somebody's alone."""
    seen = set()
    for driven, step in steps:
        if step in STEPS and step != "reportConcern" and step not in seen:
            seen.add(step)
            yield driven, step
