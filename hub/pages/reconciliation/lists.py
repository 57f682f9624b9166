"""A unit's view -> the lists of its page, what is asked for each, and the steps that a row of it stands for.

Guarantee: pure. A list is there for who may take the step that it is for, and asks for what the view opens alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import GraphQLSchema

from hub.lifecycle.step import Step
from hub.pages.duty.waiting import fields, steps_in
from hub.reconcile.discrepancies import DISCREPANCIES
from hub.reconcile.links import CLASS

SUBJECT: Final = "ReconciliationItem"
MOST: Final = 20
"""Rows of a page."""
_CHILD: Final = ("name", "sex", "birthDate", "divisionCode")
_CANDIDATE: Final = {"discrepancyClass": {"eq": CLASS}}
_DISCREPANCY: Final = {"discrepancyClass": {"in": list(DISCREPANCIES)}}
_SETTLED: Final = {"status": {"in": ["CORRECTED", "EXPLAINED"]}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list: its name (a key of words), the step that it is for, and which rows stand in it."""

    name: str
    needs: str
    where: Mapping[str, Any]


def lists(view: GraphQLSchema, key: str) -> list[Listed]:
    """The lists of the unit with this key, what waits for it first."""
    open_ = {step.name for step in steps_in(view)}
    return [one for one in _every(key) if one.needs in open_]


def _every(key: str) -> Iterator[Listed]:
    mine = {**_DISCREPANCY, "answeringUnit": {"eq": key}, "status": {"eq": "OPEN"}}
    yield Listed(name="rec_candidates", needs="confirmLink", where={**_CANDIDATE, "status": {"eq": "OPEN"}})
    yield Listed(name="rec_mine", needs="answerDiscrepancy", where=mine)
    yield Listed(name="rec_answered", needs="explainDiscrepancy", where={"status": {"eq": "ANSWERED"}})
    yield Listed(name="rec_open", needs="explainDiscrepancy", where={**_DISCREPANCY, "status": {"eq": "OPEN"}})
    yield Listed(name="rec_decided", needs="undoLink", where={**_CANDIDATE, **_SETTLED})
    yield Listed(name="rec_settled", needs="reopenDiscrepancy", where={**_DISCREPANCY, **_SETTLED})


def document(view: GraphQLSchema) -> str:
    """What is asked for a page of a list."""
    named = [name for name in ("quarter", "discrepancyClass", "comparedField", "answeringUnit", "status")]
    chosen = [name for name in named if name in fields(view, SUBJECT)]
    if "sourceValues" in fields(view, SUBJECT):
        chosen.append("sourceValues { source value }")
    child = [name for name in _CHILD if name in fields(view, "Child")]
    if child and "child" in fields(view, SUBJECT):
        chosen.append(f"child {{ {' '.join(child)} }}")
    return (
        f"query Items($filter: {SUBJECT}Filter, $after: String) {{ reconciliationItems(first: {MOST}, after: $after, "
        f"filter: $filter) {{ pageInfo {{ hasNextPage endCursor }} edges {{ node {{ id {' '.join(chosen)} }} }} }} }}"
    )


def orders(view: GraphQLSchema) -> list[Step]:
    """Steps by which a comparison is asked for."""
    return [step for step in steps_in(view) if step.cycle == "reconciliation" and step.creates]


def lawful(view: GraphQLSchema, key: str, row: Mapping[str, Any]) -> Sequence[Step]:
    """Steps that the unit may take of the row as it stands, as far as its page can tell; the hub decides."""
    kind = "is_candidate" if row.get("discrepancyClass") == CLASS else "is_discrepancy"
    found = []
    for step in steps_in(view):
        own = "asked_of_the_writer" not in step.conditions or row.get("answeringUnit") == key
        if step.subject == SUBJECT and kind in step.conditions and row.get("status") in step.origin and own:
            found.append(step)
    return found
