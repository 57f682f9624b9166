"""``me { waiting }`` -> the groups of the duty page for rows that no list by state can hold: files to be accepted.

Guarantee: which rows wait, and every field by which they are told apart, was answered by the pipeline to the unit
itself; a row that it cannot see is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from graphql import GraphQLSchema

from hub.events.awaiting import AWAITED
from hub.lifecycle.steps import STEPS
from hub.pages.desk import Told
from hub.pages.desk_routes import Visit
from hub.pages.duty.belonging import brief
from hub.pages.duty.limits import instant
from hub.pages.duty.shown import Words, length
from hub.pages.duty.waiting import MOST, steps_in
from hub.pages.words import word

_WAITING: Final = "{ me { waiting { step since id type } } }"
_TOGETHER: Final = 25
"""Rows that are asked for in one document: it holds an alias for each."""
_OPEN: Final = 10
"""Rows that stand open, the rest behind a click."""


async def unlisted(visit: Visit, words: Words, now: datetime) -> tuple[list[dict[str, Any]], list[Told]]:
    """The groups, and the answers that failed."""
    if not {one.step.name for one in AWAITED} & {step.name for step in steps_in(words.view)}:
        return [], []
    told = await visit.desk.ask(visit.session, _WAITING)
    found = (told.data or {}).get("me", {}).get("waiting")
    if found is None:
        return [], [told]
    groups, failures = list[dict[str, Any]](), list[Told]()
    for name in dict.fromkeys(row["step"] for row in found):
        rows = [row for row in found if row["step"] == name]
        facts, failed = await _facts(visit, rows[:MOST])
        items = [_item(visit, words, row, facts[row["id"]], now) for row in rows[:MOST] if row["id"] in facts]
        title = f"{words.type(STEPS[name].subject)} · {word('awaited', visit.spoken)}"
        more = len(rows) > MOST
        groups.append({"title": title, "items": items, "first": _OPEN, "more": more, "told": told})
        failures += failed
    return groups, failures


async def _facts(visit: Visit, rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, dict[str, Any]], list[Told]]:
    """By id, what tells the rows apart; and the answers that failed."""
    view, found, failures = visit.desk.seen(visit.session), dict[str, dict[str, Any]](), list[Told]()
    for start in range(0, len(rows), _TOGETHER):
        some = rows[start : start + _TOGETHER]
        told = await visit.desk.ask(
            visit.session, _document(view, some), {f"i{n}": row["id"] for n, row in enumerate(some)}
        )
        if told.data is None:
            failures.append(told)
            continue
        found |= {row["id"]: row for row in told.data.values() if row}
    return found, failures


def _document(view: GraphQLSchema, rows: Sequence[Mapping[str, Any]]) -> str:
    given = ", ".join(f"$i{number}: ID!" for number in range(len(rows)))
    return f"query Rows({given}) {{ {' '.join(_asked(view, rows))} }}"


def _asked(view: GraphQLSchema, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"r{number}: node(id: $i{number}) {{ ... on {row['type']} {{ {brief(view, row['type'])} }} }}"


def _item(
    visit: Visit, words: Words, row: Mapping[str, Any], facts: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    since = instant(row["since"])
    return {
        "link": f"/duty/{row['type']}/{quote(row['id'], safe='')}",
        "state": word("awaited", visit.spoken),
        "facts": list(words.of_row(row["type"], facts)),
        "steps": (STEPS[row["step"]],),
        "waited": None if since is None else length(visit.names, now - since),
        "left": None,
        "overdue": False,
        "clock": None,
    }
