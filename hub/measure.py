"""DocumentNode -> Measure, one for each operation: how deep and how wide it is once its fragments are expanded.

One linear pass: each selection set is walked once, each fragment analysed once and remembered, whatever the number of
its spreads; nothing is expanded. Cycles are refused. Names of fragments mean nothing here: only a *field* called
``__schema`` or ``__type`` opens the deeper bound of introspection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from hub.errors import RefusalError, RefusedError
from hub.settings import Limits

INTROSPECTION = frozenset({"__schema", "__type"})
UNCOUNTED = frozenset({"edges", "node"})

_NESTING = 64
"""Selection sets within one another in one definition: beyond any allowed depth, short of the interpreter's limit."""
_ENOUGH = 1 << 40
"""Sums stop here: a chain of doubling fragments would grow numbers of thousands of bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Of a selection set with its fragments expanded; ``names`` are its own response names, for ``repeats``."""

    depth: int = 0
    introspection: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0
    repeats: int = 0
    roots: int = 0
    names: Mapping[str, int] = field(default_factory=dict)


def too_complex(limit: str, value: int, maximum: int, words: str) -> RefusalError:
    """A refusal that names the limit, what was asked, and how much is allowed."""
    return RefusalError(
        "TOO_COMPLEX", f"{words}: at most {maximum:,} allowed", limit=limit, value=min(value, _ENOUGH), maximum=maximum
    )


@dataclass(slots=True)
class Measuring:
    """One pass over one document; ``steps`` counts the selections visited, for tests of its being linear."""

    fragments: Mapping[str, FragmentDefinitionNode]
    steps: int = 0
    _known: dict[str, Measure] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def operation(self, operation: OperationDefinitionNode) -> Measure:
        """The measure of an operation, its own directives and those of its variables included."""
        inner = self._set(operation.selection_set, 1)
        own = len(operation.directives or ()) + sum(
            len(variable.directives or ()) for variable in operation.variable_definitions or ()
        )
        return replace(inner, directives=inner.directives + own, roots=inner.roots)

    def _set(self, selection_set: SelectionSetNode, level: int) -> Measure:
        if level > _NESTING:
            raise RefusedError(too_complex("depth", level, _NESTING, "selection sets within one another"))
        self.steps += len(selection_set.selections)
        spread: set[str] = set()
        return _joined([self._selection(selection, level, spread) for selection in selection_set.selections])

    def _selection(self, selection: SelectionNode, level: int, spread: set[str]) -> Measure:
        directives = len(selection.directives or ())
        if isinstance(selection, FieldNode):
            return self._field(selection, directives, level)
        if isinstance(selection, InlineFragmentNode):
            inner = self._set(selection.selection_set, level + 1)
        else:
            assert isinstance(selection, FragmentSpreadNode)
            if selection.name.value in spread:
                return Measure(directives=directives)  # a second spread in one set selects nothing more
            spread.add(selection.name.value)
            inner = self.fragment(selection.name.value)
        return replace(inner, directives=inner.directives + directives)

    def _field(self, selection: FieldNode, directives: int, level: int) -> Measure:
        inner = self._set(selection.selection_set, level + 1) if selection.selection_set else Measure()
        name = selection.name.value
        opens = name in INTROSPECTION
        below = inner.introspection + 1 if inner.introspection else 0
        return Measure(
            depth=1 if opens else inner.depth + (name not in UNCOUNTED or level == 1),
            introspection=max(inner.depth + 1, below) if opens else below,
            aliases=inner.aliases + (selection.alias is not None),
            directives=inner.directives + directives,
            fields=inner.fields + 1,
            repeats=inner.repeats,
            roots=1,
            names={selection.alias.value if selection.alias else name: 1},
        )

    def fragment(self, name: str) -> Measure:
        """The measure of a fragment by name, analysed once."""
        known = self._known.get(name)
        if known is not None:
            return known
        if name in self._open:
            raise RefusedError(RefusalError("INVALID_DOCUMENT", f"the fragment `{name}` spreads itself"))
        definition = self.fragments.get(name)
        if definition is None:
            return Measure()  # an unknown fragment: validation says so, with its place
        self._open.add(name)
        inner = self._set(definition.selection_set, 2)
        self._open.discard(name)
        measured = replace(inner, directives=inner.directives + len(definition.directives or ()))
        self._known[name] = measured
        return measured


def _joined(parts: list[Measure]) -> Measure:
    if len(parts) == 1:
        return parts[0]
    names: Counter[str] = Counter()
    for part in parts:
        names.update(part.names)
    apart = sum(_again(part.names) for part in parts)
    return Measure(
        depth=max((part.depth for part in parts), default=0),
        introspection=max((part.introspection for part in parts), default=0),
        aliases=_bounded(part.aliases for part in parts),
        directives=_bounded(part.directives for part in parts),
        fields=_bounded(part.fields for part in parts),
        repeats=min(_ENOUGH, _bounded(part.repeats for part in parts) + _again(names) - apart),
        roots=_bounded(part.roots for part in parts),
        names={name: min(count, _ENOUGH) for name, count in names.items()},
    )


def _again(names: Mapping[str, int]) -> int:
    return sum(names.values()) - len(names)


def _bounded(values: Iterator[int]) -> int:
    return min(sum(values), _ENOUGH)


def split(document: DocumentNode) -> tuple[list[OperationDefinitionNode], Mapping[str, FragmentDefinitionNode]]:
    """Operations, and fragments by name (the first of a name: validation refuses the second)."""
    operations: list[OperationDefinitionNode] = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations.append(definition)
        elif isinstance(definition, FragmentDefinitionNode):
            fragments.setdefault(definition.name.value, definition)
    return operations, fragments


def check_limits(document: DocumentNode, limits: Limits) -> int:
    """Refuses (``RefusedError``, every limit passed) what is too deep or too wide; returns the steps it took."""
    operations, fragments = split(document)
    count = len(document.definitions) - len(operations)
    errors = [
        too_complex(limit, value, maximum, words)
        for limit, value, maximum, words in (
            ("fragments", count, limits.fragments, f"{count:,} fragments"),
            ("operations", len(operations), limits.operations, f"{len(operations):,} operations"),
        )
        if value > maximum
    ]
    if errors:
        raise RefusedError(*errors)
    measuring = Measuring(fragments)
    for operation in operations:
        errors.extend(_passed(measuring.operation(operation), limits))
    for name in fragments:
        errors.extend(_unspread(measuring.fragment(name), limits))
    if errors:
        raise RefusedError(*{str(error.facts["limit"]): error for error in reversed(errors)}.values())
    return measuring.steps


def _unspread(measure: Measure, limits: Limits) -> Iterator[RefusalError]:
    """A fragment that no operation spreads is still validated: what makes that costly is bounded as well."""
    return (error for error in _passed(measure, limits) if error.facts["limit"] in {"fields", "repeats"})


def _passed(measure: Measure, limits: Limits) -> Iterator[RefusalError]:
    table = (
        ("depth", measure.depth, limits.depth, "nested fields (`edges` and `node` not counted)"),
        ("introspection_depth", measure.introspection, limits.introspection_depth, "nested fields of introspection"),
        ("aliases", measure.aliases, limits.aliases, "aliases, fragments expanded"),
        ("directives", measure.directives, limits.directives, "directives, fragments expanded"),
        ("roots", measure.roots, limits.roots, "root fields, fragments expanded"),
        ("fields", measure.fields, limits.fields, "fields, fragments expanded"),
        ("repeats", measure.repeats, limits.repeats, "fields selected again under one name"),
    )
    for limit, value, maximum, words in table:
        if value > maximum:
            shown = f"{value:,}" if value < _ENOUGH else "far too many"
            yield too_complex(limit, value, maximum, f"{shown} {words}")
