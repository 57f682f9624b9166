"""Look-ups by id -> what hangs on the files, asked together with them: one wave of statements where there were four.

What is likely is asked: that the number in the id, which the caller was given, is still the file's, and that nobody of
another department is linked to it. Where it is otherwise the same is asked again later, as if nothing had been asked.

Guarantee: nothing that is found is looked at here. What is asked depends on the ids alone, so that a file that does not
exist for the caller is the same as none; every statement is one that would be asked anyway, conditions included.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from hub.batch import Wish, links_of
from hub.executor import Execution
from hub.planner.arguments import Arguments, bind_values
from hub.planner.fetches import fetch_of, needs_of, nested_form
from hub.planner.plan import Reach
from hub.registry import REGISTER_SOURCES, people_bindings

Hanging = tuple[Reach, Arguments]


def ask_ahead(execution: Execution, wishes: Sequence[Wish]) -> Iterator[Coroutine[Any, Any, None]]:
    """Statements about what hangs on the files that these wishes look up by id."""
    by_reach: dict[int, list[Wish]] = {}
    for wish in wishes:
        if wish.key is not None and wish.reach.type_name == "Child":
            by_reach.setdefault(wish.reach.number, []).append(wish)
    for looked_up in by_reach.values():
        yield from _calls(execution, looked_up)


def _calls(execution: Execution, wishes: Sequence[Wish]) -> Iterator[Coroutine[Any, Any, None]]:
    registers = sorted({str(wish.key) for wish in wishes})
    people = people_bindings((wish.number for wish in wishes), ())
    linked = False
    for reach, arguments in _hanging(wishes):
        of_child = reach.join is not None and reach.join[0] == "~child"
        form = nested_form(
            "people" if of_child else "column", arguments, needs_of(reach, arguments).remote, after=False
        )
        joined = people if of_child else {"parents": registers}
        values = bind_values(arguments.values, execution.years_ago)
        bindings = {**joined, **values, "limit": arguments.first + 1}
        yield execution.reading.fetch_ahead(fetch_of(reach, form), bindings)
        linked |= of_child and reach.source not in REGISTER_SOURCES
    if linked:
        yield execution.registry.links_ahead(registers)


def _hanging(wishes: Sequence[Wish]) -> Iterator[Hanging]:
    """Links of the files that all wishes want by the same arguments, and of which nothing must be known first."""
    first = wishes[0].asked
    for link in links_of(wishes[0].reach):
        reach, arguments = link.reach, first[link.reach.number]
        if any(wish.asked is not first and wish.asked[reach.number] != arguments for wish in wishes):
            continue
        needs = needs_of(reach, arguments)
        by_file = reach.join is not None and reach.join[0] in ("_key", "_register", "~child")
        if by_file and arguments.after is None and not needs.primary and not needs.ordering:
            yield reach, arguments
