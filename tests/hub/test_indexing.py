from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.demand import Asked, Demand, every
from connectors.source import Compare, Exists, Predicate
from hub.commands.checking import read_mappings
from hub.indexing import asked
from hub.planner.relations import HOME
from schema.catalogue import ROOTS
from schema.filters import filterable
from tests.support.steps import POLICY

MAPPINGS = read_mappings()
ASKED = asked(POLICY, MAPPINGS)


def named(why: str) -> dict[str, list[Asked]]:
    """What is asked for a reason, by name."""
    found: dict[str, list[Asked]] = {}
    for held in ASKED.values():
        for one in held:
            if one.why == why:
                found.setdefault(one.name, []).append(one)
    return found


def test_every_scope_that_the_policy_uses_is_asked_for() -> None:
    used = {line.scope for _, _, _, grants in POLICY.sets() for lines in grants.values() for line in lines}
    assert used <= set(named("scope"))
    assert len(used) == 27


def test_a_scope_that_rests_on_another_department_is_asked_of_both() -> None:
    found = [one for source in ASKED for one in ASKED[source] if one.name == "dropout_open"]
    assert {"DropoutRecord", "Child"} <= {one.relation for one in found}
    assert {HOME[one.relation] for one in found} >= {"education", "civil_affairs"}


def test_every_filter_on_lists_of_all_rows_is_asked_for_and_none_on_what_hangs_below_a_row() -> None:
    filters = named("filter")
    for type_name in ROOTS.values():
        for field in filterable(type_name):
            if field.many or field.inner == "Boolean" or field.source != HOME[type_name]:
                continue
            assert field.coordinate in filters, field.coordinate
    assert not [name for name in filters if name.partition(".")[0] not in ROOTS.values()]


@pytest.mark.parametrize("why", ["relation", "clock", "step", "order"])
def test_what_the_hub_asks_by_itself_is_asked_for_as_well(why: str) -> None:
    assert len(named(why)) >= 5


def columns(predicate: Predicate) -> Iterator[str]:
    """Columns of the relation itself."""
    if isinstance(predicate, Compare):
        yield predicate.column
    elif not isinstance(predicate, Exists):
        for part in getattr(predicate, "parts", (getattr(predicate, "part", None),)):
            if part is not None:
                yield from columns(part)


def test_what_is_asked_can_be_answered_by_the_mapping_and_leads_to_real_columns() -> None:
    for source, held in ASKED.items():
        mapping = MAPPINGS[source]
        for one in held:
            relation = mapping.relation(one.relation)
            assert all(name in relation.columns for name in columns(one.where)), one
        tables = {relation.table for relation in mapping.relations.values()}
        tables |= {join.table for relation in mapping.relations.values() for join in relation.joins.values()}
        tables |= {mapping.divisions.table} if mapping.divisions else set()
        assert {demand.table for demand in every(held, mapping)} <= tables


def demanded(source: str, name: str) -> list[Demand]:
    return [demand for demand in every(ASKED[source], MAPPINGS[source]) if demand.asked.name == name]


def test_a_column_of_a_joined_table_is_demanded_there_and_the_way_back_here() -> None:
    found = {(one.table, one.conditions[0].column) for one in demanded("education", "AttendanceRecord._citizen")}
    assert found == {("jy_xsxj", "sfzjh"), ("jy_kqjl", "xjid")}


def test_rows_that_must_exist_are_demanded_by_what_joins_them() -> None:
    found = {(one.table, one.conditions[0].column) for one in demanded("civil_affairs", "number_on_another_file")}
    assert ("etda", "sfzh") in found
