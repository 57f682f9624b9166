"""A row of the form, the file as it stands -> the steps that make the file say what the row says: pure.

Guarantee: what stands there already is not written again, so that a row that was entered asks for no step; a cell of a
column that the sheet does not have changes nothing; nobody is removed because a cell is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from hub.survey.check import plain_value
from hub.survey.form import BY_NAME
from hub.survey.register import PARENTS, Node, person

NAMED_APART: Final = frozenset({"id", "divisionCode", "lastVisitedOn"})
"""Columns that revise nothing: the file itself, the village's own code, and a visit, which is a step of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One step: its name, what it is given, and the name under which it happens once however often it is sent."""

    step: str
    given: Mapping[str, Any] = field(repr=False)
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A village's draft of a quarter; ``run`` names this import.

    A step that makes a row has the same name in every import: started again it makes no second one. A step that
    revises one has a name of its own in each run: a value that was changed, changed back and is changed once more must
    not be taken for the first change sent again.
    """

    village: str
    quarter: str
    run: str

    def opening(self, row: Mapping[str, Any]) -> Act:
        """The step that opens a file for a row."""
        given = {name: value for name, value in row.items() if _of_child(name) and value is not None}
        given["divisionCode"] = self.village
        return self._act("villageOpenFile", given, "new")

    def revising(self, row: Mapping[str, Any], child: Node) -> Iterator[Act]:
        """The step that revises the file itself, if it says something else."""
        changed = _changed({name: value for name, value in row.items() if _of_child(name)}, child)
        if changed:
            given = {"id": child["id"], **changed}
            yield self._act("villageReviseFile", given, self.run)

    def beside(self, row: Mapping[str, Any], child: Node) -> Iterator[Act]:
        """The steps about who belongs to the child, and its visit."""
        for who in (*PARENTS, "guardian"):
            yield from self._person(row, child, who)
        visited = row.get("lastVisitedOn")
        if visited is not None and visited != child.get("lastVisitedOn"):
            yield self._act("recordVisit", {"id": child["id"], "lastVisitedOn": visited}, self.run)

    def _person(self, row: Mapping[str, Any], child: Node, who: str) -> Iterator[Act]:
        said = {name.partition(".")[2]: value for name, value in row.items() if BY_NAME[name].person == who}
        if said.get("name") is None:
            return
        there, type_name = person(child, who), "Guardian" if who == "guardian" else "FamilyMember"
        if there is not None:
            changed = _changed(said, there)
            if changed:
                yield self._act(f"villageRevise{type_name}", {"id": there["id"], **changed}, self.run)
            return
        given = {name: value for name, value in said.items() if value is not None}
        given |= {"kind": _kind(row)} if who == "guardian" else {"relation": PARENTS[who][0]}
        yield self._act(f"villageAdd{type_name}", {"child": child["id"], **given}, f"new {who}")

    def _act(self, step: str, given: Mapping[str, Any], run: str) -> Act:
        content = orjson.dumps(
            [self.village, self.quarter, run, step, dict(given)], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
        )
        return Act(step=step, given=given, key=f"survey-{hashlib.sha256(content).hexdigest()}")


def _of_child(name: str) -> bool:
    return BY_NAME[name].person is None and name not in NAMED_APART


def _changed(said: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if plain_value(value) != plain_value(there.get(name))}


def _kind(row: Mapping[str, Any]) -> str:
    """The form does not ask: a father or a mother is a parent, anybody else is entrusted."""
    own = row.get("guardian.relation") in {relation for relations in PARENTS.values() for relation in relations}
    return "PARENT" if own else "ENTRUSTED"
