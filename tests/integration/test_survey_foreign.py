"""A village that enters another village's child learns nothing that it did not write.

It enters a child on another village's file with its right number, with a wrong one, and with both; and a child whom
nobody knows in the same shape. What it is told (by the check, the annotated sheet, the page, its own files, other
sources, counts), what is asked of the departments, and how many bytes these send, must be the same.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from python_calamine import CalamineWorkbook

from connectors.demo.citizen_id import citizen_id
from connectors.demo.server import Server
from connectors.source import ALWAYS, Compare, Constant, Source
from hub.citizen_id import fault
from hub.quarters import running
from hub.settings import Writes
from tests.integration.test_timing import LIKELY, smirnov
from tests.support.clusters import throw_away
from tests.support.desk import at_desk, hidden, of
from tests.support.proxy import Proxy, proxied
from tests.support.running import SOURCES
from tests.support.seen import entries
from tests.support.served import Child, Served, entries_of, serving, settings_of, start_writable, today
from tests.support.steps import POLICY, WRITTEN, row_of, rows_of
from tests.survey.forms import as_xlsx, good_row, grid

pytestmark = pytest.mark.postgres

SURVEY, PROTECTION = "survey_management", "guardianship_protection"
QUARTER = running(today())
REGISTER = """{ children(first: 50) { pageInfo { hasNextPage } edges { node {
  name citizenId sex birthDate divisionCode residenceAddress schoolingStatus leftBehindType guardianshipType riskFlags
  lastVisitedOn familyMembers { edges { node { relation name phone } } } guardians { edges { node { kind name } } }
} } } }"""
OTHERS = """{ children(first: 50) { pageInfo { hasNextPage } edges { node { name citizenId
  assessments { edges { node { recommendedServices } } }
  assistanceRecords { edges { node { kind providerUnit startedOn endedOn status } } }
  incidents { edges { node { dispatchedAt measures parentsReached placementKind villageNotifiedAt } } }
} } } }"""
COUNTS = '{ aggregate(by: ["Child.sex", "Child.leftBehindType"]) { total cells { keys { coordinate value } value } } }'
ALONE = {"HUB_CLOCKS__EVERY": "3600", "HUB_POOLS__SOURCE": "1", "HUB_POOLS__WRITE": "1"}
"""Nothing else is asked meanwhile; each department has one connection, on which a statement is prepared once."""
PAIRS = 300
ROUNDS = 4


@pytest.fixture(scope="module")
async def writable_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The module's server, which logs every statement."""
    folder = tmp_path_factory.mktemp("writable")
    server = await start_writable(folder, children=150, seed=20171123, log_statement="all")
    yield server
    throw_away(server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a village learnt, and what it cost, without what it wrote itself."""

    learnt: Mapping[str, Any]
    entries: Sequence[Any]
    statements: Counter[tuple[str, str, str]]
    bytes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Villages:
    """A hub behind ways that are counted, and villages without a child, one for each try."""

    served: Served
    server: Server
    ways: Mapping[str, Proxy]
    empty: Iterator[str]
    folder: Path

    async def enters(self, rows: Sequence[Mapping[str, str]]) -> Told:
        """What a village that has no file yet is told when it enters these rows."""
        village, start = next(self.empty), self.server.log.stat().st_size
        before, kept = {name: way.back for name, way in self.ways.items()}, len(await entries_of(self.server))
        mine = [{**row, "divisionCode": village} for row in rows]
        learnt = {**await self._sent(village, mine), **await self._asked(village)}
        written = sorted({text for row in mine for name, text in row.items() if name in _WRITTEN and text})
        told = {
            name: _plain(found, [village, POLICY.divisions[village].name, *written]) for name, found in learnt.items()
        }
        sent = {name: way.back - before[name] for name, way in self.ways.items()}
        found = [orjson.loads(entry) for entry in (await entries_of(self.server))[kept:]]
        logged = sorted(str([entry[name] for name in ("kind", "rows", "released", "errors")]) for entry in found)
        return Told(learnt=told, entries=logged, statements=self._statements(start), bytes=sent)

    async def _sent(self, village: str, rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """By the page: checked, annotated, entered."""
        file = self.folder / "sheet.xlsx"
        as_xlsx(file, grid([dict(row) for row in rows]))
        async with at_desk(self.served, f"village_committee:{village}", SURVEY) as client:
            form = {"form": hidden((await client.get("/survey/")).text, "/survey/sheet")["form"]}
            assert (
                await client.post("/survey/sheet", data=form, files={"sheet": ("s.xlsx", file.read_bytes())})
            ).is_redirect
            result, sheet = await client.get("/survey/sheet"), await client.get("/survey/sheet/annotated")
            given = {**hidden(result.text, "/survey/sheet/enter"), "preparedBy": "虚构填表人"}
            entered = await client.post("/survey/sheet/enter", data=given, timeout=60)
        book = CalamineWorkbook.from_filelike(io.BytesIO(sheet.content)).get_sheet_by_index(0).to_python()
        assert "已录入" in entered.text, of(entered.text)
        return {"check": of(result.text), "sheet": book, "entered": of(entered.text)}

    async def _asked(self, village: str) -> dict[str, Any]:
        """By queries: its own files, what others hold of them, counts."""
        who = f"village_committee:{village}"
        found = {}
        for name, purpose, query in (
            ("register", SURVEY, REGISTER),
            ("others", PROTECTION, OTHERS),
            ("counts", SURVEY, COUNTS),
        ):
            answer = (await self.served(who, purpose, query)).json
            assert answer.get("data"), answer
            found[name] = {"data": answer["data"], "errors": answer.get("errors"), "told": sorted(answer["extensions"])}
        assert found["register"]["data"]["children"]["edges"]
        return found

    def _statements(self, start: int) -> Counter[tuple[str, str, str]]:
        """(database, role, statement) that departments were sent, however often."""
        found: Counter[tuple[str, str, str]] = Counter()
        for database, role, kind, words in entries(self.server.log, start):
            text = re.sub(r"^(execute [^:]*|statement): ", "", words)
            if role in {"hub_read", "hub_write"} and kind == "LOG" and text != words and database != "hub":
                found[database, role, text] += 1
        return found


_WRITTEN = ("name", "citizenId")


def _plain(found: Any, written: Sequence[str]) -> Any:
    """What was told, without what the village wrote and what is new each time: the moment, seals, the order of keys."""
    if isinstance(found, dict):
        return {name: _plain(value, written) for name, value in found.items()}
    if isinstance(found, list):
        plain = [_plain(value, written) for value in found]
        return sorted(plain, key=str) if plain and isinstance(plain[0], dict) else plain
    text = str(found)
    for part in sorted(written, key=len, reverse=True):
        text = text.replace(part, "W")
    return re.sub(r"20\d\d-\d\d-\d\dT[0-9:.+Z-]+|[A-Za-z0-9_-]{40,}", "S", text)


@pytest.fixture(scope="module")
async def tries(
    written: Server, departments: Mapping[str, Source], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Villages]:
    folder = tmp_path_factory.mktemp("foreign")
    plain = settings_of(written, folder / "keys")
    async with AsyncExitStack() as stack:
        dsns = {name: plain.databases.dsn(name) for name in SOURCES}
        dsns |= {f"write {name}": plain.writes.dsn(name) for name in Writes.model_fields}
        ways = {name: await stack.enter_async_context(proxied(dsn or "")) for name, dsn in dsns.items()}
        read = {name: SecretStr(ways[name].dsn) for name in WRITTEN}
        settings = plain.model_copy(
            update={
                "databases": plain.databases.model_copy(update=read),
                "writes": Writes(**{name: SecretStr(ways[f"write {name}"].dsn) for name in Writes.model_fields}),
            }
        )
        served = await stack.enter_async_context(serving(settings, folder, **ALONE))
        yield Villages(
            served=served, server=written, ways=ways, empty=iter(await empty_villages(departments)), folder=folder
        )


async def empty_villages(departments: Mapping[str, Source]) -> list[str]:
    """Villages without a file whose surveys of this quarter and the last one stand alike, to a letter's length."""
    village = Compare("level", "eq", Constant("VILLAGE"))
    names = ("divisionCode", "quarter", "status", "preparedBy", "returnReason", "childrenCount")
    alike: dict[tuple[Any, ...], set[str]] = {}
    surveys: dict[str, list[Any]] = {}
    for one in await rows_of(departments, "SurveySubmission", village, {}, *names):
        said = (one["quarter"], one["status"], len(one["preparedBy"]), one["returnReason"], one["childrenCount"])
        surveys.setdefault(one["divisionCode"], []).append(said)
    for code, stands in surveys.items():
        alike.setdefault(tuple(sorted(stands, key=str)), set()).add(code)
    filed = {one["divisionCode"] for one in await rows_of(departments, "Child", ALWAYS, {}, "divisionCode")}
    drafts = [
        sorted(codes - filed) for stands, codes in alike.items() if (QUARTER, "DRAFT") in {one[:2] for one in stands}
    ]
    return sorted(drafts, key=len)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who a child is, as far as a row says it."""

    name: str
    born: str
    sex: str
    number: str


async def foreign(departments: Mapping[str, Source], people: Sequence[Child]) -> list[Person]:
    """Children of primary school's age on accepted files of other villages, with names of three characters."""
    found = []
    for child in people:
        file = await row_of(departments, "Child", child.register, "name", "birthDate", "sex", "citizenId")
        assert file is not None
        age = today().year - int(file["birthDate"][:4])
        good = file["citizenId"] == child.citizen and fault(child.citizen, file["birthDate"], file["sex"]) is None
        if good and len(file["name"]) == 3 and age in range(8, 11):
            sex = {"MALE": "男", "FEMALE": "女"}[file["sex"]]
            found.append(Person(name=file["name"], born=file["birthDate"], sex=sex, number=child.citizen))
    return found


NUMBERS = count(701, 2)


def nobodys(person: Person) -> str:
    """A number that fits the person and is nobody's."""
    born = date.fromisoformat(person.born)
    return str(citizen_id("120114", born.toordinal(), next(NUMBERS) + (person.sex == "女")))


def entry(person: Person, *, name: str = "", number: str = "") -> dict[str, str]:
    """A row about the person, the same in everything else."""
    given = {"name": name or person.name, "birthDate": person.born, "sex": person.sex, "citizenId": number}
    plain = {**good_row(Random(1), 1), "householdRegistered": "是", "schoolingStatus": "小学"}
    return {**plain, **given, "lastVisitedOn": today().isoformat()}


async def test_another_villages_child_is_told_asked_and_counted_like_a_child_that_nobody_knows(
    tries: Villages, departments: Mapping[str, Source], people: list[Child]
) -> None:
    child = (await foreign(departments, people))[0]
    right, wrong = [child.number], [nobodys(child)]
    for number, names in ((1, ("甲乙丙",)), (2, ("庚辛壬", "庚辛壬"))):
        # Asked before, so that no try is the first whose statements are prepared on a connection.
        rows = [entry(child, name=name, number=nobodys(child)) for name in names[:number]]
        for _ in range(2):
            await tries.enters([{**row, "citizenId": nobodys(child)} for row in rows])
    unknown = await tries.enters([entry(child, name="卯辰巳", number=nobodys(child))])
    assert unknown.statements.total() > 10 and unknown.bytes["write civil_affairs"] > 0
    for numbers in (right, wrong):
        told = await tries.enters([entry(child, number=number) for number in numbers])
        same(told, unknown)
    two = [entry(child, name=name, number=nobodys(child)) for name in ("卯辰巳", "卯辰巳")]
    both = [entry(child, number=number) for number in (*right, *wrong)]
    same(await tries.enters(both), await tries.enters(two))
    # What is compared can differ: a name of another length does, by its bytes alone.
    with pytest.raises(AssertionError):
        same(await tries.enters([entry(child, name="卯辰", number=nobodys(child))]), unknown)
    accepted = await row_of(departments, "Child", _register(people, child), "_acceptedCitizen", "_open")
    assert accepted == {"_acceptedCitizen": child.number, "_open": True}


def _register(people: Sequence[Child], person: Person) -> str:
    [found] = [one.register for one in people if one.citizen == person.number]
    return found


def same(told: Told, other: Told) -> None:
    """Nothing tells the two apart."""
    for name, found in told.learnt.items():
        assert found == other.learnt[name], name
    assert told.entries == other.entries
    assert told.statements == other.statements, (told.statements - other.statements, other.statements - told.statements)
    assert told.bytes == other.bytes


@pytest.mark.soak
async def test_another_villages_child_takes_as_long_as_a_child_that_nobody_knows(
    tries: Villages, departments: Mapping[str, Source], people: list[Child]
) -> None:
    chance, chances = Random(5), list[float]()
    for child, other in zip(await foreign(departments, people), range(ROUNDS), strict=False):
        numbers, times = {True: child.number, False: nobodys(child)}, {True: list[float](), False: list[float]()}
        village = next(tries.empty)
        row = entry(child)
        given = {"name": child.name, "birthDate": child.born, "sex": "MALE" if row["sex"] == "男" else "FEMALE"}
        given |= {"divisionCode": village, "residenceAddress": "某处（虚构）"}
        for pair in range(PAIRS + 20):
            for known in chance.sample((True, False), 2):
                begun = perf_counter()
                found = await tries.served.step(
                    f"village_committee:{village}",
                    SURVEY,
                    "villageOpenFile",
                    "step again child { name citizenId riskFlags }",
                    householdRegistered=True,
                    citizenId=numbers[known],
                    **given,
                )
                if pair >= 20:
                    times[known].append(perf_counter() - begun)
                assert found.status == 200, found.json
        chances.append(smirnov(times[True], times[False]))
        medians = {known: sorted(taken)[PAIRS // 2] * 1000 for known, taken in times.items()}
        print(f"round {other}: p = {chances[-1]:.4f}, {medians[True]:.3f} and {medians[False]:.3f} ms", flush=True)
        if chances[-1] > LIKELY:
            return
    raise AssertionError(f"another village's child is told from nobody's by time, p = {chances}")
