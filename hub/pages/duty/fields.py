"""Input type of a step -> the fields of its form; the form as it came -> the input.

Guarantee: a form has the members of the input type that the caller's own view shows, and nothing else; what is sent
back is judged by the pipeline as any client's input is, nothing is corrected here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
)

from hub.lifecycle.signatures import ABOUT, IDEMPOTENCY, SEEN
from hub.lifecycle.step import Step
from schema.mutations import INPUT, input_name, row_name

ITEMS: Final = 3
"""Blocks of a list of rows that a form offers."""
LONG: Final = frozenset({"narrative", "findings", "conclusion", "content", "injuryFinding", "returnReason", "reason"})
HIDDEN: Final = frozenset({IDEMPOTENCY, "id", "expected", SEEN, *ABOUT.values()})
"""Members that the form holds without showing them."""
_UNITS: Final = frozenset({"providerUnit", "targetUnit", "reporterUnit"})
_KINDS: Final = {"Boolean": "boolean", "Date": "date", "DivisionCode": "division", "Phone": "tel", "Int": "number"}


WAS: Final = "was."
"""Before the name of a field: what stood there when the form was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form: its ``name`` in it, its words, what kind of control it is, and what it held."""

    name: str
    zh: str
    en: str
    kind: str
    needed: bool
    options: Sequence[tuple[str, str]] = ()
    values: Sequence[str] = ()

    @property
    def value(self) -> str:
        """What it held."""
        return self.values[0] if self.values else ""


def fields_of(view: GraphQLSchema, step: Step, given: Mapping[str, Sequence[str]]) -> list[Field]:
    """The fields that are shown, with what they held."""
    return list(_fields(_input(view, step), "", given))


def _fields(found: GraphQLInputObjectType, prefix: str, given: Mapping[str, Sequence[str]]) -> Iterator[Field]:
    for name, member in found.fields.items():
        inner = get_named_type(member.type)
        if name in HIDDEN and not prefix:
            continue
        if isinstance(inner, GraphQLInputObjectType):
            for number in range(ITEMS):
                yield from _fields(inner, f"{prefix}{name}.{number}.", given)
            continue
        zh, _, en = (member.description or name).partition(" ")
        first, kind = not prefix or ".0." in prefix, _kind(name, member.type)
        yield Field(
            name=prefix + name,
            zh=of_place(zh) if kind == "division" else zh,
            en=en.partition(". ")[0],
            kind=kind,
            needed=isinstance(member.type, GraphQLNonNull) and first,
            options=words_of(inner) if isinstance(inner, GraphQLEnumType) else (),
            values=given.get(prefix + name, ()),
        )


def of_place(zh: str) -> str:
    """The name of a field that holds a code, where the place itself is shown: nobody is asked for a code."""
    return zh.removesuffix("代码")


def _kind(name: str, found: Any) -> str:
    inner, listed = get_named_type(found), isinstance(get_nullable_type(found), GraphQLList)
    if isinstance(inner, GraphQLEnumType):
        return "many" if listed else "one"
    if name == "into":
        return "into"
    if name in _UNITS:
        return "unit"
    return _KINDS.get(inner.name, "long" if name in LONG else "text")


def words_of(found: GraphQLEnumType) -> list[tuple[str, str]]:
    """Names of an enumeration's values with their words, Chinese before English as the schema has them."""
    return [(name, value.description or name) for name, value in found.values.items()]


def hidden_of(view: GraphQLSchema, step: Step, held: Mapping[str, str]) -> dict[str, str]:
    """The fields that are not shown: a new idempotency key, the row, the state in which it was seen."""
    members = _input(view, step).fields
    found = {IDEMPOTENCY: secrets.token_urlsafe(16), **held}
    return {name: value for name, value in found.items() if name in members and value}


def document_of(view: GraphQLSchema, step: Step) -> str:
    """The mutation: what is answered is what the step tells of itself, and the row's id where it may be seen."""
    payload = get_named_type(view.mutation_type.fields[step.name].type) if view.mutation_type else None
    row = row_name(step.subject)
    seen = f" {row} {{ id }}" if row in getattr(payload, "fields", {}) else ""
    answer = f"step again lawful {{ name nameZh nameEn clause }}{seen}"
    return f"mutation Take($input: {input_name(step.name)}!) {{ {step.name}({INPUT}: $input) {{ {answer} }} }}"


def input_of(view: GraphQLSchema, step: Step, given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What is sent, of the form as it came; a field left empty is not given, nor is one that holds what stood there.

    One that was emptied is given as null.
    """
    return dict(_members(_input(view, step), "", given))


def _members(
    found: GraphQLInputObjectType, prefix: str, given: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Any]]:
    for name, member in found.fields.items():
        inner = get_named_type(member.type)
        if name == SEEN and isinstance(inner, GraphQLInputObjectType):
            seen = dict(_was(inner, given))
            if seen:
                yield name, seen
            continue
        if isinstance(inner, GraphQLInputObjectType):
            rows = (dict(_members(inner, f"{prefix}{name}.{number}.", given)) for number in range(ITEMS))
            yield name, [row for row in rows if row]
            continue
        values = [value.strip() for value in given.get(prefix + name, ()) if value.strip()]
        listed, was = isinstance(get_nullable_type(member.type), GraphQLList), given.get(f"{WAS}{prefix}{name}", ())
        if was and plain(was) == plain(values):
            continue
        if values or was:
            yield name, values if listed else _plain(inner, values[0]) if values else None


def _was(found: GraphQLInputObjectType, given: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Any]]:
    """What stood when the form was shown, in the fields that the official has changed since."""
    for name, member in found.fields.items():
        was, listed = given.get(f"{WAS}{name}", ()), isinstance(get_nullable_type(member.type), GraphQLList)
        if was and plain(was) != plain(given.get(name, ())):
            yield name, list(was) if listed else _plain(get_named_type(member.type), was[0])


def plain(values: Sequence[str]) -> frozenset[str]:
    """Values as they are compared: in no order, lines ended in one way."""
    return frozenset(text for value in values if (text := value.replace("\r\n", "\n").strip()))


def _plain(inner: Any, text: str) -> Any:
    if inner.name == "Boolean" and text in {"true", "false"}:
        return text == "true"
    return int(text) if inner.name == "Int" and text.isdecimal() and len(text) < 10 else text


def _input(view: GraphQLSchema, step: Step) -> GraphQLInputObjectType:
    found = view.type_map[input_name(step.name)]
    assert isinstance(found, GraphQLInputObjectType)
    return found
