"""What entering a sheet would change is what its steps would write, no more and no less."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hub.survey.acts import Draft
from hub.survey.changes import changes
from hub.survey.check import Entry
from hub.survey.form import BY_NAME
from hub.survey.register import Node
from tests.survey.forms import VILLAGE, rows
from tests.survey.test_check import checked

DRAFT = Draft(village=VILLAGE, quarter="2026Q4", run="one")
TYPES = {"father": "FATHER", "mother": "MOTHER"}


def file_of(entry: Entry) -> dict[str, Any]:
    """The file that a row was made of, as the hub answers it."""
    child: dict[str, Any] = {name: value for name, value in entry.values.items() if BY_NAME[name].person is None}
    people = {
        who: {name.partition(".")[2]: value for name, value in entry.values.items() if BY_NAME[name].person == who}
        for who in ("father", "mother", "guardian")
    }
    members = [{**people[who], "id": who, "relation": TYPES[who]} for who in TYPES if people[who]["name"]]
    guardians = [{"kind": "ENTRUSTED", "id": "guardian", **people["guardian"]}] if people["guardian"]["name"] else []
    return {**child, "id": "file", "familyMembers": edges(members), "guardians": edges(guardians)}


def edges(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"edges": [{"node": node} for node in nodes]}


def written(entry: Entry, child: Node) -> set[str]:
    """Columns that the steps would write in the file."""
    found = set[str]()
    for act in (*DRAFT.revising(entry.values, child), *DRAFT.beside(entry.values, child)):
        if act.step.startswith("villageAdd"):
            continue
        who = str(act.given["id"]) if act.given.get("id") in {"father", "mother", "guardian"} else None
        found |= {f"{who}.{name}" if who else name for name in act.given if name not in {"id", "child"}}
    return found


def test_a_row_that_says_what_stands_there_changes_nothing() -> None:
    for entry in checked(rows(3, 40)).good:
        child, row = file_of(entry), Entry(row=entry.row, values={**entry.values, "id": "file"})
        assert list(changes([row], {"file": child})) == []
        assert written(row, child) == set()


@pytest.mark.parametrize("seed", range(40))
def test_what_is_listed_is_what_the_steps_write(seed: int) -> None:
    draw, (before, after) = random.Random(seed), checked(rows(seed + 100, 2)).good
    child, values = file_of(before), {**before.values, "id": "file"}
    for name in draw.sample(sorted(set(values) - {"id", "divisionCode"}), draw.randrange(1, 12)):
        values[name] = draw.choice((after.values[name], None))
    row = Entry(row=4, values=values)
    # Somebody who is new is added by a step of its own: nothing that stands there is changed by it.
    new = {who for who in ("father", "mother", "guardian") if before.values[f"{who}.name"] is None}
    listed = {one.column for one in changes([row], {"file": child})}
    assert {name for name in listed if BY_NAME[name].person not in new} == written(row, child) & set(BY_NAME)


def test_a_row_about_no_file_changes_nothing_that_is_there() -> None:
    assert list(changes(checked(rows(4, 3)).good, {"file": {}})) == []
