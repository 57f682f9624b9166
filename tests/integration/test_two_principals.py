"""Two towns, two villages, two institutions: rows of their own, and no row, id or cursor of one serves the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest

from tests.properties.principals import busiest
from tests.support.rights import RIGHTS, Me, readable
from tests.support.running import Asking
from tests.support.ways import ROOT_OF
from tests.support.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

KINDS = ("town_government", "village_committee", "mandatory_reporter")
PUBLIC = {"Statistic"}
"""Types whose rows are published to several principals alike."""


def pair(world: World, kind: str) -> list[str]:
    """The two principals of a kind that have most rows."""
    if kind == "mandatory_reporter":
        reporters = Counter(str(row["reporterUnit"]) for row in world.rows("public_security", "MandatoryReport"))
        own = [(key, count) for key, count in reporters.most_common() if key.startswith("mandatory_reporter:")]
        return [key for key, _ in own[:2]]
    return [f"{kind}:{code}" for code in busiest(world, 9 if kind == "town_government" else 12)]


def purposes(kind: str) -> Iterator[str]:
    """Purposes under which the kind holds a right."""
    return (purpose for unit, purpose in RIGHTS if unit == kind)


def types(me: Me) -> list[str]:
    """Types with a root that the principal reads something of."""
    return [name for name in ROOT_OF if readable(me, name) and name != "AccessLogEntry"]


def listing(type_name: str) -> str:
    selection = "{ edges { cursor node { id } } }"
    return f"query L($after: String) {{ page: {ROOT_OF[type_name]}(first: 50, after: $after) {selection} }}"


async def rows(ask: Asking, key: str, purpose: str, type_name: str) -> list[dict[str, Any]]:
    """Ids and cursors of the first fifty rows."""
    reply = await ask(key, purpose, listing(type_name))
    assert reply.data, reply.json
    return [{"id": edge["node"]["id"], "cursor": edge["cursor"]} for edge in reply.data["page"]["edges"]]


@pytest.mark.parametrize("kind", KINDS)
async def test_no_row_of_one_is_a_row_of_the_other(ask: Asking, world: World, kind: str) -> None:
    keys = pair(world, kind)
    assert len(keys) == 2
    seen: Counter[str] = Counter()
    for purpose in purposes(kind):
        for type_name in types(Me(keys[0], purpose)):
            opened = []
            for key in keys:
                found = await rows(ask, key, purpose, type_name)
                opened.append({ask.hub.seals.of(key).identified(row["id"], "id") for row in found})
                seen[key] += len(found)
            if type_name not in PUBLIC:
                assert not opened[0] & opened[1], (purpose, type_name)
    assert all(seen[key] for key in keys), "both have rows of their own"


@pytest.mark.parametrize("kind", KINDS)
async def test_an_id_or_cursor_given_to_one_opens_nothing_for_the_other(ask: Asking, world: World, kind: str) -> None:
    tried = 0
    for mine, other in permutations(pair(world, kind)):
        for purpose in purposes(kind):
            for type_name in types(Me(mine, purpose)):
                for row in (await rows(ask, mine, purpose, type_name))[:3]:
                    node = "query N($id: ID!) { node(id: $id) { id } }"
                    own = await ask(mine, purpose, node, {"id": row["id"]})
                    assert own.data == {"node": {"id": row["id"]}}
                    taken = await ask(other, purpose, node, {"id": row["id"]})
                    assert (taken.data, taken.codes()) == (None, {"INVALID_INPUT"})
                    went_on = await ask(other, purpose, listing(type_name), {"after": row["cursor"]})
                    assert (went_on.data, went_on.codes()) == (None, {"INVALID_INPUT"})
                    tried += 1
    assert tried > 4


async def test_one_child_has_another_id_for_every_principal_that_sees_it(ask: Asking, world: World) -> None:
    village = pair(world, "village_committee")[0]
    town = f"town_government:{village.partition(':')[2][:9]}"
    purpose = "guardianship_protection"
    seen: dict[str, dict[tuple[str, str], str]] = {}
    for key in (village, town, "civil_affairs_bureau"):
        found = await rows(ask, key, purpose, "Child")
        seen[key] = {ask.hub.seals.of(key).identified(row["id"], "id"): row["id"] for row in found}
    both = seen[village].keys() & seen[town].keys()
    assert both
    assert all(seen[village][child] != seen[town][child] for child in both)
    assert not set(seen[town].values()) & set(seen["civil_affairs_bureau"].values())


async def test_a_child_of_another_town_looks_like_one_that_does_not_exist(ask: Asking, world: World) -> None:
    mine, other = pair(world, "town_government")
    purpose = "guardianship_protection"
    number = next(
        row["citizenId"]
        for row in world.rows("civil_affairs", "Child")
        if str(row["divisionCode"]).startswith(other.partition(":")[2]) and row["_open"] and row["_citizen"]
    )
    known = {row["citizenId"] for row in world.rows("civil_affairs", "Child")}
    nobody = next(made for serial in range(1, 999) if (made := citizen_id(f"12011419990101{serial:03d}")) not in known)
    query = "query C($n: CitizenId!) { child(citizenId: $n) { id name guardians { edges { node { id } } } } }"
    sealed = ask.hub.seals.of(mine)
    answers = [await ask(mine, purpose, query, {"n": wanted}) for wanted in (number, nobody)]
    answers += [
        await ask(
            mine,
            purpose,
            "query N($id: ID!) { child(id: $id) { id name } }",
            {"id": sealed.identify("Child", key, number)},
        )
        for key in (register_of(world, number), "nobody")
    ]
    assert [(reply.status, reply.data, reply.errors) for reply in answers] == [(200, {"child": None}, [])] * 4


def register_of(world: World, number: str) -> str:
    return next(str(row["_key"]) for row in world.rows("civil_affairs", "Child") if row["citizenId"] == number)


def citizen_id(seventeen: str) -> str:
    """Seventeen digits with the check digit of GB 11643."""
    weighted = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(seventeen))
    return seventeen + "10X98765432"[weighted % 11]
