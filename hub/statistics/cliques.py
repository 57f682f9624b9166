"""Groupings of tables -> a tree of cliques: the smallest cross-tables that say as much as the one over everything.

Guarantee: numbers for the cells of the cliques that agree where two neighbours overlap, whole and not negative, are
always those of some rows (the graph is chordal, so that neighbours can be glued along what they share). An attacker's
knowledge of sums is therefore exactly a system over the cliques, which is far smaller than one over all combinations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Cliques of coordinates, and the pairs of them (by number) that are neighbours."""

    cliques: tuple[tuple[str, ...], ...]
    edges: tuple[tuple[int, int], ...]

    def around(self, names: Iterable[str]) -> int:
        """The number of the first clique that holds all ``names``."""
        wanted = set(names)
        return next(number for number, clique in enumerate(self.cliques) if wanted <= set(clique))

    def shared(self, edge: tuple[int, int]) -> tuple[str, ...]:
        """What two neighbours have in common."""
        return tuple(name for name in self.cliques[edge[0]] if name in self.cliques[edge[1]])


def tree_of(groupings: Sequence[Sequence[str]], sizes: Mapping[str, int]) -> Tree:
    """The tree for tables grouped by ``groupings``; ``sizes``: coordinate -> how many values it has."""
    near = {name: set[str]() for grouping in groupings for name in grouping}
    for grouping in groupings:
        for one, other in combinations(grouping, 2):
            near[one].add(other)
            near[other].add(one)
    found: list[frozenset[str]] = []
    while near:
        name = min(near, key=lambda each: (_missing(near, each), _weight(near, each, sizes), each))
        clique = frozenset(near[name] | {name})
        if not any(clique <= other for other in found):
            found.append(clique)
        for one, other in combinations(sorted(near[name]), 2):
            near[one].add(other)
            near[other].add(one)
        for other in near.pop(name):
            near[other].discard(name)
    cliques = tuple(tuple(sorted(clique)) for clique in found)
    return Tree(cliques=cliques, edges=tuple(_edges(cliques)))


def _missing(near: Mapping[str, set[str]], name: str) -> int:
    """Edges that would have to be added if this coordinate went next."""
    return sum(other not in near[one] for one, other in combinations(sorted(near[name]), 2))


def _weight(near: Mapping[str, set[str]], name: str, sizes: Mapping[str, int]) -> int:
    weight = sizes[name]
    for other in near[name]:
        weight *= sizes[other]
    return weight


def _edges(cliques: Sequence[tuple[str, ...]]) -> list[tuple[int, int]]:
    """A spanning tree over the largest overlaps; cliques that share nothing are joined over nothing."""
    inside, edges = {0}, list[tuple[int, int]]()
    while len(inside) < len(cliques):
        pairs = [(one, other) for one in sorted(inside) for other in range(len(cliques)) if other not in inside]
        best = max(pairs, key=lambda pair: len(set(cliques[pair[0]]) & set(cliques[pair[1]])))
        edges.append(best)
        inside.add(best[1])
    return edges
