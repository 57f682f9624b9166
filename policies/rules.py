"""Lines of ``grants/<unit>.csv`` -> exact rules, one a coordinate and purpose: what Casbin is given.

``Type.*`` and lists of purposes are written out here, so that no pattern is matched when a right is decided. A wildcard
``update`` leaves out what the hub derives; ``read`` in clear brings ``aggregate`` of the same rows with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from policies.problems import Findings
from policies.tabular import Row, rows
from policies.vocabulary import Vocabulary

ACTIONS = ("read", "read_masked", "aggregate", "report", "update", "subscribe")
"""Every action; nothing is ever deleted."""

COLUMNS = ("unit", "coordinate", "action", "scope", "mask", "purposes", "clause", "quote")
"""Columns of a grants file."""


class FieldFacts(Protocol):
    """What a policy must know of a field: its mask, the source that keeps it and how sensitive it is."""

    @property
    def mask(self) -> str:
        """Name of its mask; ``none`` if it has none."""

    @property
    def source(self) -> str:
        """Source that keeps it; ``hub`` if it is derived."""

    @property
    def sensitivity(self) -> str:
        """L1 to L4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a grants file, as written; ``coordinate`` may be ``Type.*``, ``mask`` is empty unless masked."""

    unit: str
    coordinate: str
    action: str
    scope: str
    mask: str
    purposes: tuple[str, ...]
    clause: str
    quote: str
    file: str
    line: int

    @property
    def rule(self) -> str:
        """Id of the rule: unit and line."""
        return f"{self.unit}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Rule:
    """An exact right: what Casbin decides by. ``rule`` names the line that it comes from."""

    unit: str
    purpose: str
    action: str
    coordinate: str
    scope: str
    mask: str
    rule: str


def updatable(coordinate: str, facts: FieldFacts) -> bool:
    """Whether anybody may ever update the field: what the hub derives is closed, but for two things."""
    return facts.source != "hub" or coordinate.endswith(".status") or coordinate == "Statistic.censusReference"


def read(
    files: Mapping[str, bytes], fields: Mapping[str, FieldFacts], words: Vocabulary, findings: Findings
) -> list[Line]:
    """Lines of every grants file, in order; what is wrong goes to ``findings``."""
    wanted = {f"grants/{unit}.csv" for unit in words.units}
    present = {file for file in files if file.startswith("grants/")}
    for file in sorted(wanted - present):
        findings.note(file, 0, "is missing: a unit without grants would be shut out silently")
    for file in sorted(present - wanted) if words.units else ():
        findings.note(file, 0, "belongs to no unit of units.csv")
    checked = _Check(fields=fields, words=words, findings=findings)
    return [
        line
        for file in sorted(present)
        for row in rows(file, files[file], COLUMNS, findings)
        if (line := _line(row)) and checked.line(line)
    ]


def _line(row: Row) -> Line:
    texts = {column: row[column] for column in COLUMNS if column != "purposes"}
    return Line(purposes=tuple(row["purposes"].split(";")), file=row.file, line=row.line, **texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """A line against fields and vocabulary."""

    fields: Mapping[str, FieldFacts]
    words: Vocabulary
    findings: Findings

    def line(self, line: Line) -> bool:
        """Notes everything wrong with a line; whether nothing was."""
        wrong = [*self._words(line), *self._coordinate(line), *self._basis(line)]
        for message in wrong:
            self.findings.note(line.file, line.line, message)
        return not wrong

    def _words(self, line: Line) -> Iterator[str]:
        if line.file != f"grants/{line.unit}.csv":
            known = line.unit in self.words.units
            yield f"unit `{line.unit}` of another file" if known else f"unknown unit `{line.unit}`"
        if line.action not in ACTIONS:
            yield f"unknown action `{line.action}`, not one of {', '.join(ACTIONS)}"
        if self.words.scopes and line.scope not in self.words.scopes:
            yield f"unknown scope `{line.scope}`"
        for purpose in line.purposes if self.words.purposes else ():
            if purpose not in self.words.purposes:
                yield f"unknown purpose `{purpose}`"
        if len(set(line.purposes)) != len(line.purposes):
            yield "a purpose stands twice"

    def _coordinate(self, line: Line) -> Iterator[str]:
        if line.coordinate.endswith(".*"):
            if not any(True for _ in _of_type(line.coordinate, self.fields)):
                yield f"unknown type in `{line.coordinate}`"
            elif line.action == "read_masked":
                yield "read_masked wants one coordinate, since each field has its own mask"
            elif not any(True for _ in coordinates(line, self.fields)):
                yield f"`{line.coordinate}` covers nothing that may be updated"
            elif line.mask:
                yield f"mask `{line.mask}` without read_masked"
            return
        facts = self.fields.get(line.coordinate)
        if facts is None:
            yield f"unknown coordinate `{line.coordinate}`"
            return
        if line.action == "update" and not updatable(line.coordinate, facts):
            yield f"`{line.coordinate}` is derived by the hub and never updated"
        yield from _mask(line, facts)

    def _basis(self, line: Line) -> Iterator[str]:
        clause = self.words.clauses.get(line.clause)
        if self.words.clauses and clause is None:
            yield f"unknown clause `{line.clause}`"
        elif not line.quote:
            yield "quote is empty"
        elif clause is not None and line.quote not in clause.text_zh:
            yield f"quote is not in clause `{line.clause}`"


def _mask(line: Line, facts: FieldFacts) -> Iterator[str]:
    if line.action != "read_masked":
        if line.mask:
            yield f"mask `{line.mask}` without read_masked"
    elif facts.mask == "none":
        yield f"`{line.coordinate}` has no mask, so read_masked would be read"
    elif not line.mask:
        yield f"read_masked without a mask; that of `{line.coordinate}` is `{facts.mask}`"
    elif line.mask != facts.mask:
        yield f"mask `{line.mask}` is not that of `{line.coordinate}`, `{facts.mask}`"


def _of_type(wildcard: str, fields: Mapping[str, FieldFacts]) -> Iterator[str]:
    prefix = wildcard.removesuffix("*")
    return (coordinate for coordinate in fields if coordinate.startswith(prefix))


def coordinates(line: Line, fields: Mapping[str, FieldFacts]) -> Iterator[str]:
    """Coordinates that a line covers."""
    if not line.coordinate.endswith(".*"):
        yield line.coordinate
        return
    for coordinate in _of_type(line.coordinate, fields):
        # INVARIANT: a wildcard never makes a derived field updatable.
        if line.action != "update" or updatable(coordinate, fields[coordinate]):
            yield coordinate


def expand(lines: Sequence[Line], fields: Mapping[str, FieldFacts], findings: Findings) -> list[Rule]:
    """Every exact rule of the lines; one right granted by two lines is a problem of the second."""
    found: dict[tuple[str, ...], Rule] = {}
    for line in lines:
        for rule in _exact(line, line.action, fields):
            earlier = found.setdefault(_right(rule), rule)
            if earlier is not rule:
                findings.note(
                    line.file, line.line, f"`{rule.coordinate}` for `{rule.purpose}` is granted by `{earlier.rule}`"
                )
    for line in lines:
        for rule in _exact(line, "aggregate", fields) if line.action == "read" else ():
            found.setdefault(_right(rule), rule)
    return [found[right] for right in sorted(found)]


def _exact(line: Line, action: str, fields: Mapping[str, FieldFacts]) -> Iterator[Rule]:
    for coordinate in coordinates(line, fields):
        for purpose in line.purposes:
            yield Rule(
                unit=line.unit,
                purpose=purpose,
                action=action,
                coordinate=coordinate,
                scope=line.scope,
                mask=line.mask,
                rule=line.rule,
            )


def _right(rule: Rule) -> tuple[str, ...]:
    return (rule.unit, rule.purpose, rule.action, rule.coordinate, rule.scope)
