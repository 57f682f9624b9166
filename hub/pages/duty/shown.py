"""Values of a row -> words: fields by their names, codes by what they stand for, times as officials read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from graphql import GraphQLEnumType, GraphQLSchema

from hub.lifecycle.step import Step
from hub.lifecycle.steps import CYCLE_OF
from hub.pages.console.names import Names
from hub.pages.duty.fields import of_place, words_of
from hub.pages.layout import instant
from hub.pages.words import word
from schema.catalogue import CATALOGUE, LINKS

_UNITS = frozenset({"reporterUnit", "providerUnit", "targetUnit", "answeringUnit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Words for values, in the language of ``names``."""

    view: GraphQLSchema
    names: Names

    def of_row(self, type_name: str, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Fields that hold something, with their words; what belongs to the row follows it."""
        for field, value in row.items():
            link = LINKS[type_name].get(field)
            if link is not None and isinstance(value, Mapping):
                yield from self.of_row(link.target, value)
            elif f"{type_name}.{field}" in CATALOGUE and field != "id" and value not in (None, []):
                yield self.field(type_name, field), self.value(type_name, field, value)

    def type(self, name: str) -> str:
        """What rows of a type are called."""
        return self.pair(self.view.type_map[name].description or name)

    def summary(self, row: Mapping[str, Any]) -> str:
        """A report in one line: when, where, and of whom."""
        at = self.value("MandatoryReport", "reportedAt", row["reportedAt"])
        where = row.get("placeAddress") or self.value("MandatoryReport", "divisionCode", row["divisionCode"])
        return " · ".join(part for part in (at, where, str(row.get("subject") or "")[:40]) if part)

    def field(self, type_name: str, field: str) -> str:
        """The name of a field."""
        name = self.names.coordinate(f"{type_name}.{field}")
        found = CATALOGUE.get(f"{type_name}.{field}")
        return of_place(name) if found is not None and found.inner == "DivisionCode" else name

    def value(self, type_name: str, field: str, value: Any) -> str:
        """A value in words."""
        if isinstance(value, list):
            return word("list", self.names.spoken).join(self.value(type_name, field, each) for each in value)
        if isinstance(value, bool):
            return word("yes" if value else "no", self.names.spoken)
        inner = CATALOGUE[f"{type_name}.{field}"].inner
        found = self.view.type_map.get(inner)
        if isinstance(found, GraphQLEnumType):
            return self.code(found, str(value))
        if field in _UNITS:
            return self.names.unit(str(value))
        return self._plain(inner, str(value))

    def code(self, found: GraphQLEnumType, value: str) -> str:
        """A code in words."""
        return self.pair(dict(words_of(found)).get(value, value))

    def pair(self, description: str) -> str:
        """The half of `中文 English` that is asked for."""
        zh, _, en = description.partition(" ")
        return (en or zh) if self.names.spoken == "en" else zh

    def state(self, step: Step, state: str) -> str:
        """A state of the step's life cycle in words."""
        found = next((one for one in CYCLE_OF[step.cycle].states if one.name == state), None)
        return state if found is None else found.en if self.names.spoken == "en" else found.zh

    def stands(self, subject: str, state: str | None) -> str:
        """How a row of the type stands, in words."""
        if state is None:
            return word("no_state", self.names.spoken)
        cycle = next(cycle for cycle in CYCLE_OF.values() if cycle.state.startswith(f"{subject}."))
        return self.state(cycle.steps[0], state)

    def _plain(self, inner: str, text: str) -> str:
        if inner == "DateTime":
            return instant(datetime.fromisoformat(text.replace("Z", "+00:00")), self.names.spoken)
        if inner == "Date" and self.names.spoken != "en":
            day = date.fromisoformat(text)
            return f"{day.year}年{day.month}月{day.day}日"
        if inner == "DivisionCode":
            return place(self.names, text)
        return text


def place(names: Names, code: str) -> str:
    """A division as it is called, its town before its village."""
    divisions = names.policy.divisions
    found = [divisions[part].name for part in (code[:9], code) if part in divisions]
    return " ".join(dict.fromkeys(found)) or code


def length(names: Names, span: timedelta) -> str:
    """How long: the largest two of days, hours and minutes."""
    minutes = max(0, int(span.total_seconds()) // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return word("days_hours", names.spoken, days, hours)
    return word("hours_minutes", names.spoken, hours, minutes) if hours else word("minutes", names.spoken, minutes)
