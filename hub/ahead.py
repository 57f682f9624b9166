"""Look-ups by id -> what hangs on the files, asked together with them: two waves of statements, or three.

What is likely is asked: that the number in the id, which the caller was given, is still the file's, and that nobody of
another department is linked to it. Where it is otherwise the same is asked again later, as if nothing had been asked.
Where the files themselves always lack facts (``Needs.first``), these are asked of the files as they stand, or of
nobody; then the files, and all that rests on facts, are read at once.

Guarantee: which statements are asked depends on the ids alone, so that a file that does not exist for the caller is the
same as none; every statement is one that would be asked anyway, conditions included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from connectors.source import Fetch, SourceError
from hub.batch import Asked, Wish, links_of
from hub.executor import Below, Execution
from hub.files import Files
from hub.hanging import hang
from hub.planner.arguments import Arguments, bind_values
from hub.planner.fetches import Form, Mode, fetch_of, needs_of, nested_form
from hub.planner.formula import Fact
from hub.planner.plan import Reach
from hub.planner.relations import CHILD
from hub.registry import REGISTER_SOURCES, people_bindings

Hanging = tuple[Reach, Arguments]


def ask_ahead(execution: Execution, wishes: Sequence[Wish]) -> Iterator[Awaitable[Any]]:
    """Begins to ask what hangs on the files that these wishes look up by id."""
    by_reach: dict[int, list[Wish]] = {}
    for wish in wishes:
        if wish.key is not None and wish.reach.type_name == "Child":
            by_reach.setdefault(wish.reach.number, []).append(wish)
    execution.registry.name(_as_named(wish for looked_up in by_reach.values() for wish in looked_up))
    for looked_up in by_reach.values():
        yield from _asked(execution, looked_up)


def _asked(execution: Execution, wishes: Sequence[Wish]) -> Iterator[Awaitable[Any]]:
    files = _as_named(wishes)
    root = wishes[0].reach
    own, first = needs_of(root, wishes[0].asked[root.number]).first, dict[Fact, None]()
    hanging, resting = _hanging(wishes), list[Hanging]()
    if any(_of_child(reach) and reach.source not in REGISTER_SOURCES for reach, _ in hanging) or _elsewhere(own):
        yield execution.registry.links_ahead()
    plain = list[Hanging]()
    for reach, arguments in hanging:
        needs = needs_of(reach, arguments)
        first |= dict.fromkeys(needs.first)
        (resting if needs.first or needs.primary else plain).append((reach, arguments))
    # What others wait for goes out before what nobody does.
    if own:
        yield _resting(execution, execution.begin(root, sorted(files.citizen), own.union(first)), resting)
    elif first:
        yield execution.registry.want_ahead(first, files)
    for reach, arguments in plain:
        execution.plain.add(id(reach))
        yield _arrived(hang(execution, reach, files.citizen, *_fetch(execution, reach, arguments, files)))


def _as_named(wishes: Iterable[Wish]) -> Files:
    return Files(citizen={str(wish.key): wish.number for wish in wishes})


def _elsewhere(facts: Collection[Fact]) -> bool:
    """Whether some of the facts are of people, whom links may lead to a file."""
    return any(fact.source not in REGISTER_SOURCES for fact in facts)


async def _arrived(fetched: Awaitable[Any]) -> None:
    """Waits until the rows are there or their source has failed, of which whoever reads them is told."""
    await fetched


async def _resting(execution: Execution, begun: asyncio.Task[Files], resting: Sequence[Hanging]) -> None:
    """What rests on facts, as soon as these are known: then the files themselves are read as well."""
    # Who does not answer is told where the files, or what hangs on them, are read.
    with suppress(SourceError):
        files = await begun
        each = (_known(execution, reach, arguments, files) for reach, arguments in resting)
        for failed in await asyncio.gather(*each, return_exceptions=True):
            if isinstance(failed, BaseException):
                raise failed


async def _known(execution: Execution, reach: Reach, arguments: Arguments, files: Files) -> None:
    mode: Mode = "people" if _of_child(reach) else "column"
    joined: dict[str, Any] = {"parents": sorted(files.citizen)}
    if mode == "people":
        persons = await execution.registry.persons(reach.source, files.citizen)
        joined = people_bindings(files.citizen.values(), persons)
    form, bindings = await execution.asking(reach, arguments, mode, None, joined, Below(None, files))
    await execution.reading.fetch_ahead(fetch_of(reach, form), bindings)


def _fetch(
    execution: Execution, reach: Reach, arguments: Arguments, files: Files
) -> tuple[Form, Fetch, dict[str, Any]]:
    form, fetch = _form(reach, arguments)
    joined: dict[str, Any] = {"parents": sorted(files.citizen)}
    if form.mode == "people":
        joined = people_bindings(files.citizen.values(), ())
    values = bind_values(arguments.values, execution.years_ago) if arguments.values else {}
    return form, fetch, {**joined, **values, "limit": arguments.first + 1}


def _form(reach: Reach, arguments: Arguments) -> tuple[Form, Fetch]:
    """How rows below files are asked for when nothing is known yet; worked out once for the same arguments."""
    known: tuple[Form, Fetch] | None = reach.known.get("ahead")
    if known is None or known[0].arguments is not arguments:
        mode: Mode = "people" if _of_child(reach) else "column"
        form = nested_form(mode, arguments, needs_of(reach, arguments).remote, after=False)
        known = reach.known["ahead"] = (form, fetch_of(reach, form))
    return known


def _of_child(reach: Reach) -> bool:
    return reach.join == CHILD


def _hanging(wishes: Sequence[Wish]) -> Sequence[Hanging]:
    """Links of the files that all wishes want by the same arguments, and whose order rests on no other source."""
    reach, first = wishes[0].reach, wishes[0].asked
    known: tuple[Asked, Sequence[Hanging]] | None = reach.known.get("hanging")
    if known is None or known[0] is not first:
        known = reach.known["hanging"] = (first, tuple(_plain(reach, first)))
    others = [wish.asked for wish in wishes if wish.asked is not first]
    if not others:
        return known[1]
    return [
        (reach, arguments) for reach, arguments in known[1] if all(other[reach.number] == arguments for other in others)
    ]


def _plain(above: Reach, asked: Asked) -> Iterator[Hanging]:
    for link in links_of(above):
        reach, arguments = link.reach, asked[link.reach.number]
        by_file = reach.join is not None and reach.join[0] in ("_key", "_register", CHILD[0])
        if by_file and arguments.after is None and not needs_of(reach, arguments).ordering:
            yield reach, arguments
