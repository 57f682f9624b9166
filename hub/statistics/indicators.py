"""Children as a quarter is frozen -> published indicators (domain model, 10), and the tables of which they are cells.

Guarantee: an indicator counts children of the very reading that the declared tables count, as a cell of a table that is
settled together with them: what it shows, and whether it shows, was judged beside everything else that is told of the
quarter; where one follows from the other, that is part of the judgement. Counts are of the state at the freeze; those
that rest on other rows count the children who have such a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hub.planner import facts as f
from hub.planner.formula import Fact
from hub.statistics.tables import Counted, Published, Shape, Tie, Value
from policies.tables import COUNT, Table

DIVISION: Final = "Child.divisionCode"
YES: Final = "true"
K: Final = 5
K_RESTRICTED: Final = 10
_GIVEN: Final = f.is_("status", ("ACTIVE", "COMPLETED"), "in")
_FORM: Final = ("SUBSISTENCE_ALLOWANCE", "TEMPORARY_RELIEF", "MEDICAL_AID", "HOUSING_AID", "OTHER_AID")
_CARE: Final = (
    "HARDSHIP_RELIEF",
    "HOLIDAY_DAY_CARE",
    "TUTORING",
    "FAMILY_EDUCATION",
    "REHABILITATION",
    "MUTUAL_HELP",
    "HOLIDAY_COMPANIONSHIP",
    "SELF_PROTECTION_EDUCATION",
    "RECREATION",
)
_FOUNDED: Final = f.is_("status", (*f.OPEN_REPORT, "CLOSED"), "in")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorting:
    """A way to sort children: by a coordinate of the file, or by whether a fact holds; ``told``: value -> indicator."""

    name: str
    parent: str | None = None
    fact: Fact | None = None
    told: Mapping[Value, str]
    restricted: bool = False
    folds: Mapping[Value, Value] = field(default_factory=dict)

    @property
    def coordinate(self) -> str:
        """The name under which the tables group by it."""
        return f"Indicator.{self.name}"

    @property
    def k(self) -> int:
        """How many children a cell has at least."""
        return K_RESTRICTED if self.restricted else K

    @property
    def domain(self) -> tuple[Value, ...]:
        """Its values; what is not told stands under null."""
        return (*self.told, None)

    def sort(self, value: Value, holds: bool) -> Value:
        """Under which value a child stands: ``value`` is its parent's, ``holds`` whether the fact does."""
        if self.parent is None:
            return YES if holds else None
        return self.by_parent(value)

    def by_parent(self, value: Value) -> Value:
        """Under which value stands who has this one of the parent."""
        folded = self.folds.get(value, value)
        return folded if folded in self.told else None


def _held(indicator: str, fact: Fact, *, restricted: bool = False) -> Sorting:
    return Sorting(name=indicator, fact=fact, told={YES: indicator}, restricted=restricted)


def _given(name: str, kinds: tuple[str, ...]) -> Fact:
    return Fact(name, "civil_affairs", "AssistanceRecord", f.every_of(_GIVEN, f.is_("kind", kinds, "in")))


def _reported(name: str, kinds: tuple[str, ...]) -> Fact:
    of_kind = f.every_of(_FOUNDED, f.is_("concernKinds", kinds, "has"))
    return Fact(name, "public_security", "MandatoryReport", of_kind)


_INCAPABLE: Final[Mapping[Value, Value]] = {"PARENT_INCAPABLE": "INCAPABLE", "ENTRUSTED_INADEQUATE": "INCAPABLE"}
_OUT: Final[Mapping[Value, Value]] = {"DROPPED_OUT": "OUT", "NOT_IN_SCHOOL": "OUT"}
_REVOKED: Final = f.every_of(f.is_revocation, f.is_("status", "GRANTED"))

ON_FILE: Final = "CHILDREN_ON_FILE"
TOWN: Final = "town"
DISTRICT: Final = "district"
SORTINGS: Final = (
    Sorting(name="AGE", parent="Child.birthDate", told={b: b for b in ("AGE_0_5", "AGE_6_13", "AGE_14_15")}),
    Sorting(
        name="GUARDIAN",
        parent="Child.guardianshipType",
        told={"NONE": "NO_GUARDIAN", "INCAPABLE": "INCAPABLE_GUARDIAN"},
        folds=_INCAPABLE,
    ),
    Sorting(name="SCHOOL", parent="Child.schoolingStatus", told={"OUT": "OUT_OF_SCHOOL"}, folds=_OUT),
    Sorting(name="HOUSEHOLD", parent="Child.householdRegistered", told={"false": "UNREGISTERED"}),
    Sorting(name="BODY", parent="Child.bodyCondition", told={"DISABLED": "DISABLED"}),
    Sorting(name="ALONE", parent="Child.livesAlone", told={YES: "LIVING_ALONE"}, restricted=True),
    _held("RETURNED_TO_SCHOOL", Fact("returned", "education", "DropoutRecord", f.is_("status", "RETURNED"))),
    _held("ASSISTED", _given("form_aid", _FORM)),
    _held("CARE_SERVED", _given("care_given", _CARE)),
    _held("HARM_REPORTS", _reported("harm_founded", f.HARM), restricted=True),
    _held("MISSING", _reported("missing_founded", ("MISSING",)), restricted=True),
    _held("REVOCATIONS", Fact("revoked", "courts", "GuardianshipCase", _REVOKED), restricted=True),
    _held("CRIMINAL_CASES", f.CRIME_VICTIM, restricted=True),
)
PARENTS: Final = tuple(sorting.parent for sorting in SORTINGS if sorting.parent is not None)
INDICATORS: Final = (ON_FILE, *(indicator for sorting in SORTINGS for indicator in sorting.told.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A published indicator; ``value`` is None where it is suppressed."""

    division: str
    level: str
    indicator: str
    value: float | None


def indicator_tables() -> Iterator[tuple[Table, Shape, int]]:
    """The tables by town and of the district, with how they are told and their threshold."""
    for where in ([DIVISION], []):
        yield _table(ON_FILE, where), Shape(zeros=True, told={DIVISION: None}), K
    for sorting in SORTINGS:
        shape = Shape(zeros=not sorting.restricted, told={DIVISION: None, sorting.coordinate: frozenset(sorting.told)})
        for by in ((DIVISION, sorting.coordinate), (sorting.coordinate,)):
            yield _table(sorting.name, by), shape, sorting.k


def is_indicator(code: str) -> bool:
    """Whether the table is of an indicator, and not a declared one."""
    return "/" in code


def _table(name: str, by: Sequence[str]) -> Table:
    where = TOWN if DIVISION in by else DISTRICT
    return Table(code=f"{name}/{where}", by=tuple(by), measure=COUNT, purpose="statistics", units=())


def ties(declared: Sequence[str]) -> Mapping[str, Tie]:
    """What everybody knows: which value of an indicator follows from which of a declared coordinate."""
    return {
        sorting.coordinate: Tie(parent=sorting.parent, sort=sorting.by_parent)
        for sorting in SORTINGS
        if sorting.parent is not None and sorting.parent in declared
    }


def with_indicators(
    rows: Sequence[Counted], names: Sequence[str], declared: Sequence[str], holding: Mapping[str, frozenset[str]]
) -> list[Counted]:
    """Rows by ``names`` -> by ``declared`` and then every sorting; ``holding``: sorting -> whom its fact holds of."""
    at = {name: place for place, name in enumerate(names)}

    def keys(row: Counted) -> tuple[Value, ...]:
        own = [row.keys[at[name]] for name in declared]
        sorted_ = (
            sorting.sort(
                None if sorting.parent is None else row.keys[at[sorting.parent]],
                row.child in holding.get(sorting.name, frozenset()),
            )
            for sorting in SORTINGS
        )
        return (*own, *sorted_)

    return [Counted(keys=keys(row), child=row.child, count=row.count) for row in rows]


def figures(
    cells: Sequence[Published], district: str, towns: Sequence[str], further: Sequence[str] = ()
) -> list[Figure]:
    """Every indicator of the district and each town; one that has no cell, as a town of too few has, is suppressed.

    ``further``: indicators that are tables of their own, of one value a place.
    """
    told = {place: cell.value for cell in cells if (place := _place(cell, district, further)) is not None}
    return [
        Figure(division=division, level=level, indicator=indicator, value=told.get((division, indicator)))
        for level, divisions in ((DISTRICT, [district]), (TOWN, list(towns)))
        for division in divisions
        for indicator in (*INDICATORS, *further)
    ]


def _place(cell: Published, district: str, further: Sequence[str]) -> tuple[str, str] | None:
    name, _, where = cell.table.partition("/")
    division = district if where == DISTRICT else cell.keys[0] if where == TOWN else None
    if division is None:
        return None
    if name in (ON_FILE, *further):
        return division, name
    found = [sorting.told.get(cell.keys[-1]) for sorting in SORTINGS if sorting.name == name]
    return (division, found[0]) if found and found[0] is not None else None
