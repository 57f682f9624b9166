"""A quarter over HTTP: three towns and their villages, civil affairs behind them, and children who move or grow up."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson
import pytest

from connectors.demo.citizen_id import citizen_id
from connectors.demo.server import Server
from connectors.source import All, Compare, Constant, Source
from tests.support.course import CIVIL
from tests.support.served import Child, Reply, Served, entries_of, today
from tests.support.steps import row_of, rows_of

pytestmark = pytest.mark.postgres

SURVEY = "survey_management"
QUARTER = f"{today().year}Q{(today().month + 2) // 3}"
COUNTED = {"childrenCount": 12, "preparedBy": "虚构填表人"}
MINE = """query Mine($quarter: Quarter!) {
  surveySubmissions(first: 100, filter: {quarter: {eq: $quarter}}) {
    edges { node { id divisionCode level status returnReason } }
  }
}"""
ACCEPTED = ("_open", "_accepted", "_acceptedCitizen", "_division", "_acceptedQuarter")
FILE = {"sex": "FEMALE", "birthDate": "2018-05-01", "householdRegistered": True, "name": "虚构童"}


class Quarter:
    """The running quarter, as everybody who has a part in it takes its steps."""

    def __init__(self, served: Served, departments: Mapping[str, Source]) -> None:
        self.served, self.departments = served, departments

    async def submissions(self, who: str) -> dict[str, dict[str, Any]]:
        """What the principal reads of the quarter, by division."""
        found = await self.served(who, SURVEY, MINE, {"quarter": QUARTER})
        nodes = [edge["node"] for edge in found.data["surveySubmissions"]["edges"]]
        return {node["divisionCode"]: node for node in nodes}

    async def villages(self, town: str) -> list[str]:
        return [code for code in await self.submissions(f"town_government:{town}") if len(code) == 12]

    async def key(self, division: str) -> str:
        where = All((Compare("divisionCode", "eq", Constant(division)), Compare("quarter", "eq", Constant(QUARTER))))
        ((key,),) = [
            list(row.values()) for row in await rows_of(self.departments, "SurveySubmission", where, {}, "_key")
        ]
        return str(key)

    async def status(self, division: str) -> str:
        row = await row_of(self.departments, "SurveySubmission", await self.key(division), "status")
        assert row is not None
        return str(row["status"])

    async def step(self, who: str, step: str, division: str, **given: Any) -> Reply:
        """A step of a division's submission by anybody, who knows it by the id that would be its own."""
        identifier = self.served.id(who, "SurveySubmission", await self.key(division))
        answer = "step surveySubmission { status returnReason }"
        return await self.served.step(who, SURVEY, step, answer, id=identifier, **given)

    async def submit(self, village: str) -> None:
        """The village submits, if it has not."""
        who = f"village_committee:{village}"
        if await self.status(village) in {"DRAFT", "RETURNED"}:
            found = await self.step(who, "submitSurvey", village, **COUNTED)
            assert found.data["submitSurvey"]["surveySubmission"]["status"] == "VILLAGE_SUBMITTED"

    async def file(self, who: str, step: str, register: str, answer: str = "step", **given: Any) -> Reply:
        """A step of a file by anybody."""
        child = await row_of(self.departments, "Child", register, "citizenId")
        assert child is not None
        identifier = self.served.id(who, "Child", register, child["citizenId"])
        return await self.served.step(who, SURVEY, step, answer, id=identifier, **given)

    async def opened(self, village: str, **given: Any) -> str:
        """The key of a file that the village opens."""
        who, mark = f"village_committee:{village}", secrets.token_hex(6)
        found = await self.served.step(
            who, SURVEY, "villageOpenFile", **{**FILE, "divisionCode": village, "residenceAddress": mark, **given}
        )
        assert found.status == 200, found.json
        ((key,),) = [
            list(row.values())
            for row in await rows_of(
                self.departments, "Child", Compare("residenceAddress", "eq", Constant(mark)), {}, "_key"
            )
        ]
        return str(key)

    async def accepted(self, register: str) -> dict[str, Any]:
        row = await row_of(self.departments, "Child", register, *ACCEPTED)
        assert row is not None
        return row


@pytest.fixture(scope="module")
async def quarter(served: Served, departments: Mapping[str, Source]) -> Quarter:
    return Quarter(served, departments)


def three_towns(people: list[Child]) -> list[str]:
    return sorted({child.village[:9] for child in people})[:3]


async def editable(quarter: Quarter, village: str) -> None:
    """The village's survey is its own to change, whatever the demo made of it."""
    if await quarter.status(village) == "VILLAGE_SUBMITTED":
        await quarter.step(f"town_government:{village[:9]}", "returnToVillage", village, returnReason="补正（虚构）")


async def test_a_writer_who_believes_in_another_state_is_told_both_and_changes_nothing(
    quarter: Quarter, people: list[Child]
) -> None:
    village = people[0].village
    await editable(quarter, village)
    who, before = f"village_committee:{village}", await quarter.status(village)
    other = "RETURNED" if before == "DRAFT" else "DRAFT"
    found = await quarter.step(who, "submitSurvey", village, expected=other, **COUNTED)
    assert (found.error["code"], found.error["expected"], found.error["state"]) == ("CONFLICT", other, before)
    assert await quarter.status(village) == before


async def test_another_town_or_village_gets_nothing_and_changes_nothing(quarter: Quarter, people: list[Child]) -> None:
    child = people[0]
    await editable(quarter, child.village)
    other = next(one for one in people if one.town != child.town)
    before = await quarter.status(child.village)
    for who, step, given in (
        (other.committee, "submitSurvey", COUNTED),
        (other.town, "returnToVillage", {"returnReason": "不应办理（虚构）"}),
        (other.town, "includeVillage", {}),
    ):
        assert child.village not in await quarter.submissions(who)
        assert (await quarter.step(who, step, child.village, **given)).codes == {"INVALID_INPUT"}
    for who, step in ((other.committee, "villageReviseFile"), (other.town, "townReviseFile")):
        assert (await quarter.file(who, step, child.register, livesAlone=True)).codes == {"INVALID_INPUT"}
    assert await quarter.status(child.village) == before


TOLD = """step again lawful { name } child {
  name citizenId birthDate divisionCode updatedAt riskFlags
  familyMembers { edges { node { id name } } } guardians { edges { node { id name } } }
}"""


async def test_a_village_that_enters_another_villages_child_learns_nothing_that_it_did_not_write(
    quarter: Quarter, people: list[Child], written: Server
) -> None:
    child = next(one for one in people if one.citizen != people[0].citizen)
    village = next(one.village for one in people if one.village != child.village)
    await editable(quarter, village)
    file = await row_of(quarter.departments, "Child", child.register, "name", "birthDate", "sex")
    assert file is not None
    nobodys = citizen_id("120114", date.fromisoformat(file["birthDate"]).toordinal(), 873)
    given = {**FILE, **file, "divisionCode": village, "residenceAddress": "某处（虚构）"}
    told, entered = [], []
    for number in (child.citizen, nobodys, None):
        before = len(await entries_of(written))
        found = await quarter.served.step(
            f"village_committee:{village}", SURVEY, "villageOpenFile", TOLD, **{**given, "citizenId": number}
        )
        assert found.status == 200, found.json
        answer = found.data["villageOpenFile"]
        assert answer["child"].pop("citizenId") == number
        assert answer["child"].pop("updatedAt")
        told.append((answer, sorted(found.json.get("extensions", {}))))
        entries = [orjson.loads(entry) for entry in (await entries_of(written))[before:]]
        entered.append([{name: entry[name] for name in ("kind", "rows", "released", "errors")} for entry in entries])
    assert told[0] == told[1] == told[2]
    assert entered[0] == entered[1] == entered[2]
    assert (await quarter.accepted(child.register))["_acceptedCitizen"] == child.citizen


async def test_the_file_of_a_child_who_has_turned_16_is_closed_by_its_town_and_no_other_file_is(
    quarter: Quarter, people: list[Child]
) -> None:
    grown = All((Compare("discrepancyClass", "eq", Constant("AGED_OUT")), Compare("status", "eq", Constant("OPEN"))))
    (register, *_) = [
        row["_register"] for row in await rows_of(quarter.departments, "ReconciliationItem", grown, {}, "_register")
    ]
    file = await row_of(quarter.departments, "Child", register, "divisionCode", "_open")
    assert file is not None
    assert file["_open"] is True
    town = f"town_government:{file['divisionCode'][:9]}"
    other = next(child.town for child in people if child.town != town)
    assert (await quarter.file(other, "closeFile", register)).codes == {"INVALID_INPUT"}
    young = next(child for child in people if child.town != town)
    early = await quarter.file(young.town, "closeFile", young.register)
    assert early.error["code"] == "CONFLICT"
    assert (await quarter.accepted(young.register))["_open"] is True
    closed = await quarter.file(town, "closeFile", register)
    assert closed.status == 200, closed.json
    assert (await quarter.accepted(register))["_open"] is False
    assert (await quarter.file(town, "closeFile", register)).codes == {"INVALID_INPUT"}


async def test_a_quarter_goes_from_sixty_villages_by_three_towns_to_civil_affairs(
    quarter: Quarter, people: list[Child]
) -> None:
    towns = three_towns(people)
    villages = {
        town: [code for code in await quarter.submissions(f"town_government:{town}") if len(code) == 12]
        for town in towns
    }
    assert sum(len(codes) for codes in villages.values()) >= 60
    first = villages[towns[0]]
    late = first[-1]
    old = next(child for child in people if child.village[:9] == towns[0])
    for code in first:
        if await quarter.status(code) == "VILLAGE_SUBMITTED":
            await quarter.step(f"town_government:{towns[0]}", "returnToVillage", code, returnReason="补正（虚构）")
    # A draft opens nothing: not to other sources, and not with the number of a child on file elsewhere.
    await editable(quarter, villages[towns[1]][0])
    moved = await quarter.opened(villages[towns[1]][0], citizenId=old.citizen)
    new = await quarter.opened(first[0], citizenId=None)
    assert (await quarter.accepted(new))["_accepted"] is False
    for town in towns:
        who = f"town_government:{town}"
        for code in villages[town]:
            if code != late:
                await quarter.submit(code)
        if town == towns[0]:
            early = await quarter.step(who, "summariseSurvey", town, **COUNTED)
            assert early.error["code"] == "CONFLICT"
            assert "所辖村居均已报送" in early.error["messageZh"]
            await quarter.submit(late)
            returned = await quarter.step(who, "returnToVillage", late, returnReason="人数不符（虚构）")
            assert returned.data["returnToVillage"]["surveySubmission"]["status"] == "RETURNED"
            told = (await quarter.submissions(f"village_committee:{late}"))[late]
            assert told["returnReason"] == "人数不符（虚构）"
            await quarter.submit(late)
        found = await quarter.step(who, "summariseSurvey", town, **COUNTED)
        assert found.data["summariseSurvey"]["surveySubmission"]["status"] == "TOWN_SUMMARISED", found.json
        assert {await quarter.status(code) for code in villages[town]} == {"TOWN_SUMMARISED"}
    returned = await quarter.step(CIVIL, "returnSurvey", towns[0], returnReason="请核实（虚构）")
    assert returned.data["returnSurvey"]["surveySubmission"]["returnReason"] == "请核实（虚构）"
    assert (await quarter.step(CIVIL, "acceptSurvey", towns[0])).error["code"] == "CONFLICT"
    await quarter.step(f"town_government:{towns[0]}", "summariseSurvey", towns[0], **COUNTED)
    assert (await quarter.accepted(new))["_accepted"] is False
    for town in towns:
        found = await quarter.step(CIVIL, "acceptSurvey", town)
        assert found.data["acceptSurvey"]["surveySubmission"]["status"] == "DISTRICT_ACCEPTED", found.json
        assert {await quarter.status(code) for code in villages[town]} == {"DISTRICT_ACCEPTED"}
    expected = {
        "_open": True,
        "_accepted": True,
        "_acceptedCitizen": None,
        "_division": first[0],
        "_acceptedQuarter": QUARTER,
    }
    assert await quarter.accepted(new) == expected
    frozen = await quarter.file(f"village_committee:{first[0]}", "villageReviseFile", new, livesAlone=True)
    assert (frozen.error["code"], frozen.error["state"]) == ("CONFLICT", "DISTRICT_ACCEPTED")
    await settled(quarter, old, moved)


async def settled(quarter: Quarter, old: Child, moved: str) -> None:
    """The child's new file does not count before civil affairs close the old one, and then it alone does."""
    assert (await quarter.accepted(old.register))["_acceptedCitizen"] == old.citizen
    assert await quarter.accepted(moved) == {**dict.fromkeys(ACCEPTED), "_open": True, "_accepted": False}
    for who in (old.town, old.committee, "education_bureau"):
        assert (await quarter.file(who, "settleDuplicate", old.register, reason="不应办理（虚构）")).codes == {
            "NOT_ENTITLED"
        }
    found = await quarter.file(CIVIL, "settleDuplicate", old.register, reason="随父母迁居（虚构）")
    assert found.status == 200, found.json
    assert (await quarter.accepted(old.register))["_open"] is False
    right = await quarter.accepted(moved)
    assert (right["_open"], right["_accepted"], right["_acceptedCitizen"]) == (True, True, old.citizen)
    again = await quarter.file(CIVIL, "settleDuplicate", moved, reason="没有另一份（虚构）")
    assert again.error["code"] == "CONFLICT"
