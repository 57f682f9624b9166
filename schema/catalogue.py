"""Types with their facts -> the catalogue: every coordinate, link and root, as plain data for planner and policy check.

Guarantee: the catalogue is read from the very declarations that make the schema, so the two cannot disagree.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from schema.facts import Facts, Link
from schema.nouns import NOUNS
from schema.roots import Query

__all__ = ["CATALOGUE", "LINKS", "ROOTS", "TYPES", "Coordinate", "Link", "camel", "fields_of"]

_BUILT_IN = {"str": "String", "int": "Int", "bool": "Boolean", "float": "Float"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinate:
    """A field of a type with its facts; ``coordinate`` (``Child.birthDate``) is the word that all packages share."""

    coordinate: str
    type_name: str
    field: str
    source: str
    category: str
    name_zh: str
    name_en: str
    gql_type: str
    sensitivity: str
    mask: str
    standard: str
    clause: str

    @property
    def many(self) -> bool:
        """Whether the field holds a list."""
        return self.gql_type.startswith("[")

    @property
    def inner(self) -> str:
        """Name of the field's type, or of the list's items."""
        return self.gql_type.strip("[]!")


def camel(name: str) -> str:
    """``birth_date`` -> ``birthDate``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _spell(annotation: Any) -> str:
    """A Python annotation as GraphQL writes it."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        inner = next(part for part in typing.get_args(annotation) if part is not types.NoneType)
        return _spell(inner).removesuffix("!")
    if typing.get_origin(annotation) is list:
        return f"[{_spell(typing.get_args(annotation)[0])}]!"
    name: str = annotation.__name__
    return _BUILT_IN.get(name, name) + "!"


def _coordinates(noun: type) -> Iterator[Coordinate]:
    annotations = typing.get_type_hints(noun)
    for field in fields(noun):
        facts: Facts | None = field.metadata.get("facts")
        if facts is None:
            continue
        name = camel(field.name)
        yield Coordinate(
            coordinate=f"{noun.__name__}.{name}",
            type_name=noun.__name__,
            field=name,
            source=facts.source,
            category=facts.category,
            name_zh=facts.name_zh,
            name_en=facts.name_en,
            gql_type=_spell(annotations[field.name]),
            sensitivity=facts.sensitivity,
            mask=facts.mask,
            standard=facts.standard,
            clause=facts.clause,
        )


def _links(noun: type) -> Mapping[str, Link]:
    return {camel(field.name): field.metadata["link"] for field in fields(noun) if "link" in field.metadata}


TYPES: tuple[str, ...] = tuple(noun.__name__ for noun in NOUNS)
"""The 18 types, in the order of the catalogue."""

CATALOGUE: Mapping[str, Coordinate] = {found.coordinate: found for noun in NOUNS for found in _coordinates(noun)}
"""Coordinate -> its facts."""

_FIELDS: Mapping[str, tuple[Coordinate, ...]] = {
    type_name: tuple(found for found in CATALOGUE.values() if found.type_name == type_name) for type_name in TYPES
}

LINKS: Mapping[str, Mapping[str, Link]] = {noun.__name__: _links(noun) for noun in NOUNS}
"""Type -> link field -> where it leads; every type has an entry."""

ROOTS: Mapping[str, str] = {name: link.target for name, link in _links(Query).items()}
"""Root field that is a connection -> its type."""


def fields_of(type_name: str) -> tuple[Coordinate, ...]:
    """Coordinates of a type in the order of their declaration."""
    return _FIELDS.get(type_name, ())
