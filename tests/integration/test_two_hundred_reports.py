"""Two hundred reports of every kind of reporter and of concern, at once, each driven to its end over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping

import pytest
from graphql import GraphQLEnumType

from connectors.demo.server import Server
from connectors.source import Source
from tests.integration.test_reports import BUREAUS, KINDS, care_ends
from tests.support.course import ASSESSED, EMERGENCY, GUARDIANSHIP, POLICE, WOMEN, Course, Turn
from tests.support.served import Child, Served, entries_of
from tests.support.steps import TYPES, row_of

pytestmark = pytest.mark.postgres

REPORTS, AT_ONCE = 200, 8
KEPT = ("intent", "outcome")
ENDS = ("CLOSED", "UNFOUNDED", "MERGED")


def concerns() -> list[str]:
    """Every kind of concern."""
    found = TYPES["ConcernKind"]
    assert isinstance(found, GraphQLEnumType)
    return list(found.values)


def reporters(child: Child) -> list[str]:
    """A reporter of each of the nine kinds."""
    return [key for _, key in sorted({**KINDS, **BUREAUS, "VILLAGE_COMMITTEE": child.committee}.items())]


async def closed(course: Course) -> None:
    """To its ordinary end."""
    child = course.child
    await course.until("TOWN_NOTIFIED")
    services = {"services": [{"kind": "COUNSELLING", "providerUnit": WOMEN}]}
    for step, given in (("assess", ASSESSED), ("planAssistance", services)):
        reply = await course.take(Turn(who=child.town, purpose=GUARDIANSHIP, step=step, given=given))
        assert reply.status == 200, reply.json
    await care_ends(course)
    reply = await course.take(Turn(who=child.town, purpose=GUARDIANSHIP, step="closeReport"))
    assert reply.status == 200, reply.json


async def unfounded(course: Course) -> None:
    """Found to be nothing."""
    await course.until("DISPATCHED")
    turn = Turn(who=POLICE, purpose=EMERGENCY, step="findUnfounded", given={"findings": "未见异常（虚构）"})
    assert (await course.take(turn)).status == 200


async def merged(course: Course) -> None:
    """Into a second report of the same child, which stays open."""
    other = Course(served=course.served, departments=course.departments, child=course.child)
    await other.reported(WOMEN)
    turn = Turn(who=POLICE, purpose=EMERGENCY, step="mergeReport")
    into = course.served.id(POLICE, "MandatoryReport", other.key)
    assert (await course.take(turn, into=into)).status == 200


async def test_two_hundred_reports_reach_their_ends_and_every_step_has_its_entries(
    served: Served, departments: Mapping[str, Source], people: list[Child], written: Server
) -> None:
    turns, kinds = asyncio.Semaphore(AT_ONCE), concerns()
    drives = {"CLOSED": closed, "UNFOUNDED": unfounded, "MERGED": merged}

    async def drive(number: int) -> tuple[str, str, str]:
        # A report is closed when no service runs for its child, so that no two of these are of one child.
        end = ENDS[number % 3]
        child = people[number // 3 % len(people)]
        reporter = reporters(child)[number % 9]
        course = Course(served=served, departments=departments, child=child)
        async with turns:
            reply = await course.reported(reporter, concernKinds=[kinds[number % len(kinds)]])
            assert reply.status == 200, reply.json
            await drives[end](course)
        row = await row_of(departments, "MandatoryReport", course.key, "status", "reporterUnit", "reporterKind")
        assert row is not None
        assert (row["status"], row["reporterUnit"]) == (end, reporter)
        return end, row["reporterKind"], kinds[number % len(kinds)]

    assert len(people) >= REPORTS // 3 + 1
    ended = await asyncio.gather(*(drive(number) for number in range(REPORTS)))
    assert Counter(end for end, _, _ in ended) == {"CLOSED": 67, "UNFOUNDED": 67, "MERGED": 66}
    assert len({kind for _, kind, _ in ended}) == 9
    assert {concern for _, _, concern in ended} == set(kinds)
    documents = [json.loads(entry) for entry in await entries_of(written)]
    named = {kind: [(one["request"], one["part"]) for one in documents if one["kind"] == kind] for kind in KEPT}
    assert sorted(named["intent"]) == sorted(named["outcome"])
