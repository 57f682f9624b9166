"""Timings' class: no such row, and a row that a caller may not see, cost the same statements, and as long.

How often a department is asked, what, and after what, must not depend on a row that does not exist for the caller:
whoever measures answers would learn that a child is on file. The statements are compared line by line, from the log of
the departments' own server. That they take as long is tried with many pairs of answers, by the test of Kolmogorov and
Smirnov.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from random import Random
from time import perf_counter
from typing import Any

import pytest

from connectors.demo.server import Server
from connectors.source import Source
from hub.hub import Hub
from schema.catalogue import LINKS
from tests.properties.principals import principals
from tests.support.rights import Me
from tests.support.running import Asking, compose
from tests.support.seen import entries
from tests.support.sight import Sight
from tests.support.turns import in_turns
from tests.support.ways import ROOT_OF, fields_of, selected
from tests.support.world import HOME, Row, World

pytestmark = pytest.mark.postgres

PAIRS = 2_000
ROUNDS = 3
LIKELY = 0.01
"""A chance below which two samples are taken for two classes; the best of the rounds counts: by luck alone one in a
million runs fails, and times that differ by a fifth of their spread fail each round."""
ABSENT_KEY = "none"
ABSENT_NAME = "查无此人"
ABSENT_DAY = "1899-01-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query, with variables that mean a row, and with variables that mean none."""

    me: Me
    way: str
    query: str
    hidden: Mapping[str, Any]
    absent: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A hub that asks its sources in turns, and the log of their server."""

    ask: Asking
    server: Server

    async def asked(self, me: Me, query: str, variables: Mapping[str, Any]) -> tuple[list[tuple[str, str]], Any]:
        """(database, statement) in the order in which they were asked, and the answer without its receipt."""
        start = self.server.log.stat().st_size
        body = (await self.ask(me.key, me.purpose, query, variables)).json
        found = []
        for database, role, kind, words in entries(self.server.log, start):
            text = re.sub(r"^(execute [^:]*|statement): ", "", words)
            if role == "hub_read" and kind == "LOG" and text != words and 'FROM "' in text:
                found.append((database, text))
        return found, {"data": body.get("data"), "errors": body.get("errors")}


@pytest.fixture(scope="module")
async def listening(server: Server, hub: Hub, sources: Mapping[str, Source]) -> AsyncIterator[Listening]:
    composed = compose(in_turns(sources), hub.recording.log)
    yield Listening(ask=Asking(hub=composed), server=server)


def numbered(body: str) -> str:
    """Seventeen digits with their check digit."""
    weights = [pow(2, 17 - place, 11) for place in range(17)]
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]


ABSENT_NUMBER = numbered("12011419000101001")


def kinds_of_hidden(sight: Sight, type_name: str, *, most: int = 1) -> list[Row]:
    """Rows that do not exist for the principal, some of each kind that a scope may tell apart."""
    world = sight.world
    found: dict[Any, list[Row]] = {}
    for row in world.rows(HOME[type_name], type_name):
        if sight.states(type_name, row):
            continue
        files = world.files_of(type_name, row)
        of_files = tuple(sorted(_kind(sight, file) for file in files))
        found.setdefault((of_files, row.get("status"), row.get("stage")), []).append(row)
    return [row for rows in found.values() for row in rows[:most]]


def _kind(sight: Sight, file: Row) -> tuple[Any, ...]:
    born = str(file["birthDate"] or "")
    place = str(file["divisionCode"] or "")
    return (
        bool(file["_open"]),
        bool(file["_accepted"]),
        born <= sight.world.today.replace(year=sight.world.today.year - 16).isoformat(),
        born <= sight.world.today.replace(year=sight.world.today.year - 6).isoformat(),
        sight.me.division is None or place.startswith(sight.me.division),
        file["_citizen"] is None,
    )


def questions(sight: Sight, hub: Hub) -> Iterator[Question]:
    """Every way in which the principal may ask for one row, for rows of every kind that it may not see."""
    if sight.opens("Child"):
        for row in kinds_of_hidden(sight, "Child"):
            yield from _of_child(sight, hub, row)
    for type_name in ROOT_OF:
        if type_name not in ("Child", "AccessLogEntry") and sight.opens(type_name):
            for row in kinds_of_hidden(sight, type_name)[:4]:
                seal = hub.seals.of(sight.me.key)
                yield Question(
                    me=sight.me,
                    way=f"node of {type_name}",
                    query=_node(type_name, _all(sight, type_name)),
                    hidden={"id": seal.identify(type_name, row["_key"])},
                    absent={"id": seal.identify(type_name, ABSENT_KEY)},
                )


def _of_child(sight: Sight, hub: Hub, row: Row) -> Iterator[Question]:
    seal = hub.seals.of(sight.me.key)
    by_id = {
        "hidden": {"id": seal.identify("Child", row["_key"], row["_citizen"])},
        "absent": {"id": seal.identify("Child", ABSENT_KEY, ABSENT_NUMBER)},
    }
    every = _all(sight, "Child")
    yield Question(
        me=sight.me, way="child by id", query=f"query C($id: ID!) {{ child(id: $id) {{ {every} }} }}", **by_id
    )
    yield Question(me=sight.me, way="node", query=_node("Child", every), **by_id)
    hanging = f"query H($id: ID!) {{ child(id: $id) {{ id {_hanging(sight)} }} }}"
    yield Question(me=sight.me, way="child by id with what hangs on it", query=hanging, **by_id)
    for fields in ("id", every):
        number = str(row["citizenId"])
        good = len(number) == 18 and numbered(number[:17]) == number
        if good and sight.askable("Child.citizenId") and _alone(sight, row, "citizenId"):
            yield Question(
                me=sight.me,
                way="child by number",
                query=f"query C($n: CitizenId!) {{ child(citizenId: $n) {{ {fields} }} }}",
                hidden={"n": number},
                absent={"n": ABSENT_NUMBER},
            )
        if row["birthDate"] and sight.askable("Child.birthDate") and _alone(sight, row, "birthDate"):
            yield Question(
                me=sight.me,
                way="children by birth date",
                query=_filtered("birthDate", "Date", fields),
                hidden={"v": row["birthDate"]},
                absent={"v": ABSENT_DAY},
            )
        if row["name"] and sight.askable("Child.name") and _alone(sight, row, "name"):
            yield Question(
                me=sight.me,
                way="children by name",
                query=_filtered("name", "String", fields),
                hidden={"v": row["name"]},
                absent={"v": ABSENT_NAME},
            )


def _alone(sight: Sight, row: Row, field: str) -> bool:
    """Whether no row that the principal sees has the value."""
    return all(other[field] != row[field] for other in sight.every("Child"))


def _filtered(field: str, kind: str, fields: str) -> str:
    given = f"filter: {{{field}: {{eq: $v}}}}"
    return (
        f"query F($v: {kind}!) {{ children({given}) {{ edges {{ node {{ {fields} }} }} pageInfo {{ hasNextPage }} }} }}"
    )


def _node(type_name: str, fields: str) -> str:
    return f"query N($id: ID!) {{ node(id: $id) {{ ... on {type_name} {{ {fields} }} }} }}"


def _all(sight: Sight, type_name: str) -> str:
    names = [name for name in fields_of(type_name) if sight.selectable(f"{type_name}.{name}")]
    return " ".join(["id", *map(selected, names)])


def _hanging(sight: Sight) -> str:
    """Every kind of rows below a file that the principal may ask for."""
    return " ".join(
        f"{name}(first: 2) {{ edges {{ node {{ {_all(sight, link.target)} }} }} }}"
        for name, link in LINKS["Child"].items()
        if sight.opens(link.target)
    )


def some_principals(world: World) -> list[Me]:
    """Each unit under each of its purposes, one division or institution of a kind."""
    found: dict[tuple[str, str], Me] = {}
    for me in principals(world):
        found.setdefault((me.unit, me.purpose), me)
    return list(found.values())


async def test_a_row_that_is_hidden_costs_the_statements_of_a_row_that_is_not_there(
    listening: Listening, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Statements are compared here, not times.
    monkeypatch.setattr("hub.pace.STEP", 1e-6)
    seen: dict[tuple[str, str], int] = {}
    wrong: list[str] = []
    for me in some_principals(world):
        sight, absent = Sight(world, me), dict[tuple[str, str], Any]()
        for question in questions(sight, listening.ask.hub):
            place = (question.query, str(question.absent))
            if place not in absent:
                # Asked before, so that neither is the first to be planned or prepared.
                await listening.asked(me, question.query, question.hidden)
                absent[place] = await listening.asked(me, question.query, question.absent)
            statements, answer = await listening.asked(me, question.query, question.hidden)
            seen[me.unit, question.way] = seen.get((me.unit, question.way), 0) + len(statements)
            expected, nothing = absent[place]
            if statements != expected or answer != nothing:
                wrong.append(
                    f"{me} {question.way}: {len(statements)} statements, {len(expected)} where there is no row"
                )
    assert not wrong, "\n".join(wrong)
    assert len({unit for unit, _ in seen}) >= 15
    assert sum(seen.values()) > 2_000


def below_shown(sight: Sight, type_name: str) -> tuple[list[Row], list[Row]]:
    """Files of children who are sure to exist for the principal: with hidden rows of the type, and with none.

    Facts of other departments decide of neither, and nobody is linked to them.
    """
    world, hidden, empty = sight.world, list[Row](), list[Row]()
    linked = {link["_register"] for link in world.rows("hub", "Link")}
    for file in sight.every("Child"):
        school_age = _kind(sight, file)[2:4] == (False, True)
        if not school_age or file["_citizen"] is None or file["_register"] in linked:
            continue
        rows = world.of_file(file, type_name)
        if not any(sight.states(type_name, row) for row in rows):
            (hidden if rows else empty).append(file)
    return hidden, empty


async def test_rows_that_are_hidden_below_a_file_that_is_shown_cost_the_statements_of_none(
    listening: Listening, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.pace.STEP", 1e-6)
    compared, wrong = set[str](), list[str]()
    for me in some_principals(world):
        sight, seal = Sight(world, me), listening.ask.hub.seals.of(me.key)
        for name, link in LINKS["Child"].items() if sight.opens("Child") else ():
            hidden, empty = below_shown(sight, link.target) if sight.opens(link.target) else ([], [])
            if not (hidden and empty):
                continue
            rows = f"{name} {{ edges {{ node {{ {_all(sight, link.target)} }} }} }}"
            query = f"query B($id: ID!) {{ child(id: $id) {{ id {rows} }} }}"
            found = []
            for file in (empty[0], empty[0], *hidden[:3]):
                variables = {"id": seal.identify("Child", file["_key"], file["_citizen"])}
                alone, _ = await listening.asked(me, "query A($id: ID!) { child(id: $id) { id } }", variables)
                statements, answer = await listening.asked(me, query, variables)
                assert answer["data"]["child"][name] == {"edges": []}
                found.append((alone, statements))
            # A file that exists for another reason may itself cost other statements.
            of_none = found[1][1]
            alike = [statements for alone, statements in found[2:] if alone == found[1][0]]
            compared |= {f"{me.unit} {name}"} if alike else set()
            wrong += [f"{me} {name}: {len(each)}, of none {len(of_none)}" for each in alike if each != of_none]
    assert not wrong, "\n".join(wrong)
    assert len(compared) >= 5, compared


def smirnov(left: Sequence[float], right: Sequence[float]) -> float:
    """The chance of samples as different as these if they are of one distribution (two-sample test, asymptotic)."""
    steps = sorted([*((value, 1 / len(left)) for value in left), *((value, -1 / len(right)) for value in right)])
    height = widest = 0.0
    for place, (value, step) in enumerate(steps):
        height += step
        if place + 1 == len(steps) or steps[place + 1][0] != value:
            widest = max(widest, abs(height))
    root: float = sqrt(len(left) * len(right) / (len(left) + len(right)))
    scaled = (root + 0.12 + 0.11 / root) * widest
    if scaled < 0.2:
        return 1.0
    return min(1.0, 2 * sum((-1.0) ** (k - 1) * exp(-2 * (k * scaled) ** 2) for k in range(1, 101)))


def test_the_test_of_samples_gives_the_chances_that_are_printed_in_tables() -> None:
    # Of two samples of 100: 0.1923 apart for 5 %, 0.2305 for 1 % (critical values c(a) * sqrt(2 / 100)).
    base = [float(value) for value in range(100)]
    assert smirnov(base, base) == 1.0
    assert 0.03 < smirnov(base, [value + 19 for value in base]) < 0.06
    assert 0.005 < smirnov(base, [value + 23 for value in base]) < 0.013
    chance = Random(7)
    left, right = ([chance.gauss(10.0, 1.0) for _ in range(PAIRS)] for _ in range(2))
    assert smirnov(left, right) > LIKELY > smirnov(left, [value + 0.2 for value in right])


def look_ups(world: World, hub: Hub) -> Iterator[tuple[str, Me, str, list[dict[str, Any]], list[dict[str, Any]]]]:
    """(name, principal, query, variables of rows that it may not see, variables of none)."""
    [town, *_] = [me for me in principals(world) if (me.unit, me.purpose) == ("town_government", "survey_management")]
    [school, *_] = [me for me in principals(world) if me.unit == "mandatory_reporter"]
    sight = Sight(world, town)
    by_number = f"query C($n: CitizenId!) {{ child(citizenId: $n) {{ {_all(sight, 'Child')} }} }}"
    hidden = [row for row in kinds_of_hidden(sight, "Child", most=9) if _usable(sight, row)]
    mine = [row for row in hidden if str(row["divisionCode"]).startswith(str(town.division))]
    absent = [{"n": numbered(f"1201141900010{place:04}")} for place in range(1001, 1041)]
    for name, rows in (("child of another town", [row for row in hidden if row not in mine]), ("closed child", mine)):
        yield name, town, by_number, [{"n": row["citizenId"]} for row in rows], absent
    reports = Sight(world, school)
    seal = hub.seals.of(school.key)
    others = [
        seal.identify("MandatoryReport", row["_key"]) for row in kinds_of_hidden(reports, "MandatoryReport", most=9)
    ]
    none = [seal.identify("MandatoryReport", f"{ABSENT_KEY}{place}") for place in range(40)]
    by_id = _node("MandatoryReport", _all(reports, "MandatoryReport"))
    yield "report of another school", school, by_id, [{"id": one} for one in others], [{"id": one} for one in none]


def _usable(sight: Sight, row: Row) -> bool:
    number = str(row["citizenId"])
    return len(number) == 18 and numbered(number[:17]) == number and _alone(sight, row, "citizenId")


@pytest.mark.soak
@pytest.mark.parametrize("number", range(3))
async def test_a_row_that_is_hidden_takes_as_long_as_one_that_is_not_there(
    ask: Asking, world: World, number: int
) -> None:
    name, me, query, hidden, absent = list(look_ups(world, ask.hub))[number]
    assert hidden
    chance, chances = Random(number), list[float]()

    async def seconds(variables: dict[str, Any]) -> float:
        begun = perf_counter()
        reply = await ask(me.key, me.purpose, query, variables)
        taken = perf_counter() - begun
        assert reply.data is not None and set(reply.data.values()) == {None}, reply.json
        return taken

    for _ in range(ROUNDS):
        times: dict[bool, list[float]] = {True: [], False: []}
        for pair in range(PAIRS + 50):
            for there in chance.sample((True, False), 2):
                taken = await seconds(chance.choice(hidden if there else absent))
                if pair >= 50:
                    times[there].append(taken)
        chances.append(smirnov(times[True], times[False]))
        medians = {there: sorted(taken)[PAIRS // 2] * 1000 for there, taken in times.items()}
        print(f"{name}: p = {chances[-1]:.4f}, medians {medians[True]:.3f} and {medians[False]:.3f} ms", flush=True)
        if chances[-1] > LIKELY:
            return
    raise AssertionError(f"{name}: hidden rows are told from none by time, p = {chances}")
