"""Step, what is given -> Found: the rows on which the step rests, as the departments hold them now.

Keys and states are read by the hub for itself, as scopes read them; none reaches the writer but the state in a
conflict, and only of a row in its scope. How often a department is asked does not depend on whether the row is there.
Guarantee (invariant 6): where a department that must be asked does not answer, ``SourceError``, never a guess.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.source import NEVER, Column, Compare, Constant, Fetch, Order, Param, Predicate, SourceError
from hub.files import Files
from hub.lifecycle.conditions import CONDITIONS
from hub.lifecycle.given import Given
from hub.lifecycle.guard import Standing
from hub.lifecycle.learnt import Learnt
from hub.lifecycle.person import person_of
from hub.lifecycle.rights import Rights
from hub.lifecycle.step import Step
from hub.lifecycle.values import Moment
from hub.planner.formula import TRUE, And, Fact, Formula, Local, Not, Or, facts
from hub.planner.formula import every as all_of
from hub.planner.relations import HOME, keys_of
from hub.quarters import before, written_with
from hub.registry import REGISTER_SOURCES, Registry, gather_by

NOBODY = "-"
"""A key that no row has: asked for where there is no row."""
FILES = ("Child", "FamilyMember", "Guardian")
ROW = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a step rests on: its ``subject``, other rows by relation, the child's file (register number, citizen id),
    by which number its own department knows it (``person``), and how the subject stands. ``there``: whether the subject
    is there for the writer; ``about``: whether the row that a new one is about is; ``wanting``: relations of which the
    step changes a row that belongs to the subject, and there is none (``into``: none to lead into). ``touched``: of a
    relation of which the step rewrites a row, how often writes had named that row before it was looked at."""

    subject: ROW = field(repr=False)
    rows: Mapping[str, ROW] = field(repr=False)
    file: tuple[str, str | None] | None = field(repr=False)
    standing: Standing
    person: str | None = field(default=None, repr=False)
    there: bool
    about: bool
    wanting: frozenset[str] = frozenset()
    touched: Mapping[str, int] = field(default_factory=dict)
    learnt: Learnt = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Finding:
    """One step on its way to what it rests on."""

    step: Step
    given: Given
    rights: Rights
    moment: Moment
    registry: Registry
    counted: Callable[[str, str], Awaitable[int]]
    learnt: Learnt = field(default_factory=Learnt)
    persons: dict[str, str | None] = field(default_factory=dict, repr=False)

    async def found(self) -> Found:
        """Everything; ``SourceError`` if a department that is needed does not answer."""
        subject = await self._keyed(self.step.subject, self.given.key, self._subject_columns())
        rows = await self._related(subject)
        touched = await self._touched(subject, rows)
        files = await self._files_if_needed(subject)
        await self._learn(files)
        about, lacking = await self._about_is_there(files)
        standing, there = await self._standing(subject, rows, lacking)
        file = next(iter(files.citizen.items()), None)
        return Found(
            subject=subject or {},
            rows={name: row for name, row in rows.items() if row is not None},
            file=file,
            person=await person_of(self.step, files, self.registry),
            standing=standing,
            there=there,
            about=about,
            wanting=self._wanting(rows),
            touched=touched,
            learnt=self.learnt,
        )

    # Rows.

    async def _row(
        self, relation: str, columns: Iterable[str], where: Predicate, bindings: Mapping[str, Any], *order: Order
    ) -> ROW | None:
        rows = await self._rows(relation, columns, where, bindings, *order, most=1)
        return rows[0] if rows else None

    async def _rows(
        self,
        relation: str,
        columns: Iterable[str],
        where: Predicate,
        bindings: Mapping[str, Any],
        *order: Order,
        most: int,
    ) -> Sequence[ROW]:
        names = tuple(dict.fromkeys(columns))
        fetch = Fetch(
            source=HOME[relation],
            relation=relation,
            columns=tuple(Column(name=name) for name in names),
            where=where,
            order=order,
            limit=Param("most"),
        )
        rows = await self.registry.reading.fetch(fetch, {**bindings, "most": most})
        return [dict(zip(names, row, strict=False)) for row in rows]

    async def _keyed(self, relation: str, key: str | None, columns: Iterable[str]) -> ROW | None:
        if key is None:
            return None
        return await self._row(relation, columns, Compare("_key", "eq", Param("key")), {"key": key})

    def _subject_columns(self) -> tuple[str, ...]:
        subject = self.step.subject
        more = {
            "Incident": ("_report",),
            "Child": ("divisionCode",),
            "Assessment": ("_register",),
            "SurveySubmission": ("divisionCode", "quarter"),
        }
        return (*keys_of(subject), *more.get(subject, ()))

    async def _related(self, subject: ROW | None) -> dict[str, ROW | None]:
        """Rows that the step writes or looks at beside its subject, by relation."""
        step, found = self.step, dict[str, ROW | None]()
        relations = {change.relation for change in step.changes} - {step.subject}
        if step.subject == "MandatoryReport" and relations & {"Incident", "Assessment", "AssistanceRecord"}:
            found["Incident"] = await self._belonging(
                "Incident", "_report", subject, ("_key", *_once(step, "Incident"))
            )
        if relations & {"Assessment", "AssistanceRecord"}:
            found["Assessment"] = await self._assessment(found.get("Incident"))
        state = step.state.partition(".")[0] if step.state else step.subject
        if state == "MandatoryReport" and step.subject == "Incident":
            key = subject["_report"] if subject else NOBODY
            found[state] = await self._keyed(state, key, ("_key", "status"))
        if state == "SurveySubmission" and step.subject in FILES:
            found[state] = await self._submission(subject)
        if "Link" in relations:
            # A candidate and its link have one key: they are made together.
            found["Link"] = await self._keyed("Link", subject["_key"] if subject else NOBODY, ("_key",))
        if step.into:
            found["into"] = await self._keyed(step.subject, self.given.into, ("_key", "status"))
        return found

    async def _touched(self, subject: ROW | None, rows: Mapping[str, ROW | None]) -> dict[str, int]:
        """Counted before it is judged how they stand: what is written in between is noticed when the step is."""
        relations = [change.relation for change in self.step.changes if self.step.rewrites(change)]
        named = {name: subject if name == self.step.subject else rows.get(name) for name in relations}
        return {name: await self.counted(name, (row or {}).get("_key") or NOBODY) for name, row in named.items()}

    async def _belonging(self, relation: str, column: str, parent: ROW | None, names: Iterable[str]) -> ROW | None:
        key = parent["_key"] if parent else NOBODY
        return await self._row(relation, names, Compare(column, "eq", Param("parent")), {"parent": key})

    async def _assessment(self, incident: ROW | None) -> ROW | None:
        """The one that is begun and not completed, for a step that completes it; otherwise the last completed one."""
        begun = "Assessment.completedOn" in self.step.once
        where = all_of((Compare("_incident", "eq", Param("parent")), Compare("completedOn", "null", Constant(begun))))
        last = Order(column="completedOn", descending=True)
        key = incident["_key"] if incident else NOBODY
        return await self._row("Assessment", ("_key", "_register"), where, {"parent": key}, last)

    async def _submission(self, subject: ROW | None) -> ROW | None:
        """The submission with which the file is written, of the village in which it lies or will lie."""
        division, quarter = await self._division(subject), self.moment.quarter
        where = all_of((Compare("divisionCode", "eq", Param("village")), Compare("quarter", "in", Param("quarters"))))
        bindings = {"village": division or NOBODY, "quarters": [quarter, before(quarter)]}
        rows = await self._rows("SurveySubmission", ("_key", "status", "quarter"), where, bindings, most=2)
        return written_with(rows, quarter, self.step.origin)

    async def _division(self, subject: ROW | None) -> str | None:
        if self.step.subject == "Child" and self.step.creates:
            return next((row.get("divisionCode") for row in self.given.values.get("Child", ())), None)
        if self.step.subject == "Child":
            return subject["divisionCode"] if subject else None
        register = self.given.about if self.step.creates else subject and subject["_register"]
        child = await self._keyed("Child", register or NOBODY, ("divisionCode",))
        return child["divisionCode"] if child else None

    # The child.

    async def _files_if_needed(self, subject: ROW | None) -> Files:
        """The file, or none where nothing rests on it and the register does not answer.

        A report is made, and officers are sent, whether the register of children answers or not; the log's entry then
        names the report, and not the child.
        """
        step = self.step
        if step.creates and step.about is None and not step.finds:
            return Files(citizen={})
        try:
            return await self._files(subject)
        except SourceError:
            if step.finds or step.about is not None or self._rests_on_others():
                raise
            return Files(citizen={})

    def _rests_on_others(self) -> bool:
        """Whether another department than the row's own must be asked for a fact about the child."""
        return any(fact.source != HOME[relation] for relation, formula in self._formulas() for fact in facts(formula))

    async def _files(self, subject: ROW | None) -> Files:
        """The file of the step's child, if one is accepted and open."""
        step, registry = self.step, self.registry
        if step.finds:
            number = self.given.number or NOBODY
            return await registry.files([number], [number])
        if step.creates and step.about == "Child":
            return await registry.files([self.given.about or NOBODY])
        relation, row = (step.subject, subject)
        if step.creates and step.about is not None:
            relation, row = step.about, await self._keyed(step.about, self.given.about, keys_of(step.about))
        if HOME[relation] in REGISTER_SOURCES:
            return await registry.files([(row or {}).get("_register") or NOBODY])
        self.persons = {name: (row or {}).get(f"_{name}") for name in ("person", "case")}
        pair = (self.persons["person"] or NOBODY, (row or {}).get("_citizen") or NOBODY)
        return await registry.files_of(HOME[relation], [pair])

    async def _learn(self, files: Files) -> None:
        """Asks other departments for the facts of every formula of the step."""
        asked = files if files.citizen else Files(citizen={NOBODY: NOBODY})
        wanted: dict[Fact, dict[str, None]] = {}
        for relation, formula in self._formulas():
            for fact in facts(formula):
                # What the row's own department knows is told in the statement; of a new row there is none yet.
                if fact.source != HOME[relation] or self.step.creates:
                    wanted.setdefault(fact, {})[HOME[relation]] = None
        answers = await gather_by(wanted, lambda fact: self._asked(fact, asked, wanted[fact]))
        for fact, answer in answers.items():
            if isinstance(answer, SourceError):
                self.learnt.unknown[fact] = answer
            elif isinstance(answer, BaseException):
                raise answer

    async def _asked(self, fact: Fact, files: Files, homes: Iterable[str]) -> None:
        """Asks for one fact and keeps what it is, and how it is told in these departments."""
        if fact.via != "child":
            keys = await self.registry.keys_holding(fact, [self.persons.get(fact.via) or NOBODY])
            self.learnt.holds[fact] = bool(keys)
            for home in homes:
                self.learnt.bind(home, {f"{fact.name}.{fact.via}": sorted(keys or ())})
            return
        registers = await self.registry.holding(fact, files) or frozenset()
        self.learnt.holds[fact] = bool(registers)
        for home in homes:
            self.learnt.bind(home, await self.registry.membership(fact, registers, home, files))

    def _formulas(self) -> Sequence[tuple[str, Formula]]:
        step = self.step
        found = [*self.rights.rows.items(), *((step.subject, CONDITIONS[name].formula) for name in step.conditions)]
        return [*found, *([(step.about, self.rights.about)] if step.about else [])]

    # How it stands.

    async def _standing(
        self, subject: ROW | None, rows: Mapping[str, ROW | None], lacking: frozenset[str]
    ) -> tuple[Standing, bool]:
        if self.step.creates:
            of_child = {name: CONDITIONS[name] for name in self.step.conditions if not CONDITIONS[name].of_about}
            unmet = frozenset(name for name, one in of_child.items() if not self._decided(one.formula))
            state = rows.get("SurveySubmission")
            return Standing(state=state["status"] if state else None, unmet=unmet | lacking), True
        letters = await self._judged()
        if letters is None:
            if self.learnt.unknown:
                raise self.learnt.failure()
            return Standing(), False
        row, states = letters
        if "u" in states:
            raise self.learnt.failure()
        standing = Standing(
            state=self._state(row, rows),
            filled=frozenset(name for name in self.step.once if self._filled(name, row, rows)),
            unmet=frozenset(
                name for name, letter in zip(self.step.conditions, states[1:], strict=True) if letter != "c"
            ),
            into=(rows.get("into") or {}).get("status"),
            stands=None if self.step.replaces is None else row.get(self.step.replaces),
        )
        return standing, True

    def _wanting(self, rows: Mapping[str, ROW | None]) -> frozenset[str]:
        """What the step changes or looks at beside its subject, and is not there."""
        changed = {one.relation for one in self.step.changes if not one.creates} - {self.step.subject}
        return frozenset(name for name in (changed | {"into"} if self.step.into else changed) if not rows.get(name))

    async def _judged(self) -> tuple[ROW, str] | None:
        """The subject's state and once-fields, a letter for the scope and one for each condition; None: not there."""
        step, relation = self.step, self.step.subject
        scope = self.rights.rows.get(relation, TRUE)
        names = [*self._own_state(), *_once(step, relation), *([step.replaces] if step.replaces else [])]
        judged = [
            self._letter(scope, relation),
            *(self._letter(CONDITIONS[n].formula, relation) for n in step.conditions),
        ]
        fetch = Fetch(
            source=HOME[relation],
            relation=relation,
            columns=(*(Column(name=name) for name in names), *judged),
            where=Compare("_key", "eq", Param("key")),
        )
        bindings = {**self.learnt.bindings.get(HOME[relation], {}), "key": self.given.key or NOBODY}
        rows = await self.registry.reading.fetch(fetch, bindings)
        if not rows:
            return None
        letters = rows[0][-1][len(names) :] if any(column.conditional for column in judged) else "c" * len(judged)
        return (dict(zip(names, rows[0], strict=False)), letters) if letters[0] != "x" else None

    def _letter(self, formula: Formula, relation: str) -> Column:
        certain, possible = self.learnt.certain(formula, relation), self.learnt.possible(formula, relation)
        return Column(name="_key", clear=certain, clear_possible=NEVER if possible == certain else possible)

    def _own_state(self) -> tuple[str, ...]:
        type_name, _, name = (self.step.state or "").partition(".")
        return (name,) if type_name == self.step.subject else ()

    def _state(self, row: ROW, rows: Mapping[str, ROW | None]) -> str | None:
        type_name, _, name = (self.step.state or "").partition(".")
        held = row if type_name == self.step.subject else rows.get(type_name) or {}
        state: str | None = held.get(name)
        return state

    def _filled(self, coordinate: str, row: ROW, rows: Mapping[str, ROW | None]) -> bool:
        relation, _, name = coordinate.partition(".")
        held = row if relation == self.step.subject else rows.get(relation) or {}
        return held.get(name) is not None

    def _decided(self, formula: Formula) -> bool:
        """A condition on the child of a new row."""
        match formula:
            case Fact():
                if formula in self.learnt.unknown:
                    raise self.learnt.unknown[formula]
                return self.learnt.holds.get(formula, False)
            case And(parts):
                return all(self._decided(part) for part in parts)
            case Or(parts):
                return any(self._decided(part) for part in parts)
            case Not(part):
                return not self._decided(part)
            case Local():
                raise ValueError("a new row has no columns to judge")

    async def _about_is_there(self, files: Files) -> tuple[bool, frozenset[str]]:
        """Whether the row that a new one is about is in the writer's scope, and conditions that it does not meet."""
        step = self.step
        if step.about is None:
            return True, frozenset()
        key = self.given.about if step.creates else next(iter(files.citizen), None)
        names = [name for name in step.conditions if CONDITIONS[name].of_about]
        formulas = [self.rights.about, *(CONDITIONS[name].formula for name in names)]
        judged = [self._letter(formula, step.about) for formula in formulas]
        fetch = Fetch(
            source=HOME[step.about],
            relation=step.about,
            columns=(Column(name="_key"), *judged),
            where=Compare("_key", "eq", Param("key")),
        )
        bindings = {**self.learnt.bindings.get(HOME[step.about], {}), "key": key or NOBODY}
        rows = await self.registry.reading.fetch(fetch, bindings)
        conditional = any(column.conditional for column in judged)
        letters = (rows[0][-1][1:] if conditional else "c" * len(judged)) if rows else "x" * len(judged)
        if "u" in letters or (not rows and self.learnt.unknown):
            raise self.learnt.failure()
        if letters[0] != "c":
            return False, frozenset()
        return True, frozenset(name for name, letter in zip(names, letters[1:], strict=True) if letter != "c")


def _once(step: Step, relation: str) -> tuple[str, ...]:
    """Columns of the relation that must be null still."""
    return tuple(name.partition(".")[2] for name in step.once if name.startswith(f"{relation}."))
