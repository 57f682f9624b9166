from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.advice import advise, serves
from connectors.catalogue import Index, Key, Spread, Stored, plain
from connectors.demand import Asked, Condition, Demand, Why

RARE = Spread(known=True, distinct=50_000, width=12, shares=())
TABLE = Stored(name="t", kind="r", rows=100_000, columns={"a": RARE, "b": RARE})
ASKED = Asked(relation="Thing", why="scope", name="own")


def condition(kind: str = "equal", column: str = "a", **more: object) -> Condition:
    return replace(Condition(element=f'"{column}"', column=column, kind="equal"), kind=kind, **more)  # type: ignore[arg-type]


def demand(*conditions: Condition, **more: object) -> Demand:
    made = Demand(table="t", key='"id"', conditions=conditions or (condition(),), asked=ASKED)
    return replace(made, **more)  # type: ignore[arg-type]


def index(*keys: Key | str, **more: object) -> Index:
    found = tuple(key if isinstance(key, Key) else Key(text=key) for key in keys)
    return replace(Index(name="i", method="btree", valid=True, keys=found), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "there", "served"),
    [
        ("equal", index("a", "id"), True),
        ("equal", index("id", "a"), False),
        ("equal", index("a", valid=False), False),
        ("equal", index(Key(text="a", bytewise=True)), True),
        ("prefix", index(Key(text="a", bytewise=True)), False),
        ("range", index(Key(text="a", bytewise=True)), False),
        ("equal", index(Key(text="a", foreign=True)), False),
        ("equal", index("a", method="hash"), True),
        ("range", index("a", method="hash"), False),
        ("has", index("a", method="gin"), True),
        ("has", index("a"), False),
        ("equal", index("a", method="gin"), False),
        ("equal", index("a", only="(b = '1'::text)"), False),
        ("equal", index("a", only="(a IS NOT NULL)"), True),
        ("null", index("a", only="(a IS NOT NULL)"), False),
        ("closed", index("a"), False),
    ],
)
def test_an_index_serves_what_the_server_can_use_it_for(kind: str, there: Index, served: bool) -> None:
    assert serves(there, demand(condition(kind)), TABLE) is served


def test_an_index_of_some_rows_serves_who_always_asks_for_these() -> None:
    always = condition("closed", literal="\"a\" <> '1'")
    there = index("id", only="((a)::text <> '1'::text)")
    assert serves(there, demand(always), TABLE)
    assert not serves(index("id", only="((a)::text <> '2'::text)"), demand(always), TABLE)


@pytest.mark.parametrize("descending", [False, True])
def test_an_order_is_served_forwards_or_backwards_with_nulls_last(descending: bool) -> None:
    ordered = demand(condition("range"), order=descending)
    forwards = index(Key(text="a", descending=descending))
    backwards = index(Key(text="a", descending=not descending, nulls_first=True))
    neither = index(Key(text="a", descending=descending, nulls_first=True))
    assert [serves(there, ordered, TABLE) for there in (forwards, backwards, neither)] == [True, True, False]


def common(share: float) -> Stored:
    spread = Spread(known=True, distinct=2, width=2, shares=(1 - share, share), common={"0": 1 - share, "1": share})
    return replace(TABLE, columns={"a": spread})


@pytest.mark.parametrize(("share", "why", "count"), [(0.05, "scope", 1), (0.2, "scope", 0), (0.05, "filter", 0)])
def test_of_values_that_are_common_no_index_is_advised(share: float, why: Why, count: int) -> None:
    fixed = condition(codes=("1",)) if why == "scope" else condition()
    asked = replace(ASKED, why=why)
    assert len(advise([demand(fixed, asked=asked)], {"t": common(share)}).advice) == count


def test_of_a_condition_that_holds_in_several_ways_all_are_served_or_none() -> None:
    rare, often = condition(codes=("1",)), condition(codes=("0",))
    assert advise([demand(rare)], {"t": common(0.05)}).advice
    assert not advise([demand(rare, others=((often,),))], {"t": common(0.05)}).advice


def test_tables_that_are_small_or_were_never_counted_are_told_and_get_none() -> None:
    small, uncounted = replace(TABLE, name="s", rows=9_999), replace(TABLE, name="u", rows=None)
    asked = [demand(table=name) for name in ("t", "s", "u")]
    found = advise(asked, {"t": TABLE, "s": small, "u": uncounted})
    assert [advice.table for advice in found.advice] == ["t"]
    assert (found.small, found.uncounted) == ((("s", 9_999),), ("u",))


def test_a_text_that_is_long_is_not_put_into_an_index() -> None:
    long = replace(TABLE, columns={"a": replace(RARE, longest=400)})
    assert not advise([demand()], {"t": long}).advice


def test_one_index_is_advised_for_all_that_it_serves_and_costs_by_its_width() -> None:
    both = [demand(condition(), condition("range", "b")), demand(condition(), order=None)]
    [advice] = advise(both, {"t": TABLE}).advice
    assert advice.statements == ('CREATE INDEX CONCURRENTLY IF NOT EXISTS "hub_t_a_b_id" ON "t" ("a", "b", "id")',)
    assert 2_000_000 < advice.size < 6_000_000


def test_a_table_in_parts_is_not_indexed_aside_and_a_broken_index_is_dropped_first() -> None:
    [advice] = advise([demand()], {"t": replace(TABLE, kind="p")}).advice
    assert "CONCURRENTLY" not in advice.statements[0]
    broken = index("a", name=advice.index.name, valid=False)
    [again] = advise([demand()], {"t": replace(TABLE, indexes=(broken,))}).advice
    assert again.statements[0] == f'DROP INDEX CONCURRENTLY IF EXISTS "{advice.index.name}"'


def test_a_name_is_one_that_the_server_keeps_whole() -> None:
    long = condition()
    long = replace(long, element=f"(CASE {'x' * 80} END)")
    first, second = (
        advise([demand(replace(long, element=long.element + tail))], {"t": TABLE}).advice[0].index.name
        for tail in ("", " ")
    )
    assert len(first.encode()) <= 63
    assert first == second


def test_an_expression_is_known_again_as_the_server_writes_it_and_another_cast_is_another_expression() -> None:
    assert plain("(CASE \"a\" WHEN '1' THEN 'X' END)") == plain(
        "(\nCASE a\n    WHEN '1'::text THEN 'X'::text\n    ELSE NULL::text\nEND)"
    )
    assert plain('round("je"::numeric, 2)') == plain("round(je::numeric, 2)")
    assert plain("round(je, 2)") != plain("round(je::numeric, 2)")
