"""Aggregates of rows that a caller reads == the oracle's: every type and unit, any coordinate, in a town or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from hub import grouping, paged
from hub.aggregates import NOT_OF_THE_ROW
from tests.properties.principals import principals
from tests.support.rights import scopes
from tests.support.running import TODAY, Asking
from tests.support.sight import Sight
from tests.support.world import FIELDS, HOME, TYPES, World

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

QUERY = """query ($by: [String!]!, $where: AggregateWhere) {
  aggregate(by: $by, measure: "COUNT", where: $where) { quarter cells { keys { value } value suppressed } }
}"""
OF_EACH_TYPE = 5


def bucket(coordinate: str, value: Any) -> str | None:
    """The group in which a value stands, as the domain model words it."""
    if value is None:
        return None
    if coordinate == "Child.birthDate":
        age = TODAY.year - int(value[:4]) - (value[5:] > TODAY.isoformat()[5:])
        return next((band for most, band in ((6, "AGE_0_5"), (14, "AGE_6_13"), (16, "AGE_14_15")) if age < most), OLD)
    kind = FIELDS[coordinate].gql_type.rstrip("!")
    if kind == "DivisionCode":
        return str(value)[:9]
    if kind in ("Date", "DateTime"):
        return f"{value[:4]}Q{(int(value[5:7]) + 2) // 3}"
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


OLD = "AGE_16_OVER"


def expected(sight: Sight, type_name: str, by: list[str], town: str | None) -> Counter[tuple[str | None, ...]]:
    found: Counter[tuple[str | None, ...]] = Counter()
    for row in sight.every(type_name):
        if all(sight.state(type_name, row, name) == "clear" for name in by) and inside(
            sight.world, type_name, row, town
        ):
            found[tuple(bucket(name, sight.raw(type_name, row, name.partition(".")[2])) for name in by)] += 1
    return found


def inside(world: World, type_name: str, row: Any, town: str | None) -> bool:
    if town is None:
        return True
    if type_name == "Incident":
        [row] = world.by("public_security", "MandatoryReport", "_key", row["_report"])
    if "divisionCode" in row:
        return str(row["divisionCode"] or "").startswith(town)
    column = "divisionCode" if HOME[type_name] == "civil_affairs" else "_division"
    files = world.files_of(type_name, row)
    return any(str(file[column] or "").startswith(town) for file in files)


def questions(sight: Sight, draw: Random) -> list[tuple[str, list[str]]]:
    """(type, one to three coordinates that the principal reads in clear somewhere) for every type that it opens."""
    found = []
    for type_name in TYPES:
        held = [name for name in FIELDS if name.startswith(f"{type_name}.") and scopes(sight.me, name, "read")]
        held = [name for name in held if name not in NOT_OF_THE_ROW and not name.endswith(".id")]
        if held:
            found.append((type_name, draw.sample(held, min(len(held), draw.choice((1, 1, 2, 3))))))
    return found


@pytest.mark.parametrize("most", [None, 0, paged.MOST], ids=["at once", "by those in doubt", "by the set"])
async def test_whoever_reads_rows_is_told_their_totals_as_the_oracle_counts_them(
    ask: Asking, world: World, monkeypatch: pytest.MonkeyPatch, most: int | None
) -> None:
    """``most``: in pages of seven rows, through the rows in doubt or, of so few, through the other department's."""
    if most is not None:
        ask = Asking(hub=replace(ask.hub, set_limit=3))
        for module, name, value in ((grouping, "UNDECIDED", 5), (grouping, "FEW", 3), (paged, "PAGE", 7)):
            monkeypatch.setattr(module, name, value)
        monkeypatch.setattr(paged, "MOST", most)
    draw = Random(20261126)
    asked = [
        (sight, type_name, by)
        for sight in (Sight(world, me) for me in principals(world))
        for type_name, by in questions(sight, draw)
        if type_name not in ("Statistic", "AccessLogEntry")
    ]
    towns = sorted({str(file["divisionCode"])[:9] for file in world.rows("civil_affairs", "Child")})
    seen: Counter[str] = Counter()
    draw.shuffle(asked)
    of_type = {type_name: [one for one in asked if one[1] == type_name] for type_name in TYPES}
    for sight, type_name, by in (one for found in of_type.values() for one in found[:OF_EACH_TYPE]):
        town = draw.choice((None, draw.choice(towns)))
        where = None if town is None else {"divisionCode": town}
        reply = await ask(sight.me.key, sight.me.purpose, QUERY, {"by": by, "where": where})
        assert reply.data is not None, (sight.me, by, where, reply.errors)
        cells = reply.data["aggregate"]["cells"]
        told = {tuple(key["value"] for key in cell["keys"]): cell["value"] for cell in cells}
        assert len(told) == len(cells) and not any(cell["suppressed"] for cell in cells)
        assert told == expected(sight, type_name, by, town), (sight.me, by, town)
        seen[type_name] += bool(told)
        seen["in a town"] += bool(told and town)
    assert {"CriminalCase", "SurveySubmission", "ReconciliationItem", "Incident", "Enrolment"} <= set(+seen), seen
    assert seen["in a town"] > 5
