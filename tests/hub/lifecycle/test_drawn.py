"""The page and the drawings say what the table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.lifecycle.drawn import HEIGHT, WIDTH, drawing, mermaid, page
from hub.lifecycle.step import Cycle
from hub.lifecycle.steps import CYCLES, STEPS

ROOT = Path(__file__).parents[3]
every_cycle = pytest.mark.parametrize("cycle", CYCLES, ids=[cycle.name for cycle in CYCLES])


def test_the_page_that_is_checked_in_is_of_this_table() -> None:
    assert (ROOT / "docs" / "life-cycles.md").read_text("utf-8") == page()


def test_the_page_names_every_step_with_its_clause_and_its_units() -> None:
    steps = page().partition("## Clocks")[0]
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+)` .*$", steps, re.MULTILINE)}
    for step in STEPS.values():
        assert step.name in rows
        assert f"| {step.clause} |" in rows[step.name]
        assert all(actor.unit in rows[step.name] for actor in step.who)


@every_cycle
def test_a_diagram_has_every_state_and_an_arrow_for_every_move(cycle: Cycle) -> None:
    arrows = re.findall(r"^    (\S+) --> (\w+): (.+)$", mermaid(cycle), re.MULTILINE)
    drawn = {(source, target, name) for source, target, label in arrows for name in label.split(", ")}
    moves = {
        (origin or "[*]", step.target, step.name)
        for step in cycle.steps
        if step.moves and step.state == cycle.state
        for origin in step.origin or (None,)
    }
    assert drawn == moves
    assert all(f"    {state.name}: " in mermaid(cycle) for state in cycle.states)


@every_cycle
def test_boxes_of_a_drawing_do_not_meet_and_lie_within_it(cycle: Cycle) -> None:
    drawn = drawing(cycle)
    assert {node.name for node in drawn.nodes} == {"", *(state.name for state in cycle.states)}
    for place, node in enumerate(drawn.nodes):
        assert WIDTH // 2 <= node.x <= drawn.width - WIDTH // 2
        assert HEIGHT // 2 <= node.y <= drawn.height - HEIGHT // 2
        for other in drawn.nodes[place + 1 :]:
            assert abs(node.x - other.x) > WIDTH or abs(node.y - other.y) > HEIGHT
    names = {node.name for node in drawn.nodes}
    assert all({edge.source, edge.target} <= names for edge in drawn.edges)
