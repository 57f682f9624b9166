"""Step, what it rests on, what is given -> Parts: one write a department, in the order in which they are made.

Guarantee: pure. Scope, state and conditions stand in the statement that writes, as far as its department can tell them;
the same step with the same name (``base``) gives the same keys to its new rows, so that it cannot make them twice.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.source import ALWAYS, Compare, Constant, Param, Predicate
from connectors.source import Not as NotTrue
from connectors.write import About, Insert, Put, Sweep, Update, Write
from hub.lifecycle.conditions import CONDITIONS, Condition
from hub.lifecycle.found import Found
from hub.lifecycle.given import Given
from hub.lifecycle.rights import Rights
from hub.lifecycle.step import Change, Step
from hub.lifecycle.sweeps import SWEEPS
from hub.lifecycle.values import Moment
from hub.planner import facts as f
from hub.planner.formula import TRUE, every
from hub.planner.relations import HOME

KEY_LENGTH = 20
"""Characters of a new row's key: an ``H``, then 95 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a step writes in one department, and the coordinates that it writes there."""

    write: Write
    bindings: Mapping[str, Any] = field(repr=False)
    coordinates: tuple[str, ...]

    @property
    def source(self) -> str:
        """The department."""
        return self.write.source


def new_key(base: str, relation: str, number: int) -> str:
    """The key of a new row: the same for the same step, and of no other row."""
    digest = hashlib.sha256(f"{base}/{relation}/{number}".encode()).digest()
    return "H" + base64.b32encode(digest).decode()[: KEY_LENGTH - 1]


def sources_of(step: Step) -> tuple[str, ...]:
    """Departments in the order of a step's writes: the one that holds the state last."""
    home = HOME[step.subject]
    others = [HOME[change.relation] for change in step.changes if HOME[change.relation] != home]
    at_home = step.moves or any(HOME[change.relation] == home for change in step.changes)
    return (*dict.fromkeys(others), home) if at_home else tuple(dict.fromkeys(others))


@dataclass(slots=True, kw_only=True)
class Compiled:
    """A step as writes, made one department at a time; rows of what it records come before the state they lead to."""

    step: Step
    given: Given
    found: Found
    rights: Rights
    moment: Moment
    base: str
    bindings: dict[str, Any] = field(default_factory=dict, repr=False)

    def subject_key(self) -> str:
        """Key of the row that the step is about, or makes."""
        return self.given.key or new_key(self.base, self.step.subject, 0)

    def sources(self) -> tuple[str, ...]:
        """Departments in the order of their writes."""
        return sources_of(self.step)

    def part(self, source: str) -> Part:
        """The write in one department."""
        self.bindings = dict(self.found.learnt.bindings.get(source, {}))
        changes = tuple(self._changes(source))
        relations = {change.relation for change in changes}
        written = (name for name in sorted(self.step.coordinates) if name.partition(".")[0] in relations)
        return Part(
            write=Write(source=source, changes=changes),
            bindings={**self.bindings},
            coordinates=tuple(written),
        )

    def _changes(self, source: str) -> Iterator[Insert | Update | Sweep]:
        step = self.step
        if HOME[step.subject] == source and not step.creates:
            yield self._subject()
        yield from self._looks(source)
        for change in step.changes:
            if HOME[change.relation] != source:
                continue
            if change.creates:
                yield from self._new(change)
            elif change.relation != step.subject:
                yield self._beside(change)
        yield from self._sweeps(source)

    # Rows that are there.

    def _subject(self) -> Update:
        """The row that the step is about: changed, or held while what belongs to it is changed."""
        step, relation = self.step, self.step.subject
        change = next((one for one in step.changes if one.relation == relation and not one.creates), None)
        puts = [] if change is None else self._puts(change, self.given.rows(change)[0], "subject")
        if step.moves:
            puts.append(Put(self._state_column(), Constant(step.target)))
        self.bindings["subject"] = self.given.key
        return Update(
            relation=relation,
            key=Param("subject"),
            puts=tuple(puts),
            scope=self.found.learnt.certain(self.rights.rows.get(relation, TRUE), relation),
            expect=every((*self._states(), *self._untouched(relation), *self._conditions(), *self._as_seen())),
            shows=(step.replaces,) if step.replaces else (self._state_column(),) if self._holds_state() else (),
            touched=self._touched(relation) if change is not None else None,
        )

    def _holds_state(self) -> bool:
        return self._state_relation() == self.step.subject

    def _as_seen(self) -> Iterator[Predicate]:
        """What is replaced stands as the writer saw it: of two who replace it at once the second is told."""
        if self.step.replaces is None:
            return
        if self.given.expected is None:
            yield Compare(self.step.replaces, "null", Constant(True))
        else:
            self.bindings["subject.seen"] = self.given.expected
            yield Compare(self.step.replaces, "eq", Param("subject.seen"))

    def _state_relation(self) -> str:
        return (self.step.state or "").partition(".")[0]

    def _state_column(self) -> str:
        return (self.step.state or "").partition(".")[2]

    def _states(self) -> Iterator[Predicate]:
        """The states in which the step is lawful, of the row itself or of the report of an incident."""
        held = self._state_predicate()
        if self._holds_state():
            yield held
        elif self._state_relation() == "MandatoryReport":
            yield f.of_its_report(held)

    def _state_predicate(self) -> Predicate:
        named = [state for state in self.step.origin if state is not None]
        if not self.step.origin:
            return ALWAYS
        if None in self.step.origin:
            return Compare(self._state_column(), "null", Constant(True))
        if self.given.expected is not None:
            # Other than as expected is a conflict even if the step were lawful there: somebody else was faster.
            named = [state for state in named if state == self.given.expected]
        return Compare(self._state_column(), "in", Constant(named))

    def _untouched(self, relation: str) -> Iterator[Predicate]:
        for coordinate in self.step.once:
            type_name, _, name = coordinate.partition(".")
            if type_name == relation:
                yield Compare(name, "null", Constant(True))

    def _touched(self, relation: str) -> Param | None:
        """How often the row had been named when it was looked at: whoever writes it in between is not written over."""
        found = self.found.touched.get(relation)
        if found is None:
            return None
        self.bindings[f"touched.{relation}"] = found
        return Param(f"touched.{relation}")

    def _conditions(self) -> Iterator[Predicate]:
        for condition in self._named():
            yield self.found.learnt.certain(condition.formula, self.step.subject)

    def _looks(self, source: str) -> Iterator[Update]:
        """Rows that are only held and judged: the submission of a file's division, the report merged into."""
        if self._state_relation() == "SurveySubmission" != self.step.subject and source == "civil_affairs":
            self.bindings["submission"] = self.found.rows["SurveySubmission"]["_key"]
            yield Update(
                relation="SurveySubmission",
                key=Param("submission"),
                expect=self._state_predicate(),
                shows=(self._state_column(),),
            )
        if self.step.into and source == HOME[self.step.subject]:
            self.bindings["into"] = self.given.into
            itself = Compare("_key", "eq", Param("subject"))
            open_ = Compare(self._state_column(), "in", Constant(list(self.step.into)))
            yield Update(relation=self.step.subject, key=Param("into"), expect=every((open_, NotTrue(itself))))

    def _beside(self, change: Change) -> Update:
        """A row that belongs to the one that the step is about."""
        name = f"beside.{change.relation}"
        self.bindings[name] = self.found.rows[change.relation]["_key"]
        formula = self.rights.rows.get(change.relation, TRUE)
        return Update(
            relation=change.relation,
            key=Param(name),
            puts=tuple(self._puts(change, self.given.rows(change)[0], name)),
            scope=self.found.learnt.certain(formula, change.relation),
            expect=every(self._untouched(change.relation)),
            touched=self._touched(change.relation),
        )

    def _sweeps(self, source: str) -> Iterator[Sweep]:
        """Rows that the step concerns besides, once the others stand as it leaves them."""
        for name in self.step.sweeps:
            if HOME[SWEEPS[name].relation] == source:
                subject = self.found.subject
                self.bindings |= {f"swept.{column}": subject.get(column) for column in ("divisionCode", "quarter")}
                yield Sweep(relation=SWEEPS[name].relation, puts=SWEEPS[name].puts, where=SWEEPS[name].where)

    # Rows that are new.

    def _new(self, change: Change) -> Iterator[Insert]:
        for number, row in enumerate(self.given.rows(change)):
            name = f"new.{change.relation}.{number}"
            self.bindings[name] = new_key(self.base, change.relation, number)
            puts = [*self._puts(change, row, name), *self._keys_of(change.relation, name)]
            if self.step.moves and change.relation == self.step.subject:
                puts.append(Put(self._state_column(), Constant(self.step.target)))
            yield Insert(relation=change.relation, key=Param(name), puts=tuple(puts), about=self._about(change))

    def _about(self, change: Change) -> About | None:
        """The row that a new one is about, where its department can tell whether it is in scope."""
        about = self.step.about
        if about is None or HOME[about] != HOME[change.relation]:
            return None
        self.bindings["about"] = self._about_key()
        formulas = [self.rights.about, *(one.formula for one in self._named() if one.of_about)]
        scope = every(self.found.learnt.certain(formula, about) for formula in formulas)
        return About(relation=about, key=Param("about"), scope=scope)

    def _named(self) -> Iterator[Condition]:
        yield from (CONDITIONS[name] for name in self.step.conditions)

    def _about_key(self) -> str | None:
        if self.given.about is not None:
            return self.given.about
        return None if self.found.file is None else self.found.file[0]

    def _keys_of(self, relation: str, name: str) -> Iterator[Put]:
        """The keys by which a new row belongs to others."""
        register, citizen = self.found.file or (None, None)
        rows = self.found.rows
        known: Mapping[str, Mapping[str, Any]] = {
            "FamilyMember": {"_register": self.given.about},
            "Guardian": {"_register": self.given.about},
            "Assessment": {"_register": register, "_incident": rows.get("Incident", {}).get("_key")},
            "AssistanceRecord": {"_register": register, "_assessment": rows.get("Assessment", {}).get("_key")},
            "Incident": {"_report": self.given.key},
            "DropoutRecord": {"_enrolment": self.given.about},
            "GuardianshipCase": {"_citizen": citizen, "_person": self.found.person},
            "ProcuratorialSupervision": {"_citizen": citizen, "_person": self.found.person},
        }
        for column, value in known.get(relation, {}).items():
            self.bindings[f"{name}.{column}"] = value
            yield Put(column, Param(f"{name}.{column}"))

    # Values.

    def _puts(self, change: Change, row: Mapping[str, Any], name: str) -> list[Put]:
        puts = [*self._given(change.needs, row, name), *self._given(change.may, row, name)]
        there = {put.column for put in puts}
        hub = [*change.sets, *((column, value) for column, value in change.absent if column not in there)]
        for column, value in hub:
            operand, bound = self.moment.operand(f"{name}.{column}", value)
            self.bindings.update(bound)
            puts.append(Put(column, operand))
        return puts

    def _given(self, names: Sequence[str], row: Mapping[str, Any], name: str) -> Iterator[Put]:
        citizen = (self.found.file or (None, None))[1]
        keys = {"_citizen": citizen, "_person": self.found.person, "_mergedInto": self.given.into}
        values = {**row, **keys}
        for column in names:
            if column in values:
                self.bindings[f"{name}.{column}"] = values[column]
                yield Put(column, Param(f"{name}.{column}"))
