"""``accessLog`` over real HTTP: auditors find entries by every filter, page by page; nobody else reads the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.console import ADDRESS, OWN_REPORTS, READER, Running

pytestmark = pytest.mark.postgres

QUERY = """
query Find($filter: AccessLogEntryFilter, $first: Int, $after: String, $orderBy: [AccessLogEntryOrder!]) {
  accessLog(filter: $filter, first: $first, after: $after, orderBy: $orderBy) {
    edges { node { index at unit operatorId purpose caseRef fields maskedFields refusedFields recordRefs decision clause
      requestId entryHash policyVersion errorCodes } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


async def found(running: Running, **given: Any) -> list[dict[str, Any]]:
    """The entries of all pages, in their order."""
    nodes: list[dict[str, Any]] = []
    after = None
    while True:
        answer = await running.ask("auditor", "audit", QUERY, **{"first": 50, **given, "after": after})
        assert not answer.get("errors"), answer["errors"]
        connection = answer["data"]["accessLog"]
        nodes += [edge["node"] for edge in connection["edges"]]
        if not connection["pageInfo"]["hasNextPage"]:
            return nodes
        after = connection["pageInfo"]["endCursor"]


async def ask_all(running: Running) -> None:
    """One read of each kind that the filters below tell apart."""
    file = running.child()
    town = f"town_government:{str(file['_division'])[:9]}"
    await running.ask(town, "guardianship_protection", ADDRESS, number=file["_citizen"])
    await running.ask("education_bureau", "dropout_control", "{ child(citizenId: $x) { name } }", operator="E-9")


def read(entry: dict[str, Any]) -> set[str]:
    return {*entry["released"], *entry["masked"], *entry["refused"]}


Condition = Callable[[dict[str, Any]], bool]
SOON = (datetime.now(UTC) + timedelta(minutes=30)).isoformat(timespec="seconds")
FILTERS: list[tuple[dict[str, Any], Condition]] = [
    ({"unit": {"eq": "education_bureau"}}, lambda entry: entry["unit"] == "education_bureau"),
    ({"unit": {"startsWith": "town_government:"}}, lambda entry: entry["unit"].startswith("town_government:")),
    ({"operatorId": {"eq": READER}}, lambda entry: entry["operator"] == READER),
    ({"purpose": {"eq": "GUARDIANSHIP_PROTECTION"}}, lambda entry: entry["purpose"] == "guardianship_protection"),
    ({"decision": {"in": ["DENIED", "FAILED"]}}, lambda entry: entry["decision"] in ("DENIED", "FAILED")),
    ({"fields": {"has": ["Child.residenceAddress"]}}, lambda entry: "Child.residenceAddress" in entry["released"]),
    ({"refusedFields": {"has": ["Child.citizenId"]}}, lambda entry: "Child.citizenId" in entry["refused"]),
    (
        {"or": [{"fields": {"has": ["Child.citizenId"]}}, {"refusedFields": {"has": ["Child.citizenId"]}}]},
        lambda entry: "Child.citizenId" in read(entry),
    ),
    ({"at": {"gte": "2026-01-01T00:00:00Z", "lt": SOON}}, lambda _entry: True),
    ({"at": {"gte": SOON}}, lambda _entry: False),
    ({"index": {"lt": 5}}, lambda entry: entry["index"] < 5),
    (
        {"unit": {"eq": "education_bureau"}, "decision": {"eq": "DENIED"}},
        lambda entry: (entry["unit"], entry["decision"]) == ("education_bureau", "DENIED"),
    ),
]


@pytest.fixture(scope="module")
async def before(running: Running) -> list[dict[str, Any]]:
    """What is in the log after they asked; what comes after it is of no account."""
    await ask_all(running)
    return await running.entries()


@pytest.mark.parametrize(("condition", "holds"), FILTERS, ids=[str(each[0])[:24] for each in FILTERS])
async def test_each_filter_finds_the_entries_that_it_says_and_no_other(
    running: Running, before: list[dict[str, Any]], condition: dict[str, Any], holds: Condition
) -> None:
    nodes = await found(running, filter=condition)
    size = len(before)
    indexes = [node["index"] for node in nodes if node["index"] < size]
    assert sorted(indexes) == [entry["index"] for entry in before if holds(entry)]
    assert len(indexes) == len(set(indexes))


async def test_an_entry_is_found_by_its_request_and_is_the_one_that_was_hashed(running: Running) -> None:
    file = running.child()
    town = f"town_government:{str(file['_division'])[:9]}"
    answer = await running.ask(town, "guardianship_protection", ADDRESS, number=file["_citizen"])
    receipt = answer["extensions"]["receipt"]
    await running.indexed()
    (node,) = await found(running, filter={"requestId": {"eq": receipt["entry"].partition("/")[0]}})
    assert node["entryHash"] == receipt["leaf"] and node["unit"] == town and node["decision"] == "ALLOWED"
    assert node["fields"] == ["Child.id", "Child.name", "Child.residenceAddress"]
    names = {running.names.citizen(str(file["_citizen"])), running.names.register(str(file["_register"]))}
    assert names <= set(node["recordRefs"])
    assert str(file["_citizen"]) not in str(node) and str(file["_register"]) not in str(node)
    by_child = await found(running, filter={"recordRefs": {"has": [running.names.citizen(str(file["_citizen"]))]}})
    assert node["index"] in [each["index"] for each in by_child]


async def test_pages_neither_skip_nor_repeat_while_the_log_grows_newest_first(running: Running) -> None:
    await ask_all(running)
    size, after, seen = await running.size(), None, list[int]()
    order = [{"field": "INDEX", "direction": "DESC"}]
    while True:
        answer = await running.ask("auditor", "audit", QUERY, first=3, after=after, orderBy=order)
        connection = answer["data"]["accessLog"]
        seen += [edge["node"]["index"] for edge in connection["edges"]]
        if not connection["pageInfo"]["hasNextPage"]:
            break
        after = connection["pageInfo"]["endCursor"]
    assert seen == sorted(seen, reverse=True) and len(seen) == len(set(seen))
    assert set(range(size)) <= set(seen)


BAD: list[tuple[dict[str, Any], str, str]] = [
    (
        {"filter": {"decision": {"eq": "MAYBE"}}},
        "INVALID_INPUT",
        "`$filter.decision.eq` is wrong, expected one of `ALLOWED`",
    ),
    ({"filter": {"purpose": {"eq": "curiosity"}}}, "INVALID_INPUT", "`$filter.purpose.eq` is wrong"),
    (
        {"filter": {"at": {"gte": "yesterday"}}},
        "INVALID_INPUT",
        "`$filter.at.gte` is wrong, expected a date and time with its offset",
    ),
    ({"filter": {"at": {"gte": "2026-13-45T00:00:00Z"}}}, "INVALID_INPUT", "that is in the calendar"),
    ({"filter": {"colour": {"eq": "red"}}}, "INVALID_INPUT", "colour"),
    ({"filter": {"index": {"eq": "five"}}}, "INVALID_INPUT", "`$filter.index.eq` is wrong, expected a whole number"),
    ({"first": 0}, "INVALID_INPUT", "first"),
    ({"first": 100_000}, "INVALID_INPUT", "first"),
    ({"after": "nothing"}, "INVALID_INPUT", "after"),
]


@pytest.mark.parametrize(("given", "code", "word"), BAD, ids=[str(each[0])[:40] for each in BAD])
async def test_a_bad_filter_is_told_by_its_place(running: Running, given: dict[str, Any], code: str, word: str) -> None:
    answer = await running.ask("auditor", "audit", QUERY, **{"first": 5, **given})
    (error, *_) = answer["errors"]
    assert not (answer.get("data") or {}).get("accessLog")
    assert error["extensions"]["code"] == code, error
    assert word in error["message"], error


async def test_control_characters_and_foreign_words_find_nothing_and_break_nothing(running: Running) -> None:
    for text in ("\u0000", "' or 1=1 --", "%", "x" * 2_000):
        answer = await running.ask("auditor", "audit", QUERY, first=5, filter={"unit": {"eq": text}})
        codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
        assert codes <= {"INVALID_INPUT", "INVALID_DOCUMENT"}, answer
        assert codes or answer["data"]["accessLog"]["edges"] == []


@pytest.mark.parametrize(
    ("key", "purpose"),
    [
        ("education_bureau", "dropout_control"),
        ("public_security_bureau", "emergency_response"),
        ("civil_affairs_bureau", "survey_management"),
        ("auditor", "statistics"),
    ],
)
async def test_nobody_but_the_auditor_for_its_purpose_reads_the_log(running: Running, key: str, purpose: str) -> None:
    answer = await running.ask(key, purpose, "{ accessLog(first: 5) { edges { node { index unit } } } }")
    assert not (answer.get("data") or {}).get("accessLog")
    assert {error["extensions"]["code"] for error in answer["errors"]} <= {"NOT_ENTITLED", "PURPOSE_NOT_ALLOWED"}


async def test_the_auditor_reads_the_log_and_nothing_else(running: Running) -> None:
    for query in ("{ children(first: 1) { edges { node { name } } } }", OWN_REPORTS):
        answer = await running.ask("auditor", "audit", query)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"NOT_ENTITLED"}
