"""Shown values -> every way in which whole numbers explain them, tried one after another: no solver, no cleverness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from hub.statistics.tables import Keys, Tables, Value

MOST = 6
"""What is tried for a combination of which nothing is shown: more would only widen what may be."""

Shown = Mapping[tuple[str, Keys], tuple[int, int]]


def explanations(tables: Tables, shown: Shown) -> Iterator[Mapping[tuple[Value, ...], int]]:
    """Counts of all combinations of all coordinates that give every shown value its interval."""
    names = list(tables.domains)
    atoms = [atom for atom in product(*tables.domains.values()) if _can_be(tables, dict(zip(names, atom, strict=True)))]
    limits = [shown[place] for place in shown]
    by_of = {table.code: [names.index(name) for name in table.by] for table in tables.tables}
    inside = [[tuple(atom[at] for at in by_of[code]) == keys for atom in atoms] for code, keys in shown]
    yield from _tried(atoms, limits, inside, [])


def _can_be(tables: Tables, values: Mapping[str, Value]) -> bool:
    """Whether no value contradicts one from which it follows."""
    return all(
        values[tie.parent] is None or values[name] == tie.sort(values[tie.parent]) for name, tie in tables.ties.items()
    )


def _tried(
    atoms: Sequence[Keys], limits: Sequence[tuple[int, int]], inside: Sequence[Sequence[bool]], counts: list[int]
) -> Iterator[Mapping[Keys, int]]:
    at = len(counts)
    if at == len(atoms):
        yield dict(zip(atoms, counts, strict=True))
        return
    sums = [sum(count for count, member in zip(counts, own, strict=False) if member) for own in inside]
    room = [high - total for (_, high), total, own in zip(limits, sums, inside, strict=True) if own[at]]
    for count in range(min([MOST, *room]) + 1):
        done = [
            (low, total + count)
            for (low, _), total, own in zip(limits, sums, inside, strict=True)
            if own[at] and not any(own[at + 1 :])
        ]
        if all(low <= total for low, total in done):
            yield from _tried(atoms, limits, inside, [*counts, count])


def ranges(tables: Tables, shown: Shown) -> Mapping[tuple[str, Keys], set[int]]:
    """For each cell the values that it has in some explanation."""
    names = list(tables.domains)
    found: dict[tuple[str, Keys], set[int]] = {
        (cell.table, cell.keys): set() for table in tables.tables for cell in table.cells
    }
    for counts in explanations(tables, shown):
        for table in tables.tables:
            places = [names.index(name) for name in table.by]
            sums: dict[Keys, int] = {}
            for atom, count in counts.items():
                keys = tuple(atom[place] for place in places)
                sums[keys] = sums.get(keys, 0) + count
            for keys, total in sums.items():
                found[table.code, keys].add(total)
    return found
