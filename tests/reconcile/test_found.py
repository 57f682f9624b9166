"""What is planted is found, in every class, and nothing else is."""

from __future__ import annotations

from collections import Counter

import pytest

from hub.reconcile.discrepancies import DISCREPANCIES
from hub.reconcile.items import Item
from hub.reconcile.store import Store
from tests.reconcile.expected import pairs, planted
from tests.reconcile.ground import Ground

pytestmark = pytest.mark.postgres


async def seen(ground: Ground) -> list[Item]:
    """Items that the comparison made or saw again."""
    ids = {row[0] for row in await ground.rows("hub", "select id from reconciliation_item where seen_in = '2026Q4'")}
    async with Store.opened(ground.dsn("hub")) as store:
        return [item for item in await store.items() if item.id in ids]


async def test_every_planted_discrepancy_of_each_class_is_found_and_nothing_else(ground: Ground) -> None:
    wanted = await planted(ground)
    await ground.run()
    items = await seen(ground)
    shown = {item.identity for item in items}
    assert len(shown) == len(items)
    assert "CORRECTED" not in {item.status for item in items}
    assert {name for name, _ in wanted} == set(DISCREPANCIES)
    assert wanted - shown == set()
    assert shown - wanted == set()


async def test_every_child_without_a_usable_number_is_a_candidate_and_nobody_else(ground: Ground) -> None:
    wanted = await pairs(ground)
    await ground.run()
    found = {tuple(row) for row in await ground.rows("hub", _CANDIDATES)}
    assert len(wanted) > 50
    assert found == wanted


async def test_each_item_is_for_the_unit_that_must_answer(compared: Ground) -> None:
    rows = await compared.rows(
        "hub", "select discrepancy_class, answering_unit, compared_field from reconciliation_item where status = 'OPEN'"
    )
    units: dict[str, Counter[str]] = {}
    for name, unit, _ in rows:
        units.setdefault(name, Counter())[unit.partition(":")[0]] += 1
    police, education, town = "public_security_bureau", "education_bureau", "town_government"
    assert {name: set(counted) for name, counted in units.items()} == {
        "INVALID_CITIZEN_ID": {town, education, police},
        "IDENTITY_MISMATCH": {police},
        "NO_HOUSEHOLD_RECORD": {police},
        "HOUSEHOLD_STATUS_CONFLICT": {police},
        "ADDRESS_CONFLICT": {town},
        "NO_ENROLMENT": {education},
        "SCHOOLING_CONFLICT": {education},
        "FLAGGED_NOT_SURVEYED": {town},
        "FLAGGED_ONE_PARENT": {town},
        "SURVEYED_NOT_FLAGGED": {education},
        "DUPLICATE_FILE": {"civil_affairs_bureau"},
        "AGED_OUT": {town},
        "LINK_CANDIDATE": {"civil_affairs_bureau"},
    }


async def test_a_town_answers_for_its_own_children(compared: Ground) -> None:
    division = {line["register"]: line["division"] for line in compared.truth if line["register"]}
    rows = await compared.rows(
        "hub",
        "select register_no, answering_unit from reconciliation_item "
        "where answering_unit like 'town_government:%' and register_no is not null",
    )
    assert rows
    assert [row for row in rows if row[1] != f"town_government:{division[row[0]][:9]}"] == []


async def test_what_is_stored_holds_keys_and_coordinates_and_no_value_of_anybody(compared: Ground) -> None:
    stored = repr(await compared.state())
    names = {row[0] for row in await compared.rows("civil_affairs", "select xm from etda")}
    numbers = {row[0] for row in await compared.rows("civil_affairs", "select sfzh from etda where sfzh is not null")}
    assert [name for name in names if name in stored] == []
    assert [number for number in numbers if number in stored] == []


_CANDIDATES = "select source, register_no, person from link where status = 'CANDIDATE'"
