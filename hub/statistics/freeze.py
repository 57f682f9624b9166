"""Policy, departments -> the declared tables of a quarter, settled and stored; once a quarter, never changed.

Guarantee: every table of one kind of rows is made of a single reading of them. A quarter is stored whole or not at all;
one that is frozen is refused, so that nothing that was told of it can be told otherwise.
"""

from __future__ import annotations

import re
from asyncio import to_thread
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import orjson

from connectors.source import Row
from hub.aggregates import Groups, groups, relation_of, text_of
from hub.audit.contract import StoreError
from hub.audit.session import Connections
from hub.executor import Execution
from hub.identity import PARKS
from hub.planner.formula import Fact, both
from hub.planner.scopes import scope_formula
from hub.registry import Registry
from hub.sources import Reading, Sources
from hub.statistics import performance
from hub.statistics.indicators import (
    DIVISION,
    PARENTS,
    SORTINGS,
    Figure,
    figures,
    indicator_tables,
    is_indicator,
    ties,
    with_indicators,
)
from hub.statistics.performance import (
    ASSESSMENT,
    DONE,
    PLACE,
    STATUS,
    WAITING,
    answers,
    assessed,
    report_tables,
    with_assessment,
)
from hub.statistics.tables import Beside, Counted, Keys, Published, Tables, Tie, tabulate
from hub.today import request_bindings, years_ago
from policies.policy import Policy
from policies.tables import COUNT, Table
from schema.catalogue import CATALOGUE

K = 5
GRAVE_K = 10
"""Where a coordinate of sensitivity L4 takes part."""
_QUARTER = re.compile(r"20\d\dQ[1-4]")
_UNIQUE = "`23505`"
"""SQLSTATE of a row that is there already."""


class FreezeError(Exception):
    """The quarter cannot be frozen; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Declared tables that count, or sum, the same rows."""

    relation: str
    measure: str
    tables: tuple[Table, ...]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Everything by which they group."""
        return tuple(sorted({name for table in self.tables for name in table.by}))


def populations(policy: Policy) -> list[Population]:
    """The tables of a policy by the rows that they are of; the same table for two purposes is settled once."""
    found: dict[tuple[str, str], list[Table]] = {}
    for table in policy.tables:
        found.setdefault((relation_of(table.coordinates), table.measure), []).append(table)
    return [
        Population(relation=relation, measure=measure, tables=tuple(tables))
        for (relation, measure), tables in sorted(found.items())
    ]


def threshold(table: Table) -> int:
    """How many children a cell of the table has at least."""
    return GRAVE_K if any(CATALOGUE[name].sensitivity == "L4" for name in table.coordinates) else K


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nobody:
    """Tables are of all rows, whoever asks."""

    key: str = "~tables"
    unit: str = "~tables"
    division: str | None = None


def reading_all(sources: Sources, now: datetime, *, set_limit: int) -> Execution:
    """The departments as they are ``now``, read on nobody's behalf; ``set_limit``: children that a fact may name."""
    reading = Reading(sources=sources, bindings=request_bindings(_Nobody(), (), now))
    return Execution(
        reading=reading,
        registry=Registry(reading=reading, set_limit=set_limit),
        years_ago=years_ago(now.date()),
    )


async def tabulated(
    execution: Execution, policy: Policy, quarter: str, tick: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Tables]:
    """Every declared table over the departments' rows of now, by what hangs together; ``settle_all`` settles them.

    What is reckoned is reckoned in a thread: answers go on beside it. ``quarter``: whose discrepancies are counted.
    """
    found: list[Tables] = []
    asked = populations(policy)
    for done, population in enumerate(asked):
        tick(done, len(asked))
        if (population.relation, population.measure) == ("Child", COUNT):
            found += await _children(execution, population)
        elif (population.relation, population.measure) == ("MandatoryReport", COUNT):
            found += await _reports(execution, population)
        else:
            rows = await _rows(execution, population, population.coordinates)
            k_of = {table.code: threshold(table) for table in population.tables}
            found += await to_thread(tabulate, rows, population.coordinates, population.tables, k_of)
    tick(len(asked), len(asked))
    return found + await answers(execution.reading, quarter)


async def _children(execution: Execution, population: Population) -> list[Tables]:
    """Tables that count children, and the indicators beside them."""
    declared = population.coordinates
    names = tuple(sorted({*declared, DIVISION, *PARENTS}))
    rows = await _rows(execution, population, names)
    holding = {
        sorting.name: await _holding(execution, sorting.fact) for sorting in SORTINGS if sorting.fact is not None
    }
    own = tuple(sorted({*declared, DIVISION}))
    made = list(indicator_tables())
    k_of = {table.code: threshold(table) for table in population.tables} | {table.code: k for table, _, k in made}
    beside = Beside(
        shapes={table.code: shape for table, shape, _ in made},
        domains={sorting.coordinate: sorting.domain for sorting in SORTINGS},
        ties=ties(declared),
    )
    return await to_thread(
        tabulate,
        await to_thread(with_indicators, rows, names, own, holding),
        (*own, *(sorting.coordinate for sorting in SORTINGS)),
        (*population.tables, *(table for table, _, _ in made)),
        k_of,
        beside,
    )


async def _reports(execution: Execution, population: Population) -> list[Tables]:
    """Tables that count reports, and beside them what rates and medians of reports rest on."""
    declared = population.coordinates
    names, kept = (tuple(sorted({*declared, PLACE, *more})) for more in ([STATUS], []))
    rows = await _rows(execution, population, names)
    made = list(report_tables())
    k_of = {table.code: threshold(table) for table in population.tables} | {table.code: K for table, _ in made}
    beside = Beside(
        shapes={table.code: shape for table, shape in made},
        domains={ASSESSMENT: (DONE, WAITING, None)},
        ties={ASSESSMENT: Tie(parent=STATUS, sort=assessed)} if STATUS in declared else {},
    )
    tables = (*population.tables, *(table for table, _ in made))
    rows = await to_thread(with_assessment, rows, names, kept)
    return await to_thread(tabulate, rows, (*kept, ASSESSMENT), tables, k_of, beside)


async def _holding(execution: Execution, fact: Fact) -> frozenset[str]:
    """The children on file of whom the fact holds."""
    rows = both(scope_formula("all", "Child", divided=False), fact)
    asked = Groups(relation="Child", by=(DIVISION,), total=None, rows=rows, each=True)
    return frozenset(str(row[1]) for row in await groups(execution, asked))


async def _rows(execution: Execution, population: Population, by: tuple[str, ...]) -> list[Counted]:
    types = sorted({name.partition(".")[0] for table in population.tables for name in table.coordinates})
    asked = Groups(
        relation=population.relation,
        by=by,
        total=None if population.measure == COUNT else population.measure.partition(".")[2],
        rows=both(*(scope_formula("all", type_name, divided=False) for type_name in types)),
        each=True,
    )
    return await to_thread(_counted_all, await groups(execution, asked), len(asked.by), asked.total is not None)


def _counted_all(rows: Sequence[Row], width: int, sums: bool) -> list[Counted]:
    known: dict[Keys, Keys] = {}
    return [_counted(row, width, sums, known) for row in rows]


def _counted(row: Row, width: int, sums: bool, known: dict[Keys, Keys]) -> Counted:
    """The row; ``known`` keeps one copy of keys that many rows have."""
    keys = tuple(text_of(value) for value in row[:width])
    measured = Decimal(str(row[width + 1]))
    return Counted(
        keys=known.setdefault(keys, keys),
        child=str(row[width]),
        count=0 if sums else int(measured),
        amount=measured if sums else Decimal(0),
    )


async def freeze(
    connections: Connections, quarter: str, policy: Policy, cells: Sequence[Published], at: datetime
) -> None:
    """Stores a quarter's tables; raises ``FreezeError`` if it is frozen, or no quarter."""
    _check_name(quarter)
    codes = sorted({table.code for table in policy.tables})
    rows = [*_numbered(quarter, [cell for cell in cells if not is_indicator(cell.table)])]
    figures_ = figures(cells, *places(policy), performance.INDICATORS)
    try:
        # If we crash in here, nothing is frozen.
        async with connections.connection() as connection, connection.transaction():
            await connection.execute(
                "insert into published_quarter (id, at, policy, tables) values ($1, $2, $3, $4)",
                *(quarter, at, policy.version, codes),
            )
            await connection.execute(
                "insert into published_cell (id, quarter, of_table, groups, value)"
                " select id, $1, of_table, groups, value from unnest($2::text[], $3::text[], $4::text[], $5::text[])"
                " as n (id, of_table, groups, value)",
                *(quarter, *(list(column) for column in zip(*rows, strict=True)))
                if rows
                else (quarter, [], [], [], []),
            )
            await connection.execute(_FIGURES, quarter, *_columns(quarter, figures_))
    except StoreError as error:
        if _UNIQUE in error.reason:
            raise _already(quarter) from None
        raise


_FIGURES = """
insert into statistic (id, division_code, level, quarter, indicator, value, suppressed)
select id, division, level, $1, indicator, value, value is null
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::float8[]) as n (id, division, level, indicator, value)
on conflict (division_code, quarter, indicator) do update set value = excluded.value, suppressed = excluded.suppressed
"""
"""A census figure may have been given before the quarter was frozen."""


def _columns(quarter: str, found: Sequence[Figure]) -> tuple[list[object], ...]:
    return (
        [f"{figure.division}-{quarter}-{figure.indicator}" for figure in found],
        [figure.division for figure in found],
        [figure.level for figure in found],
        [figure.indicator for figure in found],
        [figure.value for figure in found],
    )


def places(policy: Policy) -> tuple[str, list[str]]:
    """The district, and its towns: a park has none."""
    [district] = [code for code, division in policy.divisions.items() if division.level == "district"]
    towns = [code for code, division in policy.divisions.items() if division.level == "town"]
    return district, sorted(code for code in towns if not code.startswith(PARKS))


async def check_free(connections: Connections, quarter: str) -> None:
    """Raises ``FreezeError`` if the quarter is frozen, or is none: before all the rows are read for nothing."""
    _check_name(quarter)
    if await is_frozen(connections, quarter):
        raise _already(quarter)


async def is_frozen(connections: Connections, quarter: str) -> bool:
    """Whether the quarter's tables are there."""
    async with connections.connection() as connection:
        found: bool = await connection.fetchval("select exists (select from published_quarter where id = $1)", quarter)
    return found


def _check_name(quarter: str) -> None:
    if not _QUARTER.fullmatch(quarter):
        raise FreezeError(f"`{quarter}` is no quarter: give one as 2026Q3")


def _already(quarter: str) -> FreezeError:
    return FreezeError(f"`{quarter}` is frozen already, and a frozen quarter never changes")


def _numbered(quarter: str, cells: Sequence[Published]) -> Iterator[tuple[str, str, str, str | None]]:
    for number, cell in enumerate(cells):
        place = f"{quarter}/{cell.table}"
        value = None if cell.value is None else f"{cell.value:.0f}"
        yield f"{place}/{number:06d}", place, orjson.dumps(cell.keys).decode(), value


def hidden_share(cells: Sequence[Published]) -> Mapping[str, tuple[int, int]]:
    """Table -> its hidden cells and all of them: how much a quarter tells."""
    found: dict[str, tuple[int, int]] = {}
    for cell in cells:
        hidden, every = found.get(cell.table, (0, 0))
        found[cell.table] = (hidden + (cell.value is None), every + 1)
    return found
