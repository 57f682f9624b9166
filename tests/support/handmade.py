"""A few invented rows by hand -> World: small enough to know every answer by heart."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_schema

from tests.support.world import KEYS, Row, World, columns_of

TODAY = date(2026, 11, 24)
SCHEMA_TEXT = Path(__file__).parent.parent.parent / "schema" / "schema.graphql"


def plain_schema() -> GraphQLSchema:
    """The hub's schema from its checked-in text alone: no resolver, no scalar that does anything."""
    return build_schema(SCHEMA_TEXT.read_text(encoding="utf-8"))


class Rows:
    """Rows by relation; what is not said is null."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], list[Row]] = {place: [] for place in KEYS}

    def add(self, source: str, relation: str, key: str, /, **values: Any) -> Row:
        """One row with ``_key``; returned to be changed."""
        row: Row = dict.fromkeys(columns_of(source, relation))
        row |= {"_key": key, **values}
        self.tables[source, relation].append(row)
        return row

    def file(self, register: str, citizen: str | None = None, **values: Any) -> Row:
        """An open, accepted file of a girl of ten in village 120114101201."""
        row = {
            "_register": register,
            "_citizen": citizen,
            "_open": True,
            "_accepted": True,
            "_division": "120114101201",
            "divisionCode": "120114101201",
            "citizenId": citizen,
            "name": "欧阳小雨",
            "sex": "FEMALE",
            "birthDate": "2016-03-01",
            "updatedAt": "2026-11-01T08:00:00+08:00",
            "residenceAddress": "一组三号",
            "residenceAddress~village": "甲村",
        }
        return self.add("civil_affairs", "Child", register, **(row | values))

    def world(self, **institutions: str) -> World:
        """The world of these rows on ``TODAY``."""
        return World(tables=self.tables, today=TODAY, institutions=institutions)
