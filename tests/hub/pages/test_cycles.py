"""Life cycles as drawings: every move has its arrow, every arrow its number, and numbers do not hide each other."""

from __future__ import annotations

import pytest

from hub.lifecycle.drawn import HEIGHT, WIDTH, drawing
from hub.lifecycle.step import Cycle
from hub.lifecycle.steps import CYCLES
from hub.pages.console.cycles import MARGIN, ROOM, arrows

every_cycle = pytest.mark.parametrize("cycle", CYCLES, ids=[cycle.name for cycle in CYCLES])


@every_cycle
def test_every_move_of_the_table_has_an_arrow_and_every_arrow_a_number(cycle: Cycle) -> None:
    made = arrows(drawing(cycle))
    assert [arrow.number for arrow in made] == list(range(1, len(made) + 1))
    moves = {
        (origin or "", step.target, step.name)
        for step in cycle.steps
        if step.moves and step.state == cycle.state
        for origin in step.origin or (None,)
    }
    drawn = {(arrow.edge.source, arrow.edge.target, step.name) for arrow in made for step in arrow.edge.steps}
    assert drawn == moves


@every_cycle
def test_numbers_stand_apart_and_within_the_drawing(cycle: Cycle) -> None:
    found = drawing(cycle)
    places = [arrow.at for arrow in arrows(found)]
    for place, (x, y) in enumerate(places):
        assert 0 <= x < found.width + MARGIN - 11 and -ROOM < y < found.height + ROOM
        assert all(abs(x - other[0]) > 14 or abs(y - other[1]) > 14 for other in places[place + 1 :]), (x, y)
        # Nor does one stand on the words of a state.
        states = [node for node in found.nodes if node.name]
        assert all(abs(x - node.x) > WIDTH // 3 or abs(y - node.y) > HEIGHT // 3 for node in states), (x, y)
