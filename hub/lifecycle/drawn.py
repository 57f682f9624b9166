"""The table of life cycles -> a page with a diagram and a table a cycle, and drawings that a page can show as SVG.

``python -m hub.lifecycle.drawn > docs/life-cycles.md`` writes the page; a test holds it equal to the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from hub.lifecycle.conditions import CONDITIONS
from hub.lifecycle.step import Cycle, Step
from hub.lifecycle.steps import ALONE, CYCLES, DEADLINES
from hub.lifecycle.sweeps import SWEEPS

WIDTH, HEIGHT, GAP = 150, 48, 46
"""Size of a state and the room between two, in the units of a drawing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A state as a box: its middle, and what stands in it. ``name`` is empty for the point where a cycle begins."""

    name: str
    zh: str
    final: bool
    x: int
    y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Steps that lead from one state (empty: none yet) to another."""

    source: str
    target: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A cycle as boxes and arrows, and the size of the whole."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def drawing(cycle: Cycle) -> Drawing:
    """States from left to right by the fewest steps that lead to them, those reached alike below each other."""
    levels = _levels(cycle)
    zh = {state.name: (state.zh, state.final) for state in cycle.states}
    rows: dict[int, int] = {}
    nodes = []
    for name, level in levels.items():
        row = rows[level] = rows.get(level, -1) + 1
        words, final = zh.get(name, ("", False))
        x, y = level * (WIDTH + GAP) + WIDTH // 2, row * (HEIGHT + GAP) + HEIGHT // 2
        nodes.append(Node(name=name, zh=words, final=final, x=x, y=y))
    return Drawing(
        nodes=tuple(nodes),
        edges=tuple(_edges(cycle)),
        width=(max(levels.values()) + 1) * (WIDTH + GAP) - GAP,
        height=(max(rows.values()) + 1) * (HEIGHT + GAP) - GAP,
    )


def _levels(cycle: Cycle) -> dict[str, int]:
    """State -> the fewest steps that lead to it, in the order of the table; the empty name is where it begins."""
    edges = tuple(_edges(cycle))
    levels = {"": 0}
    while fresh := {edge.target for edge in edges if edge.source in levels} - levels.keys():
        levels |= dict.fromkeys(fresh, max(levels.values()) + 1)
    order = {state.name: place for place, state in enumerate(cycle.states, 1)}
    return {name: levels[name] for name in sorted(levels, key=lambda name: order.get(name, 0))}


def _edges(cycle: Cycle) -> Iterator[Edge]:
    """One edge a pair of states, in the order of the table; a step that stays where it is has none."""
    pairs: dict[tuple[str, str], list[Step]] = {} if cycle.begun is None else {("", cycle.begun): []}
    for step in cycle.steps:
        for source, target in _moves(step, cycle):
            pairs.setdefault((source, target), []).append(step)
    for (source, target), steps in pairs.items():
        yield Edge(source=source, target=target, steps=tuple(steps))


def _moves(step: Step, cycle: Cycle) -> Iterator[tuple[str, str]]:
    if step.state == cycle.state and step.target is not None:
        for source in step.origin or (None,):
            yield source or "", step.target


def mermaid(cycle: Cycle) -> str:
    """The cycle as the text of a mermaid state diagram."""
    lines = ["stateDiagram-v2", "    direction LR"]
    lines += [f"    {state.name}: {state.name} {state.zh}" for state in cycle.states]
    for edge in _edges(cycle):
        label = f": {', '.join(step.name for step in edge.steps)}" if edge.steps else ""
        lines.append(f"    {edge.source or '[*]'} --> {edge.target}{label}")
    lines += [f"    {state.name} --> [*]" for state in cycle.states if state.final]
    return "\n".join(lines)


def page() -> str:
    """The page of all life cycles."""
    return "\n".join([*_head(), *(line for cycle in CYCLES for line in _section(cycle)), *_alone(), *_clocks()]) + "\n"


def _head() -> list[str]:
    return [
        "# Life cycles",
        "",
        "Who may write what, from which state to which, by which clause of the notice. This page is made of the table",
        "in `hub/lifecycle/steps.py` by `python -m hub.lifecycle.drawn`; guards and writes are made of the same table.",
        "A step is taken for one of its purposes, of a row in the writer's scope. Nothing is ever deleted; a mistake",
        "is corrected by a further step, with a reason where the table says so. Fields in bold must be given, those in",
        "italics the hub sets.",
        "",
    ]


def _section(cycle: Cycle) -> list[str]:
    rows = [_row(step, cycle.state) for step in cycle.steps]
    return [
        f"## {cycle.zh}",
        "",
        f"{cycle.en[0].upper()}{cycle.en[1:]}; the state is `{cycle.state}`.",
        "",
        "```mermaid",
        mermaid(cycle),
        "```",
        "",
        *_HEADINGS,
        *rows,
        "",
    ]


def _alone() -> list[str]:
    """Steps of no life cycle."""
    return ["## Steps without states", "", *_HEADINGS, *(_row(step, None) for step in ALONE), ""]


_HEADINGS = ("| step | from | to | who | writes | clause | besides |", "|---|---|---|---|---|---|---|")


def _row(step: Step, state: str | None) -> str:
    cells = (
        f"`{step.name}` {step.zh}: {step.en}",
        ", ".join(state or "no state yet" for state in step.origin) or ("" if step.target or step.creates else "any"),
        step.target or "",
        _who(step),
        _writes(step),
        step.clause,
        "; ".join(_besides(step, state)),
    )
    return f"| {' | '.join(cells)} |"


def _who(step: Step) -> str:
    by: dict[tuple[str, ...], list[str]] = {}
    for actor in step.who:
        by.setdefault(actor.purposes, []).append(actor.unit)
    return "; ".join(f"{', '.join(units)} (`{'`, `'.join(purposes)}`)" for purposes, units in by.items())


def _writes(step: Step) -> str:
    parts = []
    for change in step.changes:
        what = f"{'new ' if change.creates else ''}{change.relation}{' (one or more)' if change.many else ''}"
        given = [*(f"**{name}**" for name in change.needs if name[0] != "_"), *change.may]
        given += [f"*{name}*" for name, _ in change.sets if name[0] != "_" and name not in given]
        parts.append(f"{what}: {', '.join(given)}" if given else what)
    return "; ".join(parts)


def _besides(step: Step, state: str | None) -> Iterator[str]:
    if step.state is not None and step.state != state:
        yield f"the state is that of `{step.state}`"
    for condition in (CONDITIONS[name] for name in step.conditions):
        yield f"{condition.en} (narrower than its grant: {condition.why})" if condition.why else condition.en
    yield from (f"besides, {SWEEPS[name].en}" for name in step.sweeps)
    if step.once:
        yield "once"
    if step.into:
        yield "into a report that is open"
    if step.finds:
        yield "the child is found by its number"
    if step.named:
        yield f"the row is named by {', '.join(step.named)}"
    if step.replaces:
        yield f"`{step.replaces}` stands as its writer saw it"
    if step.explained:
        yield "with a reason"
    yield from (f"stops `{name}`" for name in step.stops)
    yield from (f"starts `{name}`" for name in step.starts)


def _clocks() -> list[str]:
    rows = [f"| `{one.name}` | {one.zh}: {one.en} | {one.limit} | {one.clause} |" for one in DEADLINES.values()]
    return [
        "## Clocks",
        "",
        "A clock starts and stops with the steps above; those of the survey start with the end of the quarter.",
        "",
        "| clock | until | limit | clause |",
        "|---|---|---|---|",
        *rows,
    ]


if __name__ == "__main__":
    sys.stdout.write(page())
