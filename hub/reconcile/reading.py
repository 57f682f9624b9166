"""Sources -> every row that the comparison needs, page by page, as plain tuples.

Guarantee: reads go through the Source contract alone, ordered by key, so that a page costs the same wherever it lies.
Whatever a source does not answer ends the reading with ``SourceError``: a comparison with half a department would
close what it did not see.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from connectors.source import (
    ALWAYS,
    Aggregate,
    All,
    Column,
    Compare,
    Constant,
    Fetch,
    Not,
    Param,
    Predicate,
    Row,
    Source,
)
from hub.citizen_id import plain_name

PAGE: Final = 5000
DEADLINE: Final = 60.0
"""Seconds that one page may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Rows of one relation: ``columns`` as the mapping names them, ``_key`` first."""

    table: str
    source: str
    relation: str
    columns: tuple[str, ...]
    where: Predicate = ALWAYS

    @property
    def first(self) -> Fetch:
        """The first page."""
        return Fetch(
            source=self.source,
            relation=self.relation,
            columns=tuple(Column(name=name) for name in self.columns),
            where=self.where,
            limit=Param("page"),
        )

    @property
    def count(self) -> Aggregate:
        """How many rows there are."""
        return Aggregate(source=self.source, relation=self.relation, by=(), where=self.where)


FILE: Final = Stream(
    table="file",
    source="civil_affairs",
    relation="Child",
    columns=(
        "_key",
        "citizenId",
        "_acceptedCitizen",
        "_citizen",
        "_accepted",
        "_division",
        "divisionCode",
        "name",
        "sex",
        "birthDate",
        "householdRegistered",
        "_household",
        "schoolingStatus",
        "leftBehindType",
    ),
    where=Compare("_open", "eq", Constant(True)),
)
ENROLMENT: Final = Stream(
    table="enrolment",
    source="education",
    relation="Enrolment",
    columns=(
        "_key",
        "_person",
        "_citizen",
        "_name",
        "_sex",
        "_birth",
        "_household",
        "status",
        "leftBehindFlag",
        "_father",
        "_mother",
    ),
)
DROPOUT: Final = Stream(
    table="dropout",
    source="education",
    relation="DropoutRecord",
    columns=("_key", "_enrolment"),
    where=Not(Compare("status", "in", Constant(["RETURNED", "CLOSED_OTHER"]))),
)
HOUSEHOLD: Final = Stream(
    table="household",
    source="public_security",
    relation="HouseholdRegistration",
    columns=("_key", "_person", "_citizen", "name", "_sex", "birthDate", "_household", "status"),
)
STREAMS: Final = (FILE, ENROLMENT, DROPOUT, HOUSEHOLD)


_FATHERS: Final = ("FATHER", "STEP_OR_ADOPTIVE_FATHER")
_MOTHERS: Final = ("MOTHER", "STEP_OR_ADOPTIVE_MOTHER")
_PARENTS: Final = Fetch(
    source="civil_affairs",
    relation="FamilyMember",
    columns=tuple(Column(name=name) for name in ("_register", "relation", "name")),
    where=All(
        (
            Compare("_register", "in", Param("registers")),
            Compare("relation", "in", Constant([*_FATHERS, *_MOTHERS])),
        )
    ),
)


async def parents(registers: Sequence[str], sources: Mapping[str, Source]) -> list[tuple[str, str | None, str | None]]:
    """(Register number, father's name, mother's name) of these files, as many at once as a page holds."""
    found: dict[str, list[str | None]] = {}
    for first in range(0, len(registers), PAGE):
        asked = {"registers": list(registers[first : first + PAGE])}
        for register, relation, name in await sources["civil_affairs"].fetch(_PARENTS, asked, deadline=DEADLINE):
            found.setdefault(register, [None, None])[relation in _MOTHERS] = plain_name(name)
    return [(register, father, mother) for register, (father, mother) in found.items()]


async def pages(stream: Stream, source: Source, *, page: int = PAGE) -> AsyncIterator[list[Row]]:
    """All rows of the stream; raises ``SourceError``."""
    fetch = stream.first
    bindings: dict[str, Any] = {"page": page}
    while True:
        rows = list(await source.fetch(fetch, bindings, deadline=DEADLINE))
        if rows:
            yield rows
        if len(rows) < page:
            return
        fetch = replace(stream.first, after=(Param("key"),))
        bindings["key"] = rows[-1][0]


async def count(stream: Stream, sources: Mapping[str, Source]) -> int:
    """How many rows the stream has now; they may be more or fewer when it is read."""
    found = await sources[stream.source].aggregate(stream.count, {}, deadline=DEADLINE)
    return int(found[0][0]) if found else 0
