"""Rows laid out all at once are answered, and noted for the log, as they are one by one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hub.hub import Remembered
from hub.recording import Recording
from hub.released import Released
from hub.whole import whole
from tests.support.running import Asking

pytestmark = pytest.mark.postgres

PLAIN = """{ children(first: 40) { edges { node { __typename n: name name sex citizenId residenceAddress
  guardians(first: 5) { edges { node { kind name phone __typename } } }
  familyMembers(first: 2) { e: edges { x: node { relation name } } }
  enrolments(first: 3) { edges { node { schoolName status attendanceRecords(first: 2) { edges { node { id } } } } } }
} } } }"""
DENIED = """{ children(first: 30) { edges { node { name residenceAddress
  guardians(first: 5) { edges { node { kind phone } } }
  guardianshipCases(first: 2) { edges { node { status } } }
  householdRegistrations(first: 2) { edges { node { status } } }
  enrolments(first: 3) { edges { node { stage child { name guardians(first: 2) { edges { node { name phone } } } } } } }
} } } }"""
TWICE = """{ children(first: 20) { edges { node { a: citizenId b: citizenId
  guardians(first: 5) { edges { node { phone } } } g: guardians(first: 2) { edges { node { phone } } }
} } } }"""
EMPTY = """{ children(first: 20, filter: {divisionCode: {under: "120114101299"}}) { edges { node { name
  guardians(first: 5) { edges { node { phone } } } } } } }"""
UNITS = (
    ("civil_affairs_bureau", "guardianship_protection"),
    ("education_bureau", "dropout_control"),
    ("womens_federation", "care_service"),
)


async def told(ask: Asking, unit: str, purpose: str, query: str, patch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The answer without its receipt, and what was noted."""
    noted: list[Released] = []
    recorded = Recording.told

    def note(self: Recording, released: Released, own: Released, *rest: Any) -> Any:
        noted.append(released.with_(own))
        return recorded(self, released, own, *rest)

    with patch.context() as noting:
        noting.setattr(Recording, "told", note)
        body = orjson.loads((await ask(unit, purpose, query, denied="null", case="C-1")).body)
    body.pop("extensions", None)
    values = sorted(map(str, noted[0].every_value())) if noted else []
    return orjson.dumps(body), (noted and [noted[0].with_(Released()), values])


@pytest.mark.parametrize("unit", UNITS, ids=[unit for unit, _ in UNITS])
async def test_all_at_once_is_as_one_by_one(
    ask: Asking, unit: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = list[bool]()

    def noted(*given: Any) -> Any:
        found = whole(*given)
        at_once.append(found is not None)
        return found

    for query in (PLAIN, DENIED, TWICE, EMPTY):
        monkeypatch.setattr("hub.stitch.whole", noted)
        body, released = await told(ask, *unit, query, monkeypatch)
        monkeypatch.setattr("hub.stitch.whole", lambda *_: None)
        singly, released_singly = await told(ask, *unit, query, monkeypatch)
        assert body == singly
        if released:
            for noted_of in (released[0], released_singly[0]):
                noted_of.values, noted_of.bound = [], []
        assert released == released_singly
    assert any(at_once)


SOME = """query Some($first: Int!, $after: String) { children(first: $first, after: $after) {
  edges { node { name residenceAddress guardians(first: 3) { edges { node { phone } } }
    guardianshipCases(first: 2) { edges { node { status } } } } }
  pageInfo { endCursor } } }"""


async def test_what_is_said_of_values_not_given_is_of_this_answer_and_no_other(ask: Asking) -> None:
    async def told(first: int, after: str | None) -> Any:
        given = {"first": first, "after": after}
        answer = await ask("education_bureau", "dropout_control", SOME, given, denied="null", case="C-1")
        return answer.data, answer.errors

    places, after, kept = set[bytes](), None, Remembered[Any](4_000)
    for first in (1, 2, 1, 3, 2, 3):
        ask.hub.refusals = Remembered(4_000)
        fresh = await told(first, after)
        ask.hub.refusals = kept
        for _ in range(2):
            assert await told(first, after) == fresh
        places.add(orjson.dumps([error["extensions"]["paths"] for error in fresh[1]]))
        after = fresh[0]["children"]["pageInfo"]["endCursor"]
    assert len(places) > 2, "answers of this document say different things"
