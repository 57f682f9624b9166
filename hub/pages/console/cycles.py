"""``/console/cycles``: the table of life cycles -> each drawn, and its steps in words: who takes them, by which clause.

Guarantee: nothing of any row stands here; what is drawn is the table of which guards and writes are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hub.lifecycle.drawn import GAP, HEIGHT, WIDTH, Drawing, Edge, Node, drawing
from hub.lifecycle.step import Cycle, Step
from hub.lifecycle.steps import CYCLES
from hub.pages.console.names import Names
from hub.pages.console.ports import Ask, Console, View

ROOM: Final = 90
"""Above and below the boxes, for arrows that pass others by."""
MARGIN: Final = 60
"""Beside the boxes, for arrows that go round them."""
_RISE: Final = 26
"""How much higher an arrow passes for each column that it leaves out."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """An edge as a path, and where its number stands; ``steps`` are listed under that number."""

    number: int
    path: str
    at: Point
    edge: Edge


def arrows(drawn: Drawing) -> list[Arrow]:
    """An arrow for each edge: straight to the next column, above what it passes, and below on its way back."""
    places = {node.name: node for node in drawn.nodes}
    return [
        _arrow(number, edge, places[edge.source], places[edge.target]) for number, edge in enumerate(drawn.edges, 1)
    ]


def _arrow(number: int, edge: Edge, source: Node, target: Node) -> Arrow:
    start, first, second, end = _curve(source, target)
    path = f"M{start[0]} {start[1]} C{first[0]} {first[1]} {second[0]} {second[1]} {end[0]} {end[1]}"
    # Of arrows that cross, in their middles mostly, numbers stand nearer to where each begins.
    part = 0.5 if source.y == target.y else 0.65 if source.x == target.x else 0.3
    x, y = (_on(part, start[i], first[i], second[i], end[i]) for i in (0, 1))
    return Arrow(number=number, path=path, at=(x, y), edge=edge)


def _on(part: float, start: int, first: int, second: int, end: int) -> int:
    """A coordinate of the point so far along a curve."""
    left = 1 - part
    return round(left**3 * start + 3 * left**2 * part * first + 3 * left * part**2 * second + part**3 * end)


def _curve(source: Node, target: Node) -> tuple[Point, Point, Point, Point]:
    """Where an arrow begins, is drawn towards, and ends."""
    half, columns = WIDTH // 2, (target.x - source.x) // (WIDTH + GAP)
    if columns == 1 and source.y == target.y:
        start, end = (source.x + half, source.y), (target.x - half, target.y)
        return start, start, end, end
    if source.y == target.y:
        # On its way back below the boxes, otherwise above them; a step that stays begins and ends at one box.
        side = -1 if columns > 0 else 1
        rise = side * (HEIGHT // 2 + 14 + _RISE * min(abs(columns), 3))
        shift = 20 if columns > 0 else -20
        start, end = (
            (source.x + shift, source.y + side * HEIGHT // 2),
            (target.x - shift, target.y + side * HEIGHT // 2),
        )
        return start, (start[0], start[1] + rise), (end[0], end[1] + rise), end
    side = 1 if target.y > source.y else -1
    if columns == 0 and abs(target.y - source.y) > HEIGHT + GAP:
        # Round the boxes between.
        right = source.x + half
        return (right, source.y), (right + GAP, source.y), (right + GAP, target.y), (right, target.y)
    shift = (48 if columns == 0 else 24) * side
    start, end = (source.x + shift, source.y + side * HEIGHT // 2), (target.x + shift, target.y - side * HEIGHT // 2)
    between = (start[1] + end[1]) // 2
    return start, (start[0], between), (end[0], between), end


async def cycles(console: Console, ask: Ask) -> View:
    """All life cycles."""
    names = Names(policy=console.policy(), spoken=ask.spoken)
    context = {
        "cycles": [_shown(cycle, names) for cycle in CYCLES],
        "room": ROOM,
        "margin": MARGIN,
        "width": WIDTH,
        "height": HEIGHT,
    }
    return View(template="cycles.html", context=context, facts=("page=cycles",))


def _shown(cycle: Cycle, names: Names) -> dict[str, Any]:
    drawn = drawing(cycle)
    made = arrows(drawn)
    words = {state.name: state.en if names.spoken == "en" else state.zh for state in cycle.states}
    staying = [step for step in cycle.steps if not any(step in arrow.edge.steps for arrow in made)]
    return {
        "name": cycle.name,
        "title": cycle.en if names.spoken == "en" else cycle.zh,
        "drawn": drawn,
        "arrows": made,
        "words": words,
        "rows": [
            *(_row(str(arrow.number), step, names) for arrow in made for step in arrow.edge.steps),
            *(_row("—", step, names) for step in staying),
        ],
    }


def _row(number: str, step: Step, names: Names) -> dict[str, Any]:
    return {
        "number": number,
        "step": step.en if names.spoken == "en" else step.zh,
        "who": [names.unit(actor.unit) for actor in step.who],
        "clause": step.clause,
    }
